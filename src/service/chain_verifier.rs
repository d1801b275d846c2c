use std::fmt;
use std::sync::Arc;

use crate::account::{Account, Chain, ChainPlace, linked};
use crate::clock::Timestamp;
use crate::error::BoxError;
use crate::id::Subject;
use crate::store::{Stored, StoredEvent};
use crate::vault::{ChainKey, KeyRing, Vault};

/// Verifies the chain of one subject's events, offline: from a document, its events and the master keys.
///
/// Give it every event that the store has of the subject, in their order, then [`finish`](Self::finish). Where the
/// account is in use meanwhile, give it a later document too ([`update`](Self::update)).
/// [`Mfa::verify_chain`](super::Mfa::verify_chain) does so against the service's own store.
///
/// # Security
///
/// It finds what was done by somebody who can write to the store and has no master key: an event that was
/// removed, changed, put in or cut off, a document that was put back, a chain that was taken out of it. Who puts back
/// an older note of the chain (the document's member `chain`, with or without the rest of that document) *and* takes
/// away the events since is not found by them alone, nor who takes away the document with all of its events; keep what
/// [`ChainReport::last`] said elsewhere.
pub struct ChainVerifier {
    subject: Subject,
    key: ChainKey,
    /// Where the document says that the chain ends.
    end: ChainPlace,
    place: ChainPlace,
    /// The number of the first event that is left; 0 before it.
    first: u64,
    /// The last event of every gap, the latest of them: its number and when it was.
    gone: Option<(Timestamp, u64)>,
    begun_anew: Option<Timestamp>,
}

/// What was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChainReport {
    /// The number of the first event that is left; 0 where there is none. Those before it were pruned.
    pub first: u64,
    /// The number of the last event; 0 where there never was one.
    pub last: u64,
}

/// What is wrong with a chain of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChainErrorKind {
    /// Events are gone that retention has not taken.
    Removed,
    /// An event, or the document's own note of the chain, is not what was written.
    Changed,
    /// An event stands there that was not written, or not there.
    Inserted,
    /// The last events are gone.
    CutOff,
    /// The document is older than the events: it was put back, or they came after it was read.
    OldDocument,
    /// The chain was begun anew, since it was gone from the document or its key was lost: of what was before, nothing
    /// is known. It is no error any more once retention has taken all from before.
    BegunAnew,
    /// The document or the chain's key cannot be read.
    Unreadable,
}

/// The chain of a subject's events does not hold.
#[derive(Debug, thiserror::Error)]
#[error("event {n}: {}", self.kind.words())]
pub struct ChainError {
    kind: ChainErrorKind,
    n: u64,
    #[source]
    source: Option<BoxError>,
}

impl ChainErrorKind {
    const fn words(self) -> &'static str {
        match self {
            Self::Removed => "is gone, and retention has not taken it",
            Self::Changed => "is not what was written",
            Self::Inserted => "was not written here",
            Self::CutOff => "is gone, with all behind it",
            Self::OldDocument => "is not known to the document yet, which is older",
            Self::BegunAnew => "is the first of a chain that was begun anew: what was before it is not known",
            Self::Unreadable => "the document or the key of its chain cannot be read",
        }
    }
}

impl ChainError {
    const fn new(kind: ChainErrorKind, n: u64) -> Self {
        Self { kind, n, source: None }
    }

    fn unreadable(source: impl Into<BoxError>) -> Self {
        Self { kind: ChainErrorKind::Unreadable, n: 0, source: Some(source.into()) }
    }

    /// Returns what is wrong.
    #[must_use]
    pub const fn kind(&self) -> ChainErrorKind {
        self.kind
    }

    /// Returns the number of the first event it is about; 0 where it has none.
    #[must_use]
    pub const fn event(&self) -> u64 {
        self.n
    }
}

impl ChainVerifier {
    /// Begins with the subject's document, as of the events or earlier.
    ///
    /// # Errors
    ///
    /// [`ChainErrorKind::Unreadable`] when the document is none, or a key that it needs is not in the ring;
    /// [`ChainErrorKind::Changed`] when it has no chain: whatever was stored had one.
    pub fn new(document: &Stored, ring: Arc<dyn KeyRing>) -> Result<Self, ChainError> {
        Self::on(document, &Vault::new(ring))
    }

    pub(crate) fn on(document: &Stored, vault: &Vault) -> Result<Self, ChainError> {
        let subject = document.subject().clone();
        let Chain { key, end, begun_anew } = chain_of(document, vault)?;
        Ok(Self { subject, key, end, place: ChainPlace::START, first: 0, gone: None, begun_anew })
    }

