//! What ends a reader.

use std::{fmt, io};

use super::found::Place;

/// Why the rest of a stream cannot be read: a closed box with a kind and a place.
///
/// Nothing of what was read is in it, but the name of a column that the caller asked for.
///
/// ```
/// use tower_mfa::transfer::apps::{self, Columns, ReadErrorKind};
///
/// let mut rows = apps::csv("user,key\nalice,JBSWY3DP\n".as_bytes(), Columns::default());
/// let error = rows.next().unwrap().unwrap_err();
/// assert_eq!(error.kind(), ReadErrorKind::Column);
/// assert_eq!(error.to_string(), "line 1: the header has no column \"secret\"");
/// assert!(rows.next().is_none());
/// ```
#[derive(Debug)]
pub struct ReadError {
    kind: ReadErrorKind,
    place: Option<Place>,
    column: Option<Box<str>>,
    source: Option<io::Error>,
}

impl ReadError {
    pub(super) const fn new(kind: ReadErrorKind) -> Self {
        Self { kind, place: None, column: None, source: None }
    }

    pub(super) fn at(self, place: Place) -> Self {
        Self { place: Some(place), ..self }
    }

    /// `name` is the caller's word for the column, never the file's.
    pub(super) fn column(kind: ReadErrorKind, name: &str) -> Self {
        Self { column: Some(name.into()), ..Self::new(kind) }.at(Place::line_number(1))
    }

    /// Returns what happened.
    #[must_use]
    pub const fn kind(&self) -> ReadErrorKind {
        self.kind
    }

    /// Returns where, where that is known.
    #[must_use]
    pub const fn place(&self) -> Option<Place> {
        self.place
    }
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self { source: Some(error), ..Self::new(ReadErrorKind::Io) }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = self.place {
            write!(f, "{place}: ")?;
        }
        match (self.kind, self.column.as_deref()) {
            (ReadErrorKind::Column, Some(column)) => write!(f, "the header has no column \"{column}\""),
            (ReadErrorKind::ColumnTwice, Some(column)) => write!(f, "the header has two columns \"{column}\""),
            (kind, _) => kind.fmt(f),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let source: &(dyn std::error::Error + 'static) = self.source.as_ref()?;
        Some(source)
    }
}

/// What ended a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReadErrorKind {
    /// The stream could not be read.
    Io,
    /// The header has no such column.
    Column,
    /// The header has such a column twice.
    ColumnTwice,
    /// Not well-formed XML in UTF-8.
    Xml,
    /// The XML has a document type or asks for an entity, which are not read.
    Doctype,
    /// Not a container of RFC 6030, version 1.
    Container,
    /// Deeper, longer or more than is read.
    Limit,
    /// The MACs are made by a method that is not read here.
    MacMethod,
    /// The key of the MACs cannot be decrypted, or is shorter than 16 bytes: another key or password, or a
    /// changed file.
    MacKey,
    /// The key of the container is derived in a way, or with a cost, that is not read here.
    Derivation,
    /// What says how values are encrypted stands behind a key.
    Order,
}

impl fmt::Display for ReadErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Io => "the stream could not be read",
            Self::Column => "the header lacks a column",
            Self::ColumnTwice => "the header has a column twice",
            Self::Xml => "not well-formed XML in UTF-8",
            Self::Doctype => "a document type or an entity, which are not read",
            Self::Container => "not a PSKC container, version 1 (RFC 6030)",
            Self::Limit => "deeper, longer or more than is read",
            Self::MacMethod => "the MACs are not HMAC with SHA-1, SHA-224, SHA-256, SHA-384 or SHA-512",
            Self::MacKey => {
                "the MAC key cannot be decrypted, or is under 16 bytes: the key or password is another one, or the file \
                 was changed"
            }
            Self::Derivation => {
                "the container's key is not derived by PBKDF2 with a salt of 8 to 1024 bytes and at most 2,000,000 \
                 iterations"
            }
            Self::Order => "EncryptionKey or MACMethod stands behind a key, where it does not count",
        })
    }
}
