//! What an owner does with what is bound: rename, remove, switch off.

use super::Account;
use super::answer::Given;
use super::authenticator::{Status, label};
use super::event::{About, EventKind};
use super::refusal::Refusal;
use super::step_up::insufficient;
use super::turn::Turn;
use super::view::AuthenticatorView;
use crate::assurance::{Authentication, Requirement, assess};
use crate::id::AuthenticatorId;

impl Account {
    /// What removing, regenerating and disabling need: the account's highest level, fresh.
    pub(super) fn management_requirement(&self, turn: &Turn<'_>) -> Requirement {
        Requirement::at_least(self.highest_level(turn)).within(turn.policy.binding_max_age)
    }

    pub(crate) fn rename(
        &mut self,
        turn: &mut Turn<'_>,
        by: &Authentication,
        id: AuthenticatorId,
        text: &str,
    ) -> Result<AuthenticatorView, Refusal> {
        // A label misleads its owner when a stranger writes it, so a password alone is not enough.
        self.require(turn, by, &Requirement::at_least(self.highest_level(turn)))?;
        let found = self.authenticators.iter_mut().find(|a| a.id == id).ok_or(Refusal::NotFound)?;
        found.label = label(text)?;
        let method = found.credential.method();
        turn.record(EventKind::AuthenticatorRenamed, About::authenticator(id, method))?;
        self.authenticator_view(turn, id)
    }

    pub(crate) fn remove(
        &mut self,
        turn: &mut Turn<'_>,
        by: &Authentication,
        id: AuthenticatorId,
    ) -> Result<(), Refusal> {
        let at = self.caller(turn, by)?;
        let keep = self.session_at(at)?.id;
        let found = self.authenticators.iter().find(|a| a.id == id).ok_or(Refusal::NotFound)?;
        if found.status == Status::Pending {
            // Nothing is protected by it yet: whoever is signed in may drop it.
            self.authenticators.retain(|a| a.id != id);
            turn.touched = true;
            return Ok(());
        }
        self.require(turn, by, &self.management_requirement(turn))?;
        self.remove_bound(turn, id)?;
        self.end_others(turn, keep)
    }

    fn remove_bound(&mut self, turn: &mut Turn<'_>, id: AuthenticatorId) -> Result<(), Refusal> {
        let found = self.authenticators.iter().find(|a| a.id == id && a.is_bound()).ok_or(Refusal::NotFound)?;
        let method = found.credential.method();
        let least = turn.login.at_least();
        let others = self.active(turn.now).filter(|other| other.id != id).count();
        // Whatever state it is in itself: a password thief disables an app by guessing, and once its
        // owner had cleared it away, his password alone would open an enrolment. Bind another first.
        if least > 0 && others == 0 {
            return Err(Refusal::Conflict("the last authenticator of an account that must have one"));
        }
        // What cannot be used is not missed, and makes room for what can.
        if found.is_active(turn.now) && others < least {
            return Err(Refusal::Conflict("the account must have as many authenticators as it has"));
        }
        self.authenticators.retain(|a| a.id != id);
        if !self.has_bound() {
            self.recovery = None;
        }
        turn.record(EventKind::AuthenticatorRemoved, About::authenticator(id, method))
    }

    /// Switches MFA off, or removes one authenticator, by the session's evidence or by a code.
    pub(crate) fn disable(
        &mut self,
        turn: &mut Turn<'_>,
        by: &Authentication,
        given: Option<&Given>,
        only: Option<AuthenticatorId>,
    ) -> Result<(), Refusal> {
        let at = self.caller(turn, by)?;
        let session = self.session_at(at)?;
        let (keep, mut evidence) = (session.id, session.evidence.clone());
        may_be_disabled(turn)?;
        if let Some(given) = given {
            may_be_disabled_by_code(turn)?;
            evidence.push(self.check(turn, given, Some(keep))?);
            if matches!(given, Given::Recovery { .. }) {
                self.warn_of_few(turn)?;
            }
        }
        let assurance = assess(&evidence, turn.policy.registered_amr_only).ok_or(Refusal::InvalidToken)?;
        insufficient(turn.now, &assurance, &self.management_requirement(turn))?;
        match only {
            Some(id) => self.remove_bound(turn, id)?,
            None => self.remove_all(turn)?,
        }
        self.end_others(turn, keep)
    }

    /// Asked before a slow hash is made for it.
    pub(crate) fn may_disable_by_code(&mut self, turn: &mut Turn<'_>, by: &Authentication) -> Result<(), Refusal> {
        self.caller(turn, by)?;
        may_be_disabled(turn)?;
        may_be_disabled_by_code(turn)
    }

    fn remove_all(&mut self, turn: &mut Turn<'_>) -> Result<(), Refusal> {
        self.authenticators.clear();
        self.recovery = None;
        self.enrolment = None;
        self.challenges.clear();
        turn.record(EventKind::MfaDisabled, About::default())
    }

    /// Tells, once, of what expires soon.
    pub(super) fn warn_of_expiry(&mut self, turn: &mut Turn<'_>) -> Result<(), Refusal> {
        let soon = turn.now.plus(u64::from(turn.policy.expiry_warning));
        for a in &mut self.authenticators {
            if a.is_active(turn.now) && !a.expiry_warned && a.expires_at.is_some_and(|end| end <= soon) {
                a.expiry_warned = true;
                let about = About { until: a.expires_at, ..About::authenticator(a.id, a.credential.method()) };
                turn.record(EventKind::AuthenticatorExpiring, about)?;
            }
        }
        Ok(())
    }
}

fn may_be_disabled(turn: &Turn<'_>) -> Result<(), Refusal> {
    if turn.login.mode().enforces() {
        return Err(Refusal::Forbidden("multi-factor authentication is required of this account"));
    }
    Ok(())
}

fn may_be_disabled_by_code(turn: &Turn<'_>) -> Result<(), Refusal> {
    if turn.policy.disable_by_code {
        return Ok(());
    }
    Err(Refusal::Forbidden("policy does not allow disabling by a code; step up first"))
}
