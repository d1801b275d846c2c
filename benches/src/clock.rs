use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tower_mfa::clock::{Clock, ClockError, Timestamp};

/// A clock that stands still until it is turned. Clones are one clock.
#[derive(Debug, Clone)]
pub struct Turned(Arc<AtomicU64>);

impl Turned {
    #[must_use]
    pub fn at(secs: u64) -> Self {
        Self(Arc::new(AtomicU64::new(secs)))
    }

    pub fn turn(&self, secs: u64) {
        self.0.fetch_add(secs, Ordering::Relaxed);
    }

    #[must_use]
    pub fn read(&self) -> Timestamp {
        Timestamp::from_secs(self.0.load(Ordering::Relaxed))
    }
}

impl Clock for Turned {
    fn now(&self) -> Result<Timestamp, ClockError> {
        Ok(self.read())
    }
}
