//! The key both sides share.

use zeroize::Zeroizing;

use super::base32;
use super::params::Algorithm;
use crate::entropy::{Entropy, EntropyError};
use crate::secret::{SecretBytes, SecretString};

/// Shortest key that is taken without ado (RFC 4226 R6: 128 bits).
const MIN: usize = 16;
/// Shortest key that is taken at all: 80 bits, as old servers issued them.
const SHORT_MIN: usize = 10;
/// Longest key: the block of SHA-512. A longer one would be hashed first and gain nothing.
const MAX: usize = 128;

/// The key an OTP is computed from: 16 to 128 bytes.
///
/// It has no `Display`, no `Serialize` and no `==`, prints as `[redacted]` and is wiped on drop.
/// Store it sealed (NIST SP 800-63B-4 §3.1.4.2), show it to its owner once.
///
/// ```
/// use tower_mfa::otp::Secret;
///
/// let imported = Secret::from_base32("hxdm vjec jjws rb3h-wizr 4ifu gftm xboz").unwrap();
/// assert_eq!(imported.expose().len(), 20);
/// assert_eq!(imported.to_base32().expose(), "HXDMVJECJJWSRB3HWIZR4IFUGFTMXBOZ");
/// assert_eq!(format!("{imported:?}"), "Secret([redacted])");
///
/// let ten_bytes = "JBSWY3DPEHPK3PXP";
/// assert!(Secret::from_base32(ten_bytes).is_err());
/// assert!(Secret::danger_short_from_base32(ten_bytes).is_ok());
/// ```
#[derive(Debug, Clone)]
pub struct Secret(SecretBytes);

impl Secret {
    /// Draws a new key as long as the algorithm's output: 20, 32 or 64 bytes (RFC 6238 §5.1).
    ///
    /// # Errors
    ///
    /// [`EntropyError`] when the source of randomness fails. There is no weaker source to fall
    /// back on.
    pub fn generate(algorithm: Algorithm, entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let mut bytes = Zeroizing::new(vec![0_u8; algorithm.secret_len()]);
        entropy.fill(&mut bytes)?;
        Ok(Self(SecretBytes::new(bytes.as_slice())))
    }

    /// Takes a key that exists already: 16 to 128 bytes.
    ///
    /// # Errors
    ///
    /// [`InvalidSecret::TooShort`] under 16 bytes (RFC 4226 R6), [`InvalidSecret::TooLong`] over 128.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidSecret> {
        Self::checked(bytes, MIN)
    }

    /// Takes a key of 10 to 128 bytes, to import what an older system issued.
    ///
    /// # Errors
    ///
    /// As [`Secret::from_bytes`], under 10 bytes.
    ///
    /// # Security
    ///
    /// Whoever sees a few codes can search an 80-bit key offline if they have the means of a
    /// state; NIST SP 800-63B-4 §3.1.4.1 wants 112 bits. Plan to bind a new key.
    pub fn danger_short_from_bytes(bytes: &[u8]) -> Result<Self, InvalidSecret> {
        Self::checked(bytes, SHORT_MIN)
    }

    /// Reads a key as people type it: base 32 in either case, in groups, padded or not.
    ///
    /// # Errors
    ///
    /// [`InvalidSecret::NotBase32`] for anything else (0, 1, 8 and 9 are no symbols of it, and a
    /// text that no encoder writes is refused), and as [`Secret::from_bytes`].
    pub fn from_base32(typed: &str) -> Result<Self, InvalidSecret> {
        Self::from_bytes(&decode(typed)?)
    }

    /// Reads a key as [`Secret::from_base32`], from 10 bytes.
    ///
    /// # Errors
    ///
    /// As [`Secret::from_base32`].
    ///
    /// # Security
    ///
    /// See [`Secret::danger_short_from_bytes`].
    pub fn danger_short_from_base32(typed: &str) -> Result<Self, InvalidSecret> {
        Self::danger_short_from_bytes(&decode(typed)?)
    }

    /// Writes the key for a person to type: upper case, no padding.
    #[must_use]
    pub fn to_base32(&self) -> SecretString {
        base32::encode(self.expose())
    }

    /// Opens the key.
    ///
    /// # Security
    ///
    /// Seal what this returns before you store it; do not log it.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    fn checked(bytes: &[u8], min: usize) -> Result<Self, InvalidSecret> {
        match bytes.len() {
            short if short < min => Err(InvalidSecret::TooShort),
            long if long > MAX => Err(InvalidSecret::TooLong),
            _ => Ok(Self(SecretBytes::new(bytes))),
        }
    }
}

/// Longest text that is looked at: the base 32 of the longest key, with padding and separators.
const MAX_TYPED: usize = 512;

fn decode(typed: &str) -> Result<Zeroizing<Vec<u8>>, InvalidSecret> {
    if typed.len() > MAX_TYPED {
        return Err(InvalidSecret::TooLong);
    }
    base32::decode(typed).ok_or(InvalidSecret::NotBase32)
}

/// Why a key was refused. It holds nothing of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSecret {
    /// The text is not base 32.
    #[error("the key is not base 32 (RFC 4648 §6)")]
    NotBase32,
    /// Too few bytes.
    #[error("the key is shorter than 16 bytes (RFC 4226 R6)")]
    TooShort,
    /// Too many bytes.
    #[error("the key is longer than 128 bytes")]
    TooLong,
}
