use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::apps::{AppKey, Found, ReadError, Skipped};
use super::error::TransferError;
use super::report::{Move, MoveReport, Refused, Why};
use crate::account::{ForeignApp, Mover, TakenIn};
use crate::id::Subject;
use crate::service::{Error, Mfa, Moving, rate};

/// How many are bound at once: no more than may wait for one account, should they all be its.
const AT_ONCE: usize = 16;

impl Mfa {
    /// Binds keys of authenticator apps that another system issued, as a reader of [`apps`](super::apps) finds them:
    /// their owners go on with the phones they have.
    ///
    /// `whose` says whose key it is, by what its origin says; `None` refuses it. A subject without an account gets
    /// one. Each key is one commit, with an event that says who had it imported, and why. What cannot be bound is
    /// reported, and the next one is looked at: what the policy would not let its owner bind either, fewer digits or a
    /// longer period than its own, one more than an account may have. A key that the account has already is left
    /// alone, so that a list can be read twice.
    ///
    /// Codes that may have been used in the other system do not count: the first that does is one that the app
    /// shows after the import, at most two minutes later by the defaults. Sessions of the account end, as after any
    /// change of its factors. Recovery codes are not made, for nobody is there to be shown them.
    ///
    /// The list is read on the thread of the caller: give it a file, not a connection that may hang; a container whose
    /// key is derived from a password takes seconds before its first key.
    ///
    /// # Errors
    ///
    /// [`TransferError`]: what cannot be read any further, a store that does not answer. What was bound before it stays.
    ///
    /// # Security
    ///
    /// The word of an operator stands for a proof of possession. Whoever wrote the list knows the keys in it: see to it
    /// that it comes from where you think, and destroy it.
    ///
    /// # Cancel safety
    ///
    /// Safe: every key was bound or not.
    ///
    /// ```
    /// use tower_mfa::account::FirstFactor;
    /// use tower_mfa::clock::{Clock, SystemClock};
    /// use tower_mfa::id::Subject;
    /// use tower_mfa::service::{Keys, LoginOutcome, Mfa};
    /// use tower_mfa::store::MemoryStore;
    /// use tower_mfa::transfer::{Move, apps};
    ///
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let mfa = Mfa::builder(MemoryStore::new()).issuer("https://id.example").audience("api");
    /// let mfa = mfa.keys(Keys::generate().unwrap()).build().unwrap();
    /// let list = "otpauth://totp/Old:alice?secret=HXDMVJECJJWSRB3HWIZR4IFUGFTMXBOZ\n\
    ///             otpauth://hotp/Old:bob?secret=HXDMVJECJJWSRB3HWIZR4IFUGFTMXBOZ&counter=7\n";
    /// let why = Move::by("ops@example.com", "the old login service is switched off").unwrap();
    /// let whose = |key: &apps::AppKey| Subject::new(key.account()?).ok();
    /// let report = mfa.import_apps(apps::otpauth(list.as_bytes()), whose, why).await.unwrap();
    /// assert_eq!((report.moved, report.by_reason["counter"]), (1, 1));
    ///
    /// let alice = FirstFactor::password_checked_by_host(Subject::new("alice").unwrap(), SystemClock.now().unwrap());
    /// assert!(matches!(mfa.begin(alice).await.unwrap(), LoginOutcome::Challenge(_)), "she is asked for a code now");
    /// # });
    /// ```
    pub async fn import_apps(
        &self,
        found: impl IntoIterator<Item = Result<Found, ReadError>, IntoIter: Send>,
        mut whose: impl FnMut(&AppKey) -> Option<Subject> + Send,
        mut why: Move<'_>,
    ) -> Result<MoveReport, TransferError> {
        let mut found = found.into_iter();
        let errand = Arc::new(Errand::new(self.moving(), &why));
        let (mut report, begun) = (MoveReport::default(), Instant::now());
        loop {
            let (batch, is_over) = batch(&mut found);
            let batch = named(batch, &mut whose, &why);
            for outcome in errand.bind_all(batch).await? {
                why.count(&mut report, outcome);
            }
            report.per_second = rate(report.seen, begun.elapsed());
            why.progress(&report);
            if is_over.map_err(TransferError::reading)? {
                return Ok(report);
            }
        }
    }
}

