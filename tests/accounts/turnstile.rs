//! A store that lets a test step in between two calls of a service.

use std::sync::{Arc, Mutex};

use tokio::sync::Semaphore;
use tower_mfa::clock::Timestamp;
use tower_mfa::id::Subject;
use tower_mfa::store::{
    Commit, Committed, EventCursor, Feed, Page, ScanCursor, SinkState, Store, StoreError, Stored, StoredEvent,
    UserHandle,
};

/// A store around another that gives way before each call, and holds one of them until it is let go. Clones are one.
#[derive(Clone)]
pub(crate) struct Turnstile<S> {
    inner: S,
    shared: Arc<Shared>,
}

struct Shared {
    /// How many calls go through before one is held.
    before: Mutex<Option<usize>>,
    held: Mutex<Option<Held>>,
    stands: Semaphore,
    goes_on: Semaphore,
    written: Mutex<Vec<Subject>>,
}

/// A call that is held.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) call: &'static str,
    /// Whose account it is about.
    pub(crate) of: Option<Subject>,
}

impl<S> Turnstile<S> {
    /// Holds nothing.
    pub(crate) fn open(inner: S) -> Self {
        Self::with(inner, None)
    }

    /// Holds the call that follows so many others, and none after it.
    pub(crate) fn after(inner: S, calls: usize) -> Self {
        Self::with(inner, Some(calls))
    }

    fn with(inner: S, before: Option<usize>) -> Self {
        let shared = Shared {
            before: Mutex::new(before),
            held: Mutex::default(),
            stands: Semaphore::new(0),
            goes_on: Semaphore::new(0),
            written: Mutex::default(),
        };
        Self { inner, shared: Arc::new(shared) }
    }

    /// Waits until the call is made, and says which it is.
    pub(crate) async fn held(&self) -> Held {
        self.shared.stands.acquire().await.unwrap().forget();
        self.shared.held.lock().unwrap().clone().unwrap()
    }

    pub(crate) fn let_go(&self) {
        self.shared.goes_on.add_permits(1);
    }

    /// Whose documents were written through this one, each as often as it was.
    pub(crate) fn written(&self) -> Vec<Subject> {
        self.shared.written.lock().unwrap().clone()
    }

    async fn pass(&self, call: &'static str, of: Option<&Subject>) {
        tokio::task::yield_now().await;
        let is_it = {
            let mut before = self.shared.before.lock().unwrap();
            let is_it = *before == Some(0);
            *before = before.and_then(|calls| calls.checked_sub(1));
            is_it
        };
        if is_it {
            *self.shared.held.lock().unwrap() = Some(Held { call, of: of.cloned() });
            self.shared.stands.add_permits(1);
            self.shared.goes_on.acquire().await.unwrap().forget();
        }
    }
}

impl<S: Store> Store for Turnstile<S> {
    async fn load(&self, subject: &Subject) -> Result<Option<Stored>, StoreError> {
        self.pass("load", Some(subject)).await;
        self.inner.load(subject).await
    }

    async fn subject_of(&self, handle: &UserHandle) -> Result<Option<Subject>, StoreError> {
        self.inner.subject_of(handle).await
    }

    async fn commit(&self, commit: Commit<'_>) -> Result<Committed, StoreError> {
        self.pass("commit", Some(commit.subject())).await;
        let outcome = self.inner.commit(commit).await?;
        if outcome == Committed::Done {
            self.shared.written.lock().unwrap().push(commit.subject().clone());
        }
        Ok(outcome)
    }

    async fn scan(&self, after: Option<&ScanCursor>, limit: usize) -> Result<Page<Stored, ScanCursor>, StoreError> {
        self.pass("scan", None).await;
        self.inner.scan(after, limit).await
    }

    async fn count(&self) -> Result<u64, StoreError> {
        self.pass("count", None).await;
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
        self.pass("sink", None).await;
        self.inner.sink(name).await
    }

    async fn advance(&self, name: &str, expected: Option<&SinkState>, new: &SinkState) -> Result<bool, StoreError> {
        self.pass("advance", None).await;
        self.inner.advance(name, expected, new).await
    }

    async fn prune(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.inner.prune(before).await
    }
}
