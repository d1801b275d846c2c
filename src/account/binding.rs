//! Binding: enrol, confirm, active.

use super::authenticator::{Authenticator, Credential, Owner, Status, label};
use super::event::{About, EventKind};
use super::keys::ProvenRegistration;
use super::recovery::SetPlan;
use super::refusal::Refusal;
use super::sealed::EnrolmentClaims;
use super::session::{Grant, Seed};
use super::step_up::insufficient;
use super::throttle::Throttle;
use super::turn::Turn;
use super::view::{AuthenticatorView, Enrolment, KeyEnrolment};
use super::webauthn::{Key, KeyKind, Trust};
use super::{Account, Standing};
use crate::assurance::{Aal, Authentication, Evidence, Method, Properties, Requirement, newest_of_each};
use crate::id::{AuthenticatorId, SessionId};
use crate::otp::{Code, Diagnosis, OtpauthUri, Secret, Step, Totp};
use crate::policy::Policy;
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
    Key { label: Box<str>, kind: KeyKind },
}

/// What a binding began with.
pub(crate) enum Started {
    App(Enrolment),
    Key(KeyEnrolment),
}

/// What a binding is confirmed with.
pub(crate) enum Confirmation {
    Code(SecretString),
    Key(Box<ProvenRegistration>),
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

/// The first use of an authenticator, which bound it.
enum FirstUse {
    Step(Step),
    Key(Box<Key>),
}

impl FirstUse {
    /// What it proved. A registration carries no signature of the new key itself unless it is attested,
    /// so hardware is believed from its first answer on.
    fn proof(&self, trust: Trust<'_>) -> (Method, Properties) {
        match self {
            Self::Step(_) => (Method::Totp, Properties::default()),
            Self::Key(key) => {
                let properties = key.properties(trust, key.uv_initialized);
                (Method::WebAuthn, Properties { hardware: false, ..properties })
            }
        }
    }
}

impl Account {
    /// Begins to bind an authenticator.
    pub(crate) fn start_binding(
        &mut self,
        turn: &mut Turn<'_>,
        by: Binder<'_>,
        what: &Bindable,
    ) -> Result<Started, Refusal> {
        match what {
            Bindable::Totp { label, params, issuer } => {
                self.start_app(turn, by, label, *params, issuer).map(Started::App)
            }
            Bindable::Key { label, kind } => self.start_key(turn, by, *kind, label).map(Started::Key),
        }
    }

    fn start_app(
        &mut self,
        turn: &mut Turn<'_>,
        by: Binder<'_>,
        given: &str,
        params: Totp,
        issuer: &str,
    ) -> Result<Enrolment, Refusal> {
        // What policy denies whatever is proved is said before a step-up is asked for.
        self.binder(turn, by, None)?;
        self.may_add(turn, Method::Totp)?;
        no_weaker(params, turn.policy.totp)?;
        let (owner, seed) = self.binder(turn, by, Some(Aal::Two))?;
        let id = AuthenticatorId::generate(turn.entropy)?;
        let secret = Secret::generate(params.algorithm(), turn.entropy)?;
        let sealed =
            turn.vault.seal(Purpose::OtpSecret, &self.subject, id.as_bytes(), secret.expose(), turn.entropy)?;
        let expires_in = turn.policy.enrolment_ttl;
        let label = label(given)?;
        self.push_pending(turn, id, label, owner, Credential::Totp { params, sealed, last_step: None });
        turn.record(EventKind::BindingStarted, About::authenticator(id, Method::Totp))?;
        let account = seed.account_name.unwrap_or_else(|| self.subject.id().into());
        let secret_text = secret.to_base32();
        let uri = OtpauthUri::totp(&without_colon(issuer), &without_colon(&account), secret, params)
            .map_err(|_| Refusal::unavailable())?;
        Ok(Enrolment { id, secret: secret_text, otpauth_uri: uri.print(), expires_in })
    }

