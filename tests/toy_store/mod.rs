//! A store as somebody outside the crate would write it, with faults to switch on.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tower_mfa::clock::Timestamp;
use tower_mfa::id::Subject;
use tower_mfa::store::{
    Claim, Commit, Committed, EventCursor, Feed, Page, Revision, ScanCursor, SinkState, Store, StoreError, Stored,
    StoredEvent, UserHandle, page_size,
};

/// What the store does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carelessness {
    None,
    ChecksThenActs,
    WritesEventsLater,
    IgnoresClaims,
    FoldsCase,
    ReusesPlaces,
    OverwritesLeases,
}

#[derive(Default)]
struct Tables {
    documents: BTreeMap<String, (Revision, String)>,
    claims: HashMap<(&'static str, Vec<u8>), Subject>,
    events: Vec<StoredEvent>,
    places: u64,
    sinks: HashMap<String, SinkState>,
}

pub(crate) struct ToyStore {
    fault: Carelessness,
    tables: Mutex<Tables>,
}

impl ToyStore {
    pub(crate) fn new(fault: Carelessness) -> Self {
        Self { fault, tables: Mutex::default() }
    }

    fn key(&self, subject: &Subject) -> String {
        let key = subject.storage_key();
        if self.fault == Carelessness::FoldsCase { key.to_lowercase() } else { key }
    }

    fn check(&self, tables: &Tables, commit: &Commit<'_>) -> Committed {
        let stored = tables.documents.get(&self.key(commit.subject())).map(|(revision, _)| revision);
        if stored != commit.expected() {
            return Committed::Conflict;
        }
        let foreign = |claim: &Claim| tables.claims.get(&claimed(claim)).is_some_and(|owner| owner != commit.subject());
        if self.fault != Carelessness::IgnoresClaims && commit.claims().iter().any(foreign) {
            return Committed::Claimed;
        }
        Committed::Done
    }

    fn write_document(&self, tables: &mut Tables, commit: &Commit<'_>) {
        let key = self.key(commit.subject());
        tables.documents.insert(key, (*commit.revision(), commit.document().to_owned()));
        for claim in commit.claims() {
            tables.claims.insert(claimed(claim), commit.subject().clone());
        }
    }
}

impl Tables {
    fn write_events(&mut self, commit: &Commit<'_>) {
        for event in commit.events() {
            self.places += 1;
            let cursor = EventCursor::new(format!("place-{:08}", self.places)).unwrap();
            let subject = commit.subject().clone();
            let stored = StoredEvent::new(cursor, subject, *event.id(), event.at(), event.body());
            self.events.push(stored.revoking(event.revokes().map(Into::into)));
        }
    }
}

fn claimed(claim: &Claim) -> (&'static str, Vec<u8>) {
    (claim.kind().name(), claim.value().to_vec())
}

impl Store for ToyStore {
    async fn load(&self, subject: &Subject) -> Result<Option<Stored>, StoreError> {
        let tables = self.tables.lock().unwrap();
        let found = tables.documents.get(&self.key(subject));
        Ok(found.map(|(revision, document)| Stored::new(subject.clone(), *revision, document.as_str())))
    }

    async fn subject_of(&self, handle: &UserHandle) -> Result<Option<Subject>, StoreError> {
        Ok(self.tables.lock().unwrap().claims.get(&claimed(&Claim::user_handle(handle))).cloned())
    }

    async fn commit(&self, commit: Commit<'_>) -> Result<Committed, StoreError> {
        if self.fault == Carelessness::ChecksThenActs {
            let outcome = self.check(&self.tables.lock().unwrap(), &commit);
            tokio::task::yield_now().await;
            if outcome != Committed::Done {
                return Ok(outcome);
            }
        } else {
            // What makes a good store of this: the lock is held from the check to the last event.
            let mut tables = self.tables.lock().unwrap();
            let outcome = self.check(&tables, &commit);
            if outcome == Committed::Done {
                self.write_document(&mut tables, &commit);
                if self.fault != Carelessness::WritesEventsLater {
                    tables.write_events(&commit);
                }
            }
            if outcome != Committed::Done || self.fault != Carelessness::WritesEventsLater {
                return Ok(outcome);
            }
        }
        tokio::task::yield_now().await;
        let mut tables = self.tables.lock().unwrap();
        if self.fault == Carelessness::ChecksThenActs {
            self.write_document(&mut tables, &commit);
        }
        tables.write_events(&commit);
        Ok(Committed::Done)
    }

