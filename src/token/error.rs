use std::fmt;

use crate::error::BoxError;

/// A token that was refused.
///
/// The client is told `invalid_token` and nothing more (RFC 6750 §3.1); the kind is for the
/// operator's log. Nothing of the token is in it.
///
/// ```
/// use tower_mfa::clock::Timestamp;
/// use tower_mfa::token::{Algorithm, KeySet, SigningKey, TokenErrorKind, Verifier};
///
/// let keys = KeySet::new(SigningKey::generate(Algorithm::Es256).unwrap());
/// let verifier = Verifier::new("https://id.example", "api", keys).unwrap();
/// let refused = verifier.verify("not.a.token", Timestamp::from_secs(0)).unwrap_err();
/// assert_eq!(refused.kind(), TokenErrorKind::Malformed);
/// assert!(!refused.to_string().contains("not.a.token"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token was refused: {kind}")]
pub struct TokenError {
    kind: TokenErrorKind,
}

impl TokenError {
    /// Returns why.
    #[must_use]
    pub const fn kind(&self) -> TokenErrorKind {
        self.kind
    }
}

impl From<TokenErrorKind> for TokenError {
    fn from(kind: TokenErrorKind) -> Self {
        Self { kind }
    }
}

/// Why a token was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenErrorKind {
    /// Longer than 16 KiB.
    TooLong,
    /// Not three parts of canonical base64url that hold JSON objects with unique members.
    Malformed,
    /// The header says it is no access token (`typ`).
    WrongType,
    /// The header asks for an extension that is not understood (`crit`, `b64`).
    Extension,
    /// No key of that name (`kid`), or it was withdrawn.
    UnknownKey,
    /// The header names another algorithm than the key's own.
    WrongAlgorithm,
    /// The signature is not the key's.
    BadSignature,
    /// A required claim is missing.
    MissingClaim(&'static str),
    /// Issued by somebody else (`iss`).
    WrongIssuer,
    /// Issued for somebody else (`aud`).
    WrongAudience,
    /// Past `exp`.
    Expired,
    /// `nbf`, `iat` or `auth_time` lie in the future.
    NotYetValid,
    /// The session or the subject was revoked, and it is known here.
    Revoked,
    /// It is good, but what was revoked elsewhere is not known just now
    /// ([`Verifier::expect_feed`](super::Verifier::expect_feed)). Answer `503`.
    NotKnown,
}

impl fmt::Display for TokenErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::TooLong => "longer than 16 KiB",
            Self::Malformed => "not a signed token in compact form",
            Self::WrongType => "not an access token",
            Self::Extension => "an extension that is not understood",
            Self::UnknownKey => "no such key",
            Self::WrongAlgorithm => "not the algorithm of its key",
            Self::BadSignature => "the signature does not fit",
            Self::MissingClaim(claim) => return write!(f, "the claim {claim} is missing"),
            Self::WrongIssuer => "another issuer",
            Self::WrongAudience => "another audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not valid yet",
            Self::Revoked => "revoked",
            Self::NotKnown => "whether it was revoked elsewhere is not known",
        };
        f.write_str(text)
    }
}

/// A key or a key set that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key was refused: {kind}")]
pub struct KeyError {
    kind: KeyErrorKind,
}

impl KeyError {
    /// Returns why.
    #[must_use]
    pub const fn kind(&self) -> KeyErrorKind {
        self.kind
    }
}

impl From<KeyErrorKind> for KeyError {
    fn from(kind: KeyErrorKind) -> Self {
        Self { kind }
    }
}

/// Why a key was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyErrorKind {
    /// Not PKCS #8, not a JWK, or numbers that make no key.
    Malformed,
    /// A kind of key, a curve or an algorithm that is not offered.
    Unsupported,
    /// RSA below 2048 or above 8192 bits.
    Size,
    /// The key is declared for another algorithm or for something else than signatures.
    Purpose,
    /// Private members where a public key belongs.
    Private,
    /// Two keys have one name (`kid`).
    DuplicateId,
    /// No usable key is left.
    Empty,
    /// More than 100 keys, or more than 256 KiB of them.
    TooMany,
    /// The cryptographic library failed.
    Failed,
}

impl fmt::Display for KeyErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "it cannot be read",
            Self::Unsupported => "RSA, P-256 and Ed25519 are offered, with RS256, ES256 and EdDSA",
            Self::Size => "RSA needs 2048 to 8192 bits",
            Self::Purpose => "it is meant for another algorithm or another use",
            Self::Private => "private members in a public key",
            Self::DuplicateId => "two keys have one kid",
            Self::Empty => "no usable key",
            Self::TooMany => "at most 100 keys and 256 KiB",
            Self::Failed => "the cryptographic library failed",
        })
    }
}

/// A token that could not be issued.
#[derive(Debug, thiserror::Error)]
#[error("no token was issued: {kind}")]
pub struct IssueError {
    kind: IssueErrorKind,
    source: Option<BoxError>,
}

impl IssueError {
    pub(super) fn caused(kind: IssueErrorKind, source: impl Into<BoxError>) -> Self {
        Self { kind, source: Some(source.into()) }
    }

    /// Returns why.
    #[must_use]
    pub const fn kind(&self) -> IssueErrorKind {
        self.kind
    }
}

impl From<IssueErrorKind> for IssueError {
    fn from(kind: IssueErrorKind) -> Self {
        Self { kind, source: None }
    }
}

/// Why no token was issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IssueErrorKind {
    /// The key set has no key to sign with: it was withdrawn, or there never was one.
    NoKey,
    /// An empty lifetime or client, or a scope that is no scope token (RFC 6749 §3.3).
    Claims,
    /// The token would be longer than a verifier reads.
    TooLong,
    /// The signer failed, or its signature does not fit the public key.
    Signer,
}

impl fmt::Display for IssueErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoKey => "there is no key to sign with",
            Self::Claims => "the claims cannot be written",
            Self::TooLong => "it would be longer than 16 KiB",
            Self::Signer => "the signer failed",
        })
    }
}
