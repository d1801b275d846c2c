use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::clock::{Clock, ClockError, Timestamp};

/// A clock that stands still until it is turned. Clones show the same time.
///
/// ```
/// use tower_mfa::clock::Clock;
/// use tower_mfa::testing::ManualClock;
///
/// let clock = ManualClock::at(1_000);
/// let given_away = clock.clone(); // to `Mfa::builder(…).with_clock(…)`, for one
/// clock.advance(30);
/// clock.go_back(5);
/// assert_eq!(given_away.now().unwrap().as_secs(), 1_025);
///
/// clock.fail(true);
/// assert!(given_away.now().is_err());
/// ```
#[derive(Debug, Clone, Default)]
pub struct ManualClock {
    secs: Arc<AtomicU64>,
    failing: Arc<AtomicBool>,
}

impl ManualClock {
    /// Makes a clock that shows `secs` seconds since the epoch.
    #[must_use]
    pub fn at(secs: u64) -> Self {
        let clock = Self::default();
        clock.secs.store(secs, Ordering::SeqCst);
        clock
    }

    /// Turns it forward.
    pub fn advance(&self, secs: u64) {
        self.secs.fetch_add(secs, Ordering::SeqCst);
    }

    /// Turns it back, to the epoch at most.
    pub fn go_back(&self, secs: u64) {
        let _ = self.secs.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| Some(now.saturating_sub(secs)));
    }

    /// Makes it unreadable, or readable again.
    pub fn fail(&self, failing: bool) {
        self.failing.store(failing, Ordering::SeqCst);
    }

    /// Returns the time it shows, readable or not.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        Timestamp::from_secs(self.secs.load(Ordering::SeqCst))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Result<Timestamp, ClockError> {
        if self.failing.load(Ordering::SeqCst) { Err(ClockError::new()) } else { Ok(self.time()) }
    }
}
