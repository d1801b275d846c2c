use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::assurance::Authentication;
use crate::clock::Timestamp;
use crate::id::Subject;

#[cfg(test)]
mod tests;

/// Most sessions of one subject that are kept one by one; those of the present second come on top.
const ONE_BY_ONE: usize = 32;

/// What was revoked in this process, bounded.
///
/// A bound on memory must not become a way to keep a revoked token alive, so where there is no room
/// more is refused than was revoked. Who makes many revocations pays for them: those of one subject
/// become one, and only a table that is full of subjects refuses everybody.
pub(super) struct Revocations {
    /// False while nothing is revoked: then looking costs two loads.
    any: AtomicBool,
    /// Tokens issued before this second are refused.
    floor: AtomicU64,
    table: RwLock<Table>,
    capacity: usize,
}

/// Whose tokens a revocation refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// Those of the one session, or of its subject.
    One,
    /// Everybody's that were issued so far: there was no room.
    All,
}

#[derive(Default)]
struct Table {
    subjects: HashMap<Subject, Revoked>,
    /// How many sessions and cutoffs there are in all.
    kept: usize,
    /// When all of it was last looked through: a second time in one second finds nothing.
    purged: Option<Timestamp>,
    merged: Option<Timestamp>,
}

/// What is revoked of one subject.
#[derive(Default)]
struct Revoked {
    sessions: HashMap<Box<str>, Mark>,
    /// Tokens issued by then are refused, whatever their session.
    cutoff: Option<Mark>,
    tidied: Option<Timestamp>,
}

#[derive(Clone, Copy)]
struct Mark {
    /// The latest a token that is meant can have been issued.
    issued_by: Timestamp,
    /// When the last such token has expired.
    until: Timestamp,
}

impl Revocations {
    pub(super) fn new(capacity: usize) -> Self {
        Self { any: AtomicBool::new(false), floor: AtomicU64::new(0), table: RwLock::new(Table::default()), capacity }
    }

    /// `latest_issue` is when the session's newest token can have been issued at the latest.
    pub(super) fn session(
        &self,
        subject: &Subject,
        session: &str,
        now: Timestamp,
        until: Timestamp,
        latest_issue: Timestamp,
    ) -> Refused {
        let mark = Mark { issued_by: latest_issue, until };
        self.keep(mark, now, |table| table.session(subject, session, mark, now, self.capacity))
    }

    pub(super) fn subject(
        &self,
        subject: &Subject,
        issued_by: Timestamp,
        now: Timestamp,
        until: Timestamp,
        latest_issue: Timestamp,
    ) {
        let mark = Mark { issued_by, until };
        let without_room = Mark { issued_by: issued_by.max(latest_issue), until };
        self.keep(without_room, now, |table| table.cut_off(subject, mark, now, self.capacity));
    }

    fn keep(&self, mark: Mark, now: Timestamp, keep: impl FnOnce(&mut Table) -> bool) -> Refused {
        if mark.until <= now {
            // Its tokens are refused by their age.
            return Refused::One;
        }
        let mut table = self.write();
        let refused = if keep(&mut table) {
            Refused::One
        } else {
            self.refuse_all(&mut table, mark);
            Refused::All
        };
        self.any.store(table.kept > 0, Ordering::Release);
        refused
    }

    /// Everything that stands in the table goes by the floor, too, so it starts afresh.
    fn refuse_all(&self, table: &mut Table, mark: Mark) {
        let newest = table.subjects.values().flat_map(Revoked::marks).map(|mark| mark.issued_by).max();
        let issued_by = newest.map_or(mark.issued_by, |newest| newest.max(mark.issued_by));
        self.floor.fetch_max(issued_by.plus(1).as_secs(), Ordering::AcqRel);
        *table = Table::default();
    }

    /// Tells whether a token is refused. Does not allocate.
    pub(super) fn refuse(&self, authentication: &Authentication, now: Timestamp) -> bool {
        // The floor comes last: whoever finds the table emptied finds the floor that was put in its
        // place, and nobody slips through between the two.
        (self.any.load(Ordering::Acquire) && self.read().refuse(authentication, now))
            || authentication.issued_at().as_secs() < self.floor.load(Ordering::Acquire)
    }

