use crate::clock::Timestamp;
use crate::error::ConfigError;

/// What login asks of an account, from the loosest to the strictest.
///
/// A disabled or expired authenticator counts as bound in all of them: else a hundred wrong guesses
/// would switch the second factor off.
///
/// ```
/// use tower_mfa::policy::{Grace, Login};
///
/// assert_eq!(Login::IfEnrolled.and(Login::Required), Login::Required, "the strictest wins");
/// assert_eq!(Login::IfEnrolled.and(Login::Off), Login::IfEnrolled, "nothing makes it looser");
///
/// let three = Login::RequiredAfter(Grace::sign_ins(3).unwrap());
/// assert!(three.enforces() && !Login::IfEnrolled.enforces());
/// assert_eq!(three.and(Login::Optional), three);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Login {
    /// Login completes with the first factor, and no authenticator can be bound. What was bound before
    /// stays, can be removed, and still answers where a route asks for more.
    Off,
    /// Login completes with the first factor; only routes ask for more.
    Optional,
    /// An account that has an authenticator is challenged at login; one that has none is not.
    #[default]
    IfEnrolled,
    /// As [`Required`](Self::Required), but an account that has not bound yet what it must may sign in
    /// until its grace is over. What is bound already is asked for and cannot be removed.
    RequiredAfter(Grace),
    /// Every login is challenged, and an account that has nothing bound gets an enrolment token
    /// instead of a session.
    Required,
}

impl Login {
    /// Returns the stricter of the two; of two graces, what ends first.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::RequiredAfter(a), Self::RequiredAfter(b)) => Self::RequiredAfter(a.and(b)),
            (a, b) if a.rank() >= b.rank() => a,
            (_, b) => b,
        }
    }

    /// Tells whether an account must have an authenticator, now or when its grace is over.
    #[must_use]
    pub const fn enforces(self) -> bool {
        matches!(self, Self::RequiredAfter(_) | Self::Required)
    }

    const fn rank(self) -> u8 {
        match self {
            Self::Off => 0,
            Self::Optional => 1,
            Self::IfEnrolled => 2,
            Self::RequiredAfter(_) => 3,
            Self::Required => 4,
        }
    }
}

/// How long an account may still sign in without the authenticators it must have: until a date, for a
/// number of sign-ins, or until whichever of the two comes first.
///
/// ```
/// use tower_mfa::clock::Timestamp;
/// use tower_mfa::policy::Grace;
///
/// let january = Timestamp::from_secs(1_800_000_000);
/// assert_eq!(Grace::new(Some(january), Some(5)).unwrap().until_date(), Some(january));
/// assert!(Grace::new(None, None).is_err(), "a grace that never ends");
/// assert!(Grace::until(Timestamp::from_secs(1_800_000_000_000)).is_err(), "those are milliseconds");
/// ```
///
/// # Security
///
/// In its grace an account is guarded by its password alone, and whoever knows that can bind the first
/// authenticator. Keep it short; sign-ins are counted for each account, whoever makes them, so a thief
/// can use them up, and then needs what the owner needs: the enrolment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grace {
    until: Option<Timestamp>,
    sign_ins: Option<u32>,
}

/// A date behind 2100 is no date somebody meant; most likely it is in milliseconds.
const LATEST: Timestamp = Timestamp::from_secs(4_102_444_800);
/// Most sign-ins of a grace.
const MOST_SIGN_INS: u32 = 1000;

impl Grace {
    /// Sets both ends; what is `None` is no end.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when neither is given, the date lies behind 2100, or there are not 1 to 1000
    /// sign-ins.
    pub fn new(until: Option<Timestamp>, sign_ins: Option<u32>) -> Result<Self, ConfigError> {
        let wrong = |rule| Err(ConfigError::new("grace", rule));
        if until.is_none() && sign_ins.is_none() {
            return wrong("must end: give a date, a number of sign-ins, or both");
        }
        if until.is_some_and(|at| at > LATEST) {
            return wrong("must end before 2100: the date is in seconds");
        }
        if sign_ins.is_some_and(|n| n == 0 || n > MOST_SIGN_INS) {
            return wrong("must be 1 to 1000 sign-ins; without any, the mode is `required`");
        }
        Ok(Self { until, sign_ins })
    }

    /// Ends at a date: from `at` on, login is [`Login::Required`].
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn until(at: Timestamp) -> Result<Self, ConfigError> {
        Self::new(Some(at), None)
    }

    /// Ends with the `count`th sign-in (1 to 1000): the one after it is [`Login::Required`].
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn sign_ins(count: u32) -> Result<Self, ConfigError> {
        Self::new(None, Some(count))
    }

    /// Returns the date it ends at, where there is one.
    #[must_use]
    pub const fn until_date(&self) -> Option<Timestamp> {
        self.until
    }

    /// Returns after how many sign-ins it ends, where that was said.
    #[must_use]
    pub const fn most_sign_ins(&self) -> Option<u32> {
        self.sign_ins
    }

    fn and(self, other: Self) -> Self {
        let first = |a: Option<Timestamp>, b: Option<Timestamp>| a.into_iter().chain(b).min();
        let fewest = |a: Option<u32>, b: Option<u32>| a.into_iter().chain(b).min();
        Self { until: first(self.until, other.until), sign_ins: fewest(self.sign_ins, other.sign_ins) }
    }
}
