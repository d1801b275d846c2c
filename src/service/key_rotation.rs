use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::shell::{IfMissing, Matter};
use super::{Error, Mfa, trace};
use crate::account::Account;
use crate::id::{EventId, Subject};
use crate::store::{EventCursor, MAX_PAGE, ScanCursor, SinkState, Stored};

/// What the name begins with under which the store keeps how far a rotation has come.
const NAME: &str = "tower-mfa keys ";
/// How often an account is tried that somebody else is changing all the time.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(100);
/// Most names that are listed of accounts whose key is gone.
const NAMED: usize = 100;

/// How far [`Mfa::rotate_keys`] has come.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct KeyRotation {
    /// Accounts that were looked at, those before a crash included.
    pub seen: u64,
    /// Accounts that were sealed anew.
    pub sealed: u64,
    /// Accounts that could not be: what they were sealed with is gone, or damaged.
    pub failed: u64,
    /// The first hundred of those that failed since this call began.
    pub failures: Vec<Subject>,
    /// About how many accounts there are.
    pub total: u64,
    /// Accounts looked at per second, since this call began.
    pub per_second: f64,
}

impl KeyRotation {
    /// About how many accounts are still to be looked at.
    #[must_use]
    pub const fn remaining(&self) -> u64 {
        self.total.saturating_sub(self.seen)
    }

    /// Whether no account needs an older key any more: once a pass has ended, and nothing has failed.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.failed == 0
    }
}

impl Mfa {
    /// Seals with the newest master key what any account has sealed with an older one, beside the service.
    ///
    /// A key gets into the ring in three steps, so that no replica meets what it cannot open: first every replica has
    /// it as an older one, then every replica as the newest, and then this is called. A replica that still runs with
    /// the old ring seals with the old key behind it.
    ///
    /// `progress` is called after every page of 200 accounts. Where the process dies, the next call goes on at that
    /// page, and then looks through all of them once more, since nobody knows how long ago the first were looked at;
    /// several replicas share the work if each calls it. When it has ended and
    /// [`is_clean`](KeyRotation::is_clean), wait until what clients hold has lapsed, too, and then take the older keys
    /// out of the ring: refresh tokens are sealed when they are issued, so that is as long as a session may be idle by
    /// the policy. Who comes with one that no longer opens signs in again.
    ///
    /// A sign-in waits for it no longer than for another request of the same account; who needs nothing sealed anew
    /// is not written.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`](crate::account::Refusal::Unavailable) when the store does not answer: call it again.
    ///
    /// # Cancel safety
    ///
    /// Safe: every account is sealed anew or not, and the next call goes on.
    pub async fn rotate_keys(&self, mut progress: impl FnMut(&KeyRotation) + Send) -> Result<KeyRotation, Error> {
        let name = format!("{NAME}{}", self.inner.vault.newest_id());
        let mut state = self.inner.in_time(self.inner.store.sink(&name)).await?;
        let found = state.as_ref().and_then(Pass::read);
        // Begun before this call: behind it, a replica that had the old ring may have sealed with an older key since.
        let mut earlier = found.as_ref().map(|pass| pass.id);
        let mut pass = found.map_or_else(|| self.begin_pass(0), Ok)?;
        let total = self.inner.in_time(self.inner.store.count()).await?;
        let (begun, mut looked_at, mut is_written) = (Instant::now(), 0_u64, false);
        loop {
            let page = self.inner.scan_page(pass.after.as_ref(), MAX_PAGE).await?;
            for stored in page.items() {
                self.seal_anew(stored, &mut pass.so_far).await?;
                looked_at = looked_at.saturating_add(1);
            }
            pass.after = page.next().cloned();
            pass.so_far.total = total.max(pass.so_far.seen);
            pass.so_far.per_second = rate(looked_at, begun.elapsed());
            progress(&pass.so_far);
            let reached = SinkState::new(pass.position(), None);
            if self.inner.in_time(self.inner.store.advance(&name, state.as_ref(), &reached)).await? {
                (state, is_written) = (Some(reached), true);
            } else {
                // Another replica is at it, too: each goes on where the furthest is.
                state = self.inner.in_time(self.inner.store.sink(&name)).await?;
                if let Some(found) = state.as_ref().and_then(Pass::read) {
                    // One that is met before this call has written anything may have begun before it.
                    earlier = if is_written { earlier } else { Some(found.id) };
                    pass.join(found);
                }
            }
            if pass.after.is_none() {
                if earlier != Some(pass.id) {
                    return Ok(pass.so_far);
                }
                pass = self.begin_pass(pass.so_far.sealed)?;
            }
        }
    }

    fn begin_pass(&self, sealed: u64) -> Result<Pass, Error> {
        let id = EventId::generate(&*self.inner.entropy).map_err(Error::unavailable)?;
        Ok(Pass { id, so_far: KeyRotation { sealed, ..KeyRotation::default() }, after: None })
    }

