//! How often what happened: a run in which something never happens shows nothing of it.

use std::collections::BTreeMap;

use super::memory::Start;
use super::told::Told;

#[derive(Debug, Default, Clone)]
pub(crate) struct Counts(BTreeMap<&'static str, u64>);

/// From how many stories on what is counted says something.
pub(crate) const FEWEST: u64 = 500;
/// How many stories the floors are for.
const STORIES: u64 = 2_000;

/// What must have happened at least so often in so many stories: about half of what does.
const FLOORS: [(&str, u64); 31] = [
    ("let in by an app", 1700),
    ("let in by a passkey", 500),
    ("let in by a recovery code", 250),
    ("let in by the first factor alone", 400),
    ("bound", 70),
    ("refreshed", 450),
    ("logged out", 60),
    ("removed", 60),
    ("orders obeyed", 1000),
    ("wrong answers", 2500),
    ("wrong recovery codes", 350),
    ("gone", 430),
    ("throttled", 180),
    ("invalid token", 400),
    ("ended sessions tried again", 110),
    ("refresh tokens used again", 30),
    ("codes used again", 460),
    ("sessions ended", 400),
    ("locks", 370),
    ("disabled for good", 8),
    ("guesses from sessions of two factors", 95),
    ("exceptions used", 180),
    ("exceptions ended", 6),
    ("commits without an event", 1300),
    ("clocks too far behind", 290),
    ("tokens from ahead believed", 140),
    ("races lost", 2800),
    ("answers of the store lost", 800),
    ("calls to the store failed", 3000),
    ("crashes with a write in hand", 950),
    ("clients that hung up", 1200),
];

impl Counts {
    pub(crate) fn add(&mut self, what: &'static str) {
        self.add_many(what, 1);
    }

    pub(crate) fn add_many(&mut self, what: &'static str, many: u64) {
        *self.0.entry(what).or_default() += many;
    }

    pub(crate) fn add_all(&mut self, other: &Self) {
        other.0.iter().for_each(|(what, many)| self.add_many(what, *many));
    }

    /// Counts what somebody was told of an operation that began so.
    pub(crate) fn told(&mut self, told: &Told, start: &Start) {
        use super::operations::Proof;
        self.add(match told {
            Told::In { by: Some(Proof::Step(..)), .. } => "let in by an app",
            Told::In { by: Some(Proof::Recovery(_)), .. } => "let in by a recovery code",
            Told::In { by: Some(Proof::Assertion(_)), .. } => "let in by a passkey",
            Told::In { by: None, .. } => "let in by the first factor alone",
            Told::Enough { .. } => "nothing was missing",
            Told::Refreshed { .. } => "refreshed",
            Told::Bound { .. } => "bound",
            Told::Removed { .. } => "removed",
            Told::LoggedOut { .. } => "logged out",
            Told::Obeyed(_) => "orders obeyed",
            Told::Wrong => "wrong answers",
            Told::Unavailable => "not decided",
            Told::Refused(why) => why,
            Told::Unknown | Told::Left | Told::Broken(_) => "left",
        });
        if start.is_revival() {
            self.add("ended sessions tried again");
        }
    }

    /// What happened too seldom in so many stories.
    pub(crate) fn too_few(&self, stories: u64) -> Vec<String> {
        let seldom = FLOORS.into_iter().filter_map(|(what, floor)| {
            let (is, least) = (self.0.get(what).copied().unwrap_or_default(), floor * stories / STORIES);
            (is < least).then(|| format!("{what}: {is} times, and not {least}"))
        });
        seldom.collect()
    }
}