    pub(super) fn len(&self) -> usize {
        self.read().kept
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn refuse(&self, authentication: &Authentication, now: Timestamp) -> bool {
        self.subjects.get(authentication.subject()).is_some_and(|revoked| revoked.refuse(authentication, now))
    }

    /// Keeps the revocation of a session; `false` when there is no room.
    fn session(&mut self, subject: &Subject, session: &str, mark: Mark, now: Timestamp, capacity: usize) -> bool {
        if let Some(revoked) = self.subjects.get_mut(subject) {
            if let Some(known) = revoked.sessions.get_mut(session) {
                *known = known.and(mark);
                return true;
            }
            let before = revoked.len();
            revoked.tidy(now);
            self.kept = self.kept.saturating_sub(before).saturating_add(revoked.len());
        }
        let has_room = self.make_room(now, capacity);
        if has_room {
            self.change(subject, |revoked| _ = revoked.sessions.insert(session.into(), mark));
        }
        has_room
    }

    /// Keeps the revocation of a subject; `false` when there is no room.
    fn cut_off(&mut self, subject: &Subject, mark: Mark, now: Timestamp, capacity: usize) -> bool {
        if let Some(revoked) = self.subjects.get_mut(subject).filter(|revoked| revoked.cutoff.is_some()) {
            revoked.cut_off(mark, now);
            return true;
        }
        let has_room = self.make_room(now, capacity);
        if has_room {
            self.change(subject, |revoked| revoked.cut_off(mark, now));
        }
        has_room
    }

    fn change(&mut self, subject: &Subject, change: impl FnOnce(&mut Revoked)) {
        let revoked = self.subjects.entry(subject.clone()).or_default();
        let before = revoked.len();
        change(revoked);
        self.kept = self.kept.saturating_sub(before).saturating_add(revoked.len());
    }

    /// Drops what has lapsed once it is full, then merges what is left of each subject, and tells
    /// whether there is room for one more.
    fn make_room(&mut self, now: Timestamp, capacity: usize) -> bool {
        if self.kept >= capacity && self.purged.replace(now) != Some(now) {
            self.subjects.values_mut().for_each(|revoked| revoked.drop_lapsed(now));
            self.subjects.retain(|_, revoked| revoked.len() > 0);
            self.recount();
        }
        if self.kept >= capacity && self.merged.replace(now) != Some(now) {
            self.subjects.values_mut().filter(|revoked| revoked.len() > 1).for_each(|revoked| revoked.merge(now));
            self.recount();
        }
        self.kept < capacity
    }

    fn recount(&mut self) {
        self.kept = self.subjects.values().map(Revoked::len).sum();
    }
}

impl Revoked {
    fn refuse(&self, authentication: &Authentication, now: Timestamp) -> bool {
        let session = authentication.session().and_then(|session| self.sessions.get(session));
        session.is_some_and(|mark| now < mark.until)
            || self.cutoff.is_some_and(|cut| now < cut.until && authentication.issued_at() <= cut.issued_by)
    }

    fn marks(&self) -> impl Iterator<Item = &Mark> {
        self.sessions.values().chain(&self.cutoff)
    }

    fn len(&self) -> usize {
        self.sessions.len().saturating_add(usize::from(self.cutoff.is_some()))
    }

    /// Makes room for one more session, and looks for it once a second: a flood within a second
    /// leaves nothing to find.
    fn tidy(&mut self, now: Timestamp) {
        if self.sessions.len() < ONE_BY_ONE || self.tidied.replace(now) == Some(now) {
            return;
        }
        self.drop_lapsed(now);
        if self.sessions.len() >= ONE_BY_ONE {
            self.merge(now);
        }
    }

    /// Makes one cutoff of the sessions whose tokens were all issued before this second. Those of
    /// the present second stay: else the session that has just begun would go with them.
    fn merge(&mut self, now: Timestamp) {
        let sessions = std::mem::take(&mut self.sessions);
        let (stay, go) = sessions.into_iter().partition::<HashMap<_, _>, _>(|(_, mark)| mark.issued_by >= now);
        self.sessions = stay;
        go.into_values().for_each(|mark| self.cut_off(mark, now));
    }

    fn cut_off(&mut self, mark: Mark, now: Timestamp) {
        let live = self.cutoff.filter(|cut| now < cut.until);
        self.cutoff = Some(live.map_or(mark, |cut| cut.and(mark)));
    }

    fn drop_lapsed(&mut self, now: Timestamp) {
        self.sessions.retain(|_, mark| now < mark.until);
        self.cutoff = self.cutoff.filter(|cut| now < cut.until);
    }
}

impl Mark {
    /// What means the tokens of both.
    fn and(self, other: Self) -> Self {
        Self { issued_by: self.issued_by.max(other.issued_by), until: self.until.max(other.until) }
    }
}
