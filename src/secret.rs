//! Values that must not be printed, compared with `==` or left behind in memory.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Bytes that must stay secret: no `Display`, no `Serialize`, no `PartialEq`, wiped on drop.
///
/// ```
/// use tower_mfa::secret::SecretBytes;
///
/// let key = SecretBytes::new(vec![7; 32]);
/// assert_eq!(format!("{key:?}"), "[redacted]");
/// assert_eq!(key.expose().len(), 32);
/// ```
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SecretBytes(Box<[u8]>);

impl SecretBytes {
    /// Takes the bytes into keeping.
    #[must_use]
    pub fn new(bytes: impl Into<Box<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// Opens the secret. Every use of a secret's content can be found by this word.
    ///
    /// # Security
    ///
    /// Do not log, print or store what this returns.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Text that must stay secret: a token, a code, a key written in base 32.
///
/// ```
/// use tower_mfa::secret::SecretString;
///
/// let token = SecretString::new("eyJhbGciOi…");
/// assert_eq!(format!("{token:?}"), "[redacted]");
/// assert!(token.expose().starts_with("eyJ"));
/// ```
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SecretString(Box<str>);

impl SecretString {
    /// Takes the text into keeping.
    #[must_use]
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// Opens the secret. Every use of a secret's content can be found by this word.
    ///
    /// # Security
    ///
    /// Do not log, print or store what this returns; send it to its owner once.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Compares two byte strings in a time that depends on their lengths alone.
///
/// This is the one comparison of secrets in the crate (OWASP ASVS 5 §11.2.4). The lengths are
/// public: of a code its number of digits, of a digest its algorithm.
///
/// ```
/// use tower_mfa::secret::constant_time_eq;
///
/// assert!(constant_time_eq(b"755224", b"755224"));
/// assert!(!constant_time_eq(b"755224", b"755225"));
/// assert!(!constant_time_eq(b"755224", b"75522"));
/// ```
#[must_use]
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}
