//! How many codes, how long, and which one.

use serde::{Deserialize, Serialize};

use crate::error::ConfigError;

/// Crockford's base 32: no I, L, O (read as 1, 1, 0) and no U.
pub(super) const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Longest code in symbols, slot included.
pub(super) const MAX_SYMBOLS: usize = 32;

/// How long a code is: the number of its random symbols, of 5 bits each. By default 15, 75 bits.
///
/// ```
/// use tower_mfa::recovery_code::Format;
///
/// assert_eq!(Format::default().bits(), 75);
/// assert_eq!(Format::new(13).unwrap().bits(), 65);
/// assert!(Format::new(12).is_err(), "60 bits");
/// assert!(Format::danger_short_recovery_codes(10).is_ok());
/// assert!(Format::danger_short_recovery_codes(9).is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Format {
    random: u8,
}

impl Format {
    const MIN_BITS: u32 = 64;
    const SHORT_MIN_BITS: u32 = 48;
    const MAX: u8 = 31;

    /// Ten random symbols, 50 bits, shown in two fives behind the slot: `3-XXXXX-XXXXX`.
    ///
    /// # Security
    ///
    /// As [`danger_short_recovery_codes`](Self::danger_short_recovery_codes).
    pub const DANGER_FIVE_AND_FIVE: Self = Self { random: 10 };

    /// Checks a number of random symbols: 13 to 31.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when that makes less than 64 bits (NIST SP 800-63B-4 §4.2.1.1), or a code
    /// longer than 32 symbols.
    pub fn new(random_symbols: u8) -> Result<Self, ConfigError> {
        Self::checked(
            random_symbols,
            Self::MIN_BITS,
            "must have 13 to 31 random symbols (64 bits, NIST SP 800-63B-4 §4.2.1.1)",
        )
    }

    /// Checks a number of random symbols: 10 to 31.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when that makes less than 48 bits.
    ///
    /// # Security
    ///
    /// Under 64 bits a code is no recovery code in the sense of NIST SP 800-63B-4. Whoever steals
    /// the hashes can search 50 bits only against the slow hash, so there is no other.
    pub fn danger_short_recovery_codes(random_symbols: u8) -> Result<Self, ConfigError> {
        Self::checked(random_symbols, Self::SHORT_MIN_BITS, "must have 10 to 31 random symbols (48 bits)")
    }

    fn checked(random: u8, min_bits: u32, rule: &'static str) -> Result<Self, ConfigError> {
        let format = Self { random };
        if format.bits() < min_bits || random > Self::MAX {
            return Err(ConfigError::new("recovery_codes", rule));
        }
        Ok(format)
    }

    /// Returns the number of random symbols.
    #[must_use]
    pub const fn random_symbols(self) -> u8 {
        self.random
    }

    /// Returns the entropy of one code in bits: log2 of how many codes there are for a slot.
    #[must_use]
    pub fn bits(self) -> u32 {
        u32::from(self.random).saturating_mul(ALPHABET.len().ilog2())
    }

    /// Whether a new group begins at this place when a code is shown: groups of four, or, where only
    /// that comes out even, the slot and then groups of five.
    pub(super) fn begins_group(self, place: usize) -> bool {
        let in_fives = self.random.is_multiple_of(5) && !self.symbols().is_multiple_of(4);
        let group = if in_fives { place.checked_sub(1).map(|past| past % 5) } else { Some(place % 4) };
        place > 0 && group == Some(0)
    }

    /// The length of a code in symbols: the slot and the random ones.
    pub(super) fn symbols(self) -> usize {
        usize::from(self.random).saturating_add(1)
    }
}

impl Default for Format {
    fn default() -> Self {
        Self { random: 15 }
    }
}

impl TryFrom<u8> for Format {
    type Error = ConfigError;

    /// Reads a stored format, which went through one of the two doors when it was made.
    fn try_from(random: u8) -> Result<Self, ConfigError> {
        Self::danger_short_recovery_codes(random)
    }
}

impl From<Format> for u8 {
    fn from(format: Format) -> Self {
        format.random
    }
}

/// How many codes a set has: 1 to 32, by default 10.
///
/// ```
/// use tower_mfa::recovery_code::Count;
///
/// assert_eq!(Count::default().get(), 10);
/// assert!(Count::new(0).is_err());
/// assert!(Count::new(33).is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Count(u8);

impl Count {
    /// Checks a number of codes.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] outside 1 to 32: one symbol names the slot.
    pub fn new(codes: u8) -> Result<Self, ConfigError> {
        match codes {
            1..=32 => Ok(Self(codes)),
            _ => Err(ConfigError::new("recovery_codes", "must be 1 to 32 codes")),
        }
    }

    /// Returns the number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl Default for Count {
    fn default() -> Self {
        Self(10)
    }
}

impl TryFrom<u8> for Count {
    type Error = ConfigError;

    fn try_from(codes: u8) -> Result<Self, ConfigError> {
        Self::new(codes)
    }
}

impl From<Count> for u8 {
    fn from(count: Count) -> Self {
        count.0
    }
}

/// The place of a code in its set, 0 to 31: what its first symbol says. It is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u8);

impl Slot {
    /// The slot a symbol names.
    pub(super) fn of(symbol: u8) -> Option<Self> {
        ALPHABET.iter().zip(0..).find_map(|(known, slot)| (*known == symbol).then_some(Self(slot)))
    }

    pub(super) fn symbol(self) -> u8 {
        symbol(self.0)
    }

    /// Every slot of a set, in order.
    pub(super) fn all(count: Count) -> impl Iterator<Item = Self> {
        (0..count.0).map(Self)
    }

    /// Returns the place, counted from 0.
    #[must_use]
    pub const fn index(self) -> u8 {
        self.0
    }
}

/// The symbol of the low five bits. 256 is a multiple of 32, so a random byte gives every symbol
/// with the same probability.
pub(super) fn symbol(byte: u8) -> u8 {
    ALPHABET.get(usize::from(byte & 0x1f)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_symbol_is_as_likely_as_every_other() {
        for known in ALPHABET {
            assert_eq!((0..=255).filter(|byte| symbol(*byte) == *known).count(), 8);
        }
    }
}
