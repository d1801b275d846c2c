//! The store: a state that all replicas share, and calls that wait until the scheduler lets them go on.

use std::collections::{BTreeMap, BTreeSet};
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
use tower_mfa::testing::ManualClock;

use super::call::{Call, Seen};
use super::counts::Counts;
use super::marks::Marks;
use super::plant::Plant;
use super::reasons::{TOLERANCE, lives};

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
    /// Whose it is; `None` where nobody calls.
    call: Option<Call>,
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
    /// What was seen of each call, by its number.
    pub(crate) seen: BTreeMap<u64, Seen>,
    /// Where nobody knows of whom whether sessions have ended: of a replica, and a person.
    pub(crate) doubts: BTreeSet<(usize, usize)>,
    /// The calls of commits: one that is made again when nobody waits any more belongs to the same.
    callers: Vec<(Revision, Call)>,
    /// How many access tokens were believed that a clock had issued which is ahead of the one they are read by.
    pub(crate) ahead: u64,
}

impl Inner {
    pub(crate) fn seen(&mut self, call: &Call) -> &mut Seen {
        self.seen.entry(call.number).or_default()
    }

    /// Whose commit that is. In a story each is somebody's.
    fn caller(&mut self, revision: &Revision) -> Option<Call> {
        let known = |inner: &Self| inner.callers.iter().find(|(of, _)| of == revision).map(|(_, call)| call.clone());
        match Call::current() {
            Some(call) => self.callers.push((*revision, call)),
            None if self.has_begun && known(self).is_none() => {
                self.state.marks.broken = Some("the calls: a commit belongs to no call".to_owned());
            }
            None => {}
        }
        known(self)
    }

    pub(crate) fn count(&self, counts: &mut Counts) {
        let seen = |is: fn(&Seen) -> bool| u64::try_from(self.seen.values().filter(|seen| is(seen)).count()).unwrap();
        counts.add_many("races lost", seen(|seen| seen.conflicts > 0));
        counts.add_many("clocks too far behind", seen(|seen| seen.was_behind));
        counts.add_many("tokens from ahead believed", self.ahead);
        self.state.marks.count(counts);
    }
}

#[derive(Clone)]
pub(crate) struct Shared {
    inner: Arc<Mutex<Inner>>,
}

impl Shared {
    pub(crate) fn new(state: State, plant: Plant) -> Self {
        let (waiting, owed, seen, doubts) = (Vec::new(), Vec::new(), BTreeMap::new(), BTreeSet::new());
        let inner =
            Inner { state, waiting, has_begun: false, plant, owed, seen, doubts, callers: Vec::new(), ahead: 0 };
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
        let (document, is_silent) = (Arc::new(document), plant.is_silent_about(&events));
        let told = if is_silent { Vec::new() } else { plant.told(events) };
        self.marks.look(write.call.as_ref(), &key, (before.as_ref(), &document), &told);
        self.documents.insert(key, (write.revision, text, document));
        write.claims.iter().for_each(|claim| drop(self.claims.insert(claimed(claim), write.subject.clone())));
        self.commits += 1;
        for (number, event) in write.events.iter().enumerate() {
            let is_odd = number == 0 && self.commits % 7 == 3;
            let times = match plant {
                _ if is_silent => 0,
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
    /// That of the replica.
    pub(crate) clock: ManualClock,
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
        let Ok(verdict) = verdict.await else { return pending().await };
        if let Some(call) = Call::current() {
            let mut inner = self.shared.lock();
            let hides = inner.plant == Plant::HidesFaults;
            let seen = inner.seen(&call);
            let is_fault = matches!(verdict, Verdict::AnswerLost | Verdict::Failed);
            seen.faults += u32::from(is_fault && !hides);
            seen.conflicts += u32::from(matches!(verdict, Verdict::Go(Some(Committed::Conflict))));
        }
        verdict
    }

    /// Notes what the call that runs can know of a document that it has just read.
    fn note(&self, read: &Value) {
        let (Some(call), now) = (Call::current(), self.clock.time().as_secs()) else { return };
        let mut inner = self.shared.lock();
        let seen = inner.seen(&call);
        seen.is_behind = read["latest"].as_u64().unwrap() > now + TOLERANCE;
        seen.was_behind |= seen.is_behind;
        seen.is_alive = call.sid.is_some_and(|sid| lives(read, &sid, now));
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
        let Some((revision, mut document, read)) = found else { return Ok(None) };
        self.note(&read);
        if self.shared.lock().plant == Plant::ReadsNoSessions {
            let mut read = Value::clone(&read);
            read.as_object_mut().unwrap().remove("sessions");
            document = read.to_string();
        }
        Ok(Some(Stored::new(subject.clone(), revision, document)))
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
            call: self.shared.lock().caller(commit.revision()),
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
