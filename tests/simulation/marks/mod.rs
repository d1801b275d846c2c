//! What no commit may take back, whoever hears of it: looked at in the store, document by document.

use std::collections::BTreeMap;

use serde_json::Value;
use tower_mfa::account::{Event, EventKind};
use tower_mfa::assurance::Method;

/// What was wrong with the first commit that was.
#[derive(Clone, Default)]
pub(crate) struct Marks {
    pub(crate) broken: Option<String>,
    /// Every state that a subject's recovery codes have been in, the newest last.
    recovery: BTreeMap<String, Vec<String>>,
}

impl Marks {
    /// Compares a document with the one that it takes the place of; `events` are those of the commit.
    pub(crate) fn look(&mut self, subject: &str, before: Option<&str>, after: &str, events: &[Event]) {
        let (before, after): (Option<Value>, Value) =
            (before.map(|text| serde_json::from_str(text).unwrap()), serde_json::from_str(after).unwrap());
        let broken = before.as_ref().and_then(|before| steps(before, &after, events));
        let broken = broken.or_else(|| self.codes(subject, &after, events));
        self.broken = self.broken.take().or_else(|| broken.map(|what| format!("{subject}: {what}")));
    }

    fn codes(&mut self, subject: &str, after: &Value, events: &[Event]) -> Option<String> {
        let set = after.pointer("/recovery/set").map(Value::to_string)?;
        let seen = self.recovery.entry(subject.to_owned()).or_default();
        let is_used = events.iter().any(|event| event.kind == EventKind::RecoveryCodeUsed);
        if seen.last() == Some(&set) {
            return is_used.then(|| "a recovery code was accepted twice: it is still there".to_owned());
        }
        let is_back = seen.contains(&set);
        seen.push(set);
        is_back.then(|| "a recovery code was accepted twice: it came back".to_owned())
    }
}

/// The step of an app never goes back, and rises where a code of it was accepted.
fn steps(before: &Value, after: &Value, events: &[Event]) -> Option<String> {
    let (before, after) = (last_steps(before), last_steps(after));
    for (id, step) in &before {
        let Some(now) = after.get(id) else { continue };
        let is_accepted = |event: &Event| {
            event.kind == EventKind::AnswerAccepted
                && event.method == Some(Method::Totp)
                && event.authenticator_id.is_some_and(|of| of.to_string() == *id)
        };
        if now < step || (now == step && events.iter().any(is_accepted)) {
            return Some(format!("a code may be accepted twice: its step was {step:?} and is {now:?}"));
        }
    }
    None
}

fn last_steps(document: &Value) -> BTreeMap<String, Option<u64>> {
    let all = document["authenticators"].as_array().into_iter().flatten();
    let apps = all.filter(|one| one.pointer("/credential/totp").is_some());
    let step = |one: &Value| one.pointer("/credential/totp/last_step").and_then(Value::as_u64);
    apps.map(|one| (one["id"].as_str().unwrap().to_owned(), step(one))).collect()
}
