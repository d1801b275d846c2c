use super::authenticators::Enroller;
use super::outcome::{Binding, LoginOutcome};
use super::shell::{IfMissing, Matter};
use super::{Error, Mfa};
use crate::account::webauthn::{Assertion, Ceremonies, Challenge, KeyKind, Registration};
use crate::account::{
    Account, AskedKey, Bindable, Confirmation, Described, FirstFactor, KeyEnrolment, OptionsJson, PasskeyClaims,
    PasskeyLogin, ProvenKey, ProvenRegistration, Refusal, SeedOf, Started, Turn, Whose, passkey_request,
};
use crate::id::{AuthenticatorId, ChallengeId, Subject};
use crate::rate_limit::Tried;
use crate::secret::SecretString;

/// How a passkey or security key is to be bound.
///
/// ```
/// use tower_mfa::service::KeyRequest;
///
/// let laptop = KeyRequest::passkey().label("Laptop");
/// assert_ne!(format!("{laptop:?}"), format!("{:?}", KeyRequest::security_key().label("Laptop")));
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct KeyRequest {
    kind: KeyKind,
    label: Box<str>,
}

impl KeyRequest {
    /// A passkey: discoverable where the authenticator can, so that it signs in by itself.
    pub fn passkey() -> Self {
        Self { kind: KeyKind::Passkey, label: Box::default() }
    }

    /// A security key: it stands beside a password, and takes no place in the key's own memory.
    pub fn security_key() -> Self {
        Self { kind: KeyKind::SecurityKey, label: Box::default() }
    }

    /// Sets the label its owner will see: at most 64 characters, none hidden and none that turns the
    /// text around.
    pub fn label(mut self, label: impl Into<Box<str>>) -> Self {
        self.label = label.into();
        self
    }
}

/// A sign-in with a passkey that has begun: give it to the browser, and its token back with the answer.
#[derive(Debug)]
#[non_exhaustive]
pub struct PasskeyChallenge {
    /// The id, which has no power of its own.
    pub id: ChallengeId,
    /// Who holds it may answer; it binds the answer to the browser that asked.
    pub token: SecretString,
    /// `PublicKeyCredentialRequestOptionsJSON`, for `navigator.credentials.get`.
    pub public_key: OptionsJson,
    /// Seconds until it lapses.
    pub expires_in: u32,
}

impl Mfa {
    /// Begins to bind a passkey or a security key. Give the options to the browser and confirm with what
    /// it returns ([`confirm_key`](Self::confirm_key)).
    ///
    /// # Errors
    ///
    /// As [`enrol_totp`](Self::enrol_totp); [`Refusal::Forbidden`] also where no relying party is set up.
    ///
    /// # Cancel safety
    ///
    /// Safe: what is not confirmed expires.
    pub async fn enrol_key(&self, by: Enroller<'_>, wanted: KeyRequest) -> Result<KeyEnrolment, Error> {
        let opened = self.opened(by)?;
        let what = Bindable::Key { label: wanted.label, kind: wanted.kind };
        let started = self
            .inner
            .turn(self.enrolment_matter(&opened), |account, turn| account.start_binding(turn, opened.binder(), &what))
            .await?;
        match started {
            Started::Key(enrolment) => Ok(enrolment),
            Started::App(_) => Err(Error::busy("a key was asked for and an app was begun")),
        }
    }

    /// Confirms the binding of a key with the browser's `RegistrationResponseJSON`.
    ///
    /// With the first authenticator come recovery codes, shown once. Other sessions end.
    ///
    /// # Errors
    ///
    /// [`Refusal::InvalidCredential`] when it is wrong or another subject's, [`Refusal::Forbidden`] when
    /// policy does not take the key, [`Refusal::InvalidRequest`] when it is no credential at all, and those
    /// of [`confirm`](Self::confirm).
    ///
    /// # Security
    ///
    /// The client controls every byte of it. Signatures and attestation are checked before the account is
    /// asked for; a wrong one is written nowhere and costs the address alone ([`RateLimits`](crate::rate_limit::RateLimits)).
    ///
    /// # Cancel safety
    ///
    /// As [`confirm`](Self::confirm).
    pub async fn confirm_key(&self, by: Enroller<'_>, id: AuthenticatorId, credential: &str) -> Result<Binding, Error> {
        let registration = Registration::parse(credential)?;
        let opened = self.opened(by)?;
        let matter = self.enrolment_matter(&opened);
        let ceremonies = self.ceremonies()?;
        let attempt = async {
            let expected =
                |account: &mut Account, turn: &mut Turn<'_>| account.expected_registration(turn, opened.binder(), id);
            let expected = self.inner.look(matter, expected).await?;
            let proven = ProvenRegistration::check(ceremonies, &registration, &expected);
            let proven = proven.map_err(|error| self.failed(matter.subject, &error))?;
            self.noted(self.confirmed(&opened, id, Confirmation::Key(Box::new(proven))).await)
        };
        self.limited(self.address.as_deref(), Tried::Key, attempt).await
    }

