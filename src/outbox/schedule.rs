use std::time::Duration;

/// When a delivery that failed is tried again, and for how long.
///
/// ```
/// use std::time::Duration;
/// use tower_mfa::outbox::Retries;
///
/// let retries = Retries::default();
/// let secs = Duration::from_secs;
/// assert_eq!(retries.pause(1, secs(0), None), Some(secs(1)));
/// assert_eq!(retries.pause(5, secs(15), None), Some(secs(16)));
/// assert_eq!(retries.pause(1, secs(0), Some(secs(90))), Some(secs(90)), "as it was asked to");
/// assert_eq!(retries.pause(2, secs(890), Some(secs(90))), Some(secs(10)), "once more when its time is over");
/// assert_eq!(retries.pause(3, secs(900), None), None, "after a quarter of an hour it is given up");
/// assert!(Retries::for_secs(5 * 3600).is_none(), "four hours at most");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    secs: u64,
}

impl Default for Retries {
    /// A quarter of an hour.
    fn default() -> Self {
        Self { secs: 15 * 60 }
    }
}

/// The first pause, which doubles until the longest.
const FIRST: u64 = 1;
const LONGEST_PAUSE: u64 = 120;
/// For how long an event is tried at most: behind it wait those of its lane.
const LONGEST: u64 = 4 * 60 * 60;

impl Retries {
    /// Tries for so many seconds (0 to 14,400: four hours); `None` for more.
    #[must_use]
    pub const fn for_secs(secs: u64) -> Option<Self> {
        if secs > LONGEST { None } else { Some(Self { secs }) }
    }

    /// How long to wait after the nth failure (the first is 1), if it is tried again; `waited` is how long it has been
    /// tried. `wanted` is how long the receiver asked to be left alone: it puts the next try off, and never the end.
    #[must_use]
    pub fn pause(self, failures: u32, waited: Duration, wanted: Option<Duration>) -> Option<Duration> {
        let left = Duration::from_secs(self.secs).saturating_sub(waited);
        let doubled = FIRST.saturating_mul(2_u64.saturating_pow(failures.saturating_sub(1))).min(LONGEST_PAUSE);
        let pause = Duration::from_secs(doubled).max(wanted.unwrap_or_default()).min(left);
        (!left.is_zero()).then_some(pause)
    }
}
