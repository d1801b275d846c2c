//! What is on its way: pure bookkeeping, so that a position never passes an event that is not done.

use std::collections::VecDeque;

use crate::store::{EventCursor, StoredEvent};

/// How many events are on their way at a time. After a crash no more than these are delivered twice.
pub(super) const WIDTH: usize = 128;
/// Events of one subject go one after the other. Those of others do not wait for them, unless they share a lane, or until
/// so many wait behind one that is refused that the window is full: then all wait until it is taken or given up.
const LANES: u64 = 32;

/// The events behind a position, in their order, and which of them are done.
#[derive(Debug, Default)]
pub(super) struct Window {
    events: VecDeque<Slot>,
    /// The number of the first slot.
    first: u64,
}

/// An event that is on its way.
pub(super) struct Started {
    pub(super) number: u64,
    /// The place before it; `None` where that is the position.
    pub(super) before: Option<EventCursor>,
    pub(super) event: StoredEvent,
}

#[derive(Debug)]
struct Slot {
    event: StoredEvent,
    lane: Lane,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waits,
    Runs,
    Done,
}

impl Window {
    /// How many more events fit in.
    pub(super) fn room(&self) -> usize {
        WIDTH.saturating_sub(self.events.len())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    pub(super) fn push(&mut self, event: StoredEvent) {
        let lane = lane(&event);
        self.events.push_back(Slot { event, lane, state: State::Waits });
    }

    /// The place behind the last event that was read.
    pub(super) fn end(&self) -> Option<&EventCursor> {
        self.events.back().map(|slot| slot.event.cursor())
    }

    /// The next event that may go: the first of its lane. It counts as on its way from now on.
    pub(super) fn start_next(&mut self) -> Option<Started> {
        let (mut busy, mut before) = (Vec::new(), None);
        for (number, slot) in (self.first..).zip(&mut self.events) {
            if slot.state == State::Waits && !busy.contains(&slot.lane) {
                slot.state = State::Runs;
                return Some(Started { number, before, event: slot.event.clone() });
            }
            if slot.state != State::Done {
                busy.push(slot.lane);
            }
            before = Some(slot.event.cursor().clone());
        }
        None
    }

    /// Notes that an event is done; returns the new position, where it moves.
    pub(super) fn finish(&mut self, number: u64) -> Option<EventCursor> {
        let at = number.checked_sub(self.first).and_then(|at| usize::try_from(at).ok())?;
        self.events.get_mut(at)?.state = State::Done;
        let mut position = None;
        while self.events.front().is_some_and(|slot| slot.state == State::Done) {
            position = self.events.pop_front().map(|slot| slot.event.cursor().clone());
            self.first = self.first.saturating_add(1);
        }
        position
    }
}

type Lane = u64;

/// Which lane an event goes in: that of its subject.
fn lane(event: &StoredEvent) -> Lane {
    // FNV-1a: it need not be secret, and whoever fills one lane slows nobody's deliveries but by their order.
    let bytes = event.subject().storage_key();
    let hash = bytes
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    hash.checked_rem(LANES).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::entropy::SystemEntropy;
    use crate::id::{EventId, Subject};

    fn event(subject: &str, number: usize) -> StoredEvent {
        let cursor = EventCursor::new(number.to_string()).unwrap();
        let id = EventId::generate(&SystemEntropy).unwrap();
        StoredEvent::new(cursor, Subject::new(subject).unwrap(), id, Timestamp::EPOCH, "{}")
    }

    fn started(window: &mut Window) -> Vec<u64> {
        std::iter::from_fn(|| window.start_next()).map(|started| started.number).collect()
    }

    #[test]
    fn a_position_never_passes_an_event_that_is_not_done() {
        let mut window = Window::default();
        for (number, name) in ["alice", "bob", "carol"].into_iter().enumerate() {
            window.push(event(name, number + 1));
        }
        assert_eq!(started(&mut window), [0, 1, 2]);
        assert_eq!(window.finish(2), None);
        assert_eq!(window.finish(1), None);
        assert_eq!(window.finish(0).unwrap().as_str(), "3");
        assert!(window.is_empty());
        assert_eq!(window.finish(0), None, "it is done already");
    }

    #[test]
    fn the_events_of_one_subject_go_one_after_the_other() {
        let mut window = Window::default();
        for (number, name) in ["alice", "alice", "bob", "alice"].into_iter().enumerate() {
            window.push(event(name, number + 1));
        }
        assert_eq!(started(&mut window), [0, 2], "alice's second waits for her first");
        assert_eq!(window.finish(2), None);
        assert!(started(&mut window).is_empty());
        assert_eq!(window.finish(0).unwrap().as_str(), "1");
        assert_eq!(started(&mut window), [1]);
        assert_eq!(window.finish(1).unwrap().as_str(), "3", "bob's was done long ago");
        assert_eq!(started(&mut window), [3]);
    }

    #[test]
    fn no_more_are_on_their_way_than_the_window_is_wide() {
        let mut window = Window::default();
        assert_eq!(window.room(), WIDTH);
        (0..WIDTH).for_each(|number| window.push(event(&format!("user {number}"), number + 1)));
        assert_eq!((window.room(), window.end().unwrap().as_str()), (0, "128"));
    }
}