    /// Begins a sign-in with a passkey, for whoever has one (`None`) or for the owner of a name.
    ///
    /// # Errors
    ///
    /// [`Refusal::Forbidden`] where no relying party is set up; [`Refusal::Unavailable`] when the store or
    /// the directory does not answer.
    ///
    /// # Security
    ///
    /// Anybody may ask. A name that nobody has, and one without a key, get a list that is made up, always
    /// the same one: the answer does not tell. Nothing is written.
    ///
    /// # Cancel safety
    ///
    /// Safe: it changes nothing.
    pub async fn start_passkey(&self, name: Option<&str>) -> Result<PasskeyChallenge, Error> {
        let rp = self.ceremonies()?.relying();
        let name = name.map(|name| self.inner.directory.spelling(name));
        let name = name.as_deref();
        let (of, listed) = match name {
            Some(name) => self.listed_for(name).await?,
            None => (Whose::anybody(), None),
        };
        let entropy = &*self.inner.entropy;
        let id = ChallengeId::generate(entropy).map_err(Error::unavailable)?;
        let challenge = Challenge::generate(entropy).map_err(Error::unavailable)?;
        let policy = self.inner.policy_of_nobody()?;
        let listed = name.zip(listed);
        let request = passkey_request(&self.inner.vault, &policy, rp, challenge, listed).map_err(Error::unavailable)?;
        let expires_in = policy.challenge_ttl;
        let began_at = self.inner.clock.now()?;
        let expires_at = began_at.plus(u64::from(expires_in));
        let token = PasskeyClaims { id, challenge, of, began_at, expires_at }.seal(&self.inner.vault, entropy)?;
        let public_key = OptionsJson::of(&request).ok_or_else(|| Error::busy("options cannot be written"))?;
        Ok(PasskeyChallenge { id, token, public_key, expires_in })
    }

    /// Completes a sign-in with a passkey.
    ///
    /// # Errors
    ///
    /// [`Refusal::InvalidCredential`] when the credential is wrong, unknown or not taken,
    /// [`Refusal::ChallengeGone`] when it was used or has expired, [`Refusal::InvalidToken`] for another
    /// token, [`Refusal::Throttled`] after too many failures of this address.
    ///
    /// # Security
    ///
    /// Its use is recorded in the account it turns out to belong to, until the token lapses: of any number
    /// of parallel calls exactly one succeeds.
    ///
    /// # Cancel safety
    ///
    /// Safe: a dropped call may have used the answer up.
    pub async fn finish_passkey(
        &self,
        id: ChallengeId,
        token: &SecretString,
        credential: &str,
    ) -> Result<LoginOutcome, Error> {
        let assertion = Assertion::parse(credential)?;
        let claims = PasskeyClaims::open(&self.inner.vault, token.expose()).map_err(|_| Refusal::InvalidToken)?;
        if claims.id != id {
            return Err(Refusal::InvalidToken.into());
        }
        if claims.expires_at <= self.inner.clock.now()? {
            return Err(Refusal::ChallengeGone.into());
        }
        self.limited(self.address.as_deref(), Tried::Key, self.by_passkey(&claims, &assertion)).await
    }

