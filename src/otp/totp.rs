//! Time-based one-time passwords (RFC 6238).

use serde::{Deserialize, Serialize};
use subtle::{Choice, ConditionallySelectable};

use super::code::Code;
use super::params::{Algorithm, Digits, Period};
use super::secret::Secret;
use super::truncate::{each_value, value};
use crate::clock::Timestamp;
use crate::error::ConfigError;

/// One step of TOTP time: the number T of RFC 6238 §4.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Step(u64);

impl Step {
    /// Makes a step from its number.
    #[must_use]
    pub const fn new(step: u64) -> Self {
        Self(step)
    }

    /// Returns the number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// How many steps before and after the present one are accepted: 0 to 2 each.
///
/// The default, one either way, lets a phone's clock be off by half a minute and a person type
/// slowly; a code then lives at most 89 seconds. [`Window::STRICT`] accepts the present step alone.
/// RFC 6238 §5.2 recommends at most one step of delay, and every step more is one more code that
/// a guess can hit.
///
/// ```
/// use tower_mfa::otp::Window;
///
/// assert_eq!((Window::default().past(), Window::default().future()), (1, 1));
/// assert!(Window::new(2, 0).is_ok());
/// assert!(Window::new(3, 0).is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "(u8, u8)", into = "(u8, u8)")]
pub struct Window {
    past: u8,
    future: u8,
}

impl Window {
    /// The present step alone.
    pub const STRICT: Self = Self { past: 0, future: 0 };

    /// Checks a window, in steps.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when either side is over 2 (RFC 6238 §6 asks for a limit both ways).
    pub fn new(past: u8, future: u8) -> Result<Self, ConfigError> {
        if past > 2 || future > 2 {
            return Err(ConfigError::new("window", "must be at most 2 steps either way (RFC 6238 §5.2, §6)"));
        }
        Ok(Self { past, future })
    }

    /// Returns the steps accepted before the present one.
    #[must_use]
    pub const fn past(self) -> u8 {
        self.past
    }

    /// Returns the steps accepted after the present one.
    #[must_use]
    pub const fn future(self) -> u8 {
        self.future
    }

    fn around(self, step: Step) -> std::ops::RangeInclusive<u64> {
        step.0.saturating_sub(u64::from(self.past))..=step.0.saturating_add(u64::from(self.future))
    }
}

impl Default for Window {
    fn default() -> Self {
        Self { past: 1, future: 1 }
    }
}

impl TryFrom<(u8, u8)> for Window {
    type Error = ConfigError;

    fn try_from((past, future): (u8, u8)) -> Result<Self, ConfigError> {
        Self::new(past, future)
    }
}

impl From<Window> for (u8, u8) {
    fn from(window: Window) -> Self {
        (window.past, window.future)
    }
}

/// Why a code was not accepted. For the audit trail: towards the client, both are one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Mismatch {
    /// The code belongs to no moment in question.
    #[error("the code is wrong")]
    Wrong,
    /// The code is right for a moment that was used up already: a double click, or a thief.
    #[error("the code was used before")]
    Replayed,
}

/// What may be amiss with an app whose first code is wrong. For the operator alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Diagnosis {
    /// The app ignores the algorithm it was told and computes this one.
    OtherAlgorithm(Algorithm),
    /// The app's clock is off by so many steps; negative means behind.
    StepOffset(i64),
}

/// The parameters of an authenticator app, and the check of its codes.
///
/// ```
/// use tower_mfa::clock::Timestamp;
/// use tower_mfa::otp::{Code, Digits, Mismatch, Secret, Step, Totp, Window};
///
/// // RFC 6238, Appendix B
/// let totp = Totp::default().with_digits(Digits::EIGHT);
/// let secret = Secret::from_bytes(b"12345678901234567890").unwrap();
/// let code = Code::parse("94287082", totp.digits()).unwrap();
///
/// let at = |secs| totp.verify(&secret, &code, Timestamp::from_secs(secs), Window::default(), None);
/// assert_eq!(at(59), Ok(Step::new(1)));
/// assert_eq!(at(89), Ok(Step::new(1)), "one step late");
/// assert_eq!(at(90), Err(Mismatch::Wrong), "two steps late");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totp {
    algorithm: Algorithm,
    digits: Digits,
    period: Period,
    t0: Timestamp,
}

/// SHA-1, 6 digits, 30 seconds since 1970: what every app can do.
impl Default for Totp {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::default(),
            digits: Digits::default(),
            period: Period::default(),
            t0: Timestamp::EPOCH,
        }
    }
}

impl Totp {
    /// Sets the algorithm.
    #[must_use]
    pub const fn with_algorithm(self, algorithm: Algorithm) -> Self {
        Self { algorithm, ..self }
    }

    /// Sets the number of digits.
    #[must_use]
    pub const fn with_digits(self, digits: Digits) -> Self {
        Self { digits, ..self }
    }

