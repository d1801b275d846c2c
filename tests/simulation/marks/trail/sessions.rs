//! What is told of sessions.

use serde_json::Value;
use tower_mfa::account::{Event, EventKind as Kind};

use super::{Difference, differing, new_lock};
use crate::call::Door;

/// What lets somebody in, or in as more.
const BEGINS: [Kind; 2] = [Kind::SignedIn, Kind::SteppedUp];
/// What follows a session that is not told of: the new one is.
const FOLLOWS: [Kind; 2] = [Kind::SteppedUp, Kind::AuthenticatorBound];
/// What changes the budget of a session.
const COUNTS: [Kind; 4] = [Kind::AnswerAccepted, Kind::AnswerRefused, Kind::RecoveryCodeUsed, Kind::Unlocked];

impl Difference<'_> {
    pub(super) fn sessions(&self) -> Result<(), String> {
        let new: Vec<_> = self.after.sessions.keys().filter(|id| !self.before.sessions.contains_key(*id)).collect();
        if let Some(id) =
            new.iter().find(|id| !self.tells_of(&BEGINS, id) && !self.looked.has(Kind::AuthenticatorBound))
        {
            return Err(format!("the session {id} is there, and nobody was let in"));
        }
        let kinds = [BEGINS[0], BEGINS[1], Kind::AuthenticatorBound];
        let begun = self.looked.events.iter().filter(|event| kinds.contains(&event.kind)).count();
        if begun != new.len() {
            return Err(format!("{begun} sessions are told of that begin, and {} do", new.len()));
        }
        let gone = self.before.sessions.iter().filter(|(id, session)| {
            let is_told = self.tells_of(&[Kind::SessionEnded], id) || self.is_over(session, "until");
            !self.after.sessions.contains_key(*id) && !is_told
        });
        let gone: Vec<_> = gone.map(|(id, _)| *id).collect();
        // A session that another follows ends with it: that of whoever calls.
        let followed = self.looked.call.and_then(|call| call.sid.as_deref()).filter(|_| self.looked.has_any(&FOLLOWS));
        if let Some(id) = gone.iter().find(|id| self.looked.call.is_some() && Some(**id) != followed) {
            return Err(format!("the session {id} is gone, and nobody is told"));
        }
        for (id, after) in &self.after.sessions {
            if let Some(before) = self.before.sessions.get(id) {
                self.session(id, before, after)?;
            }
        }
        self.looked.events.iter().try_for_each(|event| self.of_session(event))
    }

    fn session(&self, id: &str, before: &Value, after: &Value) -> Result<(), String> {
        for name in differing(before, after) {
            let may_be = match name {
                // When it was used, and until when it has tokens.
                "last_seen" | "until" | "tokens_until" => true,
                "generation" | "rotated_at" => self.looked.is_by(Door::Refresh),
                "throttle" => self.looked.has_any(&COUNTS) || self.looked.is_by(Door::Recover),
                _ => false,
            };
            if !may_be {
                return Err(format!("{name} of the session {id} has changed, and nobody is told"));
            }
        }
        let [was, is] = [before, after].map(|session| session["generation"].as_u64().unwrap());
        if is != was && is != was + 1 {
            return Err(format!("the session {id} was refreshed {was} times, and is {is}"));
        }
        match new_lock(Some(before), after, "throttle") {
            Some(until) => self.is_locked(id, until),
            None => Ok(()),
        }
    }

    fn of_session(&self, event: &Event) -> Result<(), String> {
        let Some(id) = event.sid.map(|sid| sid.to_string()) else { return Ok(()) };
        let (was, is) = (self.before.sessions.contains_key(&*id), self.after.sessions.contains_key(&*id));
        let is_so = match event.kind {
            Kind::SignedIn | Kind::SteppedUp | Kind::BypassUsed => !was && is,
            Kind::SessionEnded | Kind::RefreshReplayed => was && !is,
            Kind::Locked => {
                let until = self.after.sessions.get(&*id).and_then(|session| session["throttle"]["until"].as_u64());
                until == event.until.map(|until| until.as_secs())
            }
            _ => true,
        };
        let needs = match event.kind {
            Kind::RefreshReplayed => Some(Kind::SessionEnded),
            Kind::BypassUsed => Some(Kind::SignedIn),
            _ => None,
        };
        if is_so && needs.is_none_or(|kind| self.tells_of(&[kind], &id)) {
            return Ok(());
        }
        Err(format!("{:?} is told of the session {id}, and is not so", event.kind))
    }
}
