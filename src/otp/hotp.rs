//! Counter-based one-time passwords (RFC 4226).

use serde::{Deserialize, Serialize};
use subtle::{Choice, ConditionallySelectable};

use super::code::Code;
use super::params::{Algorithm, Digits};
use super::secret::Secret;
use super::totp::Mismatch;
use super::truncate::{each_value, value};
use crate::error::ConfigError;

/// A value of the counter: the moving factor C of RFC 4226 §5.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Counter(u64);

impl Counter {
    /// Makes a counter from its value.
    #[must_use]
    pub const fn new(counter: u64) -> Self {
        Self(counter)
    }

    /// Returns the value.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// How many codes a token may be ahead of the server: 0 to 100, by default 10 (RFC 4226 §7.4).
///
/// ```
/// use tower_mfa::otp::LookAhead;
///
/// assert_eq!(LookAhead::default().get(), 10);
/// assert!(LookAhead::new(101).is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct LookAhead(u8);

impl LookAhead {
    /// Checks a look-ahead.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] over 100: each code looked at is one more that a guess can hit.
    pub fn new(codes: u8) -> Result<Self, ConfigError> {
        if codes > 100 {
            return Err(ConfigError::new("look_ahead", "must be at most 100, as low as possible (RFC 4226 §7.4)"));
        }
        Ok(Self(codes))
    }

    /// Returns the number of codes.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl Default for LookAhead {
    fn default() -> Self {
        Self(10)
    }
}

impl TryFrom<u8> for LookAhead {
    type Error = ConfigError;

    fn try_from(codes: u8) -> Result<Self, ConfigError> {
        Self::new(codes)
    }
}

impl From<LookAhead> for u8 {
    fn from(look_ahead: LookAhead) -> Self {
        look_ahead.0
    }
}

/// How far a resynchronisation searches: 1 to 1,000 codes, by default 100.
///
/// ```
/// use tower_mfa::otp::ResyncWindow;
///
/// assert_eq!(ResyncWindow::default().get(), 100);
/// assert!(ResyncWindow::new(1_001).is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct ResyncWindow(u16);

impl ResyncWindow {
    /// Checks a window.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] outside 1 to 1,000.
    pub fn new(codes: u16) -> Result<Self, ConfigError> {
        match codes {
            1..=1_000 => Ok(Self(codes)),
            _ => Err(ConfigError::new("resync_window", "must be 1 to 1000 codes (RFC 4226 §7.4)")),
        }
    }

    /// Returns the number of codes.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl Default for ResyncWindow {
    fn default() -> Self {
        Self(100)
    }
}

impl TryFrom<u16> for ResyncWindow {
    type Error = ConfigError;

    fn try_from(codes: u16) -> Result<Self, ConfigError> {
        Self::new(codes)
    }
}

impl From<ResyncWindow> for u16 {
    fn from(window: ResyncWindow) -> Self {
        window.0
    }
}

/// A code was accepted: which counter it belongs to, and the one expected next.
///
/// Store `next` in the same transaction that grants access (RFC 4226 §7.2). Nothing at or before
/// `counter` is accepted once it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub struct Matched {
    /// The counter of the code; of two codes, that of the second.
    pub counter: Counter,
    /// The counter to expect from now on.
    pub next: Counter,
}

/// The parameters of a token that counts, and the check of its codes.
///
/// ```
/// use tower_mfa::otp::{Code, Counter, Hotp, LookAhead, Mismatch, Secret};
///
/// // RFC 4226, Appendix D
/// let hotp = Hotp::default();
/// let secret = Secret::from_bytes(b"12345678901234567890").unwrap();
/// let code = Code::parse("969429", hotp.digits()).unwrap();
///
/// let matched = hotp.verify(&secret, &code, Counter::new(0), LookAhead::default()).unwrap();
/// assert_eq!(matched.counter.get(), 3, "three codes were shown and not sent");
/// assert_eq!(matched.next.get(), 4);
/// let again = hotp.verify(&secret, &code, matched.next, LookAhead::default());
/// assert_eq!(again, Err(Mismatch::Replayed));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Hotp {
    algorithm: Algorithm,
    digits: Digits,
}