    async fn scan(&self, after: Option<&ScanCursor>, limit: usize) -> Result<Page<Stored, ScanCursor>, StoreError> {
        let tables = self.tables.lock().unwrap();
        let skip = match after {
            None => 0,
            Some(cursor) => {
                let seen = unhex(cursor.as_str()).ok_or_else(|| StoreError::cursor("not hex"))?;
                tables.documents.keys().take_while(|key| **key <= seen).count()
            }
        };
        let mut behind = tables.documents.iter().skip(skip);
        let mut items = Vec::new();
        for (key, (revision, document)) in behind.by_ref().take(page_size(limit)) {
            let subject = Subject::from_storage_key(key).map_err(StoreError::corrupt)?;
            items.push(Stored::new(subject, *revision, document.as_str()));
        }
        let last = items.last().filter(|_| behind.next().is_some());
        let next = last.map(|last| ScanCursor::new(hex(&last.subject().storage_key())).unwrap());
        Ok(Page::new(items, next))
    }

    async fn count(&self) -> Result<u64, StoreError> {
        Ok(u64::try_from(self.tables.lock().unwrap().documents.len()).unwrap())
    }

    async fn events(
        &self,
        of: Feed<'_>,
        after: Option<&EventCursor>,
        limit: usize,
    ) -> Result<Page<StoredEvent, EventCursor>, StoreError> {
        let tables = self.tables.lock().unwrap();
        let after = after.map_or("", EventCursor::as_str);
        let fits = |event: &&StoredEvent| match of {
            Feed::All => true,
            Feed::Revocations => event.revokes().is_some(),
            Feed::Subject(subject) => event.subject() == subject,
        };
        let mut behind = tables.events.iter().filter(fits).filter(|event| event.cursor().as_str() > after);
        let items: Vec<_> = behind.by_ref().take(page_size(limit)).cloned().collect();
        let next = items.last().filter(|_| behind.next().is_some()).map(|last| last.cursor().clone());
        Ok(Page::new(items, next))
    }

    async fn sink(&self, name: &str) -> Result<Option<SinkState>, StoreError> {
        Ok(self.tables.lock().unwrap().sinks.get(name).cloned())
    }

    async fn advance(&self, name: &str, expected: Option<&SinkState>, new: &SinkState) -> Result<bool, StoreError> {
        let mut tables = self.tables.lock().unwrap();
        if self.fault != Carelessness::OverwritesLeases && tables.sinks.get(name) != expected {
            return Ok(false);
        }
        tables.sinks.insert(name.to_owned(), new.clone());
        Ok(true)
    }

    async fn prune(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut tables = self.tables.lock().unwrap();
        let had = tables.events.len();
        tables.events.retain(|event| event.at() >= before);
        if self.fault == Carelessness::ReusesPlaces {
            tables.places = u64::try_from(tables.events.len()).unwrap();
        }
        Ok(u64::try_from(had - tables.events.len()).unwrap())
    }
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<String> {
    let bytes = (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok());
    String::from_utf8(bytes.collect::<Option<_>>()?).ok()
}

/// Two handles on one file, as two processes have them: every call goes through the other one.
pub(crate) struct Alternating<S> {
    doors: [S; 2],
    turn: AtomicUsize,
}

impl<S> Alternating<S> {
    pub(crate) fn new(one: S, other: S) -> Self {
        Self { doors: [one, other], turn: AtomicUsize::new(0) }
    }

    fn next(&self) -> &S {
        &self.doors[self.turn.fetch_add(1, Ordering::Relaxed) % 2]
    }
}

impl<S: Store> Store for Alternating<S> {
    async fn load(&self, subject: &Subject) -> Result<Option<Stored>, StoreError> {
        self.next().load(subject).await
    }

    async fn subject_of(&self, handle: &UserHandle) -> Result<Option<Subject>, StoreError> {
        self.next().subject_of(handle).await
    }

    async fn commit(&self, commit: Commit<'_>) -> Result<Committed, StoreError> {
        self.next().commit(commit).await
    }

    async fn scan(&self, after: Option<&ScanCursor>, limit: usize) -> Result<Page<Stored, ScanCursor>, StoreError> {
        self.next().scan(after, limit).await
    }

    async fn count(&self) -> Result<u64, StoreError> {
        self.next().count().await
    }

    async fn events(
        &self,
        of: Feed<'_>,
        after: Option<&EventCursor>,
        limit: usize,
    ) -> Result<Page<StoredEvent, EventCursor>, StoreError> {
        self.next().events(of, after, limit).await
    }

    async fn sink(&self, name: &str) -> Result<Option<SinkState>, StoreError> {
        self.next().sink(name).await
    }

    async fn advance(&self, name: &str, expected: Option<&SinkState>, new: &SinkState) -> Result<bool, StoreError> {
        self.next().advance(name, expected, new).await
    }

    async fn prune(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.next().prune(before).await
    }
}
