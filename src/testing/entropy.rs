use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use crate::entropy::{Entropy, EntropyError, SystemEntropy};

/// Bytes that look random and are the same for the same seed. Clones go on from one another.
///
/// ```
/// use tower_mfa::entropy::Entropy;
/// use tower_mfa::testing::SeededEntropy;
///
/// let draw = |entropy: &SeededEntropy| {
///     let mut out = [0_u8; 16];
///     entropy.fill(&mut out).unwrap();
///     out
/// };
/// let entropy = SeededEntropy::new(7);
/// let first = draw(&entropy);
/// assert_ne!(draw(&entropy), first);
/// assert_eq!(draw(&SeededEntropy::new(7)), first, "a test can be run again");
/// ```
///
/// # Security
///
/// Unfit for production: whoever knows the seed knows every key, code and id that was made.
#[derive(Debug, Clone)]
pub struct SeededEntropy {
    seed: u64,
    drawn: Arc<AtomicU64>,
}

impl SeededEntropy {
    /// Begins anew from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, drawn: Arc::default() }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyError> {
        for chunk in out.chunks_mut(32) {
            let number = self.drawn.fetch_add(1, Ordering::Relaxed);
            let block = Sha256::new().chain_update(self.seed.to_be_bytes()).chain_update(number.to_be_bytes());
            chunk.iter_mut().zip(block.finalize()).for_each(|(to, from)| *to = from);
        }
        Ok(())
    }
}

/// The operating system's randomness, until it fails. Clones share what is left.
///
/// ```
/// use tower_mfa::entropy::Entropy;
/// use tower_mfa::testing::FailingEntropy;
///
/// let entropy = FailingEntropy::after(1);
/// assert!(entropy.fill(&mut [0; 8]).is_ok());
/// assert!(entropy.fill(&mut [0; 8]).is_err());
/// entropy.allow(1);
/// assert!(entropy.fill(&mut [0; 8]).is_ok());
/// ```
#[derive(Debug, Clone)]
pub struct FailingEntropy(Arc<AtomicU64>);

impl FailingEntropy {
    /// Answers `draws` times and fails from then on.
    #[must_use]
    pub fn after(draws: u64) -> Self {
        Self(Arc::new(AtomicU64::new(draws)))
    }

    /// Answers `draws` more times from now on.
    pub fn allow(&self, draws: u64) {
        self.0.store(draws, Ordering::SeqCst);
    }
}

impl Entropy for FailingEntropy {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyError> {
        let left = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        left.map_err(|_| EntropyError::new("the test wants it to fail"))?;
        SystemEntropy.fill(out)
    }
}
