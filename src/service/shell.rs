//! The way of every operation: load, transition, commit, effects.

use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::Error;
use super::detached::Detached;
use super::inner::Inner;
use super::queue::Place;
use super::revocation_feed::Ended;
use crate::account::{Account, CLOCK_TOLERANCE, Described, Event, Held, Refusal, SeedOf, Turn};
use crate::clock::Timestamp;
use crate::entropy::Pool;
use crate::id::{SessionId, Subject};
use crate::network::read_address;
use crate::policy::{EffectiveLogin, Policy, Who};
use crate::store::{
    Claim, Commit, Committed, EventCursor, Feed, NewEvent, Page, Revision, ScanCursor, StoreError, StoreErrorKind,
    Stored, StoredEvent, UserHandle,
};

/// How often a lost race is run again; each time somebody else has won one.
const TRIES: u32 = 32;

/// What an operation is about, beside its transition.
#[derive(Clone, Copy)]
pub(super) struct Matter<'a> {
    pub(super) subject: &'a Subject,
    /// Whose client, roles and groups decide which policy is in force.
    pub(super) seed: SeedOf<'a>,
    pub(super) address: Option<&'a str>,
    pub(super) if_missing: IfMissing,
    /// An operator's unlock takes a clock that stands far behind as it is.
    pub(super) resets_clock: bool,
}

/// What to do for a subject that has no document.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum IfMissing {
    /// A token names an account that is not there.
    InvalidToken,
    NotFound,
    /// A first login creates it.
    Create,
    /// The host knows this subject to have MFA: a lost document must not mean "MFA is off".
    Unavailable,
}

