//! One new code, for the place of one that was used.

use std::fmt;

use super::code::{RecoveryCode, Typed};
use super::format::{Format, Slot};
use super::scheme::{DeriveError, SALT_LEN, Scheme};
use super::set::Hashed;
use crate::entropy::{self, Entropy, EntropyError};

/// A code that may take the place of one that is used up, drawn and not yet hashed.
///
/// ```
/// use tower_mfa::clock::Timestamp;
/// use tower_mfa::entropy::SystemEntropy;
/// use tower_mfa::recovery_code::{Count, Draft, Format, Mismatch, Scheme, Spare, Typed, derive};
///
/// let (now, format, scheme) = (Timestamp::from_secs(1_800_000_000), Format::default(), Scheme::default());
/// let draft = Draft::generate(Count::new(1).unwrap(), format, scheme, &SystemEntropy).unwrap();
/// let (mut set, codes) = draft.hash(now).unwrap();
/// let typed = Typed::parse(codes[0].expose(), format).unwrap();
/// let spare = Spare::draw(typed.slot(), format, scheme, &SystemEntropy).unwrap();
/// let (successor, new) = spare.hash().unwrap(); // slow
/// assert_eq!(set.replace(&successor), Err(Mismatch::Wrong), "the code was not used");
///
/// let digest = derive(&typed, &set.prepare(typed.slot())).unwrap(); // slow
/// set.settle(&digest, now).unwrap();
/// assert_eq!(set.replace(&successor), Ok(()));
/// assert_eq!(set.remaining(), 1, "store the set, then show the new code");
/// assert!(new.expose().starts_with('0') && new.expose() != codes[0].expose());
/// assert_eq!(set.settle(&digest, now), Err(Mismatch::Wrong), "the old one is void");
/// ```
#[derive(Debug)]
#[must_use]
pub struct Spare {
    code: Typed,
    salt: [u8; SALT_LEN],
    format: Format,
    scheme: Scheme,
}

impl Spare {
    /// Draws a code for this slot, of the set's own format and slow hash. This is the quick half.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] when the source of randomness fails.
    pub fn draw(slot: Slot, format: Format, scheme: Scheme, entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        Ok(Self { code: Typed::generate(slot, format, entropy)?, salt: entropy::bytes(entropy)?, format, scheme })
    }

    /// Hashes the code: as slow as an attempt, so off the async runtime.
    ///
    /// # Errors
    ///
    /// [`DeriveError`] when the memory cannot be had.
    pub fn hash(self) -> Result<(Successor, RecoveryCode), DeriveError> {
        let Self { code, salt, format, scheme } = self;
        let digest = scheme.hash(&code, &salt)?;
        let hashed = Hashed { salt, digest: digest.bytes };
        Ok((Successor { slot: code.slot(), format, scheme, hashed }, code.shown(format)))
    }
}

/// The stored half of a new code: what [`RecoverySet::replace`](super::RecoverySet::replace) takes.
pub struct Successor {
    pub(super) slot: Slot,
    pub(super) format: Format,
    pub(super) scheme: Scheme,
    pub(super) hashed: Hashed,
}

impl fmt::Debug for Successor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Successor").field("slot", &self.slot).finish_non_exhaustive()
    }
}
