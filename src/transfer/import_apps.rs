use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::apps::{AppKey, Found, ReadError};
use super::error::TransferError;
use super::report::{Move, MoveReport, Refused, Why};
use crate::account::{ForeignApp, Mover, TakenIn};
use crate::id::Subject;
use crate::service::{Error, Mfa, Moving, is_of_service, rate};

/// How many are bound at once: no more than may wait for one account, should they all be its.
const AT_ONCE: usize = 16;

impl Mfa {
    /// Binds keys of authenticator apps that another system issued, as a reader of [`apps`](super::apps) finds them:
    /// their owners go on with the phones they have.
    ///
    /// `whose` says whose key it is, by what its origin says; `None` refuses it. A subject without an account gets
    /// one. Each key is one commit, with an event that says who had it imported, and why. What cannot be bound is
    /// reported, and the next one is looked at: what the policy would not let its owner bind either, fewer digits or a
    /// longer period than its own, one more than an account may have. A list can be read twice: a key that the account
    /// has already is left alone, and so is one that was imported before and removed since, for the phone may be stolen.
    /// A key that the list has for two subjects is bound to the first.
    ///
    /// The policy is that of somebody without roles at the service's own client; a name that is no label here is cut, or
    /// left out.
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
        let mut owners = Owners::default();
        loop {
            let (batch, is_over) = batch(&mut found);
            let batch = named(batch, &mut whose, &why, &mut owners);
            let is_done = why.count_all(&mut report, errand.bind_all(batch).await);
            report.per_second = rate(report.seen, begun.elapsed());
            why.progress(&report);
            match is_done.map_err(TransferError::from).and(is_over.map_err(TransferError::reading)) {
                Ok(false) => {}
                Ok(true) => return Ok(report),
                Err(error) => return Err(error.after(report)),
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

/// One of a list.
enum Named {
    Key(AppKey, Subject),
    Refused(Refused),
}

/// Whose the keys of a list are, by hashes: two people with one key would answer for each other, and a table that was
/// put together by hand has that in it sooner or later. The hashes are keyed at random, and each takes 16 bytes.
#[derive(Default)]
struct Owners {
    of: HashMap<u64, u64>,
    hasher: RandomState,
}

impl Owners {
    /// Whether the list has given the key to nobody else yet.
    fn are_one(&mut self, key: &AppKey, subject: &Subject) -> bool {
        let (key, subject) = (self.hasher.hash_one(key.secret().expose()), self.hasher.hash_one(subject));
        *self.of.entry(key).or_insert(subject) == subject
    }
}

/// Names whose each is; those that are not wanted are left out.
fn named(
    batch: Vec<Found>,
    whose: &mut impl FnMut(&AppKey) -> Option<Subject>,
    why: &Move<'_>,
    owners: &mut Owners,
) -> Vec<Named> {
    let name = |found| match found {
        Found::Skipped(skipped) => Some(Named::Refused(Refused::skipped(&skipped))),
        Found::Key(key) => match whose(&key) {
            // Notes of the service itself belong to nobody.
            None => Some(Named::Refused(Refused::app(&key, None, Why::Nobodys))),
            Some(subject) if is_of_service(&subject) => Some(Named::Refused(Refused::app(&key, None, Why::Nobodys))),
            Some(subject) if !why.wants(&subject) => None,
            Some(subject) if !owners.are_one(&key, &subject) => {
                Some(Named::Refused(Refused::app(&key, Some(subject), Why::Shared)))
            }
            Some(subject) => Some(Named::Key(key, subject)),
        },
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
    async fn bind_all(self: &Arc<Self>, batch: Vec<Named>) -> Vec<Result<Outcome, Error>> {
        let (mut tasks, mut outcomes) = (JoinSet::new(), BTreeMap::new());
        for (at, one) in batch.into_iter().enumerate() {
            match one {
                Named::Refused(refused) => drop(outcomes.insert(at, Ok(Err(refused)))),
                Named::Key(key, subject) => {
                    let errand = Arc::clone(self);
                    tasks.spawn(async move { (at, errand.bind(&key, subject).await) });
                }
            }
        }
        while let Some(done) = tasks.join_next().await {
            let (at, outcome) = done.unwrap_or_else(|broken| (usize::MAX, Err(Error::unavailable(broken))));
            outcomes.insert(at, outcome);
        }
        outcomes.into_values().collect()
    }

    /// Binds one. What is refused is its own affair; an error is everybody's.
    async fn bind(&self, key: &AppKey, subject: Subject) -> Result<Outcome, Error> {
        let refused = |why| Ok(Err(Refused::app(key, Some(subject.clone()), why)));
        let from = key.place().to_string();
        let by = Mover { actor: &self.actor, reason: &self.reason, from: &from, export: None };
        let label = key.label().or(key.serial()).unwrap_or_default();
        let app = ForeignApp { label, params: key.totp(), secret: key.secret(), used_until: key.used_until() };
        match self.moving.import_app(&subject, &app, by, self.is_rehearsal).await {
            Ok(TakenIn::Done) => Ok(Ok(())),
            Ok(TakenIn::AlreadyThere | TakenIn::AlreadyMoved) => refused(Why::AlreadyThere),
            Ok(TakenIn::Removed) => refused(Why::Removed),
            Ok(TakenIn::Erased) => refused(Why::Erased),
            Err(error) if error.is_of_store() => Err(error),
            Err(error) => refused(Why::Refused(error.refusal().clone())),
        }
    }
}