/// The next of a list, and whether they are the last.
fn batch(found: &mut impl Iterator<Item = Result<Found, ReadError>>) -> (Vec<Found>, Result<bool, ReadError>) {
    let mut batch = Vec::new();
    while batch.len() < AT_ONCE {
        match found.next() {
            Some(Ok(one)) => batch.push(one),
            Some(Err(error)) => return (batch, Err(error)),
            None => return (batch, Ok(true)),
        }
    }
    (batch, Ok(false))
}

/// One of a list: a key, with whose it is, or what was passed over.
enum Named {
    Key(AppKey, Option<Subject>),
    Skipped(Skipped),
}

/// Names whose each is; those that are not wanted are left out.
fn named(batch: Vec<Found>, whose: &mut impl FnMut(&AppKey) -> Option<Subject>, why: &Move<'_>) -> Vec<Named> {
    let name = |found| match found {
        Found::Skipped(skipped) => Some(Named::Skipped(skipped)),
        Found::Key(key) => {
            let subject = whose(&key);
            let is_wanted = subject.as_ref().is_none_or(|subject| why.wants(subject));
            is_wanted.then_some(Named::Key(key, subject))
        }
    };
    batch.into_iter().filter_map(name).collect()
}

/// What is the same for every key of a list.
struct Errand {
    moving: Moving,
    actor: Box<str>,
    reason: Box<str>,
    is_rehearsal: bool,
}

type Outcome = Result<(), Refused>;

impl Errand {
    fn new(moving: Moving, why: &Move<'_>) -> Self {
        Self { moving, actor: why.actor.clone(), reason: why.reason.clone(), is_rehearsal: why.is_rehearsal }
    }

    /// Binds them side by side; what became of each stands in their order.
    async fn bind_all(self: &Arc<Self>, batch: Vec<Named>) -> Result<Vec<Outcome>, Error> {
        let (mut tasks, mut outcomes) = (JoinSet::new(), BTreeMap::new());
        for (at, one) in batch.into_iter().enumerate() {
            match one {
                Named::Skipped(skipped) => drop(outcomes.insert(at, Ok(Err(Refused::skipped(&skipped))))),
                Named::Key(key, subject) => {
                    let errand = Arc::clone(self);
                    tasks.spawn(async move { (at, errand.bind(&key, subject).await) });
                }
            }
        }
        while let Some(done) = tasks.join_next().await {
            let (at, outcome) = done.map_err(Error::unavailable)?;
            outcomes.insert(at, outcome);
        }
        outcomes.into_values().collect()
    }

    /// Binds one. What is refused is its own affair; an error is everybody's.
    async fn bind(&self, key: &AppKey, subject: Option<Subject>) -> Result<Outcome, Error> {
        let Some(subject) = subject else { return Ok(Err(Refused::app(key, None, Why::Nobodys))) };
        let refused = |why| Ok(Err(Refused::app(key, Some(subject.clone()), why)));
        let from = key.place().to_string();
        let by = Mover { actor: &self.actor, reason: &self.reason, from: &from };
        let label = key.label().or(key.serial()).unwrap_or_default();
        let app = ForeignApp { label, params: key.totp(), secret: key.secret(), used_until: key.used_until() };
        match self.moving.import_app(&subject, &app, by, self.is_rehearsal).await {
            Ok(TakenIn::Done) => Ok(Ok(())),
            Ok(TakenIn::AlreadyThere) => refused(Why::AlreadyThere),
            Err(error) if error.is_of_store() => Err(error),
            Err(error) => refused(Why::Refused(error.refusal().clone())),
        }
    }
}