    async fn by_passkey(&self, claims: &PasskeyClaims, assertion: &Assertion) -> Result<LoginOutcome, Error> {
        let subject = self.owner_of(claims, assertion).await?;
        let matter = Matter { if_missing: IfMissing::NotFound, ..self.matter(&subject) };
        let asked = self.inner.look(matter, |account, turn| account.asked_passkey(turn, claims, assertion)).await;
        // An account that is not there has no such credential either.
        let asked = asked.map_err(|error| match error.refusal() {
            Refusal::NotFound => Refusal::InvalidCredential.into(),
            _ => error,
        });
        let proven = self.proven(&subject, asked, assertion)?;
        // The host is asked of those alone who have proved who they are: how long it takes tells nobody else.
        let user = self.inner.directory.user(&subject).await.map_err(Error::unavailable)?;
        let Some(user) = user else { return Err(self.unknown(assertion)) };
        let described = FirstFactor { address: self.address.as_deref().map(Into::into), ..user.into_first_factor() };
        let audience = self.inner.issuer.audience();
        let client_id = described.client_id.as_deref().unwrap_or(audience);
        let matter = Matter {
            seed: SeedOf::Given(Described { client_id, roles: &described.roles, groups: &described.groups }),
            ..self.matter(&subject)
        };
        let login = PasskeyLogin { claims, described: &described, audience };
        let step = self.inner.turn(matter, |account, turn| account.begin_by_passkey(turn, &login, &proven)).await;
        self.login_outcome(self.noted(step)?).await
    }

    /// Returns the body of `/.well-known/webauthn`; `None` where no relying party is set up.
    #[must_use]
    pub fn related_origins_json(&self) -> Option<String> {
        self.inner.ceremonies.as_deref().map(Ceremonies::related_origins)
    }

    /// The credentials of a name. What is asked of the store is the same for a name that nobody has.
    async fn listed_for(
        &self,
        name: &str,
    ) -> Result<
        (Whose, Option<Vec<(crate::account::webauthn::CredentialId, crate::account::webauthn::Transports)>>),
        Error,
    > {
        let found = self.inner.directory.subject_of(name).await.map_err(Error::unavailable)?;
        let of = Whose::of(found.as_ref());
        let subject = found.map_or_else(nobody, Ok)?;
        let matter = Matter { if_missing: IfMissing::NotFound, ..self.matter(&subject) };
        let listed = match self.inner.look(matter, |account, turn| Ok(account.listable(turn))).await {
            Ok(listed) => listed,
            Err(error) if *error.refusal() == Refusal::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        Ok((of, Some(listed)))
    }

    /// Whose account it is: of the name that was given, or else of the handle the key names (WA-AUTH-6b: it
    /// must). Where there is none it is nobody's, who is looked for all the same.
    async fn owner_of(&self, claims: &PasskeyClaims, assertion: &Assertion) -> Result<Subject, Error> {
        let by_handle = match &assertion.user_handle {
            Some(handle) if claims.of.is_anybody() => self.inner.subject_of(handle.clone()).await?,
            _ => None,
        };
        claims.of.subject().or(by_handle).map_or_else(nobody, Ok)
    }

    /// Checks what an assertion signed. What is not there is checked all the same, with a key that nobody
    /// has, so that it takes as long.
    pub(super) fn proven(
        &self,
        subject: &Subject,
        asked: Result<AskedKey, Error>,
        assertion: &Assertion,
    ) -> Result<ProvenKey, Error> {
        match asked {
            Ok(asked) => asked.check(self.ceremonies()?, assertion).map_err(|error| self.failed(subject, &error)),
            Err(error) if *error.refusal() == Refusal::InvalidCredential => Err(self.unknown(assertion)),
            Err(error) => Err(error),
        }
    }

    fn unknown(&self, assertion: &Assertion) -> Error {
        if let (Ok(ceremonies), Some(nobody)) = (self.ceremonies(), AskedKey::of_nobody(assertion)) {
            drop(nobody.check(ceremonies, assertion));
        }
        super::trace::unknown_credential(self.address.as_deref());
        Refusal::InvalidCredential.into()
    }

    fn failed(&self, subject: &Subject, error: &crate::account::webauthn::CeremonyError) -> Error {
        super::trace::ceremony_failed(subject, self.address.as_deref(), error);
        Refusal::InvalidCredential.into()
    }

    /// Tells the operator of what was not taken although its signature is right.
    pub(super) fn noted<T>(&self, outcome: Result<T, Error>) -> Result<T, Error> {
        if outcome.as_ref().is_err_and(|error| *error.refusal() == Refusal::InvalidCredential) {
            super::trace::not_taken(self.address.as_deref());
        }
        outcome
    }

    pub(super) fn ceremonies(&self) -> Result<&dyn Ceremonies, Error> {
        let set_up = self.inner.ceremonies.as_deref();
        set_up.ok_or_else(|| Refusal::Forbidden("passkeys and security keys are not set up here").into())
    }
}

/// A subject that cannot exist, so that a name that nobody has is looked for all the same.
fn nobody() -> Result<Subject, Error> {
    Subject::with_tenant("tower-mfa nobody", "nobody").map_err(Error::unavailable)
}
