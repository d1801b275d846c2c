use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::assurance::Authentication;
use crate::clock::Timestamp;
use crate::id::Subject;

/// What was revoked in this process, bounded.
///
/// When it is full it forgets who, and refuses everybody's token issued so far instead: a bound on
/// memory must not become a way to keep a revoked token alive.
pub(super) struct Revocations {
    /// False while nothing is revoked: then looking costs two loads.
    any: AtomicBool,
    /// Tokens issued before this second are refused.
    floor: AtomicU64,
    tables: RwLock<Tables>,
    capacity: usize,
}

/// Whose tokens a revocation refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// Those of the one session.
    One,
    /// Everybody's that were issued so far: there was no room.
    All,
}

#[derive(Default)]
struct Tables {
    /// Session id, and until when it is kept here.
    sessions: HashMap<Box<str>, Timestamp>,
    subjects: HashMap<Subject, Cutoff>,
}

struct Cutoff {
    /// Tokens issued at or before this are refused.
    issued_by: Timestamp,
    until: Timestamp,
}

impl Revocations {
    pub(super) fn new(capacity: usize) -> Self {
        Self { any: AtomicBool::new(false), floor: AtomicU64::new(0), tables: RwLock::new(Tables::default()), capacity }
    }

    pub(super) fn session(&self, session: &str, now: Timestamp, until: Timestamp, latest_issue: Timestamp) -> Refused {
        let mut tables = self.write();
        let mut refused = Refused::One;
        if let Some(known) = tables.sessions.get_mut(session) {
            *known = (*known).max(until);
        } else if tables.make_room(now, self.capacity) {
            tables.sessions.insert(session.into(), until);
        } else {
            self.refuse_all_until(&mut tables, latest_issue);
            refused = Refused::All;
        }
        self.any.store(!tables.is_empty(), Ordering::Release);
        refused
    }

    pub(super) fn subject(
        &self,
        subject: &Subject,
        issued_by: Timestamp,
        now: Timestamp,
        until: Timestamp,
        latest_issue: Timestamp,
    ) {
        let mut tables = self.write();
        if let Some(known) = tables.subjects.get_mut(subject) {
            known.issued_by = known.issued_by.max(issued_by);
            known.until = known.until.max(until);
        } else if tables.make_room(now, self.capacity) {
            tables.subjects.insert(subject.clone(), Cutoff { issued_by, until });
        } else {
            self.refuse_all_until(&mut tables, latest_issue.max(issued_by));
        }
        self.any.store(!tables.is_empty(), Ordering::Release);
    }

    /// Everything that stands in the tables was issued by now too, so they start afresh.
    fn refuse_all_until(&self, tables: &mut Tables, issued_by: Timestamp) {
        self.floor.fetch_max(issued_by.plus(1).as_secs(), Ordering::AcqRel);
        let beyond = tables.subjects.values().map(|cutoff| cutoff.issued_by).max();
        if let Some(beyond) = beyond {
            self.floor.fetch_max(beyond.plus(1).as_secs(), Ordering::AcqRel);
        }
        *tables = Tables::default();
    }

    /// Tells whether a token is refused. Does not allocate.
    pub(super) fn refuse(&self, authentication: &Authentication, now: Timestamp) -> bool {
        if authentication.issued_at().as_secs() < self.floor.load(Ordering::Acquire) {
            return true;
        }
        if !self.any.load(Ordering::Acquire) {
            return false;
        }
        let tables = self.read();
        let session = authentication.session().and_then(|session| tables.sessions.get(session));
        let subject = tables.subjects.get(authentication.subject());
        session.is_some_and(|until| now < *until)
            || subject.is_some_and(|cut| now < cut.until && authentication.issued_at() <= cut.issued_by)
    }

    pub(super) fn len(&self) -> usize {
        self.read().len()
    }

    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Tables> {
        self.tables.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    fn len(&self) -> usize {
        self.sessions.len().saturating_add(self.subjects.len())
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Purges what has lapsed once it is full, and tells whether there is room for one more.
    fn make_room(&mut self, now: Timestamp, capacity: usize) -> bool {
        if self.len() >= capacity {
            self.sessions.retain(|_, until| now < *until);
            self.subjects.retain(|_, cutoff| now < cutoff.until);
        }
        self.len() < capacity
    }
}
