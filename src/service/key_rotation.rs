use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::shell::{IfMissing, Matter};
use super::{Error, Mfa, trace};
use crate::account::Account;
use crate::id::Subject;
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
    /// Accounts among them that were sealed anew.
    pub sealed: u64,
    /// Accounts among them that could not be: what they were sealed with is gone, or damaged.
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
    /// `progress` is called after every page of 200 accounts. Where the process dies, the next call goes on at that
    /// page; several replicas share the work if each calls it. When it has ended and
    /// [`is_clean`](KeyRotation::is_clean), wait until what clients hold has lapsed, too, and then take the older keys
    /// out of the ring: refresh tokens are sealed when they are issued, so that is as long as a session may be idle by
    /// the policy. Who comes with one that no longer opens signs in again. A replica that still runs with the old ring seals with the old key:
    /// begin when the last has the new one.
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
        let (mut so_far, mut after) = resume(state.as_ref());
        so_far.total = self.inner.in_time(self.inner.store.count()).await?;
        let (begun, seen_before) = (Instant::now(), so_far.seen);
        loop {
            let page = self.inner.scan_page(after.as_ref(), MAX_PAGE).await?;
            for stored in page.items() {
                self.seal_anew(stored, &mut so_far).await?;
            }
            after = page.next().cloned();
            so_far.total = so_far.total.max(so_far.seen);
            so_far.per_second = rate(so_far.seen.saturating_sub(seen_before), begun.elapsed());
            progress(&so_far);
            let reached = SinkState::new(after.as_ref().and_then(|after| position(&so_far, after)), None);
            if self.inner.in_time(self.inner.store.advance(&name, state.as_ref(), &reached)).await? {
                state = Some(reached);
            } else {
                // Another replica is at it, too: each goes on where the furthest is.
                state = self.inner.in_time(self.inner.store.sink(&name)).await?;
                after = resume(state.as_ref()).1.or(after);
            }
            if after.is_none() {
                return Ok(so_far);
            }
        }
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

/// How far a rotation had come: `{seen}.{sealed}.{failed}~{cursor}`.
fn position(so_far: &KeyRotation, after: &ScanCursor) -> Option<EventCursor> {
    EventCursor::new(format!("{}.{}.{}~{after}", so_far.seen, so_far.sealed, so_far.failed)).ok()
}

fn resume(state: Option<&SinkState>) -> (KeyRotation, Option<ScanCursor>) {
    let read = || {
        let (counts, after) = state?.position()?.as_str().split_once('~')?;
        let mut counts = counts.split('.').map(|count| count.parse().ok());
        let (seen, sealed, failed) = (counts.next()??, counts.next()??, counts.next()??);
        let so_far = KeyRotation { seen, sealed, failed, ..KeyRotation::default() };
        Some((so_far, Some(ScanCursor::new(after).ok()?)))
    };
    read().unwrap_or_default()
}

pub(crate) fn rate(count: u64, took: Duration) -> f64 {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    // The first page of a fast store takes no time at all by a coarse watch.
    f64::from(count) / took.as_secs_f64().max(0.001)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_back_and_what_is_none_begins_anew() {
        let so_far = KeyRotation { seen: 400, sealed: 17, failed: 1, ..KeyRotation::default() };
        let after = ScanCursor::new("YWxpY2U~x").unwrap();
        let state = SinkState::new(position(&so_far, &after), None);
        let (read, at) = resume(Some(&state));
        assert_eq!((read.seen, read.sealed, read.failed, at), (400, 17, 1, Some(after)));
        for text in ["", "1.2.3", "1.2~x", "a.b.c~x", "1.2.3~"] {
            let state = SinkState::new(EventCursor::new(text).ok(), None);
            assert_eq!(resume(Some(&state)), (KeyRotation::default(), None), "{text}");
        }
    }
}
