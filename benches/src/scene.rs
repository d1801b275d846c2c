//! A service with somebody enrolled, as a host would set it up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tower_mfa::account::FirstFactor;
use tower_mfa::assurance::Authentication;
use tower_mfa::entropy::SystemEntropy;
use tower_mfa::id::{ChallengeId, Subject};
use tower_mfa::otp::{OtpauthUri, Secret, Step, Totp};
use tower_mfa::policy::Policy;
use tower_mfa::rate_limit::{Quota, RateLimits};
use tower_mfa::secret::SecretString;
use tower_mfa::service::{
    Answer, AnswerOutcome, Enroller, Keys, LoginOutcome, Mfa, Reply, Responder, Tokens, TotpEnrolment,
};
use tower_mfa::store::Store;
use tower_mfa::token::{Algorithm, KeySet, SigningKey};
use tower_mfa::vault::{LocalKeyRing, MasterKey};

use crate::Turned;

pub const ISSUER: &str = "https://id.example.com";
pub const AUDIENCE: &str = "api";
/// As long as the ids people use.
pub const SUBJECT: &str = "user-00000000";

/// So many seconds later no code is good that was good before. Of a million codes one is also the code of the step after
/// its own, is used up for both, and is refused thirty seconds later.
pub const BEYOND: u64 = 60;

/// A service, a clock to turn, and a subject with an authenticator app and ten recovery codes.
#[derive(Debug)]
pub struct Scene {
    pub mfa: Mfa,
    pub clock: Turned,
    pub keys: KeySet,
    pub subject: Subject,
    secret: Secret,
    ring: Arc<LocalKeyRing>,
    policy: Policy,
}

/// Taken from by every answer, as in earnest, and never spent: the clock stands while thousands guess.
fn never_spent() -> RateLimits {
    RateLimits::new().without_address(Quota::new(1_000_000, 1).unwrap())
}

/// Somebody else who is enrolled.
#[derive(Debug)]
pub struct Person {
    pub subject: Subject,
    secret: Secret,
}

impl Scene {
    /// Enrols the subject, whose session has ended when this returns.
    pub async fn set(store: impl Store, algorithm: Algorithm, clock: Turned) -> Self {
        Self::with_policy(store, algorithm, clock, Policy::default()).await
    }

    pub async fn with_policy(store: impl Store, algorithm: Algorithm, clock: Turned, policy: Policy) -> Self {
        let keys = KeySet::new(SigningKey::generate(algorithm).unwrap());
        let ring = LocalKeyRing::new(vec![MasterKey::generate("2026-11", &SystemEntropy).unwrap()]).unwrap();
        let ring = Arc::new(ring);
        let mfa = service(store, &keys, &ring, &clock, &policy);
        let Person { subject, secret } = enrol(&mfa, &clock, SUBJECT).await;
        Self { mfa, clock, keys, subject, secret, ring, policy }
    }

    /// The same service over another store: with the same keys, it reads the same documents.
    #[must_use]
    pub fn over(&self, store: impl Store) -> Mfa {
        service(store, &self.keys, &self.ring, &self.clock, &self.policy)
    }

    /// Enrols somebody else.
    pub async fn enrol(&self, name: &str) -> Person {
        enrol(&self.mfa, &self.clock, name).await
    }

    /// What the app shows now.
    #[must_use]
    pub fn code(&self) -> String {
        code(&self.secret, &self.clock, 0)
    }

    /// Begins a login when the codes of before are forgotten.
    pub async fn challenged(&self) -> (ChallengeId, SecretString) {
        self.clock.turn(BEYOND);
        match self.mfa.begin(login(&self.subject, &self.clock)).await.unwrap() {
            LoginOutcome::Challenge(challenge) => (challenge.id, challenge.token),
            other => panic!("an authenticator is bound: {other:?}"),
        }
    }

    /// Answers a challenge with the right code, and says how long that took.
    pub async fn answer(&self, id: ChallengeId, token: &SecretString) -> (Duration, Tokens) {
        let reply = Reply::totp(self.code());
        let start = Instant::now();
        let outcome = self.mfa.answer(Responder::Token(token), id, reply).await.unwrap();
        let took = start.elapsed();
        let AnswerOutcome::Complete(Answer { tokens, .. }) = outcome else { panic!("one factor was missing") };
        (took, tokens)
    }

