//! Where the budgets of this process stand: a table of a fixed size that forgets no debt.
//!
//! Whoever has many addresses chooses the keys, and how many there are; so memory is fixed, a key costs a look at
//! eight places and no more, and where it is kept is drawn anew by every process. When all eight are in use, the
//! newcomer takes the place of the one that owes least **and its debt with it** (as in Space-Saving, Metwally et al.
//! 2005): filling the table sets nobody free, neither those who are pushed out, who would have to come back in
//! another's place, nor those who come. A newcomer is held up by others only where eight of them have spent all they
//! had, which takes `capacity * burst` wrong answers in every `per` seconds (at the defaults 6,500 a second).

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::marker::PhantomData;
use std::sync::{Mutex, PoisonError};

use governor::nanos::Nanos;
use governor::state::StateStore;

/// Places that are looked at for a key: one cache line or two.
const PLACES: usize = 8;
/// Parts with a lock of their own, so that requests seldom wait for each other.
const SHARDS: usize = 64;

/// Until when the key of this hash owes something, in nanoseconds.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    hash: u64,
    until: u64,
}

#[derive(Debug)]
pub(super) struct Table {
    shards: Box<[Mutex<Vec<Place>>]>,
    /// Rows of [`PLACES`] in each shard.
    rows: u64,
    hasher: RandomState,
}

impl Table {
    /// Has room for at least this many keys; memory is taken as they come.
    pub(super) fn new(capacity: usize) -> Self {
        let rows = capacity.div_ceil(PLACES.saturating_mul(SHARDS)).max(1);
        Self {
            shards: std::iter::repeat_with(Mutex::default).take(SHARDS).collect(),
            rows: u64::try_from(rows).unwrap_or(u64::MAX),
            hasher: RandomState::new(),
        }
    }

    /// Runs `work` on the eight places of a key.
    fn row<T>(&self, hash: u64, work: impl FnOnce(&mut [Place]) -> T) -> T {
        // The upper bits choose the shard, the lower the row.
        let shard = usize::try_from(hash >> 58).unwrap_or(0);
        let row = usize::try_from(hash.checked_rem(self.rows).unwrap_or(0)).unwrap_or(0);
        let Some(shard) = self.shards.get(shard) else { return work(&mut []) };
        // A table is whole between any two statements, so a panic elsewhere has broken nothing.
        let mut places = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if places.is_empty() {
            let rows = usize::try_from(self.rows).unwrap_or(0);
            places.resize(rows.saturating_mul(PLACES), Place::default());
        }
        work(places.chunks_exact_mut(PLACES).nth(row).unwrap_or_default())
    }

    /// Takes `nanos` off what a key owes. Who owes nothing at `now` owes nothing at any time before, should the clock
    /// be set back.
    pub(super) fn forgive<K: Hash>(&self, key: &K, nanos: u64, now: u64) {
        let hash = self.hasher.hash_one(key);
        self.row(hash, |places| {
            if let Some(place) = places.iter_mut().find(|place| place.hash == hash) {
                let until = place.until.saturating_sub(nanos);
                place.until = if until > now { until } else { 0 };
            }
        });
    }

    /// The table as governor asks for it.
    pub(super) fn at_most<K>(&self, ceiling: u64) -> AtMost<'_, K> {
        AtMost { table: self, ceiling, of: PhantomData }
    }
}

/// A table in which nobody owes more than a whole budget from now on. Only a clock that was set back, or a larger
/// budget before, leaves more; it would be a lock of as long as that.
#[derive(Debug)]
pub(super) struct AtMost<'a, K> {
    table: &'a Table,
    ceiling: u64,
    of: PhantomData<fn() -> K>,
}

impl<K: Hash> StateStore for AtMost<'_, K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let hash = self.table.hasher.hash_one(key);
        self.table.row(hash, |places| {
            let own = places.iter().position(|place| place.hash == hash && place.until > 0);
            // A place nobody has used owes nothing, and so does one whose time is over.
            let place = match own {
                Some(own) => places.get_mut(own),
                None => places.iter_mut().min_by_key(|place| place.until),
            };
            // Without a place nobody could be counted, and nobody is let in.
            let Some(place) = place else {
                return measure(Some(Nanos::from(self.ceiling))).map(|(outcome, _)| outcome);
            };
            place.until = place.until.min(self.ceiling);
            let (outcome, until) = measure(Some(Nanos::from(place.until)))?;
            *place = Place { hash, until: until.as_u64() };
            Ok(outcome)
        })
    }
}
