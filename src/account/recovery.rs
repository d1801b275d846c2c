//! Recovery codes: counted before they are compared, hashed once, used once.

use super::answer::hard_limit;
use super::challenge::Challenge;
use super::event::{About, EventKind};
use super::refusal::Refusal;
use super::turn::Turn;
use super::{Access, Account, Recovery};
use crate::assurance::{Aal, Authentication, Evidence, Method};
use crate::id::{ChallengeId, SessionId};
use crate::policy::Policy;
use crate::recovery_code::{Count, Digest, Format, Preimage, RecoverySet, Scheme, Spare, Successor, Typed};

/// A place to try one recovery code: the failure is already counted.
pub(crate) struct Reserved<P> {
    pub(crate) typed: Typed,
    pub(crate) preimage: Preimage,
    /// Takes the code's place if it is right. Hashed whether it is or not: how long it takes tells nothing.
    pub(crate) spare: Option<Spare>,
    /// The right to compute a slow hash.
    pub(crate) place: P,
}

/// How a set of recovery codes is to be made: the word of the policy that is in force for the
/// session or enrolment that asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SetPlan {
    pub(crate) count: Count,
    pub(crate) format: Format,
    pub(crate) scheme: Scheme,
}

impl SetPlan {
    pub(super) const fn of(policy: &Policy) -> Self {
        Self { count: policy.recovery_count, format: policy.recovery_format, scheme: policy.recovery_scheme }
    }
}

/// What a recovery code is tried for.
#[derive(Clone, Copy)]
pub(crate) enum Settling<'a> {
    Challenge(Access, ChallengeId),
    Session(&'a Authentication),
}

/// Whether a right code of this attempt is followed by a new one. Where it switches MFA off, nothing is.
const fn replaces(policy: &Policy, for_: Settling<'_>) -> bool {
    policy.replace_used_recovery_codes && matches!(for_, Settling::Challenge(..))
}

impl Account {
    /// Counts a failure beforehand and says what to derive the slow hash from.
    ///
    /// Whoever is cut off between here and the answer has failed (CVE-2026-27801). Without a set,
    /// or for a slot it does not have, the same work is done for nothing.
    ///
    /// `admit` gives a place among the few that hash at a time, or refuses. It is asked last, so that
    /// nothing that is refused anyway takes one, and before anything is counted.
    pub(crate) fn reserve_recovery<P>(
        &mut self,
        turn: &mut Turn<'_>,
        for_: Settling<'_>,
        code: &str,
        admit: impl FnOnce() -> Result<P, Refusal>,
    ) -> Result<Reserved<P>, Refusal> {
        let session = self.settling_session(turn, for_)?;
        self.refuse_disabled(turn)?;
        let elevated = self.elevated(turn, session);
        let lock = match elevated.and_then(|at| self.sessions.get(at)) {
            Some(session) => session.throttle.locked_for(turn.now),
            None => self.recovery_throttle.locked_for(turn.now),
        };
        if let Some(retry_after) = self.wide_lock(turn).or(lock) {
            return Err(Refusal::Throttled { retry_after });
        }
        let set = self.recovery.as_ref().map(|r| &r.set);
        let format = set.map_or(turn.policy.recovery_format, RecoverySet::format);
        let typed = Typed::parse(code, format)
            .map_err(|_| Refusal::invalid("code", "must be a recovery code, as it was shown"))?;
        let dummy = || Preimage::dummy(turn.policy.recovery_scheme);
        let preimage = set.map_or_else(dummy, |set| set.prepare(typed.slot()));
        let scheme = set.map_or(turn.policy.recovery_scheme, RecoverySet::scheme);
        let place = admit()?;
        let spare =
            replaces(turn.policy, for_).then(|| Spare::draw(typed.slot(), format, scheme, turn.entropy)).transpose()?;
        self.count_reservation(turn, elevated)?;
        turn.touched = true;
        Ok(Reserved { typed, preimage, spare, place })
    }

    /// Refuses a set the hard limit has disabled, and disables one whose attempts are used up.
    ///
    /// Who sends an attempt chooses whether to wait for its answer: the limit holds for attempts
    /// that were begun, not for those that were answered.
    fn refuse_disabled(&mut self, turn: &mut Turn<'_>) -> Result<(), Refusal> {
        let begun = self.recovery_throttle.consecutive();
        let Some(recovery) = &mut self.recovery else { return Ok(()) };
        if !recovery.disabled && begun < turn.policy.hard_limit {
            return Ok(());
        }
        if !std::mem::replace(&mut recovery.disabled, true) {
            let about = About { count: Some(begun), ..About::method(Method::RecoveryCode) };
            turn.record(EventKind::AuthenticatorDisabled, about)?;
        }
        Err(Refusal::AuthenticatorDisabled)
    }

    /// Counts an attempt as a failure before it is one.
    fn count_reservation(&mut self, turn: &mut Turn<'_>, elevated: Option<usize>) -> Result<(), Refusal> {
        let about = || About::method(Method::RecoveryCode);
        match elevated {
            Some(at) => {
                self.recovery_throttle.count();
                self.charge_session(turn, at)?;
            }
            None if turn.policy.lock.account_wide => {
                self.recovery_throttle.count();
                self.charge_account(turn)?;
            }
            None => {
                let charged = self.recovery_throttle.fail(turn.now, &turn.policy.lock);
                if charged.locked_until.is_some() {
                    turn.record(EventKind::Locked, About { until: charged.locked_until, ..about() })?;
                }
            }
        }
        let begun = self.recovery_throttle.consecutive();
        if hard_limit(begun, turn.policy.hard_limit) == Some(EventKind::HardLimitNear) {
            turn.record(EventKind::HardLimitNear, About { count: Some(begun), ..about() })?;
        }
        Ok(())
    }

