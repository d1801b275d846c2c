//! Time, passed in: whole seconds since the epoch, and the trait they come from.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A point in time: whole seconds since 1970-01-01T00:00:00Z, leap seconds not counted.
///
/// Arithmetic saturates, so that a duration an attacker or a wrong setting makes huge can neither
/// wrap around nor panic.
///
/// ```
/// use tower_mfa::clock::Timestamp;
///
/// let login = Timestamp::from_secs(1_000);
/// let now = login.plus(301);
/// assert_eq!(now.since(login), 301);
/// assert_eq!(login.since(now), 0, "the future is no age");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The first second of the epoch.
    pub const EPOCH: Self = Self(0);

    /// Makes a timestamp from whole seconds since the epoch.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs)
    }

    /// Returns the whole seconds since the epoch.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0
    }

    /// Returns the time `secs` seconds later, or the last one there is.
    #[must_use]
    pub const fn plus(self, secs: u64) -> Self {
        Self(self.0.saturating_add(secs))
    }

    /// Returns the time `secs` seconds earlier, or the epoch.
    #[must_use]
    pub const fn minus(self, secs: u64) -> Self {
        Self(self.0.saturating_sub(secs))
    }

    /// Returns the seconds that have passed since `earlier`; 0 when it lies in the future.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where this crate reads the time.
///
/// [`SystemClock`] is the one for production; `testing::ManualClock` is one to turn by hand.
pub trait Clock: Send + Sync + 'static {
    /// Returns the present time.
    ///
    /// # Errors
    ///
    /// [`ClockError`] when the time cannot be told. The caller then refuses: without a clock there
    /// is no expiry, no lock and no TOTP.
    fn now(&self) -> Result<Timestamp, ClockError>;
}

/// The operating system's clock.
///
/// ```
/// use tower_mfa::clock::{Clock, SystemClock, Timestamp};
///
/// assert!(SystemClock.now().unwrap() > Timestamp::from_secs(1_700_000_000));
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::exhaustive_structs, reason = "a unit struct is written by its name")]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Result<Timestamp, ClockError> {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map(|since| Timestamp(since.as_secs()))
            .map_err(|_before_epoch| ClockError)
    }
}

/// The time could not be told, or lies before 1970.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the clock cannot be read or stands before 1970")]
#[non_exhaustive]
pub struct ClockError;

impl ClockError {
    /// Makes the error, for a clock of one's own.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Default for ClockError {
    fn default() -> Self {
        Self::new()
    }
}
