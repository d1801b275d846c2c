//! The clock of the database beside ours.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::clock::{Clock, Timestamp};

/// From how many seconds on somebody should hear of it. Nothing here goes by the database's clock, but another replica,
/// or the next, may have its time: codes of authenticator apps are good for about a minute.
const TOLERATED: u64 = 30;

/// Compares the clocks at each commit, whose answer tells the database's.
///
/// Where a database is several servers, each part of it is compared for itself, or two clocks, one right and one wrong,
/// would be told of at every commit in turn. The operator hears when the first part differs, and when none does any
/// more.
pub(super) struct Skew {
    clock: Arc<dyn Clock>,
    difference: AtomicI64,
    /// The parts that differ, a bit for each.
    wide: AtomicU64,
}

impl fmt::Debug for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Skew").field("difference", &self.difference).finish_non_exhaustive()
    }
}

impl Skew {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, difference: AtomicI64::new(0), wide: AtomicU64::new(0) }
    }

    pub(super) fn difference(&self) -> i64 {
        self.difference.load(Ordering::Relaxed)
    }

    /// Our time when a question is sent. A clock that cannot be read is told of by those who need it.
    pub(super) fn now(&self) -> Option<Timestamp> {
        self.clock.now().ok()
    }

    /// Takes the time that part `part`, 0 to 63, told in its answer to a question which was sent at `asked`.
    pub(super) fn observe(&self, part: u16, asked: Option<Timestamp>, theirs: i64) {
        let (Some(asked), Some(answered)) = (asked, self.now()) else { return };
        let difference = difference(asked, answered, theirs);
        self.difference.store(difference, Ordering::Relaxed);
        let Some(bit) = 1_u64.checked_shl(u32::from(part)) else { return };
        if difference.unsigned_abs() > TOLERATED {
            if self.wide.fetch_or(bit, Ordering::Relaxed) == 0 {
                tracing::warn!(target: "tower_mfa::clock", seconds = difference, "the clock of the database and ours differ");
            }
        } else if self.wide.load(Ordering::Relaxed) & bit != 0 && self.wide.fetch_and(!bit, Ordering::Relaxed) == bit {
            tracing::info!(target: "tower_mfa::clock", seconds = difference, "the clock of the database and ours agree again");
        }
    }
}

/// How many seconds theirs is ahead; negative when it is behind. 0 where it lies between question and answer.
fn difference(asked: Timestamp, answered: Timestamp, theirs: i64) -> i64 {
    let (asked, answered) = (seconds(asked), seconds(answered));
    if theirs < asked {
        theirs.saturating_sub(asked)
    } else if theirs > answered {
        theirs.saturating_sub(answered)
    } else {
        0
    }
}

fn seconds(at: Timestamp) -> i64 {
    i64::try_from(at.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_answer_is_no_difference() {
        let at = Timestamp::from_secs;
        for (asked, answered, theirs, seconds) in
            [(100, 100, 100, 0), (100, 160, 130, 0), (100, 101, 131, 30), (100, 101, 69, -31), (0, 0, -5, -5)]
        {
            assert_eq!(difference(at(asked), at(answered), theirs), seconds, "{asked} {answered} {theirs}");
        }
    }
}
