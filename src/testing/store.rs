use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::Timestamp;
use crate::id::Subject;
use crate::store::{
    Claim, Commit, Committed, EventCursor, Feed, NewEvent, Page, Revision, ScanCursor, SinkState, Store, StoreError,
    Stored, StoredEvent, UserHandle,
};

/// A call of a store that can be made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Call {
    /// [`Store::load`].
    Load,
    /// [`Store::commit`].
    Commit,
}

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The store cannot be reached; nothing was done.
    Unavailable,
    /// It never answers, and nothing was done.
    Hangs,
    /// It is certain that nothing was written.
    NotCommitted,
    /// It was written, and the answer was lost.
    AnswerLost,
    /// The answer was lost, and it is written only when the next commit comes.
    Late,
}

/// A store that fails when it is told to, and counts its calls. Clones are the same store.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use tower_mfa::id::Subject;
/// use tower_mfa::store::{MemoryStore, Store};
/// use tower_mfa::testing::{Call, Fault, FaultyStore};
///
/// let store = FaultyStore::new(MemoryStore::new());
/// let alice = Subject::new("alice").unwrap();
/// store.fail(Call::Load, Fault::Unavailable, 1);
/// assert!(store.load(&alice).await.is_err());
/// assert!(store.load(&alice).await.is_ok(), "it was to fail once");
/// assert_eq!(store.count(Call::Load), 2);
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct FaultyStore<S> {
    inner: S,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    loads: AtomicU32,
    commits: AtomicU32,
    /// What goes wrong, for how many more calls.
    planned: Mutex<Vec<(Call, Fault, u32)>>,
    late: Mutex<Option<Owned>>,
}

/// A commit that has not arrived yet.
#[derive(Debug)]
struct Owned {
    subject: Subject,
    expected: Option<Revision>,
    revision: Revision,
    document: String,
    events: Vec<NewEvent>,
    claims: Vec<Claim>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S> FaultyStore<S> {
    /// Wraps a store that works.
    pub fn new(inner: S) -> Self {
        Self { inner, state: Arc::default() }
    }

    /// Makes the next `times` calls of this kind go wrong; plans are used up in their order.
    pub fn fail(&self, call: Call, fault: Fault, times: u32) {
        lock(&self.state.planned).push((call, fault, times));
    }

    /// Lets everything work again.
    pub fn heal(&self) {
        lock(&self.state.planned).clear();
    }

    /// Returns how many calls of this kind there were, failed ones too.
    #[must_use]
    pub fn count(&self, call: Call) -> u32 {
        self.counter(call).load(Ordering::SeqCst)
    }

    fn counter(&self, call: Call) -> &AtomicU32 {
        match call {
            Call::Load => &self.state.loads,
            Call::Commit => &self.state.commits,
        }
    }

    fn called(&self, call: Call) -> Option<Fault> {
        self.counter(call).fetch_add(1, Ordering::SeqCst);
        let mut planned = lock(&self.state.planned);
        let at = planned.iter().position(|(planned, _, times)| *planned == call && *times > 0)?;
        let (_, fault, times) = planned.get_mut(at)?;
        *times = times.saturating_sub(1);
        Some(*fault)
    }
}

const WANTED: &str = "the test wants it to fail";

impl<S: Store> FaultyStore<S> {
    async fn deliver_late(&self) {
        let late = lock(&self.state.late).take();
        if let Some(late) = late {
            let commit = Commit::new(&late.subject, late.expected.as_ref(), late.revision, &late.document);
            let _ = self.inner.commit(commit.with_events(&late.events).with_claims(&late.claims)).await;
        }
    }
}

impl<S: Store> Store for FaultyStore<S> {
    async fn load(&self, subject: &Subject) -> Result<Option<Stored>, StoreError> {
        match self.called(Call::Load) {
            None => self.inner.load(subject).await,
            Some(Fault::Hangs) => std::future::pending().await,
            Some(_) => Err(StoreError::unavailable(WANTED)),
        }
    }

    async fn subject_of(&self, handle: &UserHandle) -> Result<Option<Subject>, StoreError> {
        self.inner.subject_of(handle).await
    }

    async fn commit(&self, commit: Commit<'_>) -> Result<Committed, StoreError> {
        let fault = self.called(Call::Commit);
        self.deliver_late().await;
        match fault {
            None => self.inner.commit(commit).await,
            Some(Fault::Unavailable) => Err(StoreError::unavailable(WANTED)),
            Some(Fault::Hangs) => std::future::pending().await,
            Some(Fault::NotCommitted) => Err(StoreError::not_committed(WANTED)),
            Some(Fault::AnswerLost) => {
                let _ = self.inner.commit(commit).await;
                Err(StoreError::unknown(WANTED))
            }
            Some(Fault::Late) => {
                *lock(&self.state.late) = Some(Owned {
                    subject: commit.subject().clone(),
                    expected: commit.expected().copied(),
                    revision: *commit.revision(),
                    document: commit.document().to_owned(),
                    events: commit.events().to_vec(),
                    claims: commit.claims().to_vec(),
                });
                Err(StoreError::unknown(WANTED))
            }
        }
    }

    async fn scan(&self, after: Option<&ScanCursor>, limit: usize) -> Result<Page<Stored, ScanCursor>, StoreError> {
        self.inner.scan(after, limit).await
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

    async fn advance(&self, name: &str, expected: Option<&SinkState>, new: &SinkState) -> Result<bool, StoreError> {
        self.inner.advance(name, expected, new).await
    }

    async fn prune(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.inner.prune(before).await
    }
}