    /// Goes on with the subject's document as it was read later: events of an account that is in use come after the
    /// first was read. The events up to its end are still to be given, if they were not.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), and [`ChainErrorKind::Changed`] when it is not of the same chain.
    pub fn update(&mut self, document: &Stored, ring: Arc<dyn KeyRing>) -> Result<(), ChainError> {
        self.update_on(document, &Vault::new(ring))
    }

    pub(crate) fn update_on(&mut self, document: &Stored, vault: &Vault) -> Result<(), ChainError> {
        let chain = chain_of(document, vault)?;
        let is_same = *document.subject() == self.subject && chain.key.is(&self.key);
        if !is_same || chain.end.n < self.end.n {
            return Err(ChainError::new(ChainErrorKind::Changed, self.end.n));
        }
        self.end = chain.end;
        self.is_right_at_end()
    }

    /// Whether there were events that the document does not know.
    pub(crate) const fn is_ahead(&self) -> bool {
        self.place.n > self.end.n
    }

    /// Verifies the next event.
    ///
    /// # Errors
    ///
    /// [`ChainErrorKind::Changed`] or [`ChainErrorKind::Inserted`], with its number. Whether one that is gone may
    /// be is told by [`finish`](Self::finish).
    pub fn check(&mut self, event: &StoredEvent) -> Result<(), ChainError> {
        let next = self.place.n.saturating_add(1);
        let inserted = || ChainError::new(ChainErrorKind::Inserted, next);
        let (text, told, link) = linked(event.body()).ok_or_else(inserted)?;
        let changed = || ChainError::new(ChainErrorKind::Changed, link.n);
        if *event.subject() != self.subject || told.id != *event.id() || told.at != event.at() {
            return Err(changed());
        }
        if link.n < next {
            return Err(inserted());
        }
        if link.n > next {
            self.place = ChainPlace::before(&link).ok_or_else(changed)?;
            self.gone = self.gone.max(Some((self.place.at, self.place.n)));
            self.is_right_at_end()?;
        }
        if self.first == 0 {
            self.first = link.n;
        }
        self.place = self.place.verified(&self.key, &link, &text, event.at()).ok_or_else(changed)?;
        self.is_right_at_end()
    }

    fn is_right_at_end(&self) -> Result<(), ChainError> {
        let is_right = self.place.n != self.end.n || self.place == self.end;
        is_right.then_some(()).ok_or(ChainError::new(ChainErrorKind::Changed, self.end.n))
    }

    /// Ends with what is known of retention: events from before `pruned_before` may be gone, and no other.
    ///
    /// # Errors
    ///
    /// [`ChainErrorKind::Removed`] when events are gone that retention has not taken,
    /// [`ChainErrorKind::CutOff`] when they are the last ones, [`ChainErrorKind::OldDocument`] when there are some that
    /// the document does not know, [`ChainErrorKind::BegunAnew`] when what was before the chain may be gone.
    pub fn finish(self, pruned_before: Option<Timestamp>) -> Result<ChainReport, ChainError> {
        let may_be_gone = |at: Timestamp| pruned_before.is_some_and(|before| at < before);
        if let Some((_, n)) = self.gone.filter(|(at, _)| !may_be_gone(*at)) {
            return Err(ChainError::new(ChainErrorKind::Removed, n));
        }
        if self.place.n < self.end.n && !may_be_gone(self.end.at) {
            return Err(ChainError::new(ChainErrorKind::CutOff, self.place.n.saturating_add(1)));
        }
        if self.is_ahead() {
            return Err(ChainError::new(ChainErrorKind::OldDocument, self.end.n.saturating_add(1)));
        }
        if self.begun_anew.is_some_and(|at| !may_be_gone(at)) {
            return Err(ChainError::new(ChainErrorKind::BegunAnew, 1));
        }
        Ok(ChainReport { first: self.first, last: self.end.n })
    }
}

fn chain_of(document: &Stored, vault: &Vault) -> Result<Chain, ChainError> {
    let subject = document.subject();
    let account = Account::read(document.document(), subject).map_err(ChainError::unreadable)?;
    let sealed = account.sealed_chain().ok_or(ChainError::new(ChainErrorKind::Changed, 0))?;
    Chain::open(vault, subject, sealed).map_err(ChainError::unreadable)
}

impl fmt::Debug for ChainVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChainVerifier")
            .field("subject", &self.subject)
            .field("at", &self.place.n)
            .finish_non_exhaustive()
    }
}
