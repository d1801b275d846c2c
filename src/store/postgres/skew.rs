//! The clock of the database beside ours.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use super::rows;
use crate::clock::{Clock, Timestamp};

/// From how many seconds on somebody should hear of it. Nothing here goes by the database's clock, but another replica,
/// or the next, may have its time: codes of authenticator apps are good for about a minute.
const TOLERATED: u64 = 30;

/// Compares the clocks at each commit, whose answer tells the database's.
pub(super) struct Skew {
    clock: Arc<dyn Clock>,
    difference: AtomicI64,
    is_told: AtomicBool,
}

impl fmt::Debug for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Skew").field("difference", &self.difference).finish_non_exhaustive()
    }
}

impl Skew {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, difference: AtomicI64::new(0), is_told: AtomicBool::new(false) }
    }

    pub(super) fn difference(&self) -> i64 {
        self.difference.load(Ordering::Relaxed)
    }

    /// Our time when a question is sent. A clock that cannot be read is told of by those who need it.
    pub(super) fn now(&self) -> Option<Timestamp> {
        self.clock.now().ok()
    }

    /// Takes the time that an answer told to a question which was sent at `asked`.
    pub(super) fn observe(&self, asked: Option<Timestamp>, theirs: i64) {
        let (Some(asked), Some(answered)) = (asked, self.now()) else { return };
        let difference = difference(asked, answered, theirs);
        self.difference.store(difference, Ordering::Relaxed);
        let is_wide = difference.unsigned_abs() > TOLERATED;
        if self.is_told.swap(is_wide, Ordering::Relaxed) == is_wide {
            return;
        }
        if is_wide {
            tracing::warn!(target: "tower_mfa::clock", seconds = difference, "the clock of the database and ours differ");
        } else {
            tracing::info!(target: "tower_mfa::clock", seconds = difference, "the clock of the database and ours agree again");
        }
    }
}

/// How many seconds theirs is ahead; negative when it is behind. 0 where it lies between question and answer.
fn difference(asked: Timestamp, answered: Timestamp, theirs: i64) -> i64 {
    let (asked, answered) = (rows::seconds(asked), rows::seconds(answered));
    if theirs < asked {
        theirs.saturating_sub(asked)
    } else if theirs > answered {
        theirs.saturating_sub(answered)
    } else {
        0
    }
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
