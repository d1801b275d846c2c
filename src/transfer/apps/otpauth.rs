//! Key URIs, one a line.

use std::cell::Cell;
use std::fmt;
use std::io::BufRead;

use percent_encoding::percent_decode_str;

use super::error::ReadError;
use super::found::{AppKey, Found, Names, Place, Skipped};
use super::lines::{Line, Lines};
use super::parts::Keys;
use super::reason::Reason;
use crate::otp::{InvalidUri, Moving, OtpauthUri};

/// Longest line, in bytes.
const LINE_MAX: usize = 4096;

/// Reads key URIs, `otpauth://totp/LABEL?PARAMETERS`, one a line.
///
/// Empty lines and lines that begin with `#` are passed over without a word. A line of more than
/// 4096 bytes is skipped as such. Of a line's text nothing is repeated but its label.
///
/// ```
/// use tower_mfa::transfer::apps::{self, Found, Reason};
///
/// let lines = "# from the old system\n\notpauth://hotp/bob?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&counter=7\n";
/// let mut found = apps::otpauth(lines.as_bytes());
/// let Some(Ok(Found::Skipped(skipped))) = found.next() else { panic!("a counting token") };
/// assert_eq!(skipped.why(), Reason::Counter);
/// assert!(skipped.to_string().starts_with("line 3 (bob): the key counts"));
/// assert!(found.next().is_none());
/// ```
pub fn otpauth<R: BufRead>(from: R) -> Otpauth<R> {
    Otpauth { lines: Lines::new(from, LINE_MAX), keys: Keys::default() }
}

/// The reader of [`otpauth`].
#[must_use = "an iterator does nothing until it is asked"]
pub struct Otpauth<R> {
    lines: Lines<R>,
    keys: Keys,
}

impl<R> Otpauth<R> {
    /// Takes keys from 10 bytes instead of 16.
    ///
    /// # Security
    ///
    /// See [`Secret::danger_short_from_bytes`](crate::otp::Secret::danger_short_from_bytes).
    pub fn danger_short_keys(self) -> Self {
        Self { keys: Keys { short: true }, ..self }
    }
}

impl<R> fmt::Debug for Otpauth<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Otpauth").field("keys", &self.keys).finish_non_exhaustive()
    }
}

impl<R: BufRead> Iterator for Otpauth<R> {
    type Item = Result<Found, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (number, line) = match self.lines.next()? {
            Ok(line) => line,
            Err(error) => return Some(Err(error.into())),
        };
        let place = Place::line_number(number);
        Some(Ok(match line {
            Line::Text(uri) => read(uri, place, self.keys),
            Line::TooLong => Found::Skipped(Skipped::new(place, &Names::default(), Reason::TooLong)),
            Line::NotText => Found::Skipped(Skipped::new(place, &Names::default(), Reason::NotText)),
        }))
    }
}

/// Reads one key URI.
pub(super) fn read(uri: &str, place: Place, keys: Keys) -> Found {
    let refused = Cell::new(None);
    let read = OtpauthUri::parse_with(uri, |text| keys.read_base32(text).inspect_err(|why| refused.set(Some(*why))));
    let uri = match read {
        Ok(uri) => uri,
        Err(why) => {
            let why = match (why, refused.get()) {
                (InvalidUri::Secret, Some(secret)) => secret.into(),
                (why, _) => why.into(),
            };
            return Found::Skipped(Skipped::new(place, &label(uri), why));
        }
    };
    let names = Names { account: Some(uri.account().into()), issuer: uri.issuer().map(Into::into), ..Names::default() };
    match uri.moving() {
        Moving::Totp(totp) => Found::Key(AppKey { place, names, totp, secret: uri.secret().clone(), used_until: None }),
        Moving::Hotp(..) => Found::Skipped(Skipped::new(place, &names, Reason::Counter)),
    }
}

/// The label of a URI that cannot be read, for the operator to know it by. One that looks as if
/// parameters had slipped into it is not repeated: the secret might be among them.
fn label(uri: &str) -> Names {
    let label = uri
        .get(..10)
        .filter(|scheme| scheme.eq_ignore_ascii_case("otpauth://"))
        .and_then(|_| uri.get(10..)?.split_once('/'))
        .and_then(|(_, rest)| rest.split_once('?'))
        .map(|(label, _)| percent_decode_str(label).decode_utf8_lossy())
        .filter(|label| !label.contains(['=', '&']));
    Names { account: label.map(|label| label.as_ref().into()), ..Names::default() }
}
