//! No session is above what was proved for it.

use std::collections::BTreeSet;

use serde_json::Value;
use tower_mfa::account::{Event, EventKind};

use super::{Looked, list};

/// What an event says was proved beside the first factor.
pub(super) fn proof(event: &Event) -> Option<(String, u64)> {
    let proved = match event.kind {
        EventKind::AnswerAccepted | EventKind::AuthenticatorBound => event.method?.name(),
        EventKind::RecoveryCodeUsed => "recovery_code",
        _ => return None,
    };
    Some((proved.to_owned(), event.at.as_secs()))
}

/// Each proof of a session beside the password stands in the trail, at the same time.
pub(super) fn above_evidence(proved: &BTreeSet<(String, u64)>, looked: &Looked<'_>) -> Option<String> {
    for session in list(looked.after, "sessions") {
        for proof in session["evidence"].as_array().unwrap() {
            let (kind, at) = (proof["type"].as_str().unwrap(), proof["at"].as_u64().unwrap());
            if kind != "pwd" && !proved.contains(&(kind.to_owned(), at)) {
                return Some(format!("the evidence: a session has {kind} of {at}, and nobody proved it"));
            }
        }
    }
    None
}

/// With the first factor alone comes in who has no app, or who was granted that, and nobody else.
pub(super) fn first_factor_alone(looked: &Looked<'_>) -> Option<String> {
    if !looked.has(EventKind::SignedIn) || looked.events.iter().any(|event| proof(event).is_some()) {
        return None;
    }
    let before = looked.before?;
    let is_app = |one: &Value| one.pointer("/credential/totp").is_some() && one["status"] != "pending";
    let is_gone = before.get("standing").is_some_and(|standing| standing == "erased");
    let is_granted = before.pointer("/bypass/until").and_then(Value::as_u64).is_some_and(|end| end > looked.latest());
    let has_app = list(before, "authenticators").any(is_app);
    (has_app && !is_granted && !is_gone).then(|| "the evidence: the first factor alone let somebody in".to_owned())
}
