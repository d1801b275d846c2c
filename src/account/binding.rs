//! Binding: enrol, confirm, active.

use super::authenticator::{Authenticator, Credential, Owner, Status, label};
use super::event::{About, EventKind};
use super::recovery::SetPlan;
use super::refusal::Refusal;
use super::sealed::EnrolmentClaims;
use super::session::{Grant, Seed};
use super::step_up::insufficient;
use super::throttle::Throttle;
use super::turn::Turn;
use super::view::{AuthenticatorView, Enrolment};
use super::{Account, Standing};
use crate::assurance::{Aal, Authentication, Evidence, Method, Requirement, newest_of_each};
use crate::id::{AuthenticatorId, SessionId};
use crate::otp::{Code, Diagnosis, OtpauthUri, Secret, Step, Totp};
use crate::recovery_code::RecoverySet;
use crate::secret::SecretString;
use crate::vault::Purpose;

/// Most bindings that may wait for their confirmation; one more drops the oldest.
const PENDING_MAX: usize = 4;
/// How far around the present a wrong confirmation code is looked for, in steps, to tell the
/// operator of a phone whose clock is off.
const DIAGNOSIS_REACH: u16 = 120;

/// Who binds: a session, or whoever login gave an enrolment token.
#[derive(Clone, Copy)]
pub(crate) enum Binder<'a> {
    Session(&'a Authentication),
    Enrolment(&'a EnrolmentClaims),
}

/// What is to be bound.
pub(crate) enum Bindable {
    Totp { label: Box<str>, params: Totp, issuer: Box<str> },
}

/// What a confirmation led to.
pub(crate) enum Confirmed {
    /// The code is right and a set of recovery codes is needed with it: nothing is changed yet.
    NeedsRecoveryCodes(SetPlan),
    Bound {
        authenticator: AuthenticatorView,
        grant: Box<Grant>,
        /// Whether the set of recovery codes is in force.
        issued_codes: bool,
    },
}

impl Account {
    /// Begins to bind an authenticator.
    pub(crate) fn start_binding(
        &mut self,
        turn: &mut Turn<'_>,
        by: Binder<'_>,
        what: &Bindable,
    ) -> Result<Enrolment, Refusal> {
        let Bindable::Totp { label: given, params, issuer } = what;
        // What policy denies whatever is proved is said before a step-up is asked for.
        self.binder(turn, by, None)?;
        self.may_add(turn, Method::Totp)?;
        no_weaker(*params, turn.policy.totp)?;
        let (owner, seed) = self.binder(turn, by, Some(Aal::Two))?;
        let id = AuthenticatorId::generate(turn.entropy)?;
        let secret = Secret::generate(params.algorithm(), turn.entropy)?;
        let sealed =
            turn.vault.seal(Purpose::OtpSecret, &self.subject, id.as_bytes(), secret.expose(), turn.entropy)?;
        let expires_in = turn.policy.enrolment_ttl;
        let label = label(given)?;
        self.drop_oldest_pending();
        self.authenticators.push(Authenticator {
            id,
            label,
            created_at: turn.now,
            last_used_at: None,
            expires_at: Some(turn.now.plus(u64::from(expires_in))),
            expiry_warned: false,
            status: Status::Pending,
            owner: Some(owner),
            credential: Credential::Totp { params: *params, sealed, last_step: None },
            throttle: Throttle::default(),
        });
        turn.record(EventKind::BindingStarted, About::authenticator(id, Method::Totp))?;
        let account = seed.account_name.unwrap_or_else(|| self.subject.id().into());
        let secret_text = secret.to_base32();
        let uri = OtpauthUri::totp(&without_colon(issuer), &without_colon(&account), secret, *params)
            .map_err(|_| Refusal::unavailable())?;
        Ok(Enrolment { id, secret: secret_text, otpauth_uri: uri.print(), expires_in })
    }

    /// Confirms a binding with a first code, which is used up by it.
    ///
    /// The first authenticator comes with recovery codes. Their slow hashes are made outside, and
    /// only when the code is known to be right: then `codes` holds them at the second call.
    pub(crate) fn confirm_binding(
        &mut self,
        turn: &mut Turn<'_>,
        by: Binder<'_>,
        id: AuthenticatorId,
        code: &SecretString,
        codes: Option<&RecoverySet>,
    ) -> Result<Confirmed, Refusal> {
        let at = self.confirmable(turn, by, id)?;
        // Policy may have changed since it was begun.
        self.may_add(turn, Method::Totp)?;
        let step = self.confirmation(turn, at, code)?;
        let first = !self.has_bound();
        if first && codes.is_none() {
            return Ok(Confirmed::NeedsRecoveryCodes(SetPlan::of(turn.policy)));
        }
        self.activate(turn, at, step)?;
        let issued = codes.filter(|_| first);
        if let Some(set) = issued {
            self.issue_recovery(turn, set.clone())?;
        }
        let (seed, evidence, own) = self.binder_evidence(by)?;
        if let Some(own) = own {
            self.end_others(turn, own)?;
            self.replace_session(turn, own);
        } else {
            self.end_all(turn)?;
        }
        self.challenges.clear();
        self.enrolment = None;
        let mut evidence = [evidence, vec![Evidence::new(Method::Totp, turn.now).by(id)]].concat();
        newest_of_each(&mut evidence);
        let grant = self.open_session(turn, seed, evidence, None)?;
        if own.is_none() {
            // The login that was sent to enrol is complete: the trail of sign-ins has it like any other.
            let client_id = Some(grant.seed.client_id.clone());
            turn.record(EventKind::SignedIn, About { client_id, ..About::session(grant.session) })?;
        }
        let authenticator = self.authenticator_view(turn.now, id)?;
        Ok(Confirmed::Bound { authenticator, grant: Box::new(grant), issued_codes: issued.is_some() })
    }

    /// Who may bind, and what they are called. `level` is what the new authenticator can reach.
    fn binder(&mut self, turn: &mut Turn<'_>, by: Binder<'_>, level: Option<Aal>) -> Result<(Owner, Seed), Refusal> {
        match by {
            Binder::Enrolment(claims) => {
                let ticket = self.enrolment.as_ref().filter(|ticket| {
                    ticket.id == claims.ticket && ticket.expires_at > turn.now && self.standing == Standing::Normal
                });
                let level = level.unwrap_or(Aal::Two);
                let ticket = ticket.filter(|ticket| self.may_still_enrol(turn, ticket, level));
                let ticket = ticket.ok_or(Refusal::InvalidToken)?;
                Ok((Owner::Ticket(ticket.id), ticket.seed.clone()))
            }
            Binder::Session(by) => {
                let at = self.caller(turn, by)?;
                let session = self.session_at(at)?;
                let (id, seed) = (session.id, session.seed.clone());
                if let Some(level) = level {
                    self.may_bind(turn, at, level)?;
                }
                Ok((Owner::Session(id), seed))
            }
        }
    }

    /// N63B-4.1.2.1-b: evidence at most five minutes old, at the lower of what the account and the
    /// new authenticator reach; a first binding may follow its login by fifteen minutes.
    fn may_bind(&self, turn: &Turn<'_>, at: usize, level: Aal) -> Result<(), Refusal> {
        let session = self.session_at(at)?;
        let since_login = turn.now.since(session.seed.login_at);
        if !self.has_bound() && since_login <= u64::from(turn.policy.first_binding_window) {
            return Ok(());
        }
        let requirement = Requirement::at_least(self.highest_level().min(level)).within(turn.policy.binding_max_age);
        let assurance = session.assurance(turn.policy).ok_or(Refusal::InvalidToken)?;
        insufficient(turn.now, &assurance, &requirement)
    }

    /// Finds a pending binding its owner may confirm; a stranger's looks like none.
    fn confirmable(&mut self, turn: &mut Turn<'_>, by: Binder<'_>, id: AuthenticatorId) -> Result<usize, Refusal> {
        let (owner, _) = self.binder(turn, by, None)?;
        let at = self.authenticators.iter().position(|a| a.id == id).ok_or(Refusal::NotFound)?;
        let pending = self.authenticators.get(at).ok_or(Refusal::NotFound)?;
        if pending.status != Status::Pending || pending.is_stale(turn.now) {
            return Err(Refusal::NotFound);
        }
        if pending.owner == Some(owner) {
            return Ok(at);
        }
        // Begun under another session id, as after a step-up: then it is asked for again.
        match by {
            Binder::Enrolment(_) => Err(Refusal::NotFound),
            Binder::Session(_) => self.binder(turn, by, Some(pending.credential.reaches())).map(|_| at),
        }
    }

    /// Checks the first code of a pending authenticator.
    fn confirmation(&mut self, turn: &mut Turn<'_>, at: usize, code: &SecretString) -> Result<Step, Refusal> {
        let pending = self.authenticators.get(at).ok_or(Refusal::NotFound)?;
        if let Some(retry_after) = pending.throttle.locked_for(turn.now) {
            return Err(Refusal::Throttled { retry_after });
        }
        let Credential::Totp { params, .. } = &pending.credential;
        let code = Code::parse(code.expose(), params.digits())
            .map_err(|_| Refusal::invalid("code", "must have as many digits as the app shows"))?;
        let secret = pending.open_secret(turn, &self.subject)?;
        let (id, params) = (pending.id, *params);
        match params.verify(&secret, &code, turn.clock, turn.policy.totp_window, None) {
            Ok(step) => Ok(step),
            Err(_) => {
                let detail = params.diagnose(&secret, &code, turn.clock, DIAGNOSIS_REACH).map(hint);
                turn.record(EventKind::BindingRefused, About { detail, ..About::authenticator(id, Method::Totp) })?;
                let attempts_remaining = self.charge(turn, &[at], None)?;
                // One that lapsed at the hard limit is not waited for.
                let pending = self.authenticators.get(at).filter(|a| !a.is_stale(turn.now));
                let retry_after = pending.and_then(|a| a.throttle.locked_for(turn.now));
                Err(Refusal::InvalidCode { attempts_remaining, retry_after })
            }
        }
    }

    fn activate(&mut self, turn: &mut Turn<'_>, at: usize, step: Step) -> Result<(), Refusal> {
        let validity = turn.policy.totp_valid_for;
        let a = self.authenticators.get_mut(at).ok_or(Refusal::NotFound)?;
        let Credential::Totp { last_step, .. } = &mut a.credential;
        // The confirming code is used up like any other.
        *last_step = Some(step);
        a.status = Status::Active;
        a.owner = None;
        a.throttle = Throttle::default();
        a.last_used_at = Some(turn.now);
        a.expires_at = validity.map(|secs| turn.now.plus(u64::from(secs)));
        let id = a.id;
        // What was pending beside it was begun under what the account was before.
        self.authenticators.retain(Authenticator::is_bound);
        self.end_grace(turn);
        turn.record(EventKind::AuthenticatorBound, About::authenticator(id, Method::Totp))
    }

    /// What the session that follows begins with, and which session it follows.
    fn binder_evidence(&self, by: Binder<'_>) -> Result<(Seed, Vec<Evidence>, Option<SessionId>), Refusal> {
        match by {
            Binder::Enrolment(_) => {
                let ticket = self.enrolment.as_ref().ok_or(Refusal::InvalidToken)?;
                Ok((ticket.seed.clone(), ticket.evidence.clone(), None))
            }
            Binder::Session(by) => {
                let sid: SessionId = by.session().and_then(|s| s.parse().ok()).ok_or(Refusal::InvalidToken)?;
                let at = self.session_index(sid).ok_or(Refusal::InvalidToken)?;
                let session = self.session_at(at)?;
                Ok((session.seed.clone(), session.evidence.clone(), Some(sid)))
            }
        }
    }

    fn drop_oldest_pending(&mut self) {
        let pending = |a: &Authenticator| a.status == Status::Pending;
        while self.authenticators.iter().filter(|a| pending(a)).count() >= PENDING_MAX
            && let Some(oldest) = self.authenticators.iter().position(pending)
        {
            self.authenticators.remove(oldest);
        }
    }
}

/// A client may choose what is stricter than the policy's choice, and nothing else: a longer period is a
/// code that counts for longer (ASVS 6.5.5), and fewer digits are guessed sooner.
fn no_weaker(params: Totp, policy: Totp) -> Result<(), Refusal> {
    if params.digits().get() < policy.digits().get() {
        return Err(Refusal::invalid("digits", "must not be fewer than the policy's"));
    }
    if params.period().as_secs() > policy.period().as_secs() {
        return Err(Refusal::invalid("period", "must not be longer than the policy's"));
    }
    Ok(())
}

/// What the operator should know of a confirmation code that was wrong.
fn hint(diagnosis: Diagnosis) -> Box<str> {
    match diagnosis {
        Diagnosis::OtherAlgorithm(algorithm) => {
            format!("the app computes with {}: it ignores the key URI", algorithm.name()).into()
        }
        Diagnosis::StepOffset(steps) => format!("the phone's clock is off by {steps} steps").into(),
    }
}

/// KURI-label: a colon separates issuer and account, so neither may hold one.
fn without_colon(text: &str) -> String {
    text.replace(':', "-")
}
