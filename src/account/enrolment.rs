//! What the login policy asks of this account: which authenticators may be bound, how many must be, and
//! how long it may sign in without them.

use serde::{Deserialize, Serialize};

use super::event::{About, EventKind};
use super::refusal::Refusal;
use super::sealed::EnrolmentClaims;
use super::session::Seed;
use super::turn::Turn;
use super::webauthn::KeyKind;
use super::{Account, Status, Ticket};
use crate::assurance::{Aal, Evidence, Method, assess};
use crate::clock::Timestamp;
use crate::id::{SessionId, TokenId};
use crate::policy::{Grace, Login};
use crate::secret::SecretString;

/// What an account has had of its grace. No request of its owner takes anything back: whoever could
/// would have a grace without end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UsedGrace {
    /// Sign-ins without what must be bound, since there is a grace that counts them.
    #[serde(default, skip_serializing_if = "is_zero")]
    sign_ins: u32,
    /// The account has had what it must have. When that is gone again there is no second grace.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    over: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
const fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl UsedGrace {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
    pub(super) fn is_untouched(&self) -> bool {
        *self == Self::default()
    }
}

/// What a login asks for beside its password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoginAsks {
    Nothing,
    /// An answer by what is bound.
    Answer,
    /// A first authenticator.
    Enrolment,
}

/// The right to bind what has to be bound before there is a session.
pub(crate) struct Enrolling {
    pub(crate) token: SecretString,
    pub(crate) expires_in: u32,
    pub(crate) allowed: Vec<Method>,
}

impl Account {
    /// What a login asks for now, by policy and by what is bound.
    pub(super) fn login_asks(&self, turn: &Turn<'_>) -> LoginAsks {
        let is_asked = match turn.login.mode() {
            Login::Off | Login::Optional => false,
            Login::IfEnrolled => self.bound().any(|a| match a.credential.key().map(|key| key.kind) {
                Some(KeyKind::SecurityKey) => turn.login.is_enrolled_by_security_keys(),
                _ => turn.login.is_enrolled_by(a.credential.method()),
            }),
            Login::RequiredAfter(_) | Login::Required => self.has_bound(),
        };
        match (is_asked, self.must_bind_first(turn)) {
            (true, _) => LoginAsks::Answer,
            (false, true) => LoginAsks::Enrolment,
            (false, false) => LoginAsks::Nothing,
        }
    }

    /// Whether as many are bound as must be. What is disabled counts, as everywhere at login: what is
    /// asked for then is not another binding but what is still usable.
    fn has_bound_enough(&self, turn: &Turn<'_>) -> bool {
        self.bound().count() >= turn.login.at_least()
    }

    /// Whether as many can be used as must be: what its owner is told, and may not go below.
    pub(super) fn has_usable_enough(&self, turn: &Turn<'_>) -> bool {
        self.active(turn.now).count() >= turn.login.at_least()
    }

    /// The grace that is in force, when it has not come to its end.
    fn grace(&self, turn: &Turn<'_>) -> Option<Grace> {
        let Login::RequiredAfter(grace) = turn.login.mode() else { return None };
        // `now` never goes back, so a date that has passed for this account stays passed.
        let is_late = grace.until_date().is_some_and(|end| end <= turn.now);
        let is_used_up = grace.most_sign_ins().is_some_and(|most| self.used_grace.sign_ins >= most);
        (!self.used_grace.over && !is_late && !is_used_up).then_some(grace)
    }

    /// Until when the account may sign in without what it lacks, where that is a date.
    pub(super) fn grace_until(&self, turn: &Turn<'_>) -> Option<Timestamp> {
        self.grace(turn).filter(|_| !self.has_usable_enough(turn)).and_then(|grace| grace.until_date())
    }

    /// Whether a login must bind something before it gets a session.
    pub(super) fn must_bind_first(&self, turn: &Turn<'_>) -> bool {
        !self.has_bound_enough(turn) && self.grace(turn).is_none()
    }

    /// Counts a login that is complete against the grace. It is committed with the session it begins,
    /// so that of logins that race each is counted.
    pub(super) fn count_sign_in(&mut self, turn: &mut Turn<'_>, session: SessionId) -> Result<(), Refusal> {
        self.end_grace(turn);
        let Some(grace) = self.grace(turn) else { return Ok(()) };
        if grace.most_sign_ins().is_some() {
            self.used_grace.sign_ins = self.used_grace.sign_ins.saturating_add(1);
        }
        let count = grace.most_sign_ins().map(|most| most.saturating_sub(self.used_grace.sign_ins));
        turn.record(EventKind::EnrolmentDue, About { count, until: grace.until_date(), ..About::session(session) })
    }

    /// Ends the grace of an account that has what it must have.
    pub(super) fn end_grace(&mut self, turn: &Turn<'_>) {
        if matches!(turn.login.mode(), Login::RequiredAfter(_)) && self.has_bound_enough(turn) {
            self.used_grace = UsedGrace { sign_ins: 0, over: true };
        }
    }

    /// Gives a login the right to bind instead of a session.
    pub(super) fn require_enrolment(
        &mut self,
        turn: &mut Turn<'_>,
        seed: Seed,
        evidence: Vec<Evidence>,
    ) -> Result<Enrolling, Refusal> {
        let expires_in = turn.policy.enrolment_ttl;
        let id = TokenId::generate(turn.entropy)?;
        let expires_at = turn.now.plus(u64::from(expires_in));
        let token = EnrolmentClaims { subject: self.subject.clone(), ticket: id, expires_at }.seal(turn)?;
        // Only the newest counts: replacing the ticket voids the token before it.
        self.enrolment = Some(Ticket { id, expires_at, seed, evidence });
        turn.record(EventKind::EnrolmentRequired, About::default())?;
        Ok(Enrolling { token, expires_in, allowed: turn.bindable().collect() })
    }

    /// Whether an enrolment still gives the right to bind what reaches `level`, whatever became of the
    /// account since: too little is bound, and its login has proved what a session would have to, which is
    /// the lower of what the account and the new authenticator reach (N63B-4.1.2.1-b).
    ///
    /// So where anything is bound, usable or not, a login of a password alone opens no enrolment
    /// (CVE-2019-16766).
    pub(super) fn may_still_enrol(&self, turn: &Turn<'_>, ticket: &Ticket, level: Aal) -> bool {
        let proved = assess(&ticket.evidence, turn.policy.registered_amr_only).map(|assurance| assurance.level());
        proved >= Some(self.highest_level(turn).min(level)) && self.bound().count() < turn.login.at_least().max(1)
    }

    /// Whether policy lets one more of this kind be bound.
    pub(super) fn may_add(&self, turn: &Turn<'_>, kind: Method) -> Result<(), Refusal> {
        if !turn.login.allows(kind) {
            return Err(Refusal::Forbidden("authenticators of this kind may not be bound here"));
        }
        // What the hard limit has disabled must be bound again (N63B-3.2.2-c), so it takes no place of
        // those that may be; but the document has an end.
        let is_lost = |status| matches!(status, Status::Disabled | Status::Expired);
        let kept = self.bound().filter(|a| !is_lost(a.status_at(turn.now))).count();
        let is_full = turn.login.at_most().is_some_and(|most| kept >= most);
        if is_full || self.bound().count() >= turn.policy.max_authenticators {
            return Err(Refusal::Conflict("the account has as many authenticators as it may"));
        }
        Ok(())
    }
}
