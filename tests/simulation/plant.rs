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
    /// Counts no failures with recovery codes, and none of a session.
    ForgetsFailuresWithRecoveryCodes,
    ForgetsFailuresOfSessions,
    /// Never disables anything for good.
    ForgetsTheHardLimit,
    /// Who is refused for a refresh token that was replaced uses up a generation, and nobody is told.
    SpendsGenerations,
    /// Who is refused for one ends all other sessions, too.
    EndsOthersBesideReplayed,
    /// A wrong answer takes an exception away that goes on.
    RefusesAndEndsBypass,
    /// Sessions end when somebody signs in, and nobody is told.
    EndsSessionsUntold,
    /// A session of which it is told that it has ended stays.
    KeepsEnded,
    /// Tells of no session that it has ended: so it is shown to who looks, for no store can unlink an event.
    HidesEnded,
    /// Hides that a call to the store has failed.
    HidesFaults,
    /// Loses sessions on the way to who reads.
    ReadsNoSessions,
}

/// What else is told of where sessions end: by an operator, with an exception, or as another begins.
const BESIDE: [EventKind; 9] = [
    EventKind::SessionsEnded,
    EventKind::Suspended,
    EventKind::Reset,
    EventKind::Erased,
    EventKind::Unlocked,
    EventKind::BypassEnded,
    EventKind::SignedIn,
    EventKind::SteppedUp,
    EventKind::AuthenticatorBound,
];

impl Plant {
    /// Whether those find it who guess.
    pub(crate) const fn is_of_guesses(self) -> bool {
        matches!(
            self,
            Self::ForgetsFailures
                | Self::ForgetsFailuresWithRecoveryCodes
                | Self::ForgetsFailuresOfSessions
                | Self::ForgetsTheHardLimit
        )
    }

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
            Self::ForgetsFailuresWithRecoveryCodes => {
                document.as_object_mut().unwrap().remove("recovery_throttle");
            }
            Self::ForgetsFailuresOfSessions => each(document, "sessions", |session| {
                session.as_object_mut().unwrap().remove("throttle");
            }),
            Self::ForgetsTheHardLimit => {
                each(document, "authenticators", |one| {
                    if one["status"] == "disabled" {
                        one["status"] = json!("active");
                    }
                });
                without(document, &["disabled"]);
            }
            Self::SpendsGenerations if has(&[EventKind::RefreshReplayed]) => {
                *document = before.unwrap().clone();
                let sid = events[0].sid.unwrap().to_string();
                each(document, "sessions", |session| {
                    if session["id"] == sid {
                        session["generation"] = json!(session["generation"].as_u64().unwrap() + 1);
                    }
                });
            }
            Self::EndsOthersBesideReplayed if has(&[EventKind::RefreshReplayed]) => without(document, &["sessions"]),
            Self::RefusesAndEndsBypass if has(&[EventKind::AnswerRefused]) => without(document, &["bypass"]),
            Self::EndsSessionsUntold if has(&[EventKind::LoginChallenged]) => without(document, &["sessions"]),
            Self::KeepsEnded if has(&[EventKind::SessionEnded]) && !has(&BESIDE) => keep(document, "sessions"),
            Self::ForgetsTheTime => {
                if let Some(latest) = before.and_then(|before| before["latest"].as_u64()) {
                    document["latest"] = json!(latest - 1);
                }
            }
            _ => return false,
        }
        true
    }

    /// Whether none of these events is stored.
    pub(crate) fn is_silent_about(self, events: &[Event]) -> bool {
        self == Self::SpendsGenerations && events.iter().any(|event| event.kind == EventKind::RefreshReplayed)
    }

    /// What of these events who looks is shown.
    pub(crate) fn told(self, mut events: Vec<Event>) -> Vec<Event> {
        if self == Self::HidesEnded {
            events.retain(|event| event.kind != EventKind::SessionEnded);
        }
        events
    }
}

fn each(document: &mut Value, list: &str, change: impl FnMut(&mut Value)) {
    document.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten().for_each(change);
}

fn raise(document: &mut Value) {
    each(document, "sessions", |session| {
        let at = session["created_at"].clone();
        let evidence = session["evidence"].as_array_mut().unwrap();
        if evidence.len() == 1 {
            evidence.push(json!({ "type": "totp", "at": at }));
        }
    });
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
