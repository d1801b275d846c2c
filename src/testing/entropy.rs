use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use crate::entropy::{Entropy, EntropyError};

/// Bytes that are the same in every run: the SHA-256 of a seed and a counter.
///
/// # Security
///
/// Whoever knows the seed knows every key, code and id. For tests alone.
///
/// ```
/// use tower_mfa::entropy::Entropy;
/// use tower_mfa::testing::SeededEntropy;
///
/// let draw = |seed| {
///     let mut out = [0_u8; 40];
///     SeededEntropy::new(seed).fill(&mut out).unwrap();
///     out
/// };
/// assert_eq!(draw(1), draw(1));
/// assert_ne!(draw(1), draw(2));
/// ```
#[derive(Debug, Default)]
pub struct SeededEntropy {
    seed: u64,
    drawn: AtomicU64,
}

impl SeededEntropy {
    /// Begins a sequence.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, drawn: AtomicU64::new(0) }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyError> {
        for chunk in out.chunks_mut(32) {
            let block = self.drawn.fetch_add(1, Ordering::SeqCst);
            let bytes =
                Sha256::new().chain_update(self.seed.to_be_bytes()).chain_update(block.to_be_bytes()).finalize();
            chunk.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        }
        Ok(())
    }
}

/// A source of random bytes that always fails.
///
/// ```
/// use tower_mfa::entropy::Entropy;
/// use tower_mfa::id::SessionId;
/// use tower_mfa::testing::FailingEntropy;
///
/// assert!(SessionId::generate(&FailingEntropy).is_err(), "there is no weaker source to fall back to");
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::exhaustive_structs, reason = "a unit struct is written by its name")]
pub struct FailingEntropy;

impl Entropy for FailingEntropy {
    fn fill(&self, _out: &mut [u8]) -> Result<(), EntropyError> {
        Err(EntropyError::new("told to fail"))
    }
}