    fn settling_session(&mut self, turn: &mut Turn<'_>, for_: Settling<'_>) -> Result<Option<SessionId>, Refusal> {
        match for_ {
            Settling::Challenge(access, id) => {
                let at = self.reached(turn, access, id)?;
                Ok(self.challenges.get(at).and_then(Challenge::session))
            }
            Settling::Session(by) => {
                let at = self.caller(turn, by)?;
                Ok(Some(self.session_at(at)?.id))
            }
        }
    }

    /// Compares what was derived under a reservation and settles it.
    pub(super) fn check_recovery(
        &mut self,
        turn: &mut Turn<'_>,
        digest: &Digest,
        elevated: Option<usize>,
    ) -> Result<Evidence, Refusal> {
        let settled = match self.recovery.as_mut().filter(|r| !r.disabled) {
            Some(recovery) => recovery.set.settle(digest, turn.now).is_ok(),
            None => false,
        };
        if !settled {
            return Err(self.refuse_recovery(turn, elevated)?);
        }
        self.recovery_throttle.succeed();
        self.throttle.succeed();
        if let Some(session) = elevated.and_then(|at| self.sessions.get_mut(at)) {
            session.throttle.succeed();
        }
        let count = u32::try_from(self.recovery_remaining()).ok();
        turn.record(EventKind::RecoveryCodeUsed, About { count, ..About::method(Method::RecoveryCode) })?;
        Ok(Evidence::new(Method::RecoveryCode, turn.now))
    }

    /// Tells of a set that runs low, once it is known that nothing takes the place of the code just used.
    pub(super) fn warn_of_few(&self, turn: &mut Turn<'_>) -> Result<(), Refusal> {
        let left = self.recovery_remaining();
        if left > turn.policy.recovery_low_at {
            return Ok(());
        }
        let count = u32::try_from(left).ok();
        turn.record(EventKind::RecoveryCodesLow, About { count, ..About::method(Method::RecoveryCode) })
    }

    fn refuse_recovery(&mut self, turn: &mut Turn<'_>, elevated: Option<usize>) -> Result<Refusal, Refusal> {
        let failures = self.recovery_throttle.consecutive();
        let about = || About { count: Some(failures), ..About::method(Method::RecoveryCode) };
        turn.record(EventKind::AnswerRefused, about())?;
        let is_over = hard_limit(failures, turn.policy.hard_limit) == Some(EventKind::AuthenticatorDisabled);
        if let Some(recovery) = self.recovery.as_mut().filter(|r| is_over && !r.disabled) {
            recovery.disabled = true;
            turn.record(EventKind::AuthenticatorDisabled, about())?;
        }
        let (throttle, budget) = match elevated.and_then(|at| self.sessions.get(at)) {
            Some(session) => (&session.throttle, turn.policy.elevated_budget),
            None if turn.policy.lock.account_wide => (&self.throttle, turn.policy.lock.failures),
            None => (&self.recovery_throttle, turn.policy.lock.failures),
        };
        let attempts_remaining = throttle.remaining(turn.now, budget);
        // No waiting brings back a set that is disabled.
        let retry_after = throttle.locked_for(turn.now).filter(|_| self.recovery.as_ref().is_none_or(|r| !r.disabled));
        Ok(Refusal::InvalidCode { attempts_remaining, retry_after })
    }

    /// Puts a new code in the place of the one that was just used; tells whether it did. Look-up secrets
    /// are handed out at AAL2 and above (N63B-3.1.2.1-c).
    pub(super) fn replace_used(
        &mut self,
        turn: &mut Turn<'_>,
        successor: &Successor,
        level: Option<Aal>,
    ) -> Result<bool, Refusal> {
        let Some(recovery) = self.recovery.as_mut().filter(|_| level >= Some(Aal::Two)) else { return Ok(false) };
        if recovery.set.replace(successor).is_err() {
            return Ok(false);
        }
        let about = About { count: Some(1), detail: Some("replacement".into()), ..About::method(Method::RecoveryCode) };
        turn.record(EventKind::RecoveryCodesIssued, about)?;
        Ok(true)
    }

    /// Puts a new set in place of the old, which is void.
    pub(super) fn issue_recovery(&mut self, turn: &mut Turn<'_>, set: RecoverySet) -> Result<(), Refusal> {
        let count = u32::try_from(set.total()).ok();
        self.recovery = Some(Recovery { set, disabled: false });
        self.recovery_throttle = super::Throttle::default();
        turn.record(EventKind::RecoveryCodesIssued, About { count, ..About::method(Method::RecoveryCode) })
    }

    /// Whether a new set may be made now: asked before the slow hashes, and again with them.
    pub(crate) fn may_regenerate(&mut self, turn: &mut Turn<'_>, by: &Authentication) -> Result<SetPlan, Refusal> {
        self.require(turn, by, &self.management_requirement(turn))?;
        // CVE-2022-36071: no codes before there is a factor they could stand in for.
        if self.active(turn.now).next().is_none() {
            return Err(Refusal::Conflict("recovery codes need an active authenticator"));
        }
        Ok(SetPlan::of(turn.policy))
    }

    pub(crate) fn regenerate(
        &mut self,
        turn: &mut Turn<'_>,
        by: &Authentication,
        set: RecoverySet,
    ) -> Result<(), Refusal> {
        self.may_regenerate(turn, by)?;
        let keep = self.caller(turn, by)?;
        let keep = self.session_at(keep)?.id;
        self.end_others(turn, keep)?;
        self.issue_recovery(turn, set)
    }
}
