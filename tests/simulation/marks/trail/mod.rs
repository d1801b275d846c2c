//! What is told of a commit is what it changes: each difference between two documents has an event, and each event the
//! difference that it tells of.

mod authenticators;
mod challenges;
mod members;
mod sessions;

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tower_mfa::account::{Event, EventKind as Kind};

use super::{Looked, list, standing};

/// What happens in these stories.
const TOLD: [Kind; 27] = [
    Kind::SignedIn,
    Kind::LoginChallenged,
    Kind::LoginBlocked,
    Kind::AnswerAccepted,
    Kind::AnswerRefused,
    Kind::OtpReplayed,
    Kind::SteppedUp,
    Kind::Locked,
    Kind::HardLimitNear,
    Kind::AuthenticatorDisabled,
    Kind::BindingStarted,
    Kind::BindingRefused,
    Kind::AuthenticatorBound,
    Kind::AuthenticatorRemoved,
    Kind::RecoveryCodesIssued,
    Kind::RecoveryCodeUsed,
    Kind::RecoveryCodesLow,
    Kind::SessionEnded,
    Kind::RefreshReplayed,
    Kind::ClockBehind,
    Kind::Reset,
    Kind::Unlocked,
    Kind::Suspended,
    Kind::SessionsEnded,
    Kind::Erased,
    Kind::BypassGranted,
    Kind::BypassEnded,
];

/// A commit as a difference.
struct Difference<'a> {
    looked: &'a Looked<'a>,
    before: Items<'a>,
    after: Items<'a>,
}

/// What of a document is told of.
struct Items<'a> {
    document: Option<&'a Value>,
    authenticators: BTreeMap<&'a str, &'a Value>,
    sessions: BTreeMap<&'a str, &'a Value>,
    challenges: BTreeMap<&'a str, &'a Value>,
}

impl<'a> Items<'a> {
    fn of(document: Option<&'a Value>) -> Self {
        let by_id = |name: &str| {
            let items = document.into_iter().flat_map(|document| list(document, name));
            items.map(|item| (item["id"].as_str().unwrap(), item)).collect()
        };
        let (authenticators, sessions) = (by_id("authenticators"), by_id("sessions"));
        Self { document, authenticators, sessions, challenges: by_id("challenges") }
    }

    fn member(&self, name: &str) -> Option<&'a Value> {
        self.document?.get(name)
    }
}

impl Difference<'_> {
    /// Whether something is told of an authenticator, a session.
    fn tells_of(&self, kinds: &[Kind], id: &str) -> bool {
        self.looked.events.iter().any(|event| kinds.contains(&event.kind) && is_about(event, id))
    }

    /// Whether what was good until then is over.
    fn is_over(&self, item: &Value, member: &str) -> bool {
        item[member].as_u64().is_some_and(|end| end <= self.looked.latest())
    }
}

fn is_about(event: &Event, id: &str) -> bool {
    event.authenticator_id.is_some_and(|of| of.to_string() == id) || event.sid.is_some_and(|of| of.to_string() == id)
}

/// The names of the members that differ.
fn differing<'a>(before: &'a Value, after: &'a Value) -> impl Iterator<Item = &'a str> {
    let names = |value: &'a Value| value.as_object().into_iter().flat_map(Map::keys).map(String::as_str);
    let new = names(after).filter(|name| before.get(*name).is_none());
    names(before).chain(new).filter(|name| before.get(*name) != after.get(*name))
}

/// Whether the lock of `after` began in this commit; until when it lasts.
fn new_lock(before: Option<&Value>, after: &Value, throttle: &str) -> Option<u64> {
    let until = |value: &Value| value[throttle]["until"].as_u64();
    until(after).filter(|_| before.and_then(until) != until(after))
}

pub(super) fn told(looked: &Looked<'_>) -> Option<String> {
    let difference = Difference { looked, before: Items::of(looked.before), after: Items::of(Some(looked.after)) };
    let broken = difference.check().err()?;
    Some(format!("the trail: {broken}"))
}

impl Difference<'_> {
    fn check(&self) -> Result<(), String> {
        for event in self.looked.events {
            if !TOLD.contains(&event.kind) && event.kind != Kind::BypassUsed {
                return Err(format!("{:?} is told of, and nobody did that", event.kind));
            }
            if event.at.as_secs() != self.looked.latest() {
                return Err(format!("{:?} was at {}, and it is {}", event.kind, event.at, self.looked.latest()));
            }
        }
        self.authenticators()?;
        self.sessions()?;
        self.challenges()?;
        self.standing()?;
        self.recovery()?;
        self.bypass()?;
        self.members()
    }

    fn standing(&self) -> Result<(), String> {
        let (before, after) = (self.looked.before.map_or("normal", standing), standing(self.looked.after));
        let told = match after {
            "suspended" => Kind::Suspended,
            "erased" => Kind::Erased,
            // Who was erased comes back as somebody new.
            _ if before == "erased" => Kind::SignedIn,
            _ => Kind::Unlocked,
        };
        let of = [(Kind::Suspended, "suspended"), (Kind::Erased, "erased"), (Kind::Unlocked, "normal")];
        let is_not = of.into_iter().find(|(kind, standing)| self.looked.has(*kind) && after != *standing);
        match is_not {
            Some((kind, _)) => Err(format!("{kind:?} is told of, and the account is {after}")),
            None if before != after && !self.looked.has(told) => {
                Err(format!("the account was {before} and is {after}, and {told:?} is not told of"))
            }
            None => Ok(()),
        }
    }
}
