//! Base 32 as people type it, and nothing else (RFC 4648 §6).

use zeroize::Zeroizing;

use crate::secret::SecretString;

const ALPHABET: base32::Alphabet = base32::Alphabet::Rfc4648 { padding: false };

/// Writes upper case without padding: the form the key URI format asks for.
pub(super) fn encode(bytes: &[u8]) -> SecretString {
    SecretString::new(base32::encode(ALPHABET, bytes))
}

/// Reads either case, groups parted by spaces or hyphens, and right padding or none.
///
/// The decoder of the `base32` crate lets impossible lengths and non-zero trailing bits pass, so
/// what it returns is written again and compared: two texts never mean one key. The comparison is
/// a plain one, since both sides come from the same person at the same time.
pub(super) fn decode(typed: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(String::with_capacity(typed.len()));
    text.extend(typed.chars().filter(|c| !matches!(c, ' ' | '-')).map(|c| c.to_ascii_uppercase()));

    let body = text.trim_end_matches('=');
    let padding = text.len().saturating_sub(body.len());
    if padding > 0 && (padding > 6 || !text.len().is_multiple_of(8)) {
        return None;
    }
    let bytes = Zeroizing::new(base32::decode(ALPHABET, body)?);
    (encode(&bytes).expose() == body).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_library_underneath_lets_pass_is_refused() {
        for lenient in ["A", "ABCDEF", "MZXW7", "MZ=XW6", "========", "=", "MY=", "MY======="] {
            assert!(decode(lenient).is_none(), "{lenient}");
        }
    }

    #[test]
    fn symbols_that_look_alike_are_not_guessed() {
        for wrong in ["MZXW0YTB", "MZXW1YTB", "MZXW8YTB", "MZXW9YTB", "MZXW\u{ff16}YTB", "MZXW\tYTB", "ſZXW6YTB"] {
            assert!(decode(wrong).is_none(), "{wrong:?}");
        }
    }
}
