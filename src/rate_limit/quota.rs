use std::fmt;
use std::num::NonZeroU32;

use crate::error::ConfigError;

/// How much a budget holds, and how fast it fills again.
///
/// A full one gives `burst` at once, and then one every `per / burst` seconds: never more than `2 * burst` in
/// any `per` seconds.
///
/// ```
/// use tower_mfa::rate_limit::Quota;
///
/// let quota = Quota::new(30, 300).unwrap();
/// assert_eq!((quota.burst(), quota.per()), (30, 300));
/// assert_eq!(quota.to_string(), "30 in 300 s");
///
/// assert!(Quota::new(0, 300).is_err(), "nobody would ever get in");
/// assert!(Quota::new(1_000_001, 300).is_err());
/// assert!(Quota::new(30, 0).is_err() && Quota::new(30, 86_401).is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Quota {
    burst: NonZeroU32,
    per: u32,
}

impl Quota {
    /// Says how many (1 to 1,000,000) an empty budget gains in `per` seconds (1 to 86,400), and holds at most.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when one of them is out of its range.
    pub const fn new(burst: u32, per: u32) -> Result<Self, ConfigError> {
        let Some(known) = NonZeroU32::new(burst) else {
            return Err(ConfigError::fixed("burst", "must be 1 to 1,000,000"));
        };
        if burst > 1_000_000 {
            return Err(ConfigError::fixed("burst", "must be 1 to 1,000,000"));
        }
        if per == 0 || per > 86_400 {
            return Err(ConfigError::fixed("per", "must be 1 to 86,400 s"));
        }
        Ok(Self { burst: known, per })
    }

    /// One that is right as it stands here.
    pub(super) const fn fixed(burst: NonZeroU32, per: u32) -> Self {
        Self { burst, per }
    }

    /// Returns how many there are at most.
    #[must_use]
    pub const fn burst(self) -> u32 {
        self.burst.get()
    }

    pub(super) const fn burst_nonzero(self) -> NonZeroU32 {
        self.burst
    }

    /// Returns in how many seconds an empty budget is full again.
    #[must_use]
    pub const fn per(self) -> u32 {
        self.per
    }

    /// The microseconds after which one comes back. Rounded up, so that a budget is never larger than it is said
    /// to be; at least 1, since no more than a million come back in a second.
    pub(crate) fn interval_micros(self) -> u64 {
        u64::from(self.per).saturating_mul(1_000_000).div_ceil(u64::from(self.burst.get()))
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {} s", self.burst, self.per)
    }
}