    /// Signs in from the password to the token, and leaves the session open.
    pub async fn sign_in(&self) -> Tokens {
        let (id, token) = self.challenged().await;
        self.answer(id, &token).await.1
    }

    #[must_use]
    pub fn authenticated(&self, tokens: &Tokens) -> Authentication {
        self.mfa.authenticate(tokens.access_token().expose()).unwrap()
    }

    pub async fn log_out(&self, tokens: &Tokens) {
        self.mfa.log_out(&self.authenticated(tokens)).await.unwrap();
    }
}

/// A question, and the right code.
#[derive(Debug)]
pub struct Asked {
    id: ChallengeId,
    token: SecretString,
    code: String,
}

impl Asked {
    /// Answers, and is signed in.
    pub async fn answer(self, mfa: Mfa) -> Tokens {
        let outcome = mfa.answer(Responder::Token(&self.token), self.id, Reply::totp(self.code)).await.unwrap();
        let AnswerOutcome::Complete(Answer { tokens, .. }) = outcome else { panic!("one factor was missing") };
        tokens
    }
}

impl Person {
    /// Begins a login that is answered by the code of the step that is `offset` steps from now.
    pub async fn begin(&self, mfa: &Mfa, clock: &Turned, offset: i64) -> Asked {
        let LoginOutcome::Challenge(asked) = mfa.begin(login(&self.subject, clock)).await.unwrap() else {
            panic!("an authenticator is bound");
        };
        Asked { id: asked.id, token: asked.token, code: code(&self.secret, clock, offset) }
    }

    /// Signs in with the code of the step that is `offset` steps from now, from the password to the
    /// token. Each of them is good once, in their order.
    pub async fn sign_in(&self, mfa: &Mfa, clock: &Turned, offset: i64) -> Tokens {
        self.begin(mfa, clock, offset).await.answer(mfa.clone()).await
    }
}

fn service(store: impl Store, keys: &KeySet, ring: &Arc<LocalKeyRing>, clock: &Turned, policy: &Policy) -> Mfa {
    Mfa::builder(store)
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .keys(Keys::new(keys.clone(), Arc::<LocalKeyRing>::clone(ring)))
        .with_clock(clock.clone())
        .policy(policy.clone())
        .rate_limits(never_spent())
        .build()
        .unwrap()
}

/// Binds an app with the code of the step before this one, so that two more are good at once.
async fn enrol(mfa: &Mfa, clock: &Turned, name: &str) -> Person {
    let subject = Subject::new(name).unwrap();
    let tokens = match mfa.begin(login(&subject, clock)).await.unwrap() {
        LoginOutcome::Complete(tokens) => tokens,
        other => panic!("nothing is bound yet: {other:?}"),
    };
    let by = mfa.authenticate(tokens.access_token().expose()).unwrap();
    let pending = mfa.enrol_totp(Enroller::Session(&by), TotpEnrolment::new().label("Phone")).await.unwrap();
    let secret = OtpauthUri::parse(pending.otpauth_uri.expose()).unwrap().secret().clone();
    let bound = mfa.confirm(Enroller::Session(&by), pending.id, code(&secret, clock, -1)).await.unwrap();
    assert!(bound.recovery_codes.is_some());
    mfa.log_out(&mfa.authenticate(bound.tokens.access_token().expose()).unwrap()).await.unwrap();
    Person { subject, secret }
}

fn code(secret: &Secret, clock: &Turned, offset: i64) -> String {
    let totp = Totp::default();
    let step = totp.step_at(clock.read()).unwrap().get().checked_add_signed(offset).unwrap();
    totp.code_at(secret, Step::new(step)).expose().to_owned()
}

pub fn login(subject: &Subject, clock: &Turned) -> FirstFactor {
    FirstFactor::password_checked_by_host(subject.clone(), clock.read()).client("web").roles(["customer"])
}
