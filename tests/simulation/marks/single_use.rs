//! What is good once.

use std::collections::BTreeMap;

use serde_json::Value;
use tower_mfa::account::{Event, EventKind};
use tower_mfa::assurance::Method;

use super::{Looked, list};

/// No state of the recovery codes comes back.
pub(super) fn codes(seen: &mut Vec<String>, looked: &Looked<'_>) -> Option<String> {
    let set = looked.after.pointer("/recovery/set").map(Value::to_string)?;
    if seen.last() == Some(&set) {
        let is_used = looked.has(EventKind::RecoveryCodeUsed);
        return is_used.then(|| "a recovery code was accepted twice: it is still there".to_owned());
    }
    let is_back = seen.contains(&set);
    seen.push(set);
    is_back.then(|| "a recovery code was accepted twice: it came back".to_owned())
}

/// The step of an app never goes back, and rises where a code of it was accepted.
pub(super) fn steps(looked: &Looked<'_>) -> Option<String> {
    let (before, after) = (last_steps(looked.before?), last_steps(looked.after));
    for (id, step) in &before {
        let Some(now) = after.get(id) else { continue };
        let is_accepted = |event: &Event| {
            event.kind == EventKind::AnswerAccepted
                && event.method == Some(Method::Totp)
                && event.authenticator_id.is_some_and(|of| of.to_string() == *id)
        };
        if now < step || (now == step && looked.events.iter().any(is_accepted)) {
            return Some(format!("a code may be accepted twice: its step was {step:?} and is {now:?}"));
        }
    }
    None
}

fn last_steps(document: &Value) -> BTreeMap<String, Option<u64>> {
    let apps = list(document, "authenticators").filter(|one| one.pointer("/credential/totp").is_some());
    let step = |one: &Value| one.pointer("/credential/totp/last_step").and_then(Value::as_u64);
    apps.map(|one| (one["id"].as_str().unwrap().to_owned(), step(one))).collect()
}
