//! Where slow hashes are computed: off the runtime, few at a time, and never more than a few
//! waiting. A flood of recovery codes is turned away before it costs anything.
//!
//! Attempts to sign in and new sets have places of their own: whoever makes sets, which is ten hashes
//! each, keeps nobody from getting in with a code.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Error;
use crate::id::Subject;

/// Most first sets that are made or wait to be: at a third of a second each, the last waits some seconds.
const FIRST_SETS_MAX: usize = 16;
/// Most new sets in place of old ones. They are few, so that whoever asks for one again and again keeps
/// nobody from enrolling.
const NEW_SETS_MAX: usize = 4;

pub(super) struct SlowHash {
    attempts: Pool,
    first_sets: Pool,
    new_sets: Pool,
    /// Whose set is being made: one at a time for each.
    making: Making,
}

type Making = Arc<Mutex<HashSet<Subject>>>;

struct Pool {
    /// How many compute at once.
    running: Arc<Semaphore>,
    /// How many compute or wait.
    admitted: Arc<Semaphore>,
}

impl Default for SlowHash {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        // Half the processors, so that the other half serves; sets have a quarter, first come first served.
        let running = cores.div_ceil(2);
        let making = Arc::new(Semaphore::new(cores.div_ceil(4)));
        Self {
            attempts: Pool::new(Arc::new(Semaphore::new(running)), running.saturating_mul(4)),
            first_sets: Pool::new(Arc::clone(&making), FIRST_SETS_MAX),
            new_sets: Pool::new(making, NEW_SETS_MAX),
            making: Arc::default(),
        }
    }
}

impl Pool {
    fn new(running: Arc<Semaphore>, admitted: usize) -> Self {
        Self { running, admitted: Arc::new(Semaphore::new(admitted)) }
    }

    fn admit(&self, of: Option<SubjectTurn>) -> Option<Place> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().ok()?;
        Some(Place { running: Arc::clone(&self.running), _admitted: admitted, _of: of })
    }
}

/// The right to compute slow hashes, taken before anything is written.
pub(super) struct Place {
    running: Arc<Semaphore>,
    _admitted: OwnedSemaphorePermit,
    _of: Option<SubjectTurn>,
}

struct SubjectTurn {
    making: Making,
    subject: Subject,
}

impl Drop for SubjectTurn {
    fn drop(&mut self) {
        lock(&self.making).remove(&self.subject);
    }
}

/// The table is whole between any two statements, so a panic elsewhere has broken nothing.
fn lock(making: &Making) -> MutexGuard<'_, HashSet<Subject>> {
    making.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SlowHash {
    /// Takes a place for an attempt with a recovery code; `None` at once when all are taken.
    pub(super) fn admit_attempt(&self) -> Option<Place> {
        self.attempts.admit(None)
    }

    /// Takes a place to make a set for `subject`, its first or a new one, or refuses at once.
    pub(super) fn admit_set(&self, subject: &Subject, is_first: bool) -> Result<Place, Error> {
        if !lock(&self.making).insert(subject.clone()) {
            return Err(Error::busy("a set of recovery codes is being made for the subject"));
        }
        let turn = SubjectTurn { making: Arc::clone(&self.making), subject: subject.clone() };
        let pool = if is_first { &self.first_sets } else { &self.new_sets };
        pool.admit(Some(turn)).ok_or_else(|| Error::busy("too many sets of recovery codes at once"))
    }
}

/// Computes `work` on a thread of its own.
///
/// # Cancel safety
///
/// If the caller goes away the work is finished and thrown away; its place stays taken until then,
/// so cancelled requests do not pile work up.
pub(super) async fn run<T: Send + 'static>(
    place: Place,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let permit = Arc::clone(&place.running).acquire_owned().await.map_err(Error::unavailable)?;
    let task = tokio::task::spawn_blocking(move || {
        let done = work();
        drop((permit, place));
        done
    });
    task.await.map_err(Error::unavailable)
}
