//! Documents, revisions, claims and the commit that writes them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::entropy::{self, Entropy, EntropyError};
use crate::id::Subject;
use crate::store::NewEvent;

/// Which version of a document this is: 128 random bits, minted for every commit.
///
/// It is no counter. A counter repeats itself when a backup is restored or a document is created
/// anew, and whoever read the old one would pass for current.
///
/// ```
/// use tower_mfa::entropy::SystemEntropy;
/// use tower_mfa::store::Revision;
///
/// let revision = Revision::generate(&SystemEntropy).unwrap();
/// assert_eq!(Revision::from_bytes(*revision.as_bytes()), revision);
/// assert_ne!(Revision::generate(&SystemEntropy).unwrap(), revision);
/// assert_eq!(revision.to_string().len(), 22);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Revision([u8; 16]);

impl Revision {
    /// Draws a new revision.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] when the source of randomness fails.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        entropy::bytes(entropy).map(Self)
    }

    /// Takes back the bytes that were stored.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes to store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A document as it was read, with the revision a commit on top of it must expect.
#[derive(Clone)]
pub struct Stored {
    subject: Subject,
    revision: Revision,
    document: String,
}

impl Stored {
    /// Makes what [`Store::load`](super::Store::load) returns.
    #[must_use]
    pub fn new(subject: Subject, revision: Revision, document: impl Into<String>) -> Self {
        Self { subject, revision, document: document.into() }
    }

    /// Returns whose document it is.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Returns the revision it was read at.
    #[must_use]
    pub fn revision(&self) -> &Revision {
        &self.revision
    }

    /// Returns the document: JSON, what is secret in it sealed.
    #[must_use]
    pub fn document(&self) -> &str {
        &self.document
    }

    /// Gives the document up.
    #[must_use]
    pub fn into_document(self) -> String {
        self.document
    }
}

impl fmt::Debug for Stored {
    // The document holds hashes and telephone numbers, which do not belong in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored")
            .field("subject", &self.subject)
            .field("revision", &self.revision)
            .field("document", &format_args!("[{} bytes]", self.document.len()))
            .finish()
    }
}

/// One write: a document, its events and its claims, if the revision is still the expected one.
#[derive(Clone, Copy)]
pub struct Commit<'a> {
    subject: &'a Subject,
    expected: Option<&'a Revision>,
    revision: Revision,
    document: &'a str,
    events: &'a [NewEvent],
    claims: &'a [Claim],
}

impl<'a> Commit<'a> {
    /// Makes a commit without events and claims.
    ///
    /// `expected` is the revision that was read, or `None` to create the document; `revision` is
    /// the new one, minted for this commit alone; `document` is JSON, no string in it with U+0000.
    /// A store keeps its value, and need not keep the order of members and the space between them.
    #[must_use]
    pub const fn new(
        subject: &'a Subject,
        expected: Option<&'a Revision>,
        revision: Revision,
        document: &'a str,
    ) -> Self {
        Self { subject, expected, revision, document, events: &[], claims: &[] }
    }

    /// Adds the events, in their order.
    #[must_use]
    pub const fn with_events(mut self, events: &'a [NewEvent]) -> Self {
        self.events = events;
        self
    }

    /// Adds the claims.
    #[must_use]
    pub const fn with_claims(mut self, claims: &'a [Claim]) -> Self {
        self.claims = claims;
        self
    }

    /// Returns whose document is written.
    #[must_use]
    pub const fn subject(&self) -> &'a Subject {
        self.subject
    }

    /// Returns the revision that must be stored now; `None` when there must be no document.
    #[must_use]
    pub const fn expected(&self) -> Option<&'a Revision> {
        self.expected
    }

    /// Returns the revision to store.
    #[must_use]
    pub const fn revision(&self) -> &Revision {
        &self.revision
    }

    /// Returns the document to store.
    #[must_use]
    pub const fn document(&self) -> &'a str {
        self.document
    }

    /// Returns the events to add to the outbox, in their order.
    #[must_use]
    pub const fn events(&self) -> &'a [NewEvent] {
        self.events
    }

    /// Returns what the subject must hold alone.
    #[must_use]
    pub const fn claims(&self) -> &'a [Claim] {
        self.claims
    }
}

impl fmt::Debug for Commit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commit")
            .field("subject", &self.subject)
            .field("expected", &self.expected)
            .field("revision", &self.revision)
            .field("document", &format_args!("[{} bytes]", self.document.len()))
            .field("events", &self.events.len())
            .field("claims", &self.claims.len())
            .finish()
    }
}

/// What became of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use = "a commit that lost its race has written nothing"]
#[expect(clippy::exhaustive_enums, reason = "a fourth outcome would be a new contract for every store")]
pub enum Committed {
    /// Document, events and claims are stored.
    Done,
    /// The stored revision was not the expected one: nothing was written. Load and try again.
    Conflict,
    /// A claim belongs to another subject: nothing was written.
    Claimed,
}

/// What sort of thing a [`Claim`] is; the values of one sort are unique over all subjects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ClaimKind {
    /// A WebAuthn credential id (WebAuthn §7.1: registered to one user only).
    CredentialId,
    /// A WebAuthn user handle.
    UserHandle,
}

impl ClaimKind {
    /// Returns the name to store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CredentialId => "credential_id",
            Self::UserHandle => "user_handle",
        }
    }
}

/// A value that one subject alone may hold.
///
/// # Security
///
/// The client chooses credential ids. Were one bound to two subjects, an assertion could be taken
/// for the wrong one of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Claim {
    kind: ClaimKind,
    value: Box<[u8]>,
}

impl Claim {
    /// Claims a WebAuthn credential id.
    #[must_use]
    pub fn credential_id(id: impl Into<Box<[u8]>>) -> Self {
        Self { kind: ClaimKind::CredentialId, value: id.into() }
    }

    /// Claims a WebAuthn user handle; [`Store::subject_of`](super::Store::subject_of) finds it.
    #[must_use]
    pub fn user_handle(handle: &UserHandle) -> Self {
        Self { kind: ClaimKind::UserHandle, value: handle.as_bytes().into() }
    }

    /// Returns what sort of thing it is.
    #[must_use]
    pub const fn kind(&self) -> ClaimKind {
        self.kind
    }

    /// Returns the claimed value.
    #[must_use]
    pub const fn value(&self) -> &[u8] {
        &self.value
    }
}

/// A WebAuthn user handle: 1 to 64 opaque bytes that name an account to an authenticator.
///
/// ```
/// use tower_mfa::store::UserHandle;
///
/// assert!(UserHandle::new([7; 64]).is_ok());
/// assert!(UserHandle::new([7; 65]).is_err());
/// assert!(UserHandle::new([]).is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserHandle(Box<[u8]>);

/// The bytes were not a WebAuthn user handle: 1 to 64 of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a user handle: 1 to 64 bytes are wanted (WebAuthn §5.4.3)")]
#[non_exhaustive]
pub struct InvalidUserHandle;

impl UserHandle {
    /// Takes the bytes the authenticator gave.
    ///
    /// # Errors
    ///
    /// [`InvalidUserHandle`] for no bytes or more than 64.
    pub fn new(bytes: impl Into<Box<[u8]>>) -> Result<Self, InvalidUserHandle> {
        let bytes = bytes.into();
        if bytes.is_empty() || bytes.len() > 64 { Err(InvalidUserHandle) } else { Ok(Self(bytes)) }
    }

    /// Returns the bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
