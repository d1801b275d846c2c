//! What a client was told, what must be stored if every word of it is kept, and when it was cut off.

use std::time::Duration;

use rand::{Rng, RngExt as _};

use super::gated::Stop;

/// How many wrong answers there are before a lock, and how long each lock is, in seconds, by default.
const BUDGET: usize = 3;
const WAITS: [u32; 5] = [30, 60, 120, 300, 1_800];

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Right,
    /// What was right, and has let somebody in.
    UsedUp,
    Wrong,
}

/// What the client was told, and what it found out of what it was told nothing of.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) accepted: usize,
    pub(crate) refused: usize,
    pub(crate) locked: usize,
    /// Wrong answers at this time, since the last right one.
    failures: usize,
    /// Locks since the last right answer.
    locks: usize,
}

impl Memory {
    /// The one answer there is to what was asked, while nothing is locked.
    pub(crate) fn hear(&mut self, asked: Asked, said: &str) {
        match (asked, said) {
            (Asked::Right, "complete") => self.accept(),
            (Asked::UsedUp | Asked::Wrong, "invalid code") => self.refuse(),
            impossible => panic!("{impossible:?} {self:?}"),
        }
    }

    pub(crate) fn accept(&mut self) {
        self.accepted += 1;
        (self.failures, self.locks) = (0, 0);
    }

    pub(crate) fn refuse(&mut self) {
        assert!(!self.is_locked(), "one more than the budget was heard: {self:?}");
        self.refused += 1;
        self.failures += 1;
        if self.is_locked() {
            self.locked += 1;
            self.locks += 1;
        }
    }

    /// So long that the lock is over, and what was wrong does not count towards the next.
    pub(crate) fn wait(&mut self) {
        self.failures = 0;
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.failures == BUDGET
    }

    /// How long the lock is, while there is one.
    pub(crate) fn lock(&self) -> u32 {
        WAITS[(self.locks - 1).min(WAITS.len() - 1)]
    }
}

/// When a process is killed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kill {
    /// While its commit is held up there.
    At(Stop),
    /// So long after it was asked, wherever it is then.
    After(Duration),
}

/// What became of what a process was asked that was killed meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Told,
    /// Nothing was told, and all was written.
    Written,
    /// Nothing was told, and nothing was written.
    Lost,
}

/// When processes are killed, and what came of it.
#[derive(Debug)]
pub(crate) struct Kills {
    pace: Duration,
    told: usize,
    written: usize,
    lost: usize,
}

impl Kills {
    /// So many, and what is held up has been cut off in every way.
    pub(crate) const FEWEST: usize = 4;

    pub(crate) fn new() -> Self {
        Self { pace: Duration::from_millis(4), told: 0, written: 0, lost: 0 }
    }

    pub(crate) fn so_far(&self) -> usize {
        self.told + self.written + self.lost
    }

    /// The next. Of twenty there are eight where it is known what comes of it, and others around the moment at which a
    /// process answers, which is another one on each machine.
    pub(crate) fn next(&self, random: &mut impl Rng) -> (Asked, Kill) {
        match self.so_far() % 10 {
            0 => (Asked::Right, Kill::At(Stop::Before)),
            1 => (Asked::Wrong, Kill::At(Stop::After)),
            2 => (Asked::Right, Kill::At(Stop::After)),
            3 => (Asked::Wrong, Kill::At(Stop::Before)),
            // By turns: were the right ones left to chance, the hard limit might be met.
            even if even % 2 == 0 => (Asked::Right, self.after(random)),
            _ => (Asked::Wrong, self.after(random)),
        }
    }

    fn after(&self, random: &mut impl Rng) -> Kill {
        Kill::After(self.pace.mul_f64(random.random_range(0.5..1.5)))
    }

    /// Earlier next time, if it came too late to cut anything off, and later, if too early to write anything.
    pub(crate) fn learn(&mut self, kill: Kill, fate: Fate) {
        let (count, by) = match fate {
            Fate::Told => (&mut self.told, 0.8),
            Fate::Written => (&mut self.written, 1.0),
            Fate::Lost => (&mut self.lost, 1.25),
        };
        *count += 1;
        match kill {
            Kill::At(Stop::Before) => assert_eq!(fate, Fate::Lost, "it was killed before it wrote"),
            Kill::At(Stop::After) => assert_eq!(fate, Fate::Written, "it was killed when it had written"),
            Kill::After(_) => self.pace = self.pace.mul_f64(by),
        }
    }

    pub(crate) fn have_cut_off_both(&self) -> bool {
        self.written > 0 && self.lost > 0
    }
}
