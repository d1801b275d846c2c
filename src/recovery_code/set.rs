//! A set of codes: drafted, hashed, used up one by one.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::code::{RecoveryCode, Typed};
use super::format::{Count, Format, Slot};
use super::scheme::{DIGEST_LEN, DeriveError, Digest, Preimage, SALT_LEN, Scheme};
use super::successor::Successor;
use crate::clock::Timestamp;
use crate::entropy::{self, Entropy, EntropyError};

/// New codes, drawn and not yet hashed.
///
/// It is used up by [`Draft::hash`], so codes that were never hashed are never shown.
///
/// ```
/// use tower_mfa::clock::Timestamp;
/// use tower_mfa::entropy::SystemEntropy;
/// use tower_mfa::recovery_code::{Count, Draft, Format, Scheme};
/// use tower_mfa::testing::FailingEntropy;
///
/// let one = Count::new(1).unwrap();
/// let draft = Draft::generate(one, Format::default(), Scheme::default(), &SystemEntropy).unwrap();
/// let (set, codes) = draft.hash(Timestamp::from_secs(1_800_000_000)).unwrap(); // slow
/// assert_eq!((set.total(), codes.len()), (1, 1));
/// assert_eq!(codes[0].expose().len(), "XXXX-XXXX-XXXX-XXXX".len());
///
/// let refused = Draft::generate(one, Format::default(), Scheme::default(), &FailingEntropy);
/// assert!(refused.is_err(), "codes that can be guessed are not drawn");
/// ```
#[derive(Debug)]
#[must_use]
pub struct Draft {
    format: Format,
    scheme: Scheme,
    codes: Vec<(Typed, [u8; SALT_LEN])>,
}

impl Draft {
    /// Draws the codes and a salt for each. This is the quick half.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] when the source of randomness fails. There is no weaker source to fall
    /// back on.
    pub fn generate(count: Count, format: Format, scheme: Scheme, entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let codes = Slot::all(count)
            .map(|slot| Ok((Typed::generate(slot, format, entropy)?, entropy::bytes(entropy)?)))
            .collect::<Result<_, EntropyError>>()?;
        Ok(Self { format, scheme, codes })
    }

    /// Hashes the codes: about 30 ms each by default, so off the async runtime.
    ///
    /// Commit the set first, then show the codes; they are nowhere else.
    ///
    /// # Errors
    ///
    /// [`DeriveError`] when the memory cannot be had.
    pub fn hash(self, created_at: Timestamp) -> Result<(RecoverySet, Vec<RecoveryCode>), DeriveError> {
        let Self { format, scheme, codes } = self;
        let hashed = codes
            .iter()
            .map(|(code, salt)| {
                let digest = scheme.hash(code, salt)?;
                Ok(Hashed { salt: *salt, digest: digest.bytes })
            })
            .collect::<Result<Vec<_>, DeriveError>>()?;
        let shown = codes.iter().map(|(code, _)| code.shown(format)).collect();
        Ok((RecoverySet { scheme, format, created_at, hashes: Hashes::new(&hashed), used: Vec::new() }, shown))
    }
}

/// Why a code was not accepted. For the audit trail: towards the client, both are one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Mismatch {
    /// The code is none of the set.
    #[error("the recovery code is wrong")]
    Wrong,
    /// The code was right, and was used before.
    #[error("the recovery code was used before")]
    Replayed,
}

/// The stored form of a set of codes: hashes, and when each was used.
///
/// Ten codes take less than 1 KiB of JSON. No code can be read from it.
///
/// ```
/// use tower_mfa::clock::Timestamp;
/// use tower_mfa::entropy::SystemEntropy;
/// use tower_mfa::recovery_code::{Count, Digest, Draft, Format, Mismatch, RecoverySet, Scheme, Typed, derive};
///
/// fn attempt(set: &RecoverySet, typed: &str) -> Digest {
///     let typed = Typed::parse(typed, set.format()).unwrap();
///     derive(&typed, &set.prepare(typed.slot())).unwrap() // slow, and the same for every slot
/// }
///
/// let now = Timestamp::from_secs(1_800_000_000);
/// let draft = Draft::generate(Count::new(1).unwrap(), Format::default(), Scheme::default(), &SystemEntropy).unwrap();
/// let (mut set, codes) = draft.hash(now).unwrap();
///
/// let guessed = attempt(&set, "0000-0000-0000-0000");
/// assert_eq!(set.settle(&guessed, now), Err(Mismatch::Wrong));
///
/// let right = attempt(&set, codes[0].expose());
/// assert_eq!(set.settle(&right, now), Ok(()));
/// assert_eq!(set.remaining(), 0);
/// ```
///
/// # Security
///
/// A set belongs to one account and is looked up through it, never by code: a code of somebody
/// else is wrong here (CVE-2025-64175).
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct RecoverySet {
    scheme: Scheme,
    format: Format,
    created_at: Timestamp,
    hashes: Hashes,
    /// The codes that were used, in the order of their slots.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    used: Vec<Used>,
}

impl RecoverySet {
    /// Returns what the slow hash of an attempt on that slot needs.
    ///
    /// For a slot the set does not have, that is a dummy of the same cost.
    #[must_use]
    pub fn prepare(&self, slot: Slot) -> Preimage {
        self.hashes
            .at(slot)
            .map_or(Preimage::dummy(self.scheme), |code| Preimage { salt: code.salt, scheme: self.scheme })
    }

