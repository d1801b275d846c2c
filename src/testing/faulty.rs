use std::future::pending;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::clock::Timestamp;
use crate::id::Subject;
use crate::store::{
    Commit, Committed, EventCursor, Feed, Page, ScanCursor, SinkState, Store, StoreError, Stored, StoredEvent,
    UserHandle,
};

/// How a [`FaultyStore`] fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Every call answers "unavailable".
    Unavailable,
    /// Reading works; a commit is not written and says so.
    NotCommitted,
    /// Reading works; a commit is written, but its answer is lost.
    AnswerLost,
    /// Reading works; a commit is not written, and its outcome is unknown.
    WriteLost,
    /// Every call hangs.
    Hangs,
    /// Reading works; a commit hangs.
    CommitHangs,
    /// Reading works; a commit waits until another fault, or none, is set, and is then written.
    CommitWaits,
}

/// A store around another that fails as it is told, and counts its calls. Clones are one store.
///
/// ```
/// use tower_mfa::id::Subject;
/// use tower_mfa::store::{MemoryStore, Store};
/// use tower_mfa::testing::{Fault, FaultyStore};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let store = FaultyStore::new(MemoryStore::new());
/// let alice = Subject::new("alice").unwrap();
/// assert!(store.load(&alice).await.is_ok());
/// store.set(Some(Fault::Unavailable));
/// assert!(store.load(&alice).await.is_err());
/// assert_eq!((store.loads(), store.commits()), (2, 0));
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct FaultyStore<S> {
    inner: S,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    fault: Mutex<Option<Fault>>,
    loads: AtomicU64,
    commits: AtomicU64,
    changed: Notify,
}

impl<S> FaultyStore<S> {
    /// Wraps a store; nothing fails until it is told to.
    #[must_use]
    pub fn new(inner: S) -> Self {
        Self { inner, shared: Arc::default() }
    }

    /// Sets how calls fail from now on; `None` for not at all.
    pub fn set(&self, fault: Option<Fault>) {
        *self.shared.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
        self.shared.changed.notify_waiters();
    }

    /// Returns how many loads there were, failed ones included.
    #[must_use]
    pub fn loads(&self) -> u64 {
        self.shared.loads.load(Ordering::SeqCst)
    }

    /// Returns how many commits there were, failed ones included.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.shared.commits.load(Ordering::SeqCst)
    }

    fn fault(&self) -> Option<Fault> {
        *self.shared.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn until_lifted(&self) {
        loop {
            let mut changed = pin!(self.shared.changed.notified());
            // Listening first: what is set between the look and the wait is not missed.
            changed.as_mut().enable();
            if self.fault() != Some(Fault::CommitWaits) {
                return;
            }
            changed.await;
        }
    }

    async fn check(&self) -> Result<(), StoreError> {
        match self.fault() {
            Some(Fault::Unavailable) => Err(StoreError::unavailable("told to fail")),
            Some(Fault::Hangs) => pending().await,
            _ => Ok(()),
        }
    }
}

impl<S: Store> Store for FaultyStore<S> {
    async fn load(&self, subject: &Subject) -> Result<Option<Stored>, StoreError> {
        self.shared.loads.fetch_add(1, Ordering::SeqCst);
        self.check().await?;
        self.inner.load(subject).await
    }

    async fn subject_of(&self, handle: &UserHandle) -> Result<Option<Subject>, StoreError> {
        self.check().await?;
        self.inner.subject_of(handle).await
    }

    async fn commit(&self, commit: Commit<'_>) -> Result<Committed, StoreError> {
        self.shared.commits.fetch_add(1, Ordering::SeqCst);
        self.check().await?;
        self.until_lifted().await;
        match self.fault() {
            Some(Fault::NotCommitted) => Err(StoreError::not_committed("told to fail")),
            Some(Fault::WriteLost) => Err(StoreError::unknown("told to lose the write")),
            Some(Fault::CommitHangs) => pending().await,
            Some(Fault::AnswerLost) => match self.inner.commit(commit).await? {
                Committed::Done => Err(StoreError::unknown("told to lose the answer")),
                refused => Ok(refused),
            },
            _ => self.inner.commit(commit).await,
        }
    }

    async fn scan(&self, after: Option<&ScanCursor>, limit: usize) -> Result<Page<Stored, ScanCursor>, StoreError> {
        self.check().await?;
        self.inner.scan(after, limit).await
    }

    async fn count(&self) -> Result<u64, StoreError> {
        self.check().await?;
        self.inner.count().await
    }

    async fn events(
        &self,
        of: Feed<'_>,
        after: Option<&EventCursor>,
        limit: usize,
    ) -> Result<Page<StoredEvent, EventCursor>, StoreError> {
        self.check().await?;
        self.inner.events(of, after, limit).await
    }

    async fn sink(&self, name: &str) -> Result<Option<SinkState>, StoreError> {
        self.check().await?;
        self.inner.sink(name).await
    }

    async fn advance(&self, name: &str, expected: Option<&SinkState>, new: &SinkState) -> Result<bool, StoreError> {
        self.check().await?;
        self.inner.advance(name, expected, new).await
    }

    async fn prune(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.check().await?;
        self.inner.prune(before).await
    }
}
