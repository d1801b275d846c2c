//! What both sides of an OTP have to agree on: algorithm, digits, period.

use std::fmt;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::error::ConfigError;

/// The hash inside the HMAC (RFC 4226 §5.2, RFC 6238 §1.2).
///
/// [`Algorithm::Sha1`] is the default because several widespread apps ignore the parameter and
/// compute SHA-1 whatever they are told; collisions of SHA-1 do not weaken its HMAC (RFC 4226
/// §B.2). Whichever is chosen, ask for one valid code before an enrolment counts.
///
/// ```
/// use tower_mfa::otp::Algorithm;
///
/// assert_eq!(Algorithm::Sha256.name(), "SHA256");
/// assert_eq!(Algorithm::Sha256.secret_len(), 32);
/// assert_eq!(Algorithm::from_name("sha512"), Some(Algorithm::Sha512));
/// assert_eq!(Algorithm::from_name("MD5"), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Algorithm {
    /// HMAC-SHA-1.
    #[default]
    #[serde(rename = "SHA1")]
    Sha1,
    /// HMAC-SHA-256.
    #[serde(rename = "SHA256")]
    Sha256,
    /// HMAC-SHA-512.
    #[serde(rename = "SHA512")]
    Sha512,
}

impl Algorithm {
    /// Every algorithm, the most widespread first.
    pub const ALL: [Self; 3] = [Self::Sha1, Self::Sha256, Self::Sha512];

    /// Returns the name the key URI and the API use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }

    /// Reads a name in any case, also as it is spelled by Java (`HmacSHA1`) and by NIST (`SHA-1`).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let spelled = |known: &str| name.eq_ignore_ascii_case(known);
        Self::ALL.into_iter().find(|algorithm| match algorithm {
            Self::Sha1 => ["SHA1", "SHA-1", "HmacSHA1"].into_iter().any(spelled),
            Self::Sha256 => ["SHA256", "SHA-256", "HmacSHA256"].into_iter().any(spelled),
            Self::Sha512 => ["SHA512", "SHA-512", "HmacSHA512"].into_iter().any(spelled),
        })
    }

    /// Returns the length of a new key in bytes: that of the HMAC's output (RFC 6238 §5.1).
    #[must_use]
    pub const fn secret_len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How many decimal digits a code has: 6, 7 or 8.
///
/// ```
/// use tower_mfa::otp::Digits;
///
/// assert_eq!(Digits::default(), Digits::SIX);
/// assert_eq!(Digits::new(8).unwrap().get(), 8);
/// assert!(Digits::new(9).is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Digits(u8);

impl Digits {
    /// Six digits: the default, and the least RFC 4226 and NIST SP 800-63B-4 permit.
    pub const SIX: Self = Self(6);
    /// Seven digits: permitted by RFC 4226, unknown to the key URI format and to most apps.
    pub const SEVEN: Self = Self(7);
    /// Eight digits.
    pub const EIGHT: Self = Self(8);

    /// Checks a number of digits.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] outside 6 to 8. Ten digits and more would not even fit the 31 bits that a
    /// code is cut from.
    pub fn new(digits: u8) -> Result<Self, ConfigError> {
        match digits {
            6..=8 => Ok(Self(digits)),
            _ => Err(ConfigError::new("digits", "must be 6, 7 or 8 (RFC 4226 §5.3)")),
        }
    }

    /// Returns the number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// The last digits of a number. The divisors are constants, which spares a division per code.
    pub(super) const fn last_of(self, number: u32) -> u32 {
        match self.0 {
            8 => number % 100_000_000,
            7 => number % 10_000_000,
            _ => number % 1_000_000,
        }
    }
}

impl Default for Digits {
    fn default() -> Self {
        Self::SIX
    }
}

impl TryFrom<u8> for Digits {
    type Error = ConfigError;

    fn try_from(digits: u8) -> Result<Self, ConfigError> {
        Self::new(digits)
    }
}

impl From<Digits> for u8 {
    fn from(digits: Digits) -> Self {
        digits.0
    }
}

/// How long a TOTP step lasts, in seconds: 1 to 120.
///
/// NIST SP 800-63B-4 §3.1.4.1 wants the nonce to change at least every two minutes; RFC 6238 §5.2
/// recommends the default, 30 seconds.
///
/// ```
/// use tower_mfa::otp::Period;
///
/// assert_eq!(Period::default().as_secs(), 30);
/// assert!(Period::new(120).is_ok());
/// assert!(Period::new(121).is_err());
/// assert!(Period::new(0).is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Period(NonZeroU32);

impl Period {
    const MAX: u32 = 120;

    /// Checks a period in seconds.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] outside 1 to 120.
    pub fn new(secs: u32) -> Result<Self, ConfigError> {
        NonZeroU32::new(secs)
            .filter(|secs| secs.get() <= Self::MAX)
            .map(Self)
            .ok_or_else(|| ConfigError::new("period", "must be 1 to 120 seconds (NIST SP 800-63B-4 §3.1.4.1)"))
    }

    /// Returns the seconds.
    #[must_use]
    pub const fn as_secs(self) -> u32 {
        self.0.get()
    }
}

impl Default for Period {
    fn default() -> Self {
        Self(NonZeroU32::MIN.saturating_add(29))
    }
}

impl TryFrom<u32> for Period {
    type Error = ConfigError;

    fn try_from(secs: u32) -> Result<Self, ConfigError> {
        Self::new(secs)
    }
}

impl From<Period> for u32 {
    fn from(period: Period) -> Self {
        period.as_secs()
    }
}
