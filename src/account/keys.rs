//! Passkeys and security keys: asked for, bound, and answering.

use serde::{Deserialize, Serialize};

use super::authenticator::{Authenticator, Credential, Owner, Status, label};
use super::binding::Binder;
use super::challenge::Challenge;
use super::event::{About, EventKind};
use super::refusal::Refusal;
use super::throttle::Throttle;
use super::turn::Turn;
use super::view::KeyEnrolment;
use super::webauthn::{
    self, Accepted, Asserted, Assertion, Ceremonies, CeremonyError, Creation, CredentialId, ExpectedAssertion,
    ExpectedRegistration, Key, KeyKind, OptionsJson, PublicKey, Registered, Registration, Transports, User,
};
use super::{Access, Account};
use crate::assurance::{Aal, Evidence, Method, Properties};
use crate::entropy::{self, Entropy, EntropyError};
use crate::id::{AuthenticatorId, ChallengeId};
use crate::policy::{Reaction, UserVerification, WebAuthnPolicy};

/// What the account is called by authenticators: 64 random bytes (WA-5.4.3-id).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Handle(#[serde(with = "webauthn::base64url")] Vec<u8>);

impl Handle {
    fn generate(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let [a, b] = [entropy::bytes::<32>(entropy)?, entropy::bytes::<32>(entropy)?];
        Ok(Self([a, b].concat()))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A registration whose signatures were checked, and for which question.
pub(crate) struct ProvenRegistration {
    challenge: webauthn::Challenge,
    registered: Registered,
    transports: Transports,
}

impl ProvenRegistration {
    /// Checks it: there is no other way to make one.
    pub(crate) fn check(
        ceremonies: &dyn Ceremonies,
        registration: &Registration,
        expected: &ExpectedRegistration,
    ) -> Result<Self, CeremonyError> {
        let registered = ceremonies.register(registration, expected)?;
        Ok(Self { challenge: expected.challenge, registered, transports: registration.transports.clone() })
    }
}

/// An assertion whose signature was checked: for which question, and with which key.
pub(crate) struct ProvenKey {
    pub(super) challenge: webauthn::Challenge,
    id: CredentialId,
    public_key: PublicKey,
    asserted: Asserted,
}

impl ProvenKey {
    pub(super) const fn id(&self) -> &CredentialId {
        &self.id
    }
}

/// The key an assertion says it is of, as it was when it was looked at.
pub(crate) struct AskedKey {
    challenge: webauthn::Challenge,
    id: CredentialId,
    public_key: PublicKey,
    user_verification: bool,
}

impl AskedKey {
    pub(super) fn new(challenge: webauthn::Challenge, key: &Key, user_verification: bool) -> Self {
        Self { challenge, id: key.id.clone(), public_key: key.public_key.clone(), user_verification }
    }

    /// A key that nobody has: the base point of P-256 (FIPS 186-5), asked nothing. Whoever knew its private key,
    /// 1, proves nothing: no account has it.
    pub(crate) fn of_nobody(assertion: &Assertion) -> Option<Self> {
        let point = |text| webauthn::base64url::decode(text);
        let x = point("axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY")?;
        let y = point("T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU")?;
        let public_key = PublicKey::Ec { alg: -7, x, y };
        let challenge = webauthn::Challenge::NONE;
        Some(Self { challenge, id: assertion.id.clone(), public_key, user_verification: true })
    }

    /// Checks the signature: there is no other way to a [`ProvenKey`].
    pub(crate) fn check(self, ceremonies: &dyn Ceremonies, assertion: &Assertion) -> Result<ProvenKey, CeremonyError> {
        let Self { challenge, id, public_key, user_verification } = self;
        let expected = ExpectedAssertion { challenge, id: &id, public_key: &public_key, user_verification };
        let asserted = ceremonies.assert(assertion, &expected)?;
        Ok(ProvenKey { challenge, id, public_key, asserted })
    }
}

impl Account {
    /// Begins to bind a key: what to ask the browser for.
    pub(super) fn start_key(
        &mut self,
        turn: &mut Turn<'_>,
        by: Binder<'_>,
        kind: KeyKind,
        given: &str,
    ) -> Result<KeyEnrolment, Refusal> {
        let rp = turn.ceremonies.ok_or(Refusal::Forbidden("passkeys and security keys are not set up here"))?.relying();
        self.binder(turn, by, None)?;
        self.may_add(turn, Method::WebAuthn)?;
        let (owner, seed) = self.binder(turn, by, Some(Aal::Two))?;
        let label = label(given)?;
        let id = AuthenticatorId::generate(turn.entropy)?;
        let challenge = webauthn::Challenge::generate(turn.entropy)?;
        let handle = match &self.user_handle {
            Some(handle) => handle.clone(),
            None => self.user_handle.insert(Handle::generate(turn.entropy)?).clone(),
        };
        let expires_in = turn.policy.enrolment_ttl;
        self.push_pending(turn, id, label, owner, Credential::Asked { challenge, kind });
        turn.record(EventKind::BindingStarted, About::authenticator(id, Method::WebAuthn))?;
        let name = seed.account_name.unwrap_or_else(|| self.subject.id().into());
        let user = User { id: webauthn::base64url::encode(handle.as_bytes()), display_name: name.clone(), name };
        let bound = self.bound().filter_map(|a| a.credential.key()).map(|key| (&key.id, &key.transports));
        let creation = Creation::new(rp, user, challenge, kind, turn.policy).excluding(bound);
        let public_key = OptionsJson::of(&creation).ok_or(Refusal::unavailable())?;
        Ok(KeyEnrolment { id, public_key, expires_in })
    }

    pub(super) fn push_pending(
        &mut self,
        turn: &Turn<'_>,
        id: AuthenticatorId,
        label: Box<str>,
        owner: Owner,
        credential: Credential,
    ) {
        self.drop_oldest_pending();
        self.authenticators.push(Authenticator {
            id,
            label,
            created_at: turn.now,
            last_used_at: None,
            expires_at: Some(turn.now.plus(u64::from(turn.policy.enrolment_ttl))),
            expiry_warned: false,
            status: Status::Pending,
            owner: Some(owner),
            credential,
            throttle: Throttle::default(),
        });
    }

    /// What the registration of a pending key must answer.
    pub(crate) fn expected_registration(
        &mut self,
        turn: &mut Turn<'_>,
        by: Binder<'_>,
        id: AuthenticatorId,
    ) -> Result<ExpectedRegistration, Refusal> {
        let at = self.confirmable(turn, by, id)?;
        let (challenge, _) = self.asked_at(at)?;
        let rules = &turn.policy.webauthn;
        let user_verification = rules.user_verification == UserVerification::Required;
        Ok(ExpectedRegistration { challenge, user_verification, attested: rules.must_be_attested })
    }

    fn asked_at(&self, at: usize) -> Result<(webauthn::Challenge, KeyKind), Refusal> {
        match self.authenticators.get(at).map(|a| &a.credential) {
            Some(Credential::Asked { challenge, kind }) => Ok((*challenge, *kind)),
            _ => {
                Err(Refusal::invalid("credential", "is for a passkey or security key; an app is confirmed by its code"))
            }
        }
    }

    /// The key of a registration that was checked, if it answers the pending one and policy takes it.
    pub(super) fn new_key(
        &mut self,
        turn: &mut Turn<'_>,
        by: Binder<'_>,
        at: usize,
        proven: &ProvenRegistration,
    ) -> Result<Key, Refusal> {
        let (challenge, kind) = self.asked_at(at)?;
        let r = &proven.registered;
        let known = self.bound().filter_map(|a| a.credential.key()).any(|key| key.id == r.id);
        if proven.challenge != challenge || known {
            return Err(Refusal::InvalidCredential);
        }
        let key = Key {
            id: r.id.clone(),
            kind,
            public_key: r.public_key.clone(),
            counter: r.counter,
            uv_initialized: r.user_verified,
            backup_eligible: r.backup_eligible,
            backed_up: r.backed_up,
            transports: proven.transports.clone(),
            aaguid: r.aaguid,
            attestation: r.attestation,
        };
        taken(&turn.policy.webauthn, &key)?;
        // What it reaches is known only now: a first key of AAL3 is not bound beside a session of AAL2.
        self.binder(turn, by, Some(key.reaches(turn.trust())))?;
        let handle = self.user_handle.as_ref().ok_or(Refusal::unavailable())?;
        turn.claim(&key.id, handle);
        Ok(key)
    }

    /// The key that an assertion names, if it may answer the challenge.
    pub(crate) fn asked_key(
        &self,
        turn: &Turn<'_>,
        access: Access,
        id: ChallengeId,
        assertion: &Assertion,
    ) -> Result<AskedKey, Refusal> {
        let at = self.reached(turn, access, id)?;
        let challenge = self.challenges.get(at).ok_or(Refusal::ChallengeGone)?;
        let to_sign = challenge.to_sign.ok_or(Refusal::InvalidCredential)?;
        // WA-AUTH-6a: whose credential it says it is, where it says so, is whose challenge it is.
        if assertion.user_handle.as_deref().is_some_and(|handle| !self.is_called(handle)) {
            return Err(Refusal::InvalidCredential);
        }
        let (at, user_verification) = self.listed_key(turn, challenge, &assertion.id)?;
        let key = self.authenticators.get(at).and_then(|a| a.credential.key()).ok_or(Refusal::InvalidCredential)?;
        Ok(AskedKey::new(to_sign, key, user_verification))
    }

    /// Which credentials are the account's, where authenticators know it at all. One that is switched off or has
    /// expired is still its owner's: what a browser has forgotten, no operator brings back.
    pub(super) fn accepted_credentials(&self, turn: &Turn<'_>) -> Option<OptionsJson> {
        let (rp, handle) = (turn.ceremonies?.relying(), self.user_handle.as_ref()?);
        let ids = self.bound().filter_map(|a| a.credential.key()).map(|key| &key.id);
        OptionsJson::of(&Accepted::new(rp, webauthn::base64url::encode(handle.as_bytes()), ids))
    }

    /// Whether authenticators call the account by this handle.
    pub(super) fn is_called(&self, handle: &[u8]) -> bool {
        self.user_handle.as_ref().is_some_and(|own| own.as_bytes() == handle)
    }

    /// Where the credential is among those that may answer (WA-AUTH-5), and whether its user must be
    /// verified. One of the account's that is not listed is as wrong as a stranger's.
    fn listed_key(&self, turn: &Turn<'_>, challenge: &Challenge, id: &CredentialId) -> Result<(usize, bool), Refusal> {
        let listed = self.listed_keys(turn, &self.weighed_for(challenge), &challenge.asks.requirement());
        let listed = listed.ok_or(Refusal::InvalidCredential)?;
        let is_it =
            |at: &usize| self.authenticators.get(*at).and_then(|a| a.credential.key()).is_some_and(|k| k.id == *id);
        let at = listed.keys.into_iter().find(is_it).ok_or(Refusal::InvalidCredential)?;
        let wanted = turn.policy.webauthn.user_verification == UserVerification::Required;
        Ok((at, listed.user_verification || wanted))
    }

    /// Takes an assertion that was checked as the answer of a challenge, against the account as it is now.
    pub(super) fn check_asked_key(
        &mut self,
        turn: &mut Turn<'_>,
        challenge: usize,
        proven: &ProvenKey,
    ) -> Result<Evidence, Refusal> {
        let challenge = self.challenges.get(challenge).ok_or(Refusal::ChallengeGone)?;
        // Used up by another answer meanwhile, or another question altogether.
        if challenge.to_sign != Some(proven.challenge) {
            return Err(Refusal::InvalidCredential);
        }
        let (at, user_verification) = self.listed_key(turn, challenge, &proven.id)?;
        if user_verification && !proven.asserted.user_verified {
            return Err(Refusal::InvalidCredential);
        }
        // As for a binding: what was typed this morning does not say whose finger it is now.
        let is_now = |e: &Evidence| turn.now.since(e.at()) <= u64::from(turn.policy.binding_max_age);
        let beside_another = self.weighed_for(challenge).iter().any(|e| e.proves_knowledge() && is_now(e));
        self.accept_key(turn, at, proven, beside_another)
    }

    /// Takes an assertion that was checked: once more against the live key, then by policy.
    pub(super) fn accept_key(
        &mut self,
        turn: &mut Turn<'_>,
        at: usize,
        proven: &ProvenKey,
        beside_another: bool,
    ) -> Result<Evidence, Refusal> {
        if let Some(retry_after) = self.wide_lock(turn) {
            return Err(Refusal::Throttled { retry_after });
        }
        let (rules, trust) = (&turn.policy.webauthn, turn.trust());
        let a = self.authenticators.get_mut(at).filter(|a| a.is_active(turn.now)).ok_or(Refusal::InvalidCredential)?;
        let id = a.id;
        let Credential::Key(key) = &mut a.credential else { return Err(Refusal::InvalidCredential) };
        if key.public_key != proven.public_key || !key.is_allowed(trust) {
            return Err(Refusal::InvalidCredential);
        }
        let about = || About::authenticator(id, Method::WebAuthn);
        let odd = key.oddities(rules, &proven.asserted);
        for (kind, _) in &odd {
            turn.record(*kind, About { count: Some(proven.asserted.counter), ..about() })?;
        }
        let reacts = |wanted| odd.iter().any(|(_, reaction)| *reaction == wanted);
        if reacts(Reaction::Reject) {
            return Err(Refusal::InvalidCredential);
        }
        let stepped_down = reacts(Reaction::StepDown);
        let before = key.properties(trust, proven.asserted.user_verified);
        key.update(&proven.asserted, stepped_down);
        // WA-AUTH-24: believed from now on, because another factor stood beside it; not yet in this answer.
        key.uv_initialized |= proven.asserted.user_verified && beside_another && !stepped_down;
        let now = key.properties(trust, proven.asserted.user_verified);
        a.last_used_at = Some(turn.now);
        turn.record(EventKind::AnswerAccepted, about())?;
        let properties = Properties {
            user_verified: before.user_verified && !stepped_down,
            hardware: now.hardware && before.hardware && !stepped_down,
            synced: now.synced || proven.asserted.backup_eligible,
            ..now
        };
        Ok(Evidence::new(Method::WebAuthn, turn.now).by(id).with(properties))
    }
}

/// What policy makes of a new key; its owner is told, for it is his own.
fn taken(rules: &WebAuthnPolicy, key: &Key) -> Result<(), Refusal> {
    if rules.deny_synced && key.backup_eligible {
        return Err(Refusal::Forbidden("keys that can be copied to other devices may not be bound here"));
    }
    if !rules.allows_model(key.aaguid) {
        return Err(Refusal::Forbidden("keys of this model may not be bound here"));
    }
    Ok(())
}