    async fn seal_anew(&self, stored: &Stored, so_far: &mut KeyRotation) -> Result<(), Error> {
        so_far.seen = so_far.seen.saturating_add(1);
        let subject = stored.subject();
        if Account::read(stored.document(), subject).is_ok_and(|account| account.is_sealed_newly(&self.inner.vault)) {
            return Ok(());
        }
        let mut last = None;
        for _ in 0..TRIES {
            let matter = Matter { if_missing: IfMissing::NotFound, ..self.matter(subject) };
            match self.inner.turn(matter, |account, turn| account.reseal(turn)).await {
                Ok(()) => {
                    so_far.sealed = so_far.sealed.saturating_add(1);
                    return Ok(());
                }
                // Not this account's fault: the next would fare no better.
                Err(error) if error.is_of_store() => return Err(error),
                Err(error) => last = Some(error),
            }
            sleep(PAUSE).await;
        }
        if let Some(error) = last {
            trace::trouble("an account could not be sealed anew", &error);
        }
        so_far.failed = so_far.failed.saturating_add(1);
        if so_far.failures.len() < NAMED {
            so_far.failures.push(subject.clone());
        }
        Ok(())
    }
}

/// One pass through all accounts, from the first to the last, by whichever replicas and after whichever crashes.
struct Pass {
    id: EventId,
    so_far: KeyRotation,
    after: Option<ScanCursor>,
}

impl Pass {
    /// How far it is, `{seen}.{sealed}.{failed}.{id}~{cursor}`; `None` at its end.
    fn position(&self) -> Option<EventCursor> {
        let Self { id, so_far: KeyRotation { seen, sealed, failed, .. }, after } = self;
        EventCursor::new(format!("{seen}.{sealed}.{failed}.{id}~{}", after.as_ref()?)).ok()
    }

    fn read(state: &SinkState) -> Option<Self> {
        let (counts, after) = state.position()?.as_str().split_once('~')?;
        let mut counts = counts.splitn(4, '.');
        let mut count = || counts.next()?.parse::<u64>().ok();
        let (seen, sealed, failed) = (count()?, count()?, count()?);
        let so_far = KeyRotation { seen, sealed, failed, ..KeyRotation::default() };
        Some(Self { id: counts.next()?.parse().ok()?, so_far, after: Some(ScanCursor::new(after).ok()?) })
    }

    /// Goes on where another replica is. What failed at either has failed: whoever reads that nothing has takes the
    /// older keys out.
    fn join(&mut self, found: Self) {
        let (mine, theirs) = (&mut self.so_far, &found.so_far);
        if self.id == found.id {
            mine.seen = mine.seen.max(theirs.seen);
            mine.sealed = mine.sealed.max(theirs.sealed);
            mine.failed = mine.failed.max(theirs.failed);
        } else {
            // A pass that was begun later, and looks at all of them itself.
            (mine.seen, mine.failed) = (theirs.seen, theirs.failed);
        }
        (self.id, self.after) = (found.id, found.after);
    }
}

pub(crate) fn rate(count: u64, took: Duration) -> f64 {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    // The first page of a fast store takes no time at all by a coarse watch.
    f64::from(count) / took.as_secs_f64().max(0.001)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;

    fn pass(seen: u64, failed: u64, after: &str) -> Pass {
        let so_far = KeyRotation { seen, sealed: 17, failed, ..KeyRotation::default() };
        Pass { id: EventId::generate(&SystemEntropy).unwrap(), so_far, after: ScanCursor::new(after).ok() }
    }

    fn stored(pass: &Pass) -> SinkState {
        SinkState::new(pass.position(), None)
    }

    #[test]
    fn a_place_is_read_back_and_what_is_none_begins_anew() {
        let written = pass(400, 1, "YWxpY2U~x");
        let read = Pass::read(&stored(&written)).unwrap();
        assert_eq!((read.id, &read.after), (written.id, &written.after));
        assert_eq!((read.so_far.seen, read.so_far.sealed, read.so_far.failed), (400, 17, 1));
        let id = written.id;
        let others =
            ["1.2.3~x", "1.2.3.4~x", &format!("a.2.3.{id}~x"), &format!("1.2.3.{id}~"), &format!("1.2.3.{id}")];
        for text in others {
            let state = SinkState::new(EventCursor::new(text).ok(), None);
            assert!(Pass::read(&state).is_none(), "{text}");
        }
        assert!(Pass::read(&stored(&pass(400, 1, ""))).is_none(), "it has ended");
    }

    #[test]
    fn what_failed_at_one_replica_has_failed_for_all_that_share_a_pass() {
        let (mut mine, theirs) = (pass(400, 0, "a"), pass(600, 1, "b"));
        mine.id = theirs.id;
        mine.join(Pass::read(&stored(&theirs)).unwrap());
        assert_eq!((mine.so_far.failed, mine.after.clone()), (1, theirs.after));
        let mut behind = pass(200, 0, "c");
        behind.id = mine.id;
        mine.join(behind);
        assert!(!mine.so_far.is_clean(), "whoever knows of none");
        let later = pass(200, 0, "d");
        mine.join(Pass::read(&stored(&later)).unwrap());
        assert_eq!((mine.so_far.seen, mine.so_far.failed, mine.id), (200, 0, later.id));
    }
}