    /// Confirms a binding with a first code, which is used up by it, or with the key's registration.
    ///
    /// The first authenticator comes with recovery codes. Their slow hashes are made outside, and
    /// only when the confirmation is known to be right: then `codes` holds them at the second call.
    pub(crate) fn confirm_binding(
        &mut self,
        turn: &mut Turn<'_>,
        by: Binder<'_>,
        id: AuthenticatorId,
        given: &Confirmation,
        codes: Option<&RecoverySet>,
    ) -> Result<Confirmed, Refusal> {
        let at = self.confirmable(turn, by, id)?;
        // Policy may have changed since it was begun.
        let method = self.authenticators.get(at).ok_or(Refusal::NotFound)?.credential.method();
        self.may_add(turn, method)?;
        let first_use = match given {
            Confirmation::Code(code) => FirstUse::Step(self.confirmation(turn, at, code)?),
            Confirmation::Key(proven) => FirstUse::Key(Box::new(self.new_key(turn, by, at, proven)?)),
        };
        let first = !self.has_bound();
        if first && codes.is_none() {
            return Ok(Confirmed::NeedsRecoveryCodes(SetPlan::of(turn.policy)));
        }
        let (method, properties) = first_use.proof(turn.trust());
        self.activate(turn, at, first_use)?;
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
        let mut evidence = [evidence, vec![Evidence::new(method, turn.now).by(id).with(properties)]].concat();
        newest_of_each(&mut evidence);
        let grant = self.open_session(turn, seed, evidence, None)?;
        if own.is_none() {
            // The login that was sent to enrol is complete: the trail of sign-ins has it like any other.
            let client_id = Some(grant.seed.client_id.clone());
            turn.record(EventKind::SignedIn, About { client_id, ..About::session(grant.session) })?;
        }
        let authenticator = self.authenticator_view(turn, id)?;
        Ok(Confirmed::Bound { authenticator, grant: Box::new(grant), issued_codes: issued.is_some() })
    }

    /// Who may bind, and what they are called. `level` is what the new authenticator can reach.
    pub(super) fn binder(
        &mut self,
        turn: &mut Turn<'_>,
        by: Binder<'_>,
        level: Option<Aal>,
    ) -> Result<(Owner, Seed), Refusal> {
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
        let requirement =
            Requirement::at_least(self.highest_level(turn).min(level)).within(turn.policy.binding_max_age);
        let assurance = session.assurance(turn.policy).ok_or(Refusal::InvalidToken)?;
        insufficient(turn.now, &assurance, &requirement)
    }

    /// Finds a pending binding its owner may confirm; a stranger's looks like none.
    pub(super) fn confirmable(
        &mut self,
        turn: &mut Turn<'_>,
        by: Binder<'_>,
        id: AuthenticatorId,
    ) -> Result<usize, Refusal> {
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
            Binder::Session(_) => self.binder(turn, by, Some(pending.credential.reaches(turn.trust()))).map(|_| at),
        }
    }

    /// Checks the first code of a pending authenticator.
    fn confirmation(&mut self, turn: &mut Turn<'_>, at: usize, code: &SecretString) -> Result<Step, Refusal> {
        let pending = self.authenticators.get(at).ok_or(Refusal::NotFound)?;
        if let Some(retry_after) = pending.throttle.locked_for(turn.now) {
            return Err(Refusal::Throttled { retry_after });
        }
        let Credential::Totp { params, .. } = &pending.credential else {
            return Err(Refusal::invalid(
                "code",
                "is for an app; a passkey or security key is confirmed by its credential",
            ));
        };
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

    fn activate(&mut self, turn: &mut Turn<'_>, at: usize, by: FirstUse) -> Result<(), Refusal> {
        let validity = validity(turn.policy, &by);
        let a = self.authenticators.get_mut(at).ok_or(Refusal::NotFound)?;
        match (&mut a.credential, by) {
            // The confirming code is used up like any other.
            (Credential::Totp { last_step, .. }, FirstUse::Step(step)) => *last_step = Some(step),
            (asked @ Credential::Asked { .. }, FirstUse::Key(key)) => *asked = Credential::Key(key),
            _ => return Err(Refusal::NotFound),
        }
        a.status = Status::Active;
        a.owner = None;
        a.throttle = Throttle::default();
        a.last_used_at = Some(turn.now);
        a.expires_at = validity.map(|secs| turn.now.plus(u64::from(secs)));
        let (id, method) = (a.id, a.credential.method());
        // What was pending beside it was begun under what the account was before.
        self.authenticators.retain(Authenticator::is_bound);
        self.end_grace(turn);
        turn.record(EventKind::AuthenticatorBound, About::authenticator(id, method))
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

    pub(super) fn drop_oldest_pending(&mut self) {
        let pending = |a: &Authenticator| a.status == Status::Pending;
        while self.authenticators.iter().filter(|a| pending(a)).count() >= PENDING_MAX
            && let Some(oldest) = self.authenticators.iter().position(pending)
        {
            self.authenticators.remove(oldest);
        }
    }
}

/// For how long what was bound is good, in seconds.
const fn validity(policy: &Policy, by: &FirstUse) -> Option<u32> {
    match by {
        FirstUse::Step(_) => policy.totp_valid_for,
        FirstUse::Key(key) => match key.kind {
            KeyKind::Passkey => policy.webauthn.passkey_valid_for,
            KeyKind::SecurityKey => policy.webauthn.security_key_valid_for,
        },
    }
}

/// A client may choose what is stricter than the policy's choice, and nothing else: a longer period is a
/// code that counts for longer (ASVS 6.5.5), and fewer digits are guessed sooner.
pub(super) fn no_weaker(params: Totp, policy: Totp) -> Result<(), Refusal> {
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
