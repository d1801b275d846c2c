//! Randomness, passed in: the trait, and the operating system behind it.

use rand::TryRng;

/// Where this crate takes random bytes from.
///
/// # Security
///
/// Everything an attacker must not guess comes through here: TOTP keys, recovery codes, session
/// and challenge ids, nonces. NIST SP 800-63B-4 §3.2.12 asks for an approved generator of at least
/// 112 bits; only [`SystemEntropy`] is fit for production.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `out` with random bytes.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] when the source fails. The caller then refuses: there is no fallback to a
    /// weaker source.
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyError>;
}

/// The operating system's generator.
///
/// ```
/// use tower_mfa::entropy::{Entropy, SystemEntropy};
///
/// let (mut a, mut b) = ([0_u8; 16], [0_u8; 16]);
/// SystemEntropy.fill(&mut a).unwrap();
/// SystemEntropy.fill(&mut b).unwrap();
/// assert_ne!(a, b);
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::exhaustive_structs, reason = "a unit struct is written by its name")]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyError> {
        rand::rngs::SysRng.try_fill_bytes(out).map_err(|source| EntropyError { source: Some(Box::new(source)) })
    }
}

/// Draws `N` random bytes.
pub(crate) fn bytes<const N: usize>(entropy: &dyn Entropy) -> Result<[u8; N], EntropyError> {
    let mut out = [0_u8; N];
    entropy.fill(&mut out)?;
    Ok(out)
}

/// The source of random bytes failed.
#[derive(Debug, thiserror::Error)]
#[error("the source of random bytes failed")]
pub struct EntropyError {
    source: Option<crate::error::BoxError>,
}

impl EntropyError {
    /// Makes the error from its cause, for a source of one's own.
    #[must_use]
    pub fn new(source: impl Into<crate::error::BoxError>) -> Self {
        Self { source: Some(source.into()) }
    }
}