    /// Accepts the code and marks it as used.
    ///
    /// Commit the set in the same transaction that grants access. On a set that was replaced since
    /// [`RecoverySet::prepare`], the digest is wrong: the salts are others.
    ///
    /// # Errors
    ///
    /// [`Mismatch`]; the set is then unchanged.
    pub fn settle(&mut self, digest: &Digest, now: Timestamp) -> Result<(), Mismatch> {
        let slot = digest.slot();
        let stored = self.hashes.at(slot).ok_or(Mismatch::Wrong)?;
        if !digest.is(&stored.digest) {
            return Err(Mismatch::Wrong);
        }
        match self.used.binary_search_by_key(&slot.index(), |Used(slot, _)| *slot) {
            Ok(_) => Err(Mismatch::Replayed),
            Err(place) => {
                self.used.insert(place, Used(slot.index(), now));
                Ok(())
            }
        }
    }

    /// Puts a new code in the place of one that was used (NIST SP 800-63B-4 §4.2.1.1).
    ///
    /// Commit the set first, in the same transaction as the use, then show the code.
    ///
    /// # Errors
    ///
    /// [`Mismatch::Wrong`] when the code of that slot was not used, or the set has another format or slow
    /// hash; it is then unchanged.
    pub fn replace(&mut self, successor: &Successor) -> Result<(), Mismatch> {
        let place = self.used.binary_search_by_key(&successor.slot.index(), |Used(slot, _)| *slot);
        let place = place.map_err(|_| Mismatch::Wrong)?;
        if successor.scheme != self.scheme || successor.format != self.format {
            return Err(Mismatch::Wrong);
        }
        self.hashes = self.hashes.with(successor.slot, &successor.hashed).ok_or(Mismatch::Wrong)?;
        self.used.remove(place);
        Ok(())
    }

    /// Returns how many codes are left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.hashes.len().saturating_sub(self.used.len())
    }

    /// Returns how many codes there were.
    #[must_use]
    pub fn total(&self) -> usize {
        self.hashes.len()
    }

    /// Returns when the set was made.
    #[must_use]
    pub const fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// Returns the format of the codes: what [`Typed::parse`] needs.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// Returns the slow hash of the set.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }
}

impl fmt::Debug for RecoverySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecoverySet")
            .field("remaining", &self.remaining())
            .field("total", &self.total())
            .field("created_at", &self.created_at)
            .finish_non_exhaustive()
    }
}

/// A set as it was read, not yet checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    scheme: Scheme,
    format: Format,
    created_at: Timestamp,
    hashes: Box<str>,
    #[serde(default)]
    used: Vec<Used>,
}

impl TryFrom<Stored> for RecoverySet {
    type Error = &'static str;

    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        let Stored { scheme, format, created_at, hashes, used } = stored;
        let hashes = Hashes::checked(hashes)?;
        let slots: Vec<u8> = used.iter().map(|Used(slot, _)| *slot).collect();
        if !slots.is_sorted_by(|a, b| a < b) || slots.last().is_some_and(|last| usize::from(*last) >= hashes.len()) {
            return Err("the used recovery codes are slots of the set, each once, in their order");
        }
        Ok(Self { scheme, format, created_at, hashes, used })
    }
}

/// The slot of a code that was used, and when.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Used(u8, Timestamp);

/// Salt and digest of each code in the order of the slots, 1 to 32, as one text in base64url.
///
/// A document is read and written at every attempt, and hardly ever for a recovery code: the text is
/// checked when it is read, and a hash is decoded when its slot is tried.
#[derive(Clone, Serialize)]
struct Hashes(Box<str>);

const HASHED_LEN: usize = SALT_LEN + DIGEST_LEN;
/// Characters of one hash: 48 bytes are 64 characters with no bit to spare.
const ENCODED_LEN: usize = HASHED_LEN / 3 * 4;
const MAX_CODES: usize = 32;

/// What a code is compared with.
pub(super) struct Hashed {
    pub(super) salt: [u8; SALT_LEN],
    pub(super) digest: [u8; DIGEST_LEN],
}

impl Hashes {
    fn new(all: &[Hashed]) -> Self {
        let bytes: Vec<u8> = all.iter().flat_map(|one| one.salt.iter().chain(&one.digest)).copied().collect();
        Self(URL_SAFE_NO_PAD.encode(bytes).into())
    }

    fn checked(text: Box<str>) -> Result<Self, &'static str> {
        let is_symbol = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if text.is_empty() || text.len() > MAX_CODES * ENCODED_LEN || !text.len().is_multiple_of(ENCODED_LEN) {
            return Err("a set has 1 to 32 recovery codes, each 64 characters");
        }
        if !text.bytes().all(is_symbol) {
            return Err("the hashes of recovery codes are written in base64url");
        }
        Ok(Self(text))
    }

    /// The same, with another hash for this slot; `None` for a slot there is not.
    fn with(&self, slot: Slot, hashed: &Hashed) -> Option<Self> {
        let start = usize::from(slot.index()).checked_mul(ENCODED_LEN)?;
        let end = start.checked_add(ENCODED_LEN)?;
        let (before, after) = (self.0.get(..start)?, self.0.get(end..)?);
        let Self(new) = Self::new(std::slice::from_ref(hashed));
        Some(Self([before, &new, after].concat().into()))
    }

    fn len(&self) -> usize {
        self.0.len().checked_div(ENCODED_LEN).unwrap_or_default()
    }

    fn at(&self, slot: Slot) -> Option<Hashed> {
        let encoded = self.0.as_bytes().chunks_exact(ENCODED_LEN).nth(usize::from(slot.index()))?;
        let bytes = URL_SAFE_NO_PAD.decode(encoded).ok()?;
        let (salt, digest) = bytes.split_first_chunk()?;
        Some(Hashed { salt: *salt, digest: digest.try_into().ok()? })
    }
}
