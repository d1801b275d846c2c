use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// As of when it is known what others have revoked, and for how long that will do.
///
/// Measured by the process's own steady watch: a clock that is set back makes nothing fresh.
pub(super) struct Freshness {
    begun: Instant,
    within: Duration,
    /// Milliseconds from `begun`, and one more; 0 is never.
    known: AtomicU64,
}

impl Freshness {
    pub(super) fn new(within: Duration) -> Self {
        Self { begun: Instant::now(), within, known: AtomicU64::new(0) }
    }

    pub(super) const fn within(&self) -> Duration {
        self.within
    }

    /// Everything that was revoked by `at` is known.
    pub(super) fn know(&self, at: Instant) {
        let after = at.saturating_duration_since(self.begun).as_millis();
        let after = u64::try_from(after).unwrap_or(u64::MAX).saturating_add(1);
        self.known.fetch_max(after, Ordering::AcqRel);
    }

    pub(super) fn is_stale(&self, at: Instant) -> bool {
        let Some(known) = self.known.load(Ordering::Acquire).checked_sub(1) else { return true };
        at.saturating_duration_since(self.begun).saturating_sub(Duration::from_millis(known)) > self.within
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_lasts_as_long_as_was_said_and_never_goes_back() {
        let freshness = Freshness::new(Duration::from_secs(5));
        let at = |secs| freshness.begun + Duration::from_secs(secs);
        assert!(freshness.is_stale(at(0)), "nothing is known yet");
        freshness.know(at(10));
        assert!(!freshness.is_stale(at(10)) && !freshness.is_stale(at(15)));
        assert!(freshness.is_stale(at(16)));
        freshness.know(at(3));
        assert!(!freshness.is_stale(at(15)), "one who was slow takes nothing away");
        freshness.know(at(16));
        assert!(!freshness.is_stale(at(16)));
    }
}
