//! What a careless store, or a careless core over a good one, would do. None of it is in the crate.

use serde_json::{Value, json};
use tower_mfa::account::{Event, EventKind};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plant {
    Nothing,
    /// Commits whatever the revision is.
    LosesUpdates,
    /// Counts no failures: the throttle is skipped.
    ForgetsFailures,
    /// Does not burn the step of a code.
    ForgetsSteps,
    /// Forgets it only where nobody hears of the answer.
    ForgetsUnheard,
    /// Says "done" and writes later, if the replica lives for so long.
    AnswersBeforeItWrites,
    /// Loses an event now and then.
    DropsEvents,
    /// Writes an event twice now and then.
    DoublesEvents,
    /// Does not remember which recovery codes were used.
    ForgetsUsedRecoveryCodes,
    /// Gives a session of one factor a second one.
    GrantsTooHigh,
    /// A wrong answer ends the sessions of whom it was sent for.
    RefusesAndWrites,
    /// Where an operator ends sessions, they stay.
    KeepsSessions,
    /// Does not remember the latest time.
    ForgetsTheTime,
}

impl Plant {
    /// What it is where the answer to a commit is lost.
    pub(crate) fn unheard(self) -> Self {
        if self == Self::ForgetsUnheard { Self::ForgetsSteps } else { self }
    }

    /// Changes a document before it is stored; tells whether it did. `before` is the one that it takes the place of,
    /// `events` are those of the commit.
    pub(crate) fn rewrite(self, document: &mut Value, before: Option<&Value>, events: &[Event]) -> bool {
        let has = |kinds: &[EventKind]| events.iter().any(|event| kinds.contains(&event.kind));
        let keep = |document: &mut Value, name: &str| {
            if let Some(kept) = before.and_then(|before| before.get(name)) {
                document[name] = kept.clone();
            }
        };
        match self {
            Self::ForgetsFailures => without(document, &["throttle", "recovery_throttle"]),
            Self::ForgetsSteps => without(document, &["last_step"]),
            Self::ForgetsUsedRecoveryCodes if has(&[EventKind::RecoveryCodeUsed]) => keep(document, "recovery"),
            Self::GrantsTooHigh => raise(document),
            Self::RefusesAndWrites if has(&[EventKind::AnswerRefused]) => without(document, &["sessions"]),
            Self::KeepsSessions if has(&[EventKind::SessionsEnded, EventKind::Suspended, EventKind::Reset]) => {
                keep(document, "sessions");
            }
            Self::ForgetsTheTime => {
                if let Some(latest) = before.and_then(|before| before["latest"].as_u64()) {
                    document["latest"] = json!(latest - 1);
                }
            }
            _ => return false,
        }
        true
    }
}

fn raise(document: &mut Value) {
    for session in document.get_mut("sessions").and_then(Value::as_array_mut).into_iter().flatten() {
        let at = session["created_at"].clone();
        let evidence = session["evidence"].as_array_mut().unwrap();
        if evidence.len() == 1 {
            evidence.push(json!({ "type": "totp", "at": at }));
        }
    }
}

/// Takes members of these names out, wherever they stand.
fn without(value: &mut Value, names: &[&str]) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !names.contains(&name.as_str()));
            members.values_mut().for_each(|member| without(member, names));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| without(item, names)),
        _ => {}
    }
}