impl Inner {
    /// Runs a transition on the subject's document and commits what it changed, before its answer
    /// is given, right or wrong. A lost race runs it again on the fresh document.
    ///
    /// # Cancel safety
    ///
    /// Dropped before the commit has begun, nothing has happened; afterwards commit and effects go on
    /// without the caller.
    pub(super) async fn turn<T: Send>(
        self: &Arc<Self>,
        matter: Matter<'_>,
        transition: impl FnMut(&mut Account, &mut Turn<'_>) -> Result<T, Refusal> + Send,
    ) -> Result<T, Error> {
        let answer = self.race(matter, transition).await;
        if let Some(source) = answer.as_ref().err().and_then(std::error::Error::source) {
            super::trace::unavailable(source);
        }
        answer
    }

    async fn race<T: Send>(
        self: &Arc<Self>,
        matter: Matter<'_>,
        mut transition: impl FnMut(&mut Account, &mut Turn<'_>) -> Result<T, Refusal> + Send,
    ) -> Result<T, Error> {
        // Whoever waits behind a store that hangs is told as soon as whoever asked it.
        let place = tokio::time::timeout(self.store_deadline, self.queues.enter(matter.subject)).await;
        let mut place = place.map_err(Error::unavailable)??;
        for _ in 0..TRIES {
            let stored = self.load(matter.subject).await?;
            let clock = self.clock.now()?;
            let ran = self.run(matter, stored.as_ref(), clock, &mut transition)?;
            let Some(pending) = ran.pending else {
                return ran.answer.map_err(explained);
            };
            let expected = stored.as_ref().map(|stored| *stored.revision());
            let asking = Arc::new(());
            let asker = Arc::downgrade(&asking);
            let finish = Arc::clone(self).finish(matter.subject.clone(), expected, pending, clock, (place, asker));
            let (is_done, back) = Detached::new(finish).await;
            drop(asking);
            if is_done? {
                return ran.answer.map_err(explained);
            }
            place = back;
        }
        Err(Error::busy("the document was changed by others every time"))
    }

    /// Commits, then runs the effects. It keeps the place in the line until then: whoever hangs up
    /// and asks again waits like everybody else.
    async fn finish(
        self: Arc<Self>,
        subject: Subject,
        expected: Option<Revision>,
        pending: Pending,
        clock: Timestamp,
        (place, asker): (Place, Weak<()>),
    ) -> (Result<bool, Error>, Place) {
        let outcome = self.commit(&subject, expected.as_ref(), &pending).await;
        if let Some(source) = outcome.as_ref().err().and_then(std::error::Error::source)
            && asker.strong_count() == 0
        {
            // Nobody waits to be told any more, but the operator is.
            super::trace::unavailable(source);
        }
        match outcome {
            Ok(true) => self.take_effect(&subject, &pending, clock),
            // Nobody knows whether the sessions ended. Their access tokens are believed no longer; who
            // still has one refreshes it.
            Err(_) => {
                if let Some(until) = pending.ended.iter().map(|(_, until)| *until).max() {
                    self.verifier.revoke_subject(&subject, pending.now, clock, until);
                }
            }
            Ok(false) => {}
        }
        (outcome, place)
    }

    /// Runs a transition on the document as it is, and writes nothing: no place in the line is taken.
    pub(super) async fn look<T: Send>(
        self: &Arc<Self>,
        matter: Matter<'_>,
        mut transition: impl FnMut(&mut Account, &mut Turn<'_>) -> Result<T, Refusal> + Send,
    ) -> Result<T, Error> {
        let stored = self.load(matter.subject).await?;
        let ran = self.run(matter, stored.as_ref(), self.clock.now()?, &mut transition)?;
        ran.answer.map_err(explained)
    }

    /// Finds whose account a user handle names.
    pub(super) async fn subject_of(&self, handle: Vec<u8>) -> Result<Option<Subject>, Error> {
        let Ok(handle) = UserHandle::new(handle) else { return Ok(None) };
        Ok(self.in_time(self.store.subject_of(&handle)).await?)
    }

    /// The policy for whoever has not said who it is.
    pub(super) fn policy_of_nobody(&self) -> Result<Arc<Policy>, Error> {
        let nobody = Subject::new("nobody").map_err(Error::unavailable)?;
        Ok(self.policies.policy(Who::new(&nobody, self.issuer.audience(), &[])))
    }

    /// The synchronous part: nothing here waits.
    fn run<T>(
        &self,
        matter: Matter<'_>,
        stored: Option<&Stored>,
        clock: Timestamp,
        transition: &mut impl FnMut(&mut Account, &mut Turn<'_>) -> Result<T, Refusal>,
    ) -> Result<Ran<T>, Error> {
        let mut account = match (stored, matter.if_missing) {
            (Some(stored), _) => Account::read(stored.document(), matter.subject)?,
            (None, IfMissing::Create) => Account::new(matter.subject.clone(), clock),
            (None, IfMissing::InvalidToken) => return Err(Refusal::InvalidToken.into()),
            (None, IfMissing::NotFound) => return Err(Refusal::NotFound.into()),
            (None, IfMissing::Unavailable) => return Err(Error::busy("an account known to have MFA was not found")),
        };
        let (policy, login) = self.policy_for(&account, matter);
        let is_far_behind = account.latest() > clock.plus(CLOCK_TOLERANCE);
        let now = if is_far_behind && matter.resets_clock { clock } else { clock.max(account.latest()) };
        let entropy = Pool::of(Arc::clone(&self.entropy));
        let mut turn = Turn {
            now,
            clock,
            policy: &policy,
            login,
            vault: &self.vault,
            entropy: &entropy,
            address: matter.address,
            events: Vec::new(),
            ended: Vec::new(),
            ceremonies: self.ceremonies.as_deref(),
            claims: Vec::new(),
            touched: false,
        };
        // DESIGN: a clock that goes back revives nothing, and one that stands far behind decides
        // nothing.
        let is_behind = is_far_behind && !matter.resets_clock;
        let answer = if is_behind {
            account.report_clock(&mut turn)?;
            Err(Refusal::unavailable())
        } else {
            transition(&mut account, &mut turn)
        };
        // What broke off in the middle, for want of randomness or a key, is not half done.
        let is_whole = is_behind || !matches!(answer, Err(Refusal::Unavailable { .. }));
        if !is_whole || !turn.is_dirty() {
            return Ok(Ran { answer, pending: None });
        }
        account.settle(&mut turn)?;
        let bodies = account.chain_events(&mut turn)?;
        let events = turn.events.iter().zip(bodies).map(|(e, body)| NewEvent::new(e.id, e.at, body));
        let mut stored_events: Vec<_> = events.collect();
        Ended::of(&turn.ended, clock).map_or(Ok(()), |ended| ended.mark(&mut stored_events))?;
        let pending = Pending {
            now,
            revision: Revision::generate(&entropy).map_err(Error::unavailable)?,
            document: account.write()?,
            stored_events,
            events: turn.events,
            ended: turn.ended,
            claims: turn.claims.into_iter().map(to_claim).collect::<Result<_, Error>>()?,
        };
        Ok(Ran { answer, pending: Some(pending) })
    }

    pub(super) fn policy_for(&self, account: &Account, matter: Matter<'_>) -> (Arc<Policy>, EffectiveLogin) {
        let nobody = Described { client_id: self.issuer.audience(), roles: &[], groups: &[] };
        let of = account.described(matter.seed).unwrap_or(nobody);
        let who = Who::new(matter.subject, of.client_id, of.roles).groups(of.groups);
        let who = who.address(matter.address.and_then(read_address));
        let policy = self.policies.policy(who);
        let login = policy.login_for(who);
        (policy, login)
    }

    /// Reads the document as it is stored.
    pub(super) async fn document(&self, subject: &Subject) -> Result<Option<Stored>, Error> {
        self.load(subject).await
    }

    /// Reads the document, where there is one: for what only looks.
    pub(super) async fn look_at(&self, matter: Matter<'_>) -> Result<Option<Account>, Error> {
        let stored = self.load(matter.subject).await?;
        Ok(stored.map(|stored| Account::read(stored.document(), matter.subject)).transpose()?)
    }

    async fn load(&self, subject: &Subject) -> Result<Option<Stored>, Error> {
        Ok(self.in_time(self.store.load(subject)).await?)
    }

    /// Commits; `false` when somebody else was faster. An outcome that cannot be known is looked
    /// up, and when that does not tell either, it is an error: nothing is granted.
    async fn commit(&self, subject: &Subject, expected: Option<&Revision>, pending: &Pending) -> Result<bool, Error> {
        let mut refused = None;
        for again in [false, true] {
            let commit = Commit::new(subject, expected, pending.revision, &pending.document);
            let outcome = self
                .in_time(self.store.commit(commit.with_events(&pending.stored_events).with_claims(&pending.claims)))
                .await;
            let unknown = match outcome {
                Ok(Committed::Done) => return Ok(true),
                Ok(Committed::Conflict) if !again => return Ok(false),
                // The first attempt may have been written after all, late: look before losing it.
                Ok(Committed::Conflict) => None,
                // WA-REG-26: to whoever tries to bind it, another subject's credential is a wrong one.
                Ok(Committed::Claimed) => {
                    super::trace::claimed(subject);
                    return Err(Refusal::InvalidCredential.into());
                }
                Err(error) => Some(error),
            };
            let found = self.load(subject).await?;
            let found = found.as_ref().map(Stored::revision);
            if found == Some(&pending.revision) {
                return Ok(true);
            }
            match unknown {
                None => return Ok(false),
                Some(unknown) if found != expected => return Err(unknown.into()),
                Some(unknown) => refused = Some(unknown),
            }
        }
        Err(refused.map_or_else(|| Error::busy("the store did not take the commit"), Error::from))
    }

    pub(super) async fn scan_page(
        &self,
        after: Option<&ScanCursor>,
        limit: usize,
    ) -> Result<Page<Stored, ScanCursor>, Error> {
        Ok(self.in_time(self.store.scan(after, limit)).await?)
    }

    pub(super) async fn event_page(
        &self,
        of: Feed<'_>,
        after: Option<&EventCursor>,
        limit: usize,
    ) -> Result<Page<StoredEvent, EventCursor>, Error> {
        self.in_time(self.store.events(of, after, limit)).await.map_err(|error| match error.kind() {
            StoreErrorKind::Cursor => Refusal::invalid("after", "must be a cursor of this list").into(),
            _ => error.into(),
        })
    }

    pub(super) async fn prune_events(&self, before: Timestamp) -> Result<u64, Error> {
        let mut pruned = 0_u64;
        loop {
            match self.in_time(self.store.prune(before)).await? {
                0 => return Ok(pruned),
                some => pruned = pruned.saturating_add(some),
            }
        }
    }

    /// Gives a store call a deadline; a store that hangs is a store that is not there.
    pub(super) async fn in_time<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        match tokio::time::timeout(self.store_deadline, call).await {
            Ok(outcome) => outcome,
            Err(elapsed) => Err(StoreError::unavailable(elapsed)),
        }
    }

    /// What follows a commit: access tokens of ended sessions are withdrawn here at once, and the
    /// host hears of the events.
    fn take_effect(&self, subject: &Subject, pending: &Pending, clock: Timestamp) {
        for (sid, until) in &pending.ended {
            // No token of it is younger than the newest time the account has seen.
            self.verifier.revoke_session_issued_by(subject, &sid.to_string(), pending.now, clock, *until);
        }
        for event in &pending.events {
            super::trace::event(subject, event);
            if let Some(hook) = &self.on_event {
                hook(subject, event);
            }
        }
    }
}

/// The account tells nobody why it cannot decide; the operator is told what it may be.
fn explained(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Unavailable { .. } => Error::busy(
            "the account cannot decide: randomness, its key or the clock fails, or too much is tried at once",
        ),
        other => other.into(),
    }
}

/// A transition that ran: its answer, and what is to be committed before it is given.
struct Ran<T> {
    answer: Result<T, Refusal>,
    pending: Option<Pending>,
}

struct Pending {
    /// The later of the clock and the newest time the account has seen.
    now: Timestamp,
    revision: Revision,
    document: String,
    stored_events: Vec<NewEvent>,
    events: Vec<Event>,
    ended: Vec<(SessionId, Timestamp)>,
    claims: Vec<Claim>,
}

fn to_claim(held: Held) -> Result<Claim, Error> {
    Ok(match held {
        Held::CredentialId(id) => Claim::credential_id(id),
        Held::UserHandle(handle) => Claim::user_handle(&UserHandle::new(handle).map_err(Error::unavailable)?),
    })
}

/// How long a store call may take, unless the host says otherwise.
pub(super) const STORE_DEADLINE: Duration = Duration::from_secs(5);
