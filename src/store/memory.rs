//! The store for tests and demos.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::ops::Bound;
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::clock::Timestamp;
use crate::id::{EventId, Subject};
use crate::store::{
    Claim, Commit, Committed, EventCursor, Feed, Page, Revision, ScanCursor, SinkState, Store, StoreError, Stored,
    StoredEvent, UserHandle, page_size, scan_key,
};

/// Keeps everything in this process's memory: for tests and demos.
///
/// Clones share what is stored. It is gone when the last clone is, and with it every authenticator;
/// events grow until they are pruned.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use tower_mfa::id::Subject;
/// use tower_mfa::store::{Commit, Committed, MemoryStore, Revision, Store};
///
/// let store = MemoryStore::new();
/// let alice = Subject::new("alice").unwrap();
/// let create = Commit::new(&alice, None, Revision::from_bytes([1; 16]), "{}");
/// assert_eq!(store.clone().commit(create).await.unwrap(), Committed::Done);
///
/// assert!(store.load(&alice).await.unwrap().is_some());
/// assert!(MemoryStore::new().load(&alice).await.unwrap().is_none());
/// # });
/// ```
#[derive(Clone, Default)]
pub struct MemoryStore {
    state: Arc<RwLock<State>>,
}

/// Documents hold hashes, sealed keys and addresses, which do not belong in a log.
impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("MemoryStore");
        if let Ok(state) = self.state.try_read() {
            shown.field("accounts", &state.accounts.len()).field("events", &state.events.len());
        }
        shown.finish_non_exhaustive()
    }
}

impl MemoryStore {
    /// Makes an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn read(&self) -> Result<RwLockReadGuard<'_, State>, StoreError> {
        self.state.read().map_err(|_| StoreError::unavailable(POISONED))
    }

    fn write(&self) -> Result<RwLockWriteGuard<'_, State>, StoreError> {
        self.state.write().map_err(|_| StoreError::not_committed(POISONED))
    }
}

/// Nothing below panics; should it do so all the same, what is stored may be half written.
const POISONED: &str = "an earlier write panicked";

#[derive(Default)]
struct State {
    /// Sorted, so that a scan can go on behind a subject.
    accounts: BTreeMap<Subject, Record>,
    claims: HashMap<Claim, Subject>,
    /// By sequence number, which is also the cursor.
    events: BTreeMap<u64, Event>,
    /// Those of them that revoke something.
    revocations: BTreeSet<u64>,
    last_event: u64,
    sinks: HashMap<Box<str>, SinkState>,
}

struct Record {
    revision: Revision,
    document: Box<str>,
    /// The subject's own events, ascending.
    events: Vec<u64>,
}

struct Event {
    subject: Arc<Subject>,
    id: EventId,
    at: Timestamp,
    body: Box<str>,
    revokes: Option<Box<str>>,
}

impl State {
    fn commit(&mut self, commit: &Commit<'_>) -> Committed {
        let subject = commit.subject();
        let found = self.accounts.get_mut(subject);
        if found.as_ref().map(|record| &record.revision) != commit.expected() {
            return Committed::Conflict;
        }
        if commit.claims().iter().any(|claim| self.claims.get(claim).is_some_and(|owner| owner != subject)) {
            return Committed::Claimed;
        }
        for claim in commit.claims() {
            self.claims.insert(claim.clone(), subject.clone());
        }
        let record = match found {
            Some(record) => {
                record.revision = *commit.revision();
                record.document = commit.document().into();
                record
            }
            None => self.accounts.entry(subject.clone()).or_insert(Record {
                revision: *commit.revision(),
                document: commit.document().into(),
                events: Vec::new(),
            }),
        };
        if !commit.events().is_empty() {
            let subject = Arc::new(subject.clone());
            for event in commit.events() {
                self.last_event = self.last_event.saturating_add(1);
                record.events.push(self.last_event);
                let (subject, revokes) = (Arc::clone(&subject), event.revokes().map(Into::into));
                if revokes.is_some() {
                    self.revocations.insert(self.last_event);
                }
                let event = Event { subject, id: *event.id(), at: event.at(), body: event.body().into(), revokes };
                self.events.insert(self.last_event, event);
            }
        }
        Committed::Done
    }

