//! The slow hash.

use std::fmt;

use argon2::Argon2;
use hmac::Hmac;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::code::Typed;
use super::format::Slot;
use crate::error::{BoxError, ConfigError};
use crate::secret::constant_time_eq;

pub(super) const SALT_LEN: usize = 16;
pub(super) const DIGEST_LEN: usize = 32;

/// The password hash a set of codes is stored with, and its cost.
///
/// Under 112 bits a look-up secret is stored with a salted password hash (NIST SP 800-63B-4
/// §3.1.2.2). The default is Argon2id with the parameters OWASP recommends, about 30 ms and 19 MiB
/// per attempt; PBKDF2 is for those who need an algorithm NIST has approved.
///
/// ```
/// use tower_mfa::recovery_code::Scheme;
///
/// assert_eq!(Scheme::default(), Scheme::argon2id(19_456, 2, 1).unwrap());
/// assert!(Scheme::argon2id(1_024, 2, 1).is_err());
/// assert!(Scheme::pbkdf2_sha256(600_000).is_ok());
/// assert!(Scheme::pbkdf2_sha256(100_000).is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Scheme(Stored);

/// How a scheme is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Stored {
    Argon2id { m_kib: u32, t: u32, p: u32 },
    Pbkdf2Sha256 { iterations: u32 },
}

impl Scheme {
    /// Chooses Argon2id (RFC 9106): memory in KiB, passes, lanes.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when that is weaker than the weakest set OWASP lists (7 MiB and 5 passes;
    /// more memory allows fewer passes), or dearer than 256 MiB, 16 passes or 4 lanes: every
    /// attempt costs as much, and attackers choose how many there are.
    pub fn argon2id(m_kib: u32, t: u32, p: u32) -> Result<Self, ConfigError> {
        let work = u64::from(m_kib).saturating_mul(u64::from(t));
        if m_kib < 7_168 || work < 7_168 * 5 || m_kib > 262_144 || t > 16 || !(1..=4).contains(&p) {
            let rule =
                "must be Argon2id of at least 7168 KiB x 5 or 19456 KiB x 2, at most 262144 KiB x 16, 1 to 4 lanes";
            return Err(ConfigError::new("recovery_codes", rule));
        }
        Ok(Self(Stored::Argon2id { m_kib, t, p }))
    }

    /// Chooses PBKDF2 with HMAC-SHA-256 (RFC 8018, NIST SP 800-132).
    ///
    /// # Errors
    ///
    /// [`ConfigError`] outside 600,000 to 10,000,000 iterations.
    pub fn pbkdf2_sha256(iterations: u32) -> Result<Self, ConfigError> {
        match iterations {
            600_000..=10_000_000 => Ok(Self(Stored::Pbkdf2Sha256 { iterations })),
            _ => Err(ConfigError::new("recovery_codes", "must be PBKDF2 of 600000 to 10000000 iterations")),
        }
    }

    pub(super) fn hash(self, code: &Typed, salt: &[u8; SALT_LEN]) -> Result<Digest, DeriveError> {
        let mut digest = Digest { slot: code.slot(), bytes: [0; DIGEST_LEN] };
        let code = code.expose().as_bytes();
        match self.0 {
            Stored::Argon2id { m_kib, t, p } => {
                let params = argon2::Params::new(m_kib, t, p, Some(DIGEST_LEN)).map_err(DeriveError::new)?;
                Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params)
                    .hash_password_into(code, salt, &mut digest.bytes)
                    .map_err(DeriveError::new)?;
            }
            Stored::Pbkdf2Sha256 { iterations } => {
                pbkdf2::pbkdf2::<Hmac<Sha256>>(code, salt, iterations, &mut digest.bytes).map_err(DeriveError::new)?;
            }
        }
        Ok(digest)
    }
}

impl Default for Scheme {
    fn default() -> Self {
        Self(Stored::Argon2id { m_kib: 19_456, t: 2, p: 1 })
    }
}

impl TryFrom<Stored> for Scheme {
    type Error = ConfigError;

    fn try_from(stored: Stored) -> Result<Self, ConfigError> {
        match stored {
            Stored::Argon2id { m_kib, t, p } => Self::argon2id(m_kib, t, p),
            Stored::Pbkdf2Sha256 { iterations } => Self::pbkdf2_sha256(iterations),
        }
    }
}

impl From<Scheme> for Stored {
    fn from(scheme: Scheme) -> Self {
        scheme.0
    }
}

/// What the slow hash needs beside the code: the salt of one slot and the scheme.
///
/// [`RecoverySet::prepare`](super::RecoverySet::prepare) makes it, [`Preimage::dummy`] where there
/// is no set. It holds no secret, and can be sent to another thread.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Preimage {
    pub(super) salt: [u8; SALT_LEN],
    pub(super) scheme: Scheme,
}

impl Preimage {
    /// Makes a preimage that costs as much as a true one, for an account without codes.
    ///
    /// # Security
    ///
    /// Without it, the time of an answer would tell who has recovery codes.
    #[must_use]
    pub const fn dummy(scheme: Scheme) -> Self {
        Self { salt: [0; SALT_LEN], scheme }
    }
}

impl fmt::Debug for Preimage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Preimage").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

/// The slow hash of what was typed, and the slot it claims.
///
/// It prints as `[redacted]`, has no `==` and is wiped on drop.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Digest {
    #[zeroize(skip)]
    slot: Slot,
    pub(super) bytes: [u8; DIGEST_LEN],
}

impl Digest {
    /// Returns which code of the set was meant.
    #[must_use]
    pub const fn slot(&self) -> Slot {
        self.slot
    }

    pub(super) fn is(&self, stored: &[u8; DIGEST_LEN]) -> bool {
        constant_time_eq(&self.bytes, stored)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Hashes what was typed: tens of milliseconds and megabytes, so once per attempt, off the async
/// runtime, and under a limit on how many run at a time.
///
/// It takes as long for a slot that is used or does not exist. Hand the digest to
/// [`RecoverySet::settle`](super::RecoverySet::settle).
///
/// # Errors
///
/// [`DeriveError`] when the memory cannot be had: no verdict, so answer "unavailable" and grant
/// nothing.
pub fn derive(typed: &Typed, preimage: &Preimage) -> Result<Digest, DeriveError> {
    preimage.scheme.hash(typed, &preimage.salt)
}

/// The slow hash could not be computed.
#[derive(Debug, thiserror::Error)]
#[error("the hash of a recovery code could not be computed")]
pub struct DeriveError {
    source: BoxError,
}

impl DeriveError {
    fn new(source: impl Into<BoxError>) -> Self {
        Self { source: source.into() }
    }
}
