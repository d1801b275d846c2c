//! Who has a sink: one relay at a time, by watches of its own and the others', since their clocks need not agree.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::store::{Lease, SinkState};

/// For how long a relay holds its sink after it was heard of last. One that died is replaced after it.
pub(super) const LEASE: Duration = Duration::from_secs(15);
/// For how long it begins deliveries after it has last said so: the rest is for those that are on their way.
const SURE: Duration = Duration::from_secs(10);
/// How often it looks whether it is sure again.
const TICK: Duration = Duration::from_secs(1);

/// What was found of a sink, and since when it is as it is.
pub(super) struct Seen {
    state: Option<SinkState>,
    since: Instant,
}

impl Seen {
    pub(super) fn again(before: Option<Self>, state: Option<SinkState>) -> Self {
        match before {
            Some(before) if before.state == state => before,
            _ => Self { state, since: Instant::now() },
        }
    }

    /// Whether another relay has it. It is over when nothing was heard of its holder for the time of a lease.
    pub(super) fn is_anothers(&self, holder: &str) -> bool {
        let lease = self.state.as_ref().and_then(SinkState::lease);
        lease.map(Lease::holder).is_some_and(|other| other != holder) && self.since.elapsed() < LEASE
    }
}

/// What this relay holds just now, to be given back, and when it last asked for it.
#[derive(Default)]
pub(super) struct Held(Mutex<Option<(SinkState, Instant)>>);

impl Held {
    pub(super) fn set(&self, state: SinkState, asked: Instant) {
        *self.lock() = Some((state, asked));
    }

    pub(super) fn take(&self) -> Option<SinkState> {
        self.lock().take().map(|(state, _)| state)
    }

    /// Waits while another relay may have the sink, as after a process was stopped for a while: this one is renewed, or
    /// whoever waits here is stopped.
    pub(super) async fn until_sure(&self) {
        while self.lock().as_ref().is_none_or(|(_, asked)| asked.elapsed() >= SURE) {
            sleep(TICK).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<(SinkState, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, timeout};

    use super::*;
    use crate::clock::Timestamp;

    fn held_by(holder: &str, until: u64) -> SinkState {
        SinkState::new(None, Some(Lease::new(holder, Timestamp::from_secs(until))))
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_begun_once_another_may_have_the_sink() {
        let held = Held::default();
        assert!(timeout(LEASE, held.until_sure()).await.is_err(), "it holds nothing");
        held.set(held_by("me", 1), Instant::now());
        held.until_sure().await;
        advance(SURE).await;
        assert!(timeout(LEASE, held.until_sure()).await.is_err(), "the process has slept");
        held.set(held_by("me", 2), Instant::now());
        held.until_sure().await;
        assert_eq!(held.take(), Some(held_by("me", 2)));
        assert!(timeout(LEASE, held.until_sure()).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_is_over_when_nothing_was_heard_of_its_holder() {
        let seen = Seen::again(None, Some(held_by("other", 1)));
        assert!(seen.is_anothers("me") && !seen.is_anothers("other"));
        advance(LEASE / 2).await;
        let renewed = Seen::again(Some(seen), Some(held_by("other", 2)));
        advance(LEASE / 2).await;
        assert!(renewed.is_anothers("me"));
        let silent = Seen::again(Some(renewed), Some(held_by("other", 2)));
        advance(LEASE / 2).await;
        assert!(!silent.is_anothers("me"), "whatever time it says itself");
        assert!(!Seen::again(None, None).is_anothers("me"));
    }
}
