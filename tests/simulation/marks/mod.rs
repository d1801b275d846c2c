//! What no commit may do, whoever hears of it: looked at in the store, document by document.

mod orders;
mod refusals;
mod sessions;
mod single_use;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use tower_mfa::account::{Event, EventKind};

/// What was wrong with the first commit that was.
#[derive(Clone, Default)]
pub(crate) struct Marks {
    pub(crate) broken: Option<String>,
    /// Every state that a subject's recovery codes have been in, the newest last.
    recovery: BTreeMap<String, Vec<String>>,
    /// What the trail of a subject says was proved: the kind, and when.
    proved: BTreeMap<String, BTreeSet<(String, u64)>>,
    /// The documents before and after each commit of a call.
    commits: BTreeMap<u64, Vec<Change>>,
}

/// A document before a commit, where there was one, and after it.
type Change = (Option<Arc<Value>>, Arc<Value>);

/// A commit as it is looked at.
struct Looked<'a> {
    before: Option<&'a Value>,
    after: &'a Value,
    events: &'a [Event],
}

impl Looked<'_> {
    fn has(&self, kind: EventKind) -> bool {
        self.events.iter().any(|event| event.kind == kind)
    }

    fn latest(&self) -> u64 {
        self.after["latest"].as_u64().unwrap()
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
    pub(crate) fn look(&mut self, subject: &str, before: Option<&Arc<Value>>, after: &Arc<Value>, events: &[Event]) {
        let looked = Looked { before: before.map(|before| &**before), after, events };
        let proved = self.proved.entry(subject.to_owned()).or_default();
        proved.extend(events.iter().filter_map(sessions::proof));
        let broken = None
            .or_else(|| single_use::steps(&looked))
            .or_else(|| single_use::codes(self.recovery.entry(subject.to_owned()).or_default(), &looked))
            .or_else(|| sessions::above_evidence(proved, &looked))
            .or_else(|| sessions::first_factor_alone(&looked))
            .or_else(|| orders::obeyed(&looked))
            .or_else(|| orders::time(&looked));
        self.broken = self.broken.take().or_else(|| broken.map(|what| format!("{subject}: {what}")));
        // Who replays a refresh token is refused, and ends the session by it.
        let events = if looked.has(EventKind::RefreshReplayed) { &[] } else { events };
        if let Some(call) = events.iter().find_map(|event| event.address.as_ref()?.parse().ok()) {
            self.commits.entry(call).or_default().push((before.cloned(), Arc::clone(after)));
        }
    }

    /// What a call that was refused has changed beside counters.
    pub(crate) fn changed_by(&self, call: u64) -> Option<String> {
        let commits = self.commits.get(&call).into_iter().flatten();
        commits.into_iter().find_map(|(before, after)| refusals::beside_counters(before.as_deref(), after))
    }
}
