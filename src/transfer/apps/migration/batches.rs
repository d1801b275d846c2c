//! Which parts of which exports were read.

use super::payload::Part;
use crate::transfer::apps::found::Place;

/// Most parts of one export: 2,560 keys, by ten a code.
const PARTS_MAX: u64 = 256;
/// Most exports whose parts are awaited at a time.
const OPEN_MAX: usize = 64;

/// Exports in the order in which they began.
#[derive(Debug, Default)]
pub(super) struct Batches(Vec<Batch>);

#[derive(Debug)]
struct Batch {
    id: u64,
    of: u64,
    /// A bit for each part.
    seen: [u64; 4],
    last: Place,
}

/// What a part turned out to be.
pub(super) enum Seen {
    /// New, or the only one of its export.
    New,
    /// Read before.
    Again,
    /// It does not fit to itself or to those before.
    Odd,
}

impl Batches {
    /// Notes a part, and returns with it where an export ended that was given up for this one.
    pub(super) fn note(&mut self, part: Part, place: Place) -> (Seen, Option<Place>) {
        // Not every program gives an export a number of its own: the same one can be another export. To find a
        // key twice does no harm.
        if part.of <= 1 && part.index == 0 {
            return (Seen::New, None);
        }
        if part.of > PARTS_MAX || part.index >= part.of {
            return (Seen::Odd, None);
        }
        let given_up = self.make_room(part.id);
        let Some(batch) = self.find(part, place) else { return (Seen::Odd, given_up) };
        batch.last = place;
        let (word, bit) = (part.index.checked_div(64), 1_u64.checked_shl(u32::try_from(part.index % 64).unwrap_or(0)));
        let word = word.and_then(|word| usize::try_from(word).ok()).and_then(|word| batch.seen.get_mut(word));
        let (Some(word), Some(bit)) = (word, bit) else { return (Seen::Odd, given_up) };
        let seen = if *word & bit == 0 { Seen::New } else { Seen::Again };
        *word |= bit;
        (seen, given_up)
    }

    /// Takes out an export of which parts are missing: where its last part stood.
    pub(super) fn take_incomplete(&mut self) -> Option<Place> {
        let at = self.0.iter().position(|batch| !batch.is_complete())?;
        Some(self.0.remove(at).last)
    }

    /// The export of a part; none when it is known with another number of parts.
    fn find(&mut self, part: Part, place: Place) -> Option<&mut Batch> {
        let at = match self.0.iter().position(|batch| batch.id == part.id) {
            Some(at) => at,
            None => {
                self.0.push(Batch { id: part.id, of: part.of, seen: [0; 4], last: place });
                self.0.len().checked_sub(1)?
            }
        };
        self.0.get_mut(at).filter(|batch| batch.of == part.of)
    }

    /// Forgets the oldest export that is complete, or else the oldest, where there are too many.
    fn make_room(&mut self, id: u64) -> Option<Place> {
        if self.0.len() < OPEN_MAX || self.0.iter().any(|batch| batch.id == id) {
            return None;
        }
        let at = self.0.iter().position(Batch::is_complete).unwrap_or(0);
        let gone = self.0.remove(at);
        (!gone.is_complete()).then_some(gone.last)
    }
}

impl Batch {
    fn is_complete(&self) -> bool {
        let seen = self.seen.iter().fold(0_u64, |seen, word| seen.saturating_add(word.count_ones().into()));
        seen == self.of
    }
}