    /// Sets how long a step lasts.
    #[must_use]
    pub const fn with_period(self, period: Period) -> Self {
        Self { period, ..self }
    }

    /// Sets when step 0 began (T0 of RFC 6238 §4.1). The key URI cannot express it.
    #[must_use]
    pub const fn with_t0(self, t0: Timestamp) -> Self {
        Self { t0, ..self }
    }

    /// Returns the algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the number of digits.
    #[must_use]
    pub const fn digits(&self) -> Digits {
        self.digits
    }

    /// Returns how long a step lasts.
    #[must_use]
    pub const fn period(&self) -> Period {
        self.period
    }

    /// Returns when step 0 began.
    #[must_use]
    pub const fn t0(&self) -> Timestamp {
        self.t0
    }

    /// Returns the step a time lies in, or `None` before T0 (RFC 6238 §4.2).
    #[must_use]
    pub fn step_at(&self, now: Timestamp) -> Option<Step> {
        let since = now.as_secs().checked_sub(self.t0.as_secs())?;
        since.checked_div(u64::from(self.period.as_secs())).map(Step)
    }

    /// Computes the code of a step: what the app shows.
    #[must_use]
    pub fn code_at(&self, secret: &Secret, step: Step) -> Code {
        Code::from_value(value(self.algorithm, secret, self.digits, step.0), self.digits)
    }

    /// Checks a code and returns the newest step that it matches and that is newer than `last_used`.
    ///
    /// Store the step in the same transaction that grants access, and pass it as `last_used` from
    /// then on. The step, and not the code, is what is used up: two neighbouring steps can have
    /// the same code, and an older step after a newer one is refused as well. `now` is the clock as
    /// read.
    ///
    /// # Errors
    ///
    /// [`Mismatch`]; also before T0, and when `code` was read with another number of digits.
    ///
    /// # Security
    ///
    /// Every step of the window is computed and compared, match or no match, in a time that says
    /// nothing of the code. A guess hits with a probability of the window's size over 10 to the
    /// power of the digits (RFC 4226 §6), so the caller limits guesses.
    pub fn verify(
        &self,
        secret: &Secret,
        code: &Code,
        now: Timestamp,
        window: Window,
        last_used: Option<Step>,
    ) -> Result<Step, Mismatch> {
        let (Some(present), true) = (self.step_at(now), code.digits() == self.digits) else {
            return Err(Mismatch::Wrong);
        };
        let (mut accepted, mut replayed, mut newest) = (Choice::from(0), Choice::from(0), 0_u64);
        each_value(self.algorithm, secret, self.digits, window.around(present), |step, value| {
            let hit = code.is(value);
            // RFC 6238 §5.2: no second attempt of an OTP after the first one was accepted. Which steps
            // are left depends on the time and on what was used, and on nothing that is typed.
            if last_used.is_none_or(|used| step > used.0) {
                newest.conditional_assign(&step, hit);
                accepted |= hit;
            } else {
                replayed |= hit;
            }
        });
        match (bool::from(accepted), bool::from(replayed)) {
            (true, _) => Ok(Step(newest)),
            (false, true) => Err(Mismatch::Replayed),
            (false, false) => Err(Mismatch::Wrong),
        }
    }

    /// Finds out why the first code of a new app is wrong, looking up to `reach` steps either way.
    ///
    /// Ask it when a confirmation failed, and tell the operator; it is no check, and what it finds
    /// is no proof. `reach` counts up to 1,680 steps (14 hours of 30 seconds: the widest mistake
    /// of a time zone). The nearest step wins; of a thousand steps one in a thousand is chance.
    #[must_use]
    pub fn diagnose(&self, secret: &Secret, code: &Code, now: Timestamp, reach: u16) -> Option<Diagnosis> {
        let present = self.step_at(now).filter(|_| code.digits() == self.digits)?;
        let shown_at = |algorithm: Algorithm, steps: &mut dyn Iterator<Item = u64>| {
            let mut nearest: Option<u64> = None;
            each_value(algorithm, secret, self.digits, steps, |step, value| {
                let nearer = nearest.is_none_or(|known| step.abs_diff(present.0) < known.abs_diff(present.0));
                if nearer && bool::from(code.is(value)) {
                    nearest = Some(step);
                }
            });
            nearest
        };
        let other = Algorithm::ALL
            .into_iter()
            .filter(|other| *other != self.algorithm)
            .find(|other| shown_at(*other, &mut Window::default().around(present)).is_some());
        if let Some(other) = other {
            return Some(Diagnosis::OtherAlgorithm(other));
        }
        let reach = u64::from(reach.min(Self::REACH_MAX));
        let mut steps = present.0.saturating_sub(reach)..=present.0.saturating_add(reach);
        shown_at(self.algorithm, &mut steps)
            .map(|step| Diagnosis::StepOffset(step.wrapping_sub(present.0).cast_signed()))
    }

    const REACH_MAX: u16 = 1_680;
}