    /// The sequence numbers behind `after`, ascending.
    fn sequence<'a>(&'a self, of: Feed<'_>, after: u64) -> Box<dyn Iterator<Item = u64> + 'a> {
        match of {
            Feed::All => {
                Box::new(self.events.range((Bound::Excluded(after), Bound::Unbounded)).map(|(number, _)| *number))
            }
            Feed::Revocations => Box::new(self.revocations.range((Bound::Excluded(after), Bound::Unbounded)).copied()),
            Feed::Subject(subject) => {
                let own = self.accounts.get(subject).map_or(&[][..], |record| &record.events);
                let seen = own.partition_point(|number| *number <= after);
                Box::new(own.iter().skip(seen).copied())
            }
        }
    }

    fn prune(&mut self, before: Timestamp) -> u64 {
        let had = self.events.len();
        self.events.retain(|_, event| event.at >= before);
        self.revocations.retain(|number| self.events.contains_key(number));
        for record in self.accounts.values_mut() {
            record.events.retain(|number| self.events.contains_key(number));
        }
        u64::try_from(had.saturating_sub(self.events.len())).unwrap_or(u64::MAX)
    }
}

impl Store for MemoryStore {
    async fn load(&self, subject: &Subject) -> Result<Option<Stored>, StoreError> {
        let state = self.read()?;
        Ok(state.accounts.get(subject).map(|record| stored(subject, record)))
    }

    async fn subject_of(&self, handle: &UserHandle) -> Result<Option<Subject>, StoreError> {
        Ok(self.read()?.claims.get(&Claim::user_handle(handle)).cloned())
    }

    async fn commit(&self, commit: Commit<'_>) -> Result<Committed, StoreError> {
        Ok(self.write()?.commit(&commit))
    }

    async fn scan(&self, after: Option<&ScanCursor>, limit: usize) -> Result<Page<Stored, ScanCursor>, StoreError> {
        let from = match after {
            Some(cursor) => {
                Bound::Excluded(Subject::from_storage_key(&scan_key::read(cursor)?).map_err(StoreError::cursor)?)
            }
            None => Bound::Unbounded,
        };
        let state = self.read()?;
        let mut behind = state.accounts.range((from, Bound::Unbounded));
        let items: Vec<_> =
            behind.by_ref().take(page_size(limit)).map(|(subject, record)| stored(subject, record)).collect();
        let last = items.last().filter(|_| behind.next().is_some());
        let next = last.map(|last| scan_key::write(last.subject())).transpose()?;
        Ok(Page::new(items, next))
    }

    async fn count(&self) -> Result<u64, StoreError> {
        Ok(u64::try_from(self.read()?.accounts.len()).unwrap_or(u64::MAX))
    }

    async fn events(
        &self,
        of: Feed<'_>,
        after: Option<&EventCursor>,
        limit: usize,
    ) -> Result<Page<StoredEvent, EventCursor>, StoreError> {
        let after = match after {
            Some(cursor) => cursor.as_str().parse().map_err(StoreError::cursor)?,
            None => 0,
        };
        let state = self.read()?;
        let mut numbers = state.sequence(of, after);
        let mut items = Vec::new();
        for number in numbers.by_ref().take(page_size(limit)) {
            let Some(event) = state.events.get(&number) else { continue };
            let cursor = EventCursor::new(number.to_string()).map_err(StoreError::corrupt)?;
            let subject = Subject::clone(&event.subject);
            let read = StoredEvent::new(cursor, subject, event.id, event.at, event.body.clone());
            items.push(read.revoking(event.revokes.clone()));
        }
        let next = items.last().filter(|_| numbers.next().is_some()).map(|last| last.cursor().clone());
        Ok(Page::new(items, next))
    }

    async fn sink(&self, name: &str) -> Result<Option<SinkState>, StoreError> {
        Ok(self.read()?.sinks.get(name).cloned())
    }

    async fn advance(&self, name: &str, expected: Option<&SinkState>, new: &SinkState) -> Result<bool, StoreError> {
        let mut state = self.write()?;
        if state.sinks.get(name) != expected {
            return Ok(false);
        }
        state.sinks.insert(name.into(), new.clone());
        Ok(true)
    }

    async fn prune(&self, before: Timestamp) -> Result<u64, StoreError> {
        Ok(self.write()?.prune(before))
    }
}

fn stored(subject: &Subject, record: &Record) -> Stored {
    Stored::new(subject.clone(), record.revision, &*record.document)
}
