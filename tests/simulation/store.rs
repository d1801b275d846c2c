//! The store: a state that all replicas share, and calls that wait until the scheduler lets them go on.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::Value;
use tokio::sync::oneshot;
use tower_mfa::clock::Timestamp;
use tower_mfa::id::{EventId, Subject};
use tower_mfa::store::{
    Claim, Commit, Committed, EventCursor, Feed, NewEvent, Page, Revision, ScanCursor, SinkState, Store, StoreError,
    Stored, StoredEvent, UserHandle, page_size,
};

use super::marks::Marks;
use super::plant::Plant;

/// What is stored.
#[derive(Clone, Default)]
pub(crate) struct State {
    /// Each as text, and read.
    documents: BTreeMap<String, (Revision, String, Arc<Value>)>,
    claims: BTreeMap<(&'static str, Vec<u8>), Subject>,
    events: Vec<StoredEvent>,
    commits: u64,
    pub(crate) marks: Marks,
}

/// A commit that can wait.
#[derive(Clone)]
pub(crate) struct Write {
    subject: Subject,
    expected: Option<Revision>,
    revision: Revision,
    document: String,
    events: Vec<NewEvent>,
    claims: Vec<Claim>,
}

/// How a call ends.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// A read: look now. A commit: this is what became of it.
    Go(Option<Committed>),
    /// It was done, and nobody hears of it.
    AnswerLost,
    /// It was not done.
    Failed,
}

/// A call that waits.
pub(crate) struct Waiting {
    pub(crate) replica: usize,
    /// What it is, for the trace.
    pub(crate) what: &'static str,
    /// A commit; `None` for a read.
    pub(crate) write: Option<Write>,
    pub(crate) go: oneshot::Sender<Verdict>,
}

pub(crate) struct Inner {
    pub(crate) state: State,
    pub(crate) waiting: Vec<Waiting>,
    /// Calls wait only once the story has begun.
    pub(crate) has_begun: bool,
    pub(crate) plant: Plant,
    /// What was answered and is not written yet, where that is planted.
    pub(crate) owed: Vec<(usize, Write)>,
}

#[derive(Clone)]
pub(crate) struct Shared {
    inner: Arc<Mutex<Inner>>,
}

impl Shared {
    pub(crate) fn new(state: State, plant: Plant) -> Self {
        let inner = Inner { state, waiting: Vec::new(), has_begun: false, plant, owed: Vec::new() };
        Self { inner: Arc::new(Mutex::new(inner)) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }
}

impl State {
    pub(crate) fn apply(&mut self, write: &Write, plant: Plant) -> Committed {
        let key = write.subject.storage_key();
        let stored = self.documents.get(&key);
        if stored.map(|(revision, ..)| revision) != write.expected.as_ref() && plant != Plant::LosesUpdates {
            return Committed::Conflict;
        }
        let claimed = |claim: &Claim| (claim.kind().name(), claim.value().to_vec());
        if write.claims.iter().any(|c| self.claims.get(&claimed(c)).is_some_and(|owner| *owner != write.subject)) {
            return Committed::Claimed;
        }
        let before = stored.map(|(.., read)| Arc::clone(read));
        let events: Vec<_> = write.events.iter().map(|event| serde_json::from_str(event.body()).unwrap()).collect();
        let mut document: Value = serde_json::from_str(&write.document).unwrap();
        let text = match plant.rewrite(&mut document, before.as_deref(), &events) {
            true => document.to_string(),
            false => write.document.clone(),
        };
        let document = Arc::new(document);
        self.marks.look(&key, before.as_ref(), &document, &events);
        self.documents.insert(key, (write.revision, text, document));
        write.claims.iter().for_each(|claim| drop(self.claims.insert(claimed(claim), write.subject.clone())));
        self.commits += 1;
        for (number, event) in write.events.iter().enumerate() {
            let is_odd = number == 0 && self.commits % 7 == 3;
            let times = match plant {
                Plant::DropsEvents if is_odd => 0,
                Plant::DoublesEvents if is_odd => 2,
                _ => 1,
            };
            (0..times).for_each(|_| self.put(&write.subject, event));
        }
        Committed::Done
    }

    pub(crate) fn document(&self, subject: &Subject) -> Arc<Value> {
        Arc::clone(&self.documents[&subject.storage_key()].2)
    }

