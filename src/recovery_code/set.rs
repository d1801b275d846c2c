//! A set of codes: drafted, hashed, used up one by one.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::code::{RecoveryCode, Typed};
use super::format::{Count, Format, Slot};
use super::scheme::{DIGEST_LEN, DeriveError, Digest, Preimage, SALT_LEN, Scheme};
use crate::clock::Timestamp;
use crate::entropy::{self, Entropy, EntropyError};

/// New codes, drawn and not yet hashed.
///
/// It is used up by [`Draft::hash`], so codes that were never hashed are never shown.
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
                Ok(Hashed { salt: *salt, digest: digest.bytes, used_at: None })
            })
            .collect::<Result<_, DeriveError>>()?;
        let shown = codes.iter().map(|(code, _)| code.shown()).collect();
        Ok((RecoverySet { scheme, format, created_at, codes: Codes(hashed) }, shown))
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
/// # Security
///
/// A set belongs to one account and is looked up through it, never by code: a code of somebody
/// else is wrong here (CVE-2025-64175).
#[derive(Clone, Serialize, Deserialize)]
pub struct RecoverySet {
    scheme: Scheme,
    format: Format,
    created_at: Timestamp,
    codes: Codes,
}

impl RecoverySet {
    /// Returns what the slow hash of an attempt on that slot needs.
    ///
    /// For a slot the set does not have, that is a dummy of the same cost.
    #[must_use]
    pub fn prepare(&self, slot: Slot) -> Preimage {
        self.codes
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
        let code = self.codes.at_mut(digest.slot()).ok_or(Mismatch::Wrong)?;
        match (digest.is(&code.digest), code.used_at) {
            (false, _) => Err(Mismatch::Wrong),
            (true, Some(_)) => Err(Mismatch::Replayed),
            (true, None) => {
                code.used_at = Some(now);
                Ok(())
            }
        }
    }

    /// Returns how many codes are left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.codes.0.iter().filter(|code| code.used_at.is_none()).count()
    }

    /// Returns how many codes there were.
    #[must_use]
    pub fn total(&self) -> usize {
        self.codes.0.len()
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

/// The hashes, in the order of their slots: 1 to 32.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Vec<Hashed>")]
struct Codes(Vec<Hashed>);

impl Codes {
    fn at(&self, slot: Slot) -> Option<&Hashed> {
        self.0.get(usize::from(slot.index()))
    }

    fn at_mut(&mut self, slot: Slot) -> Option<&mut Hashed> {
        self.0.get_mut(usize::from(slot.index()))
    }
}

impl TryFrom<Vec<Hashed>> for Codes {
    type Error = &'static str;

    fn try_from(codes: Vec<Hashed>) -> Result<Self, Self::Error> {
        match codes.len() {
            1..=32 => Ok(Self(codes)),
            _ => Err("a set has 1 to 32 recovery codes"),
        }
    }
}

/// One stored code, written as `salt.digest`, and `salt.digest.time` when it is used.
#[derive(Clone)]
struct Hashed {
    salt: [u8; SALT_LEN],
    digest: [u8; DIGEST_LEN],
    used_at: Option<Timestamp>,
}

impl Serialize for Hashed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // A document has ten of these, and is written at every attempt: not through a formatter.
        let mut text = String::with_capacity(LONGEST);
        URL_SAFE_NO_PAD.encode_string(self.salt, &mut text);
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(self.digest, &mut text);
        if let Some(used_at) = self.used_at {
            text.push('.');
            text.push_str(&used_at.to_string());
        }
        serializer.serialize_str(&text)
    }
}

/// 22 and 43 characters, up to 20 digits, and the periods between.
const LONGEST: usize = 87;

impl<'de> Deserialize<'de> for Hashed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(HashedVisitor)
    }
}

/// Reads from the document's own text, without a copy.
struct HashedVisitor;

impl Visitor<'_> for HashedVisitor {
    type Value = Hashed;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a stored recovery code")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Hashed, E> {
        text.parse().map_err(E::custom)
    }
}

impl FromStr for Hashed {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const MALFORMED: &str = "a stored recovery code is salt.digest or salt.digest.time";
        let mut parts = text.split('.');
        let salt = parts.next().and_then(fixed).ok_or(MALFORMED)?;
        let digest = parts.next().and_then(fixed).ok_or(MALFORMED)?;
        let used_at =
            parts.next().map(|secs| secs.parse().map(Timestamp::from_secs)).transpose().map_err(|_| MALFORMED)?;
        match parts.next() {
            None => Ok(Self { salt, digest, used_at }),
            Some(_) => Err(MALFORMED),
        }
    }
}

fn fixed<const N: usize>(text: &str) -> Option<[u8; N]> {
    // The decoder asks for a little more room than it fills.
    let mut wide = [0_u8; 48];
    let len = URL_SAFE_NO_PAD.decode_slice(text, &mut wide).ok()?;
    wide.get(..len)?.try_into().ok()
}
