//! A store that holds up a commit where it is told to, and counts how often somebody else was faster.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::{mpsc, oneshot};
use tower_mfa::clock::Timestamp;
use tower_mfa::id::Subject;
use tower_mfa::store::{
    Commit, Committed, EventCursor, Feed, Page, ScanCursor, SinkState, Store, StoreError, Stored, StoredEvent,
    UserHandle,
};

/// Where a commit is held up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The document was read, and nothing is written.
    Before,
    /// All is written, and nobody was told.
    After,
}

/// Holds up the next commit, and counts those that met a conflict: another process has written between the reading and
/// the writing of this one. Those of one process wait in a line for each other, so nobody else can be it.
#[derive(Clone)]
pub(crate) struct Gate {
    next: Arc<Mutex<Option<Stop>>>,
    held_up: mpsc::UnboundedSender<oneshot::Sender<()>>,
    conflicts: Arc<AtomicUsize>,
}

impl Gate {
    /// With where it says that a commit waits; that goes on when it is sent something.
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<oneshot::Sender<()>>) {
        let (held_up, waits) = mpsc::unbounded_channel();
        (Self { next: Arc::default(), held_up, conflicts: Arc::default() }, waits)
    }

    pub(crate) fn hold_up_next(&self, stop: Option<Stop>) {
        *self.next.lock().unwrap() = stop;
    }

    /// How many conflicts there were since this was asked last.
    pub(crate) fn take_conflicts(&self) -> usize {
        self.conflicts.swap(0, Ordering::Relaxed)
    }

    async fn pass(&self, here: Stop) {
        if self.next.lock().unwrap().take_if(|stop| *stop == here).is_none() {
            return;
        }
        let (go, waits) = oneshot::channel();
        self.held_up.send(go).unwrap();
        waits.await.unwrap();
    }
}

pub(crate) struct Gated<S> {
    inner: S,
    gate: Gate,
}

impl<S> Gated<S> {
    pub(crate) const fn new(inner: S, gate: Gate) -> Self {
        Self { inner, gate }
    }
}

impl<S: Store> Store for Gated<S> {
    async fn load(&self, subject: &Subject) -> Result<Option<Stored>, StoreError> {
        self.inner.load(subject).await
    }

    async fn subject_of(&self, handle: &UserHandle) -> Result<Option<Subject>, StoreError> {
        self.inner.subject_of(handle).await
    }

    async fn commit(&self, commit: Commit<'_>) -> Result<Committed, StoreError> {
        self.gate.pass(Stop::Before).await;
        let committed = self.inner.commit(commit).await?;
        if committed == Committed::Conflict {
            self.gate.conflicts.fetch_add(1, Ordering::Relaxed);
        }
        self.gate.pass(Stop::After).await;
        Ok(committed)
    }

    async fn scan(&self, after: Option<&ScanCursor>, limit: usize) -> Result<Page<Stored, ScanCursor>, StoreError> {
        self.inner.scan(after, limit).await
    }

    async fn count(&self) -> Result<u64, StoreError> {
        self.inner.count().await
    }

    async fn events(
        &self,
        of: Feed<'_>,
        after: Option<&EventCursor>,
        limit: usize,
    ) -> Result<Page<StoredEvent, EventCursor>, StoreError> {
        self.inner.events(of, after, limit).await
    }

    async fn sink(&self, name: &str) -> Result<Option<SinkState>, StoreError> {
        self.inner.sink(name).await
    }

    async fn advance(&self, name: &str, from: Option<&SinkState>, to: &SinkState) -> Result<bool, StoreError> {
        self.inner.advance(name, from, to).await
    }

    async fn prune(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.inner.prune(before).await
    }
}
