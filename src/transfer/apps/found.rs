//! What a reader finds.

use std::fmt;

use super::reason::Reason;
use crate::otp::{Secret, Step, Totp};

/// One entry of a stream: a key, or why there is none.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "there is no third way to answer an entry")]
pub enum Found {
    /// A key that can be bound.
    Key(AppKey),
    /// An entry that was passed over.
    Skipped(Skipped),
}

/// Where in a stream an entry stands. It prints as `line 3`, `line 3, entry 2` or `entry 5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    line: Option<u64>,
    entry: Option<u64>,
}

impl Place {
    pub(in crate::transfer) const fn line_number(line: u64) -> Self {
        Self { line: Some(line), entry: None }
    }

    pub(in crate::transfer) const fn entry_number(entry: u64) -> Self {
        Self { line: None, entry: Some(entry) }
    }

    pub(in crate::transfer) const fn with_entry(self, entry: u64) -> Self {
        Self { entry: Some(entry), ..self }
    }

    /// Returns the line, from 1, where the format has lines.
    #[must_use]
    pub const fn line(&self) -> Option<u64> {
        self.line
    }

    /// Returns which entry, from 1: of its line where one line has several, else of the stream.
    #[must_use]
    pub const fn entry(&self) -> Option<u64> {
        self.entry
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.entry) {
            (Some(line), Some(entry)) => write!(f, "line {line}, entry {entry}"),
            (Some(line), None) => write!(f, "line {line}"),
            (None, Some(entry)) => write!(f, "entry {entry}"),
            (None, None) => f.write_str("somewhere"),
        }
    }
}

/// A key of an authenticator app, and what its origin says about it.
///
/// Names are as they came, each at most 255 bytes without control characters; none is proof of
/// anything. `Debug` shows the place and the parameters, neither the secret nor whose it is.
#[derive(Clone)]
pub struct AppKey {
    pub(super) place: Place,
    pub(super) names: Names,
    pub(super) totp: Totp,
    pub(super) secret: Secret,
    pub(super) used_until: Option<Step>,
}

/// What an entry says about whose key it is.
#[derive(Clone, Default)]
pub(super) struct Names {
    pub(super) subject: Option<Box<str>>,
    pub(super) account: Option<Box<str>>,
    pub(super) issuer: Option<Box<str>>,
    pub(super) label: Option<Box<str>>,
    pub(super) serial: Option<Box<str>>,
    pub(super) manufacturer: Option<Box<str>>,
}

impl AppKey {
    /// Returns where it stood.
    #[must_use]
    pub const fn place(&self) -> Place {
        self.place
    }

    /// Returns the user it was of: the `subject` column of a table, `UserId` of RFC 6030.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.names.subject.as_deref()
    }

    /// Returns the account name, as the app showed it.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        self.names.account.as_deref()
    }

    /// Returns who issued it.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.names.issuer.as_deref()
    }

    /// Returns what its owner called it (`FriendlyName` of RFC 6030).
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.names.label.as_deref()
    }

    /// Returns the serial number of the device.
    #[must_use]
    pub fn serial(&self) -> Option<&str> {
        self.names.serial.as_deref()
    }

    /// Returns who made the device.
    #[must_use]
    pub fn manufacturer(&self) -> Option<&str> {
        self.names.manufacturer.as_deref()
    }

    /// What it is called in a report.
    pub(in crate::transfer) fn shown(&self) -> Option<Box<str>> {
        self.names.shown()
    }

    /// Returns the parameters of its codes.
    #[must_use]
    pub const fn totp(&self) -> Totp {
        self.totp
    }

    /// Returns the key.
    #[must_use]
    pub const fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Returns the last step that was used, where the origin says so: refuse it and all before it.
    #[must_use]
    pub const fn used_until(&self) -> Option<Step> {
        self.used_until
    }
}

impl fmt::Debug for AppKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppKey")
            .field("place", &self.place)
            .field("totp", &self.totp)
            .field("used_until", &self.used_until)
            .finish_non_exhaustive()
    }
}

/// An entry that was passed over: it prints as one line for the operator's list.
#[derive(Debug, Clone)]
pub struct Skipped {
    place: Place,
    what: Option<Box<str>>,
    why: Reason,
}

impl Skipped {
    pub(super) fn new(place: Place, names: &Names, why: Reason) -> Self {
        Self { place, what: names.shown(), why }
    }

    /// Returns where it stood.
    #[must_use]
    pub const fn place(&self) -> Place {
        self.place
    }

    /// Returns whose it is, as far as that is known: at most 100 characters that print on one line.
    #[must_use]
    pub fn what(&self) -> Option<&str> {
        self.what.as_deref()
    }

    /// Returns why.
    #[must_use]
    pub const fn why(&self) -> Reason {
        self.why
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            Some(what) => write!(f, "{} ({what}): {}", self.place, self.why),
            None => write!(f, "{}: {}", self.place, self.why),
        }
    }
}

/// Longest text of an entry that is repeated, in characters.
const SHOWN: usize = 100;

impl Names {
    fn shown(&self) -> Option<Box<str>> {
        let whose = self.account.as_deref().or(self.subject.as_deref()).or(self.serial.as_deref());
        let text = match (self.issuer.as_deref(), whose) {
            (Some(issuer), Some(whose)) => format!("{issuer}: {whose}"),
            (Some(one), None) | (None, Some(one)) => one.to_owned(),
            (None, None) => return None,
        };
        let shown: String = text.chars().filter(|c| prints(*c)).take(SHOWN).collect();
        let shown = shown.trim();
        (!shown.is_empty()).then(|| shown.into())
    }
}

/// Whether a character leaves a line of a terminal or a log as it was. The file's author chose it:
/// escapes, new lines, and the marks that turn the direction of what follows are left out.
pub(in crate::transfer) fn prints(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}
