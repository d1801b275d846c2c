use std::error::Error as StdError;
use std::fmt;

use crate::account::{DocumentError, Refusal};
use crate::clock::ClockError;
use crate::error::BoxError;
use crate::store::StoreError;
use crate::token::{IssueError, TokenError, TokenErrorKind};

/// Why an operation was refused: nothing for the attacker, everything for the operator.
///
/// [`refusal`](Error::refusal) is what may be said to the client; the source, where there is one, is
/// what the operator reads.
///
/// ```
/// use tower_mfa::account::Refusal;
/// use tower_mfa::service::Error;
///
/// fn retry_later(error: &Error) -> bool {
///     matches!(error.refusal(), Refusal::Unavailable { .. } | Refusal::Throttled { .. })
/// }
/// assert!(retry_later(&Error::from(Refusal::Throttled { retry_after: 30 })));
/// assert!(!retry_later(&Error::from(Refusal::InvalidToken)));
/// ```
pub struct Error {
    refusal: Refusal,
    source: Option<BoxError>,
}

impl Error {
    pub(crate) fn unavailable(source: impl Into<BoxError>) -> Self {
        Self { refusal: Refusal::unavailable(), source: Some(source.into()) }
    }

    pub(crate) fn busy(what: &'static str) -> Self {
        Self::unavailable(what)
    }

    /// Whether the store is to blame, so that the next account would fare no better.
    pub(crate) fn is_of_store(&self) -> bool {
        self.source.as_ref().is_some_and(|source| source.is::<StoreError>())
    }

    /// Returns the typed "no".
    #[must_use]
    pub const fn refusal(&self) -> &Refusal {
        &self.refusal
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error").field("refusal", &self.refusal).field("source", &self.source).finish()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.refusal.fmt(f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| -> &(dyn StdError + 'static) { source })
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, source: None }
    }
}

impl From<StoreError> for Error {
    fn from(source: StoreError) -> Self {
        Self::unavailable(source)
    }
}

impl From<IssueError> for Error {
    fn from(source: IssueError) -> Self {
        Self::unavailable(source)
    }
}

impl From<TokenError> for Error {
    fn from(source: TokenError) -> Self {
        match source.kind() {
            TokenErrorKind::NotKnown => Self::unavailable(source),
            _ => Self { refusal: Refusal::InvalidToken, source: Some(source.into()) },
        }
    }
}

impl From<ClockError> for Error {
    fn from(source: ClockError) -> Self {
        Self::unavailable(source)
    }
}

impl From<DocumentError> for Error {
    fn from(source: DocumentError) -> Self {
        Self::unavailable(source)
    }
}
