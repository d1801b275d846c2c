//! What is told of authenticators.

use serde_json::Value;
use tower_mfa::account::{Event, EventKind as Kind};
use tower_mfa::assurance::Method;

use super::{Difference, differing, new_lock};

/// The members of an authenticator that may change, and what tells of it.
const MEMBERS: [(&str, &[Kind]); 6] = [
    ("status", &[Kind::AuthenticatorBound, Kind::AuthenticatorDisabled]),
    ("owner", &[Kind::AuthenticatorBound]),
    ("credential", &[Kind::AnswerAccepted, Kind::AuthenticatorBound]),
    ("last_used_at", &[Kind::AnswerAccepted, Kind::AuthenticatorBound]),
    ("throttle", &[Kind::AnswerAccepted, Kind::AnswerRefused, Kind::AuthenticatorBound]),
    ("expires_at", &[Kind::AuthenticatorBound]),
];

/// What takes all of them away.
const CLEARS: [Kind; 3] = [Kind::Reset, Kind::Erased, Kind::MfaDisabled];

fn is_pending(one: &Value) -> bool {
    one["status"] == "pending"
}

impl Difference<'_> {
    pub(super) fn authenticators(&self) -> Result<(), String> {
        for (id, one) in &self.after.authenticators {
            match self.before.authenticators.get(id) {
                Some(before) => self.changed(id, before, one)?,
                None if is_pending(one) && self.tells_of(&[Kind::BindingStarted], id) => {}
                None => return Err(format!("the authenticator {id} is there, and nobody began to bind it")),
            }
        }
        for (id, one) in &self.before.authenticators {
            let is_told = if is_pending(one) {
                // One that nobody confirms lapses, and others take its place.
                self.is_over(one, "expires_at")
                    || self.looked.has_any(&[Kind::BindingStarted, Kind::AuthenticatorBound])
            } else {
                self.tells_of(&[Kind::AuthenticatorRemoved], id)
            };
            if !self.after.authenticators.contains_key(id) && !is_told && !self.looked.has_any(&CLEARS) {
                return Err(format!("the authenticator {id} is gone, and nobody is told"));
            }
        }
        self.looked.events.iter().try_for_each(|event| self.of_authenticator(event))
    }

    fn changed(&self, id: &str, before: &Value, after: &Value) -> Result<(), String> {
        for name in differing(before, after) {
            let kinds = MEMBERS.iter().find(|(member, _)| *member == name).map_or(&[][..], |(_, kinds)| kinds);
            let is_lifted = name == "throttle" && self.looked.has(Kind::Unlocked);
            if !is_lifted && !self.tells_of(kinds, id) {
                return Err(format!("{name} of the authenticator {id} has changed, and nobody is told"));
            }
        }
        match new_lock(Some(before), after, "throttle") {
            Some(until) => self.is_locked(id, until),
            None => Ok(()),
        }
    }

    pub(super) fn is_locked(&self, id: &str, until: u64) -> Result<(), String> {
        let is_it = |event: &Event| event.kind == Kind::Locked && event.until.is_some_and(|at| at.as_secs() == until);
        let mut about = self.looked.events.iter().filter(|event| super::is_about(event, id));
        if about.any(is_it) { Ok(()) } else { Err(format!("{id} is locked until {until}, and nobody is told")) }
    }

    fn of_authenticator(&self, event: &Event) -> Result<(), String> {
        let Some(id) = event.authenticator_id.map(|id| id.to_string()) else { return Ok(()) };
        let of = |items: &super::Items<'_>| items.authenticators.get(&*id).map(|one| Value::clone(one));
        let (before, after) = (of(&self.before), of(&self.after));
        let is_bound = |one: &Option<Value>| one.as_ref().is_some_and(|one| !is_pending(one));
        let failures =
            |one: &Option<Value>| one.as_ref().map_or(0, |one| one["throttle"]["consecutive"].as_u64().unwrap_or(0));
        let is_so = match event.kind {
            Kind::BindingStarted => before.is_none() && after.as_ref().is_some_and(is_pending),
            Kind::AuthenticatorBound => before.as_ref().is_some_and(is_pending) && is_bound(&after),
            Kind::AuthenticatorRemoved => is_bound(&before) && after.is_none(),
            Kind::AuthenticatorDisabled => {
                before.is_some_and(|one| one["status"] == "active")
                    && after.is_some_and(|one| one["status"] == "disabled")
            }
            Kind::AnswerAccepted => {
                let is_used =
                    after.as_ref().is_some_and(|one| one["last_used_at"].as_u64() == Some(event.at.as_secs()));
                is_used && (event.method != Some(Method::Totp) || failures(&after) == 0)
            }
            Kind::AnswerRefused => {
                failures(&after) == failures(&before) + 1 && event.count.map(u64::from) == Some(failures(&after))
            }
            Kind::HardLimitNear | Kind::BindingRefused => self.tells_of(&[Kind::AnswerRefused], &id),
            Kind::Locked => {
                let until = after.and_then(|one| one["throttle"]["until"].as_u64());
                until == event.until.map(|until| until.as_secs())
            }
            _ => true,
        };
        if is_so { Ok(()) } else { Err(format!("{:?} is told of the authenticator {id}, and is not so", event.kind)) }
    }
}
