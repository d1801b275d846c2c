//! What a store answers when it cannot answer.

use std::fmt;

use crate::error::BoxError;

/// A store could not do what it was asked; [`kind`](Self::kind) says what the caller may assume.
///
/// ```
/// use std::error::Error;
/// use tower_mfa::store::{StoreError, StoreErrorKind};
///
/// let refused = StoreError::not_committed("database is locked");
/// assert_eq!(refused.kind(), StoreErrorKind::NotCommitted);
/// assert_eq!(refused.to_string(), "nothing was committed");
/// assert_eq!(refused.source().unwrap().to_string(), "database is locked");
/// assert_ne!(StoreError::unknown("connection reset").kind(), StoreErrorKind::NotCommitted);
/// ```
#[derive(Debug, thiserror::Error)]
#[error("{kind}")]
pub struct StoreError {
    kind: StoreErrorKind,
    source: BoxError,
}

/// What the caller may assume after a [`StoreError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// It is certain that nothing was written: the commit may be tried again.
    NotCommitted,
    /// The commit may or may not have happened. Load the document: the commit's own revision means
    /// that it did.
    Unknown,
    /// The store cannot be reached or is not ready. From a commit it means [`Unknown`](Self::Unknown).
    Unavailable,
    /// What is stored cannot be understood: damaged, or written by something else.
    Corrupt,
    /// The cursor is not one of this store.
    Cursor,
}

impl fmt::Display for StoreErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotCommitted => "nothing was committed",
            Self::Unknown => "the outcome of the commit is unknown",
            Self::Unavailable => "the store is unavailable",
            Self::Corrupt => "what is stored cannot be understood",
            Self::Cursor => "the cursor is not one of this store",
        })
    }
}

impl StoreError {
    /// Says that it is certain that nothing was written.
    ///
    /// # Security
    ///
    /// Only when it *is* certain. A time-out or a lost connection is [`StoreError::unknown`]: the
    /// shell commits again after this error, and a code would count twice.
    #[must_use]
    pub fn not_committed(source: impl Into<BoxError>) -> Self {
        Self { kind: StoreErrorKind::NotCommitted, source: source.into() }
    }

    /// Says that a commit may or may not have happened.
    #[must_use]
    pub fn unknown(source: impl Into<BoxError>) -> Self {
        Self { kind: StoreErrorKind::Unknown, source: source.into() }
    }

    /// Says that the store cannot be read now.
    #[must_use]
    pub fn unavailable(source: impl Into<BoxError>) -> Self {
        Self { kind: StoreErrorKind::Unavailable, source: source.into() }
    }

    /// Says that what is stored cannot be understood.
    #[must_use]
    pub fn corrupt(source: impl Into<BoxError>) -> Self {
        Self { kind: StoreErrorKind::Corrupt, source: source.into() }
    }

    /// Says that a cursor is not one of this store.
    #[must_use]
    pub fn cursor(source: impl Into<BoxError>) -> Self {
        Self { kind: StoreErrorKind::Cursor, source: source.into() }
    }

    /// Returns what the caller may assume.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}
