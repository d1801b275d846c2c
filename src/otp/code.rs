//! A code as a person typed it.

use std::fmt;

use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::params::Digits;

/// A one-time code: exactly as many digits as agreed.
///
/// [`Code::parse`] is the one way from what a client sent to a check, so every spelling of a code
/// is the same code, and using it up uses up all of them. A code prints as `[redacted]`, has no
/// `==` and is wiped on drop.
///
/// ```
/// use tower_mfa::otp::{Code, Digits};
///
/// let typed = Code::parse(" 075 522 ", Digits::SIX).unwrap();
/// assert_eq!(typed.expose(), "075522");
/// assert_eq!(format!("{typed:?}"), "[redacted]");
/// assert!(Code::parse("0755220", Digits::SIX).is_err());
/// ```
///
/// Two codes cannot be compared with `==`, which would stop at the first difference:
///
/// ```compile_fail,E0369
/// # use tower_mfa::otp::{Code, Digits};
/// # let a = Code::parse("075522", Digits::SIX).unwrap();
/// # let b = Code::parse("075522", Digits::SIX).unwrap();
/// if a == b {}
/// ```
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Code {
    text: [u8; 8],
    value: u32,
    #[zeroize(skip)]
    digits: Digits,
}

/// Longest text that is looked at: eight digits, each set apart.
const MAX_TYPED: usize = 32;

impl Code {
    /// Reads what a person typed.
    ///
    /// Spaces anywhere and hyphens between digits are what people group digits with, and are
    /// dropped. Signs, letters, other scripts' digits, a digit more or less: all refused.
    ///
    /// # Errors
    ///
    /// [`InvalidCode`]. Answer it as you answer a wrong code.
    ///
    /// # Security
    ///
    /// The attacker chooses every byte of `typed`. A second reading of one code (`+75522`,
    /// `٠٧٥٥٢٢`, `0075522`) would be a second use of it (CVE-2025-6014, CVE-2025-55000).
    pub fn parse(typed: &str, digits: Digits) -> Result<Self, InvalidCode> {
        let typed = typed.trim_matches(' ');
        // A hyphen at either end is a sign or a slip, no grouping.
        if typed.len() > MAX_TYPED || typed.starts_with('-') || typed.ends_with('-') {
            return Err(InvalidCode);
        }
        let mut code = Self { text: [b'0'; 8], value: 0, digits };
        let mut room = code.text.iter_mut().take(usize::from(digits.get()));
        for byte in typed.bytes().filter(|b| !matches!(b, b' ' | b'-')) {
            let (slot, true) = (room.next().ok_or(InvalidCode)?, byte.is_ascii_digit()) else {
                return Err(InvalidCode);
            };
            *slot = byte;
        }
        if room.next().is_some() {
            return Err(InvalidCode);
        }
        code.value = code.expose().bytes().fold(0, |n, digit| append(n, u32::from(digit & 0x0f)));
        Ok(code)
    }

    /// Makes the code of a truncated MAC, padded with zeros on the left (RFC 4226 §5.3).
    pub(super) fn from_value(value: u32, digits: Digits) -> Self {
        let mut code = Self { text: [b'0'; 8], value, digits };
        let mut rest = value;
        for place in code.text.iter_mut().take(usize::from(digits.get())).rev() {
            *place = b'0'.saturating_add(u8::try_from(rest % 10).unwrap_or(0));
            rest /= 10;
        }
        code
    }

    /// Opens the code: its digits, without separators.
    #[must_use]
    pub fn expose(&self) -> &str {
        let digits = self.text.get(..usize::from(self.digits.get()));
        digits.and_then(|digits| std::str::from_utf8(digits).ok()).unwrap_or_default()
    }

    /// Returns how many digits the code has.
    #[must_use]
    pub const fn digits(&self) -> Digits {
        self.digits
    }

    /// Whether this is the code of that value, in a time that does not depend on either.
    pub(super) fn is(&self, value: u32) -> Choice {
        self.value.ct_eq(&value)
    }
}

const fn append(number: u32, digit: u32) -> u32 {
    number.wrapping_mul(10).wrapping_add(digit)
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The text is not a code of the agreed number of digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a code: digits alone are wanted, as many as agreed")]
#[non_exhaustive]
pub struct InvalidCode;
