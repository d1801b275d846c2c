//! What no commit may do, whoever hears of it: looked at in the store, document by document.

mod budget;
mod orders;
mod refusals;
mod sessions;
mod single_use;
mod trail;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use tower_mfa::account::{Event, EventKind};

use super::call::{Call, Door};
use super::counts::Counts;
use budget::Budgets;

/// What was wrong with the first commit that was.
#[derive(Clone, Default)]
pub(crate) struct Marks {
    pub(crate) broken: Option<String>,
    /// Whether what is told of commits is not compared with what they change: to see what else finds a bug.
    pub(crate) ignores_trail: bool,
    /// Every state that a subject's recovery codes have been in, the newest last.
    recovery: BTreeMap<String, Vec<String>>,
    /// What the trail of a subject says was proved: the kind, and when.
    proved: BTreeMap<String, BTreeSet<(String, u64)>>,
    pub(crate) budgets: Budgets,
    /// What each call has committed.
    commits: BTreeMap<u64, Vec<Change>>,
}

/// A commit of a call.
#[derive(Clone)]
pub(crate) struct Change {
    /// The document before it, where there was one, and after it.
    before: Option<Arc<Value>>,
    after: Arc<Value>,
    pub(crate) events: Vec<Event>,
}

impl Change {
    pub(crate) fn tells(&self, kind: EventKind) -> bool {
        self.events.iter().any(|event| event.kind == kind)
    }
}

/// A commit as it is looked at.
struct Looked<'a> {
    before: Option<&'a Value>,
    after: &'a Value,
    events: &'a [Event],
    /// Whose it is; `None` before the story begins.
    call: Option<&'a Call>,
}

impl Looked<'_> {
    fn has(&self, kind: EventKind) -> bool {
        self.events.iter().any(|event| event.kind == kind)
    }

    fn has_any(&self, kinds: &[EventKind]) -> bool {
        kinds.iter().any(|kind| self.has(*kind))
    }

    fn latest(&self) -> u64 {
        self.after["latest"].as_u64().unwrap()
    }

    /// Whether it is of a call of that kind. What was before the story is of any.
    fn is_by(&self, door: Door) -> bool {
        self.call.is_none_or(|call| call.door == door)
    }
}

/// The items of a list that may be left out.
pub(crate) fn list<'a>(document: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    document.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn standing(document: &Value) -> &str {
    document.get("standing").and_then(Value::as_str).unwrap_or("normal")
}

impl Marks {
    /// Compares a document with the one that it takes the place of; `events` are those of the commit.
    pub(crate) fn look(
        &mut self,
        call: Option<&Call>,
        subject: &str,
        (before, after): (Option<&Arc<Value>>, &Arc<Value>),
        events: &[Event],
    ) {
        let looked = Looked { before: before.map(|before| &**before), after, events, call };
        let proved = self.proved.entry(subject.to_owned()).or_default();
        proved.extend(events.iter().filter_map(sessions::proof));
        let broken = None
            .or_else(|| single_use::steps(&looked))
            .or_else(|| single_use::codes(self.recovery.entry(subject.to_owned()).or_default(), &looked))
            .or_else(|| sessions::above_evidence(proved, &looked))
            .or_else(|| sessions::first_factor_alone(&looked))
            .or_else(|| orders::obeyed(&looked))
            .or_else(|| orders::time(&looked))
            .or_else(|| self.budgets.of(subject).look(&looked))
            .or_else(|| (!self.ignores_trail).then(|| trail::told(&looked)).flatten());
        self.broken = self.broken.take().or_else(|| broken.map(|what| format!("{subject}: {what}")));
        if let Some(call) = call {
            let change = Change { before: before.cloned(), after: Arc::clone(after), events: events.to_vec() };
            self.commits.entry(call.number).or_default().push(change);
        }
    }

    /// What a call has committed.
    pub(crate) fn of(&self, call: u64) -> &[Change] {
        self.commits.get(&call).map_or(&[], Vec::as_slice)
    }

    /// What a call that was refused has changed beside counters.
    pub(crate) fn changed_by(&self, call: u64) -> Option<String> {
        self.of(call).iter().find_map(refusals::beside_counters)
    }

    /// What is wrong with what a call has written that was refused unchecked.
    pub(crate) fn written_by(&self, call: u64, door: Door, why: &str) -> Option<String> {
        refusals::unchecked(door, why, self.of(call))
    }

    pub(crate) fn count(&self, counts: &mut Counts) {
        let all = || self.commits.values().flatten();
        let told = |kind| all().flat_map(|change| &change.events).filter(|event| event.kind == kind).count();
        let many = |count: usize| u64::try_from(count).unwrap();
        counts.add_many("commits", many(all().count()));
        counts.add_many("commits without an event", many(all().filter(|change| change.events.is_empty()).count()));
        for (what, kind) in [
            ("locks", EventKind::Locked),
            ("disabled for good", EventKind::AuthenticatorDisabled),
            ("refresh tokens used again", EventKind::RefreshReplayed),
            ("sessions ended", EventKind::SessionEnded),
            ("clocks reported", EventKind::ClockBehind),
            ("codes used again", EventKind::OtpReplayed),
            ("exceptions used", EventKind::BypassUsed),
            ("exceptions ended", EventKind::BypassEnded),
        ] {
            counts.add_many(what, many(told(kind)));
        }
        self.budgets.count(counts);
    }

    /// Whether a call used a refresh token that had been replaced.
    pub(crate) fn was_replayed(&self, call: u64) -> bool {
        self.of(call).iter().any(|change| change.tells(EventKind::RefreshReplayed))
    }
}