impl Hotp {
    /// Sets the algorithm. RFC 4226 knows SHA-1 alone; some tokens can do more.
    #[must_use]
    pub const fn with_algorithm(self, algorithm: Algorithm) -> Self {
        Self { algorithm, ..self }
    }

    /// Sets the number of digits.
    #[must_use]
    pub const fn with_digits(self, digits: Digits) -> Self {
        Self { digits, ..self }
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

    /// Computes the code of a counter: what the token shows.
    #[must_use]
    pub fn code_at(&self, secret: &Secret, counter: Counter) -> Code {
        Code::from_value(value(self.algorithm, secret, self.digits, counter.0), self.digits)
    }

    /// Checks a code against the expected counter and `look_ahead` further ones.
    ///
    /// The earliest match counts, so a token never gets further ahead than it is.
    ///
    /// # Errors
    ///
    /// [`Mismatch::Replayed`] when it is the code used last, [`Mismatch::Wrong`] otherwise; also
    /// when `code` was read with another number of digits. The very last counter is never
    /// accepted, since none could follow it.
    ///
    /// # Security
    ///
    /// Every counter is computed and compared, match or no match, in a time that says nothing of
    /// the code. The caller limits guesses.
    pub fn verify(
        &self,
        secret: &Secret,
        code: &Code,
        next: Counter,
        look_ahead: LookAhead,
    ) -> Result<Matched, Mismatch> {
        if code.digits() != self.digits {
            return Err(Mismatch::Wrong);
        }
        let from = next.0.saturating_sub(1);
        let (mut found, mut replayed, mut earliest) = (Choice::from(0), Choice::from(0), 0_u64);
        each_value(self.algorithm, secret, self.digits, from..past(next, u64::from(look_ahead.0)), |counter, value| {
            let hit = code.is(value);
            let expected = Choice::from(u8::from(counter >= next.0));
            earliest.conditional_assign(&counter, hit & expected & !found);
            found |= hit & expected;
            replayed |= hit & !expected;
        });
        match (bool::from(found), bool::from(replayed)) {
            (true, _) => matched_at(earliest),
            (false, true) => Err(Mismatch::Replayed),
            (false, false) => Err(Mismatch::Wrong),
        }
    }

    /// Finds a token that has run ahead of the look-ahead, by two consecutive codes of it.
    ///
    /// RFC 4226 §7.4: one code found in a wide window proves little, two in a row prove a lot. Both
    /// codes are used up.
    ///
    /// # Errors
    ///
    /// [`Mismatch::Wrong`] when the two codes do not stand next to each other, in this order, with
    /// the first at the expected counter or at most `window` codes further.
    pub fn resynchronise(
        &self,
        secret: &Secret,
        first: &Code,
        second: &Code,
        next: Counter,
        window: ResyncWindow,
    ) -> Result<Matched, Mismatch> {
        if first.digits() != self.digits || second.digits() != self.digits {
            return Err(Mismatch::Wrong);
        }
        let (mut found, mut first_matched, mut earliest) = (Choice::from(0), Choice::from(0), 0_u64);
        // The second code stands one further than the first, so the search goes one further too.
        let end = past(next, u64::from(window.0).saturating_add(1));
        each_value(self.algorithm, secret, self.digits, next.0..end, |counter, value| {
            let both = first_matched & second.is(value);
            earliest.conditional_assign(&counter, both & !found);
            found |= both;
            first_matched = first.is(value);
        });
        if bool::from(found) { matched_at(earliest) } else { Err(Mismatch::Wrong) }
    }
}

/// One past the counters to look at: `next` and `ahead` more, but never the last one there is.
fn past(next: Counter, ahead: u64) -> u64 {
    next.0.saturating_add(ahead).saturating_add(1)
}

fn matched_at(counter: u64) -> Result<Matched, Mismatch> {
    // RFC 4226 §7.2: the server counts on from the value that matched.
    let next = counter.checked_add(1).ok_or(Mismatch::Wrong)?;
    Ok(Matched { counter: Counter(counter), next: Counter(next) })
}
