use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

use crate::assurance::{Authentication, Requirement};
use crate::error::BoxError;
use crate::secret::SecretString;

/// Lifts an authentication by a code that came with the request: for scripts and command lines, which
/// cannot open a challenge and answer it.
///
/// `service::Mfa` is one. [`RequireLayer::inline_codes`](crate::middleware::RequireLayer::inline_codes)
/// asks it.
///
/// # Security
///
/// The code is checked as any other: throttled, charged, used once, and committed before the answer.
pub trait Elevate: Send + Sync + 'static {
    /// Checks the code, and gives a token that meets the requirement.
    ///
    /// # Errors
    ///
    /// [`ElevateError`], by its kind.
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped may have counted the attempt and used the code up.
    fn elevate<'a>(&'a self, attempt: InlineCode<'a>) -> ElevateFuture<'a>;
}

/// A code that came with a request: whose it is, what it is to reach, and where it came from.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct InlineCode<'a> {
    /// Who sent it, by the token beside it.
    pub who: &'a Authentication,
    /// The code, as it was typed.
    pub code: &'a SecretString,
    /// What the route asks for.
    pub requirement: &'a Requirement,
    /// Where the request came from, where the host has said how to find out
    /// ([`AuthenticateLayer::client_address`](crate::middleware::AuthenticateLayer::client_address)).
    pub address: Option<IpAddr>,
}

impl<'a> InlineCode<'a> {
    /// Puts the three together that are always known.
    #[must_use]
    pub const fn new(who: &'a Authentication, code: &'a SecretString, requirement: &'a Requirement) -> Self {
        Self { who, code, requirement, address: None }
    }

    /// Says where the request came from.
    #[must_use]
    pub const fn from_address(mut self, address: Option<IpAddr>) -> Self {
        self.address = address;
        self
    }
}

/// What [`Elevate::elevate`] returns.
pub type ElevateFuture<'a> = Pin<Box<dyn Future<Output = Result<Elevated, ElevateError>> + Send + 'a>>;

/// A better token, and what it says.
#[derive(Debug)]
#[must_use]
pub struct Elevated {
    authentication: Authentication,
    token: SecretString,
}

impl Elevated {
    /// Pairs a token with what a verifier has read of it.
    pub const fn new(authentication: Authentication, token: SecretString) -> Self {
        Self { authentication, token }
    }

    pub(crate) fn into_parts(self) -> (Authentication, SecretString) {
        (self.authentication, self.token)
    }
}

/// Why a code lifted nothing.
#[derive(Debug, thiserror::Error)]
#[error("{kind}")]
pub struct ElevateError {
    kind: ElevateErrorKind,
    source: Option<BoxError>,
}

/// The kinds of [`ElevateError`], each answered as `docs/HTTP.md` says of its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ElevateErrorKind {
    /// A code of this kind cannot meet the requirement: ask for a challenge instead. Nothing was
    /// checked.
    Insufficient,
    /// It is no code of an authenticator app. Nothing was checked.
    Malformed,
    /// It is wrong or was used before.
    InvalidCode {
        /// Attempts until the next temporary lock.
        attempts_remaining: u32,
        /// Seconds to wait, when this answer began the pause.
        retry_after: Option<u32>,
    },
    /// Too many failures: nothing was checked.
    Throttled {
        /// Seconds to wait.
        retry_after: u32,
    },
    /// The hard limit of failures was reached.
    Disabled,
    /// The session is over.
    InvalidToken,
    /// It cannot be decided.
    Unavailable,
}

impl ElevateError {
    /// Says why, and what the operator should know of it.
    pub fn caused(kind: ElevateErrorKind, source: impl Into<BoxError>) -> Self {
        Self { kind, source: Some(source.into()) }
    }

    /// Returns why.
    #[must_use]
    pub const fn kind(&self) -> ElevateErrorKind {
        self.kind
    }
}

impl From<ElevateErrorKind> for ElevateError {
    fn from(kind: ElevateErrorKind) -> Self {
        Self { kind, source: None }
    }
}

impl fmt::Display for ElevateErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Insufficient => "a code cannot meet the requirement",
            Self::Malformed => "it is no code of an authenticator app",
            Self::InvalidCode { .. } => "the code is wrong or was used before",
            Self::Throttled { .. } => "too many failures; nothing was checked",
            Self::Disabled => "the authenticator is disabled",
            Self::InvalidToken => "the session is over",
            Self::Unavailable => "it cannot be decided",
        })
    }
}
