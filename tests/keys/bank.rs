//! A bank whose customers have keys.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tower_mfa::account::{ChallengeView, KeyEnrolment, OptionsJson, Refusal};
use tower_mfa::assurance::{Authentication, Method};
use tower_mfa::policy::{Login, LoginPolicy, PolicyBuilder, WebAuthnPolicy};
use tower_mfa::service::{
    AnswerOutcome, Binding, ChallengeOutcome, ChallengeRequest, Enroller, Error, KeyRequest, LoginChallenge,
    LoginOutcome, MfaBuilder, PasskeyChallenge, Reply, Responder, Tokens,
};
use tower_mfa::testing::SoftAuthenticator;
use tower_mfa::webauthn::{RelyingParty, RelyingPartyBuilder};

use crate::scene::{Scene, cheap};

pub(crate) const ORIGIN: &str = "https://bank.example";

/// The model that tests trust.
pub(crate) const MODEL: [u8; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8];

pub(crate) fn site() -> RelyingPartyBuilder {
    RelyingParty::builder("bank.example", ORIGIN).name("Bank")
}

/// A bank that asks whoever has a key or an app.
pub(crate) fn bank() -> Scene {
    under(WebAuthnPolicy::default())
}

pub(crate) fn under(rules: WebAuthnPolicy) -> Scene {
    with(policy(rules))
}

pub(crate) fn policy(rules: WebAuthnPolicy) -> PolicyBuilder {
    cheap().webauthn(rules).login(asks_for_keys())
}

/// Keys count as enrolled, too: by default they are a comfort.
pub(crate) fn asks_for_keys() -> LoginPolicy {
    LoginPolicy::new(Login::IfEnrolled).enrolled_by([Method::WebAuthn, Method::Totp])
}

pub(crate) fn with(policy: PolicyBuilder) -> Scene {
    built(|mfa| mfa.policy(policy.build().unwrap()))
}

pub(crate) fn built(configure: impl FnOnce(MfaBuilder) -> MfaBuilder) -> Scene {
    Scene::built(|mfa| configure(mfa.webauthn(site().build().unwrap())))
}

/// A key that cannot be copied, of the model that tests trust.
pub(crate) fn hard_key() -> SoftAuthenticator {
    SoftAuthenticator::security_key().user_verified(true).aaguid(MODEL)
}

impl Scene {
    pub(crate) async fn start_key(&self, by: &Authentication, wanted: KeyRequest) -> KeyEnrolment {
        self.mfa.enrol_key(Enroller::Session(by), wanted).await.unwrap()
    }

    pub(crate) async fn confirm_key(
        &self,
        by: &Authentication,
        started: &KeyEnrolment,
        key: &mut SoftAuthenticator,
    ) -> Result<Binding, Error> {
        let credential = key.register(started.public_key.as_str(), ORIGIN).unwrap();
        self.mfa.confirm_key(Enroller::Session(by), started.id, &credential).await
    }

    /// Binds a key in a session, and returns the session that follows.
    pub(crate) async fn bind_key(&self, by: &Authentication, key: &mut SoftAuthenticator) -> (Authentication, Binding) {
        let started = self.start_key(by, KeyRequest::passkey()).await;
        let bound = self.confirm_key(by, &started, key).await.unwrap();
        (self.auth(&bound.tokens), bound)
    }

    /// Signs in with the password, and binds a key.
    pub(crate) async fn keyed(&self, name: &str, key: &mut SoftAuthenticator) -> Authentication {
        let by = self.signed_in(name).await;
        self.bind_key(&by, key).await.0
    }

    pub(crate) async fn answer_login(
        &self,
        asked: &LoginChallenge,
        key: &mut SoftAuthenticator,
    ) -> Result<AnswerOutcome, Error> {
        let credential = key.assert(options(&asked.methods).as_str(), ORIGIN).unwrap();
        self.answer(asked, Reply::webauthn(credential)).await
    }

    pub(crate) async fn opened(&self, by: &Authentication, wanted: ChallengeRequest) -> ChallengeView {
        match self.mfa.open_challenge(by, wanted).await.unwrap() {
            ChallengeOutcome::Pending(view) => view,
            other => panic!("{other:?} asks nothing"),
        }
    }

    /// Steps up by a key.
    pub(crate) async fn step_up(
        &self,
        by: &Authentication,
        view: &ChallengeView,
        key: &mut SoftAuthenticator,
    ) -> Result<AnswerOutcome, Error> {
        let credential = key.assert(options(&view.methods).as_str(), ORIGIN).unwrap();
        self.mfa.answer(Responder::Session(by), view.id, Reply::webauthn(credential)).await
    }

    pub(crate) async fn passkey(&self, name: Option<&str>) -> PasskeyChallenge {
        self.mfa.start_passkey(name).await.unwrap()
    }

    pub(crate) async fn finish(
        &self,
        started: &PasskeyChallenge,
        key: &mut SoftAuthenticator,
    ) -> Result<LoginOutcome, Error> {
        let credential = key.assert(started.public_key.as_str(), ORIGIN).unwrap();
        self.mfa.finish_passkey(started.id, &started.token, &credential).await
    }
}

/// What a challenge asks of keys.
pub(crate) fn options(methods: &[tower_mfa::account::Offer]) -> OptionsJson {
    offered(methods).expect("a key may answer")
}

pub(crate) fn offered(methods: &[tower_mfa::account::Offer]) -> Option<OptionsJson> {
    methods.iter().find_map(|offer| offer.public_key.clone())
}

pub(crate) fn json(options: &OptionsJson) -> serde_json::Value {
    serde_json::from_str(options.as_str()).unwrap()
}

pub(crate) fn acr(tokens: &Tokens) -> &str {
    tokens.acr()
}

pub(crate) fn is_wrong<T: std::fmt::Debug>(outcome: Result<T, Error>) {
    assert_eq!(crate::scene::refusal(outcome), Refusal::InvalidCredential);
}

/// A registration with the id of another one in it. Where nothing is attested, nothing is signed.
pub(crate) fn with_the_id_of(own: &str, other: &str) -> String {
    let [mut own, other]: [serde_json::Value; 2] = [own, other].map(|text| serde_json::from_str(text).unwrap());
    let bytes = |value: &serde_json::Value| URL_SAFE_NO_PAD.decode(value.as_str().unwrap()).unwrap();
    let (from, to) = (bytes(&own["id"]), bytes(&other["id"]));
    let mut object = bytes(&own["response"]["attestationObject"]);
    let at = object.windows(from.len()).position(|window| window == from).unwrap();
    object[at..at + from.len()].copy_from_slice(&to);
    own["response"]["attestationObject"] = URL_SAFE_NO_PAD.encode(object).into();
    own["id"] = other["id"].clone();
    own["rawId"] = other["id"].clone();
    own.to_string()
}
