//! A store that can be switched off, and that counts what is asked of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use tower_mfa::clock::Timestamp;
use tower_mfa::id::Subject;
use tower_mfa::store::{
    Commit, Committed, EventCursor, Feed, MemoryStore, Page, ScanCursor, SinkState, Store, StoreError, Stored,
    StoredEvent, UserHandle,
};

#[derive(Clone, Default)]
pub(crate) struct Switch {
    off: Arc<AtomicBool>,
    calls: Arc<AtomicUsize>,
    commits: Arc<AtomicUsize>,
}

impl Switch {
    pub(crate) fn set(&self, on: bool) {
        self.off.store(!on, SeqCst);
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(SeqCst)
    }

    pub(crate) fn commits(&self) -> usize {
        self.commits.load(SeqCst)
    }

    fn call(&self) -> Result<(), StoreError> {
        self.calls.fetch_add(1, SeqCst);
        if self.off.load(SeqCst) { Err(StoreError::unavailable("switched off")) } else { Ok(()) }
    }
}

pub(crate) struct Switched {
    pub(crate) store: MemoryStore,
    pub(crate) switch: Switch,
}

impl Store for Switched {
    async fn load(&self, subject: &Subject) -> Result<Option<Stored>, StoreError> {
        self.switch.call()?;
        self.store.load(subject).await
    }

    async fn subject_of(&self, handle: &UserHandle) -> Result<Option<Subject>, StoreError> {
        self.switch.call()?;
        self.store.subject_of(handle).await
    }

    async fn commit(&self, commit: Commit<'_>) -> Result<Committed, StoreError> {
        self.switch.call()?;
        self.switch.commits.fetch_add(1, SeqCst);
        self.store.commit(commit).await
    }

    async fn scan(&self, after: Option<&ScanCursor>, limit: usize) -> Result<Page<Stored, ScanCursor>, StoreError> {
        self.switch.call()?;
        self.store.scan(after, limit).await
    }

    async fn count(&self) -> Result<u64, StoreError> {
        self.switch.call()?;
        self.store.count().await
    }

    async fn events(
        &self,
        of: Feed<'_>,
        after: Option<&EventCursor>,
        limit: usize,
    ) -> Result<Page<StoredEvent, EventCursor>, StoreError> {
        self.switch.call()?;
        self.store.events(of, after, limit).await
    }

    async fn sink(&self, name: &str) -> Result<Option<SinkState>, StoreError> {
        self.switch.call()?;
        self.store.sink(name).await
    }

    async fn advance(&self, name: &str, expected: Option<&SinkState>, new: &SinkState) -> Result<bool, StoreError> {
        self.switch.call()?;
        self.store.advance(name, expected, new).await
    }

    async fn prune(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.switch.call()?;
        self.store.prune(before).await
    }
}
