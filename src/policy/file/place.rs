//! Where something stands in a file: line and column, for whoever has to mend it.

use std::fmt;
use std::ops::Range;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// Why a policy file was refused, and where.
///
/// Its text is for the person who writes the file: `line 12, column 1: …`, with a way out where there is one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}{message}")]
pub struct PolicyFileError {
    place: Place,
    message: String,
}

/// A line and a column, counted from 1; both 0 where a whole file is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    line: usize,
    column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 { Ok(()) } else { write!(f, "line {}, column {}: ", self.line, self.column) }
    }
}

impl PolicyFileError {
    pub(super) fn of_file(message: impl Into<String>) -> Self {
        Self { place: Place { line: 0, column: 0 }, message: message.into() }
    }

    /// At a byte of `text`.
    pub(super) fn at(text: &str, byte: usize, message: impl Into<String>) -> Self {
        let before = text.get(..byte).unwrap_or(text);
        let line = before.bytes().filter(|b| *b == b'\n').count().saturating_add(1);
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count().saturating_add(1);
        Self { place: Place { line, column }, message: message.into() }
    }

    /// Returns the line, counted from 1; `None` where it is about the file as a whole.
    #[must_use]
    pub const fn line(&self) -> Option<usize> {
        if self.place.line == 0 { None } else { Some(self.place.line) }
    }

    /// Returns the column, counted from 1; `None` where it is about the file as a whole.
    #[must_use]
    pub const fn column(&self) -> Option<usize> {
        if self.place.line == 0 { None } else { Some(self.place.column) }
    }

    /// Returns what is wrong, without its place.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// Something read from a file, and the byte it begins at.
#[derive(Debug, Clone)]
pub(super) struct Located<T> {
    pub(super) value: T,
    pub(super) at: usize,
}

impl<T> Located<T> {
    /// A part of a TOML file.
    pub(super) fn toml(part: toml::Spanned<T>) -> Self {
        let at = part.span().start;
        Self { value: part.into_inner(), at }
    }
}

impl<T: DeserializeOwned> Located<T> {
    /// A part of a JSON file, whose place is that of its first byte in `text`.
    pub(super) fn json(text: &str, part: &RawValue) -> Result<Self, PolicyFileError> {
        let inner = part.get();
        // The part is borrowed from the text, so their distance is its place.
        let at = inner.as_ptr().addr().saturating_sub(text.as_ptr().addr());
        let value = serde_json::from_str(inner).map_err(|error| json_error(text, at, inner, &error))?;
        Ok(Self { value, at })
    }
}

/// What a JSON parser says of `inner`, which begins at a byte of `text`.
pub(super) fn json_error(text: &str, at: usize, inner: &str, error: &serde_json::Error) -> PolicyFileError {
    let before = inner.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum::<usize>();
    let byte = at.saturating_add(before).saturating_add(error.column().saturating_sub(1));
    // The parser's own line and column are those of the part it was given.
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
    PolicyFileError::at(text, byte, message)
}

/// What a TOML parser says.
pub(super) fn toml_error(text: &str, error: &toml::de::Error) -> PolicyFileError {
    match error.span() {
        Some(Range { start, .. }) => PolicyFileError::at(text, start, error.message()),
        None => PolicyFileError::of_file(error.message()),
    }
}
