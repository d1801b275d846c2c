//! Randomness, passed in: the trait, and the operating system behind it.

use std::sync::{Arc, Mutex};

use rand::TryRng;
use zeroize::Zeroizing;

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

/// Random bytes drawn from another source, many at a time: a turn of an account needs a dozen small
/// draws, and each call of the operating system costs as much as a dozen.
///
/// It lives as long as one turn, so no two turns, and no two processes after a fork, share bytes.
pub(crate) struct Pool {
    source: Arc<dyn Entropy>,
    held: Mutex<Held>,
}

/// What was drawn, and how much of it was handed out. Wiped on drop.
struct Held {
    bytes: Zeroizing<[u8; POOL]>,
    used: usize,
}

/// As many bytes as most turns need.
const POOL: usize = 160;

impl Pool {
    /// Makes an empty pool; nothing is drawn until it is asked.
    pub(crate) fn of(source: Arc<dyn Entropy>) -> Self {
        Self { source, held: Mutex::new(Held { bytes: Zeroizing::new([0; POOL]), used: POOL }) }
    }
}

impl Entropy for Pool {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyError> {
        let mut held = self.held.lock().map_err(|_| EntropyError::new("an earlier draw panicked"))?;
        if held.bytes.len().saturating_sub(held.used) < out.len() {
            if out.len() > POOL {
                return self.source.fill(out);
            }
            self.source.fill(&mut *held.bytes)?;
            held.used = 0;
        }
        let from = held.used;
        held.used = from.saturating_add(out.len());
        // Each byte is handed out once: what is given is taken away.
        for (to, byte) in out.iter_mut().zip(held.bytes.iter_mut().skip(from)) {
            *to = std::mem::take(byte);
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts upwards, so that every byte it gives can be told from every other.
    #[derive(Default)]
    struct Counting(Mutex<u16>);

    impl Entropy for Counting {
        fn fill(&self, out: &mut [u8]) -> Result<(), EntropyError> {
            let mut next = self.0.lock().unwrap();
            for byte in out {
                *next = next.checked_rem(251).unwrap().wrapping_add(1);
                *byte = u8::try_from(*next).unwrap();
            }
            Ok(())
        }
    }

    #[test]
    fn a_pool_hands_out_every_byte_once_and_in_its_order() {
        let (source, pool) = (Counting::default(), Pool::of(Arc::new(Counting::default())));
        let mut whole = [0; POOL];
        source.fill(&mut whole).unwrap();
        for expected in whole.chunks(16) {
            assert_eq!(bytes::<16>(&pool).unwrap(), *expected);
        }
        assert_ne!(bytes::<16>(&pool).unwrap(), whole[..16], "a new draw");
        let mut long = [0; 2 * POOL];
        pool.fill(&mut long).unwrap();
        assert!(long.iter().all(|byte| *byte != 0), "more than it holds comes from the source");
    }

    #[test]
    fn a_pool_gives_nothing_when_its_source_fails() {
        struct Broken;
        impl Entropy for Broken {
            fn fill(&self, _: &mut [u8]) -> Result<(), EntropyError> {
                Err(EntropyError::new("broken"))
            }
        }
        let pool = Pool::of(Arc::new(Broken));
        assert!(bytes::<16>(&pool).is_err());
        assert!(bytes::<16>(&pool).is_err(), "and not what was there before");
    }
}
