//! What is told of the rest: recovery codes, the exception, and what stands in a document once.

use serde_json::{Value, json};
use tower_mfa::account::{Event, EventKind as Kind};
use tower_mfa::assurance::Method;

use super::{Difference, differing, new_lock, standing};
use crate::call::Door;

/// What takes the recovery codes away.
const CLEARS: [Kind; 4] = [Kind::AuthenticatorRemoved, Kind::Reset, Kind::Erased, Kind::MfaDisabled];

impl Difference<'_> {
    pub(super) fn recovery(&self) -> Result<(), String> {
        let (before, after) = (self.before.member("recovery"), self.after.member("recovery"));
        let (has_used, has_new) = (self.looked.has(Kind::RecoveryCodeUsed), self.looked.has(Kind::RecoveryCodesIssued));
        let set = |recovery: Option<&Value>| recovery.map(|recovery| recovery["set"].clone());
        let is_other = set(before) != set(after);
        let is_told = if after.is_some() { has_used || has_new } else { self.looked.has_any(&CLEARS) };
        if is_other != is_told && (is_other || after.is_some()) {
            return Err(format!("the recovery codes have changed: {is_other}, and it is told: {is_told}"));
        }
        let of_codes = |event: &&Event| event.authenticator_id.is_none() && event.method == Some(Method::RecoveryCode);
        let tells = |kind: Kind| self.looked.events.iter().filter(of_codes).find(|event| event.kind == kind);
        let is_disabled = |recovery: Option<&Value>| recovery.is_some_and(|recovery| recovery["disabled"] == true);
        if (is_disabled(after) && !is_disabled(before)) != tells(Kind::AuthenticatorDisabled).is_some() {
            return Err("the recovery codes are disabled, and it is not told, or the other way round".to_owned());
        }
        let counts = [Kind::RecoveryCodeUsed, Kind::RecoveryCodesIssued, Kind::Unlocked, Kind::Reset, Kind::Erased];
        let throttle = |member: Option<&Value>| member.cloned();
        let is_counted =
            throttle(self.before.member("recovery_throttle")) != throttle(self.after.member("recovery_throttle"));
        if is_counted && !self.looked.is_by(Door::Recover) && !self.looked.has_any(&counts) {
            return Err("an attempt with a recovery code is counted, and nobody made one".to_owned());
        }
        let until = new_lock(self.looked.before, self.looked.after, "recovery_throttle");
        if until != tells(Kind::Locked).and_then(|event| event.until).map(|until| until.as_secs()) {
            return Err(format!("recovery codes are locked until {until:?}, and that is not what is told"));
        }
        let failures = self.looked.after["recovery_throttle"]["consecutive"].as_u64().unwrap_or_default();
        match tells(Kind::AnswerRefused) {
            Some(event) if event.count.map(u64::from) != Some(failures) => {
                Err(format!("a recovery code was wrong, and {failures} are counted"))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn bypass(&self) -> Result<(), String> {
        let [before, after] = [&self.before, &self.after].map(|items| items.member("bypass"));
        let granted = self.looked.events.iter().find(|event| event.kind == Kind::BypassGranted);
        let has_ended = self.looked.has(Kind::BypassEnded);
        let is_so = match (before, after) {
            (_, Some(after)) if granted.is_some() => {
                let until = granted.and_then(|event| event.until).map(|until| json!(until.as_secs()));
                until.as_ref() == after.get("until") && has_ended == before.is_some()
            }
            (None, None) => granted.is_none() && !has_ended,
            (Some(before), None) => granted.is_none() && (has_ended || self.is_over(before, "until")),
            (before, after) => before == after && granted.is_none() && !has_ended,
        };
        if is_so {
            Ok(())
        } else {
            Err(format!("the exception was {before:?} and is {after:?}, and it is told otherwise"))
        }
    }

    /// What stands there once: nothing of it changes that nobody is told of.
    pub(super) fn members(&self) -> Result<(), String> {
        let Some(before) = self.looked.before else { return Ok(()) };
        let is_told = |kind| self.looked.has(kind);
        // Who was erased comes back as somebody new; the chain goes on.
        let is_new = standing(before) == "erased" && standing(self.looked.after) == "normal";
        let is_linked = before.get("chain") != self.looked.after.get("chain");
        if is_linked == self.looked.events.is_empty() {
            return Err(format!(
                "{} events are told of, and the chain has moved: {is_linked}",
                self.looked.events.len()
            ));
        }
        let may_be = |name: &str| match name {
            // Each of these is looked at by itself.
            "chain" | "latest" | "standing" | "authenticators" | "sessions" | "challenges" => true,
            "recovery" | "recovery_throttle" | "bypass" => true,
            "user_handle" if before.get(name).is_none() => is_told(Kind::BindingStarted),
            "user_handle" | "origin" | "passkey_sign_ins" => is_told(Kind::Erased),
            "sign_ins_since" => is_told(Kind::Unlocked) || self.looked.after.get(name).is_none(),
            "clock_reported" => is_told(Kind::ClockBehind) || self.looked.after.get(name).is_none(),
            _ => false,
        };
        let odd = differing(before, self.looked.after).find(|name| !may_be(name) && !is_new);
        if let Some(name) = odd {
            return Err(format!("{name} has changed, and nobody is told"));
        }
        let is_reported = self.looked.after["clock_reported"] == true;
        if is_told(Kind::ClockBehind) && !is_reported {
            return Err("a clock is told to be behind, and it is not noted".to_owned());
        }
        Ok(())
    }
}
