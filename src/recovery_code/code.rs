//! A code: as it is shown, and as it is typed.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::format::{ALPHABET, Format, MAX_SYMBOLS, Slot, symbol};
use crate::entropy::{Entropy, EntropyError};
use crate::secret::SecretString;

/// A recovery code, to be shown to its owner once.
///
/// It prints as `[redacted]`, has no `Display`, no `Serialize` and no `==`, and is wiped on drop.
#[derive(Clone)]
pub struct RecoveryCode(SecretString);

impl RecoveryCode {
    /// Opens the code: upper case, in groups with hyphens between, `XXXX-XXXX-XXXX-XXXX` unless the format
    /// says otherwise.
    ///
    /// # Security
    ///
    /// Show it and forget it: what is stored is the hash.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A recovery code as a person typed it, brought to one spelling.
///
/// ```
/// use tower_mfa::recovery_code::{Format, Typed};
///
/// let typed = Typed::parse(" 3qjd 73l6-gr5z ohtw ", Format::default()).unwrap();
/// assert_eq!(typed.slot().index(), 3);
/// assert_eq!(typed.expose(), "3QJD7316GR5Z0HTW", "l is 1 and o is 0");
/// assert!(Typed::parse("3QJD-7316-GR5Z-0HT", Format::default()).is_err(), "one symbol short");
/// assert!(Typed::parse("3QJD-7316-GR5Z-0HTU", Format::default()).is_err(), "no symbol of the alphabet");
/// ```
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Typed {
    symbols: [u8; MAX_SYMBOLS],
    #[zeroize(skip)]
    len: usize,
    #[zeroize(skip)]
    slot: Slot,
}

/// Longest text that is looked at: the longest code, each symbol set apart.
const MAX_TYPED: usize = 2 * MAX_SYMBOLS;

impl Typed {
    /// Reads what a person typed: either case, with spaces and hyphens anywhere; I and L are 1, O
    /// is 0.
    ///
    /// # Errors
    ///
    /// [`InvalidRecoveryCode`] for any other symbol and any other length. Answer it as you answer
    /// a wrong code; no hash is needed, as the text alone decides.
    pub fn parse(typed: &str, format: Format) -> Result<Self, InvalidRecoveryCode> {
        if typed.len() > MAX_TYPED {
            return Err(InvalidRecoveryCode);
        }
        let mut symbols = Zeroizing::new([0; MAX_SYMBOLS]);
        let mut room = symbols.iter_mut().take(format.symbols());
        for byte in typed.bytes().filter(|byte| !matches!(byte, b' ' | b'-')) {
            *room.next().ok_or(InvalidRecoveryCode)? = canonical(byte).ok_or(InvalidRecoveryCode)?;
        }
        if room.next().is_some() {
            return Err(InvalidRecoveryCode);
        }
        let slot = symbols.first().and_then(|first| Slot::of(*first)).ok_or(InvalidRecoveryCode)?;
        Ok(Self { symbols: *symbols, len: format.symbols(), slot })
    }

    /// Draws a new code for a slot.
    pub(super) fn generate(slot: Slot, format: Format, entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let mut symbols = Zeroizing::new([0; MAX_SYMBOLS]);
        let len = format.symbols();
        entropy.fill(symbols.get_mut(1..len).unwrap_or_default())?;
        symbols.iter_mut().take(len).for_each(|byte| *byte = symbol(*byte));
        if let Some(first) = symbols.first_mut() {
            *first = slot.symbol();
        }
        Ok(Self { symbols: *symbols, len, slot })
    }

    /// The code as it is shown.
    pub(super) fn shown(&self, format: Format) -> RecoveryCode {
        let mut text = Zeroizing::new(String::with_capacity(MAX_TYPED));
        for (place, symbol) in self.expose().chars().enumerate() {
            if format.begins_group(place) {
                text.push('-');
            }
            text.push(symbol);
        }
        RecoveryCode(SecretString::new(text.as_str()))
    }

    /// Returns which code of its set this claims to be.
    #[must_use]
    pub const fn slot(&self) -> Slot {
        self.slot
    }

    /// Opens the code: its symbols in upper case, slot first, without separators. This is what is
    /// hashed.
    #[must_use]
    pub fn expose(&self) -> &str {
        let symbols = self.symbols.get(..self.len);
        symbols.and_then(|symbols| std::str::from_utf8(symbols).ok()).unwrap_or_default()
    }
}

impl fmt::Debug for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The one spelling of a symbol (Crockford's decoding table).
fn canonical(byte: u8) -> Option<u8> {
    match byte.to_ascii_uppercase() {
        b'I' | b'L' => Some(b'1'),
        b'O' => Some(b'0'),
        symbol => ALPHABET.contains(&symbol).then_some(symbol),
    }
}

/// The text is not a recovery code of the set's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a recovery code")]
#[non_exhaustive]
pub struct InvalidRecoveryCode;
