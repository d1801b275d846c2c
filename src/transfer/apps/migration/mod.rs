//! The QR codes that Google Authenticator exports.

mod batches;
mod payload;
mod wire;

use std::collections::VecDeque;
use std::fmt;
use std::io::BufRead;

use batches::{Batches, Seen};
use payload::Payload;
use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use super::error::ReadError;
use super::found::{AppKey, Found, Names, Place, Skipped};
use super::lines::{Line, Lines};
use super::parts::{self, Keys};
use super::reason::Reason;

/// Longest line, in bytes: twice of what the largest QR code holds.
const LINE_MAX: usize = 8192;

/// Reads what Google Authenticator shows when it exports: `otpauth-migration://offline?data=…`, one a line.
///
/// A large export is shown as several codes; each is a line, in any order. When one is missing at
/// the end, a last [`Skipped`] says so; one of them that was scanned twice is read once. The only code
/// of an export is read as often as it stands there. Empty lines and lines that begin with `#` are
/// passed over without a word. A line has at most 8192 bytes and 128 keys; 64 exports of at most 256
/// codes are kept apart.
///
/// ```
/// use tower_mfa::transfer::apps::{self, Found};
///
/// let code = "otpauth-migration://offline?data=CigKFDEyMzQ1Njc4OTAxMjM0NTY3ODkwEgVhbGljZRoDQm9iIAEoATACEAEYASAA\n";
/// let mut found = apps::google_migration(code.as_bytes());
/// let Some(Ok(Found::Key(key))) = found.next() else { panic!("a key") };
/// assert_eq!((key.account(), key.secret().expose()), (Some("alice"), &b"12345678901234567890"[..]));
///
/// let mut found = apps::google_migration("otpauth-migration://offline?data=CigK\n".as_bytes());
/// assert!(matches!(found.next(), Some(Ok(Found::Skipped(skipped))) if skipped.why().code() == "syntax"));
/// ```
pub fn google_migration<R: BufRead>(from: R) -> GoogleMigration<R> {
    GoogleMigration {
        lines: Lines::new(from, LINE_MAX),
        keys: Keys::default(),
        batches: Batches::default(),
        waiting: VecDeque::new(),
        ended: false,
    }
}

/// The reader of [`google_migration`].
#[must_use = "an iterator does nothing until it is asked"]
pub struct GoogleMigration<R> {
    lines: Lines<R>,
    keys: Keys,
    batches: Batches,
    /// What the last line held.
    waiting: VecDeque<Found>,
    ended: bool,
}

impl<R> GoogleMigration<R> {
    /// Takes keys from 10 bytes instead of 16.
    ///
    /// # Security
    ///
    /// See [`Secret::danger_short_from_bytes`](crate::otp::Secret::danger_short_from_bytes).
    pub fn danger_short_keys(self) -> Self {
        Self { keys: Keys { short: true }, ..self }
    }
}

impl<R> fmt::Debug for GoogleMigration<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GoogleMigration").field("keys", &self.keys).finish_non_exhaustive()
    }
}

impl<R: BufRead> Iterator for GoogleMigration<R> {
    type Item = Result<Found, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(found) = self.waiting.pop_front() {
                return Some(Ok(found));
            }
            if self.ended {
                return None;
            }
            match self.lines.next() {
                Some(Ok((number, line))) => {
                    let place = Place::line_number(number);
                    match line {
                        Line::Text(code) => {
                            let mut reader = Code { place, keys: self.keys, batches: &mut self.batches };
                            reader.read(code, &mut self.waiting);
                        }
                        Line::TooLong => self.waiting.push_back(skipped(place, Reason::TooLong)),
                        Line::NotText => self.waiting.push_back(skipped(place, Reason::NotText)),
                    }
                }
                Some(Err(error)) => {
                    self.ended = true;
                    return Some(Err(error.into()));
                }
                None => {
                    self.ended = true;
                    while let Some(place) = self.batches.take_incomplete() {
                        self.waiting.push_back(skipped(place, Reason::Parts));
                    }
                }
            }
        }
    }
}

fn skipped(place: Place, why: Reason) -> Found {
    Found::Skipped(Skipped::new(place, &Names::default(), why))
}

/// One line.
struct Code<'a> {
    place: Place,
    keys: Keys,
    batches: &'a mut Batches,
}

impl Code<'_> {
    fn read(&mut self, code: &str, into: &mut VecDeque<Found>) {
        let Some(bytes) = data(code) else { return into.push_back(skipped(self.place, Reason::Syntax)) };
        let Ok(payload) = Payload::read(&bytes) else { return into.push_back(skipped(self.place, Reason::Syntax)) };
        let (seen, given_up) = self.batches.note(payload.part, self.place);
        into.extend(given_up.map(|place| skipped(place, Reason::Parts)));
        match seen {
            Seen::New => {}
            Seen::Again => return into.push_back(skipped(self.place, Reason::PartRepeated)),
            Seen::Odd => into.push_back(skipped(self.place, Reason::Parts)),
        }
        into.extend((1..).zip(payload.keys).map(|(entry, key)| self.key(self.place.with_entry(entry), key)));
    }

    fn key(&self, place: Place, bytes: &[u8]) -> Found {
        match payload::key(bytes, self.keys) {
            (names, Ok((totp, secret))) => Found::Key(AppKey { place, names, totp, secret, used_until: None }),
            (names, Err(why)) => Found::Skipped(Skipped::new(place, &names, why)),
        }
    }
}

/// The bytes of `otpauth-migration://offline?data=BASE64`, percent-encoded or not.
fn data(code: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (scheme, rest) = code.split_once("://")?;
    let (host, query) = rest.split_once('?')?;
    if !scheme.eq_ignore_ascii_case("otpauth-migration") || host.trim_end_matches('/') != "offline" {
        return None;
    }
    let mut data = query.split('&').filter_map(|pair| pair.strip_prefix("data="));
    let (Some(data), None) = (data.next(), data.next()) else { return None };
    let mut text = Zeroizing::new(Vec::with_capacity(data.len()));
    // Some programs that read QR codes take the link for a form, where a plus is a space.
    text.extend(percent_decode_str(data).map(|byte| if byte == b' ' { b'+' } else { byte }));
    parts::base64(std::str::from_utf8(&text).ok()?)
}
