use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::{Clock, ClockError, Timestamp};

/// A clock that is turned by hand. Clones are the same clock.
///
/// ```
/// use tower_mfa::clock::{Clock, Timestamp};
/// use tower_mfa::testing::ManualClock;
///
/// let clock = ManualClock::at(Timestamp::from_secs(1_000));
/// clock.advance(30);
/// clock.turn_back(10);
/// assert_eq!(clock.now().unwrap(), Timestamp::from_secs(1_020));
///
/// clock.stop();
/// assert!(clock.now().is_err(), "the time cannot be told");
/// clock.set(Timestamp::from_secs(5));
/// assert!(clock.now().is_ok());
/// ```
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<Mutex<Hands>>);

#[derive(Debug)]
struct Hands {
    time: Timestamp,
    stopped: bool,
}

impl ManualClock {
    /// Makes a clock that stands at `time`.
    #[must_use]
    pub fn at(time: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Hands { time, stopped: false })))
    }

    /// Returns where it stands, also when it cannot be read.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.hands().time
    }

    /// Sets it, and lets it be read again.
    pub fn set(&self, time: Timestamp) {
        *self.hands() = Hands { time, stopped: false };
    }

    /// Turns it on by so many seconds.
    pub fn advance(&self, secs: u64) {
        let mut hands = self.hands();
        hands.time = hands.time.plus(secs);
    }

    /// Turns it back by so many seconds.
    pub fn turn_back(&self, secs: u64) {
        let mut hands = self.hands();
        hands.time = hands.time.minus(secs);
    }

    /// Makes every reading fail, until it is set.
    pub fn stop(&self) {
        self.hands().stopped = true;
    }

    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Result<Timestamp, ClockError> {
        let hands = self.hands();
        if hands.stopped { Err(ClockError::new()) } else { Ok(hands.time) }
    }
}