    fn put(&mut self, subject: &Subject, event: &NewEvent) {
        let cursor = EventCursor::new(format!("{:08}", self.events.len() + 1)).unwrap();
        let id: EventId = *event.id();
        let stored = StoredEvent::new(cursor, subject.clone(), id, event.at(), event.body());
        self.events.push(stored.revoking(event.revokes().map(Into::into)));
    }
}

/// The store as one incarnation of a replica has it.
#[derive(Clone)]
pub(crate) struct Handle {
    pub(crate) shared: Shared,
    pub(crate) replica: usize,
}

impl Handle {
    /// Waits for its turn. Whoever has crashed waits for ever.
    async fn turn(&self, what: &'static str, write: Option<Write>) -> Verdict {
        let verdict = {
            let mut inner = self.shared.lock();
            if !inner.has_begun {
                let plant = inner.plant;
                return Verdict::Go(write.map(|write| inner.state.apply(&write, plant)));
            }
            let (go, verdict) = oneshot::channel();
            inner.waiting.push(Waiting { replica: self.replica, what, write, go });
            verdict
        };
        match verdict.await {
            Ok(verdict) => verdict,
            Err(_) => pending().await,
        }
    }

    async fn read<T>(&self, what: &'static str, look: impl FnOnce(&State) -> T) -> Result<T, StoreError> {
        match self.turn(what, None).await {
            Verdict::Go(_) => Ok(look(&self.shared.lock().state)),
            _ => Err(StoreError::unavailable("the wire is cut")),
        }
    }
}

impl Store for Handle {
    async fn load(&self, subject: &Subject) -> Result<Option<Stored>, StoreError> {
        let find = |state: &State| state.documents.get(&subject.storage_key()).cloned();
        let found = self.read("load", find).await?;
        Ok(found.map(|(revision, document, _)| Stored::new(subject.clone(), revision, document)))
    }

    async fn subject_of(&self, handle: &UserHandle) -> Result<Option<Subject>, StoreError> {
        let claim = Claim::user_handle(handle);
        let key = (claim.kind().name(), claim.value().to_vec());
        self.read("subject_of", |state| state.claims.get(&key).cloned()).await
    }

    async fn commit(&self, commit: Commit<'_>) -> Result<Committed, StoreError> {
        let write = Write {
            subject: commit.subject().clone(),
            expected: commit.expected().copied(),
            revision: *commit.revision(),
            document: commit.document().to_owned(),
            events: commit.events().to_vec(),
            claims: commit.claims().to_vec(),
        };
        match self.turn("commit", Some(write)).await {
            Verdict::Go(committed) => Ok(committed.unwrap()),
            Verdict::AnswerLost => Err(StoreError::unknown("the answer was lost")),
            Verdict::Failed => Err(StoreError::not_committed("the wire is cut")),
        }
    }

    async fn count(&self) -> Result<u64, StoreError> {
        self.read("count", |state| u64::try_from(state.documents.len()).unwrap()).await
    }

    async fn scan(&self, _: Option<&ScanCursor>, _: usize) -> Result<Page<Stored, ScanCursor>, StoreError> {
        Ok(Page::new(Vec::new(), None))
    }

    async fn events(
        &self,
        of: Feed<'_>,
        after: Option<&EventCursor>,
        limit: usize,
    ) -> Result<Page<StoredEvent, EventCursor>, StoreError> {
        let after = after.map_or("", EventCursor::as_str).to_owned();
        let fits = |event: &&StoredEvent| match of {
            Feed::All => true,
            Feed::Revocations => event.revokes().is_some(),
            Feed::Subject(subject) => event.subject() == subject,
        };
        let look = |state: &State| {
            let mut behind = state.events.iter().filter(fits).filter(|event| *event.cursor().as_str() > *after);
            let items: Vec<_> = behind.by_ref().take(page_size(limit)).cloned().collect();
            let next = items.last().filter(|_| behind.next().is_some()).map(|last| last.cursor().clone());
            Page::new(items, next)
        };
        self.read("events", look).await
    }

    async fn sink(&self, _: &str) -> Result<Option<SinkState>, StoreError> {
        Ok(None)
    }

    async fn advance(&self, _: &str, _: Option<&SinkState>, _: &SinkState) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn prune(&self, _: Timestamp) -> Result<u64, StoreError> {
        Ok(0)
    }
}
