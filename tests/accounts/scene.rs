//! A service on a store that can be told to fail, a clock to turn, and people with phones.

use std::sync::{Arc, Mutex, OnceLock};

use tower_mfa::account::{Enrolment, Event, EventKind, FirstFactor, Refusal};
use tower_mfa::assurance::Authentication;
use tower_mfa::clock::Timestamp;
use tower_mfa::entropy::SystemEntropy;
use tower_mfa::id::Subject;
use tower_mfa::policy::{Login, Policy, PolicyBuilder, PolicySource, Who};
use tower_mfa::recovery_code::{Count, Scheme};
use tower_mfa::secret::SecretString;
use tower_mfa::service::{
    AnswerOutcome, Binding, ChallengeOutcome, ChallengeRequest, Enroller, Error, Keys, LoginChallenge, LoginOutcome,
    Mfa, MfaBuilder, Reply, Responder, Tokens, TotpEnrolment,
};
use tower_mfa::store::{EventCursor, Feed, MemoryStore, Store};
use tower_mfa::testing::{AuthenticatorApp, FaultyStore, ManualClock};
use tower_mfa::token::{Algorithm, KeySet, SigningKey};
use tower_mfa::vault::{LocalKeyRing, MasterKey};

pub(crate) const START: u64 = 1_800_000_000;

/// A policy whose recovery codes are few and cheap.
pub(crate) fn cheap() -> PolicyBuilder {
    Policy::builder().recovery_scheme(Scheme::argon2id(7_168, 5, 1).unwrap()).recovery_codes(Count::new(2).unwrap())
}

/// One signing key and one master key for all tests of the process.
pub(crate) fn keys() -> Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| keys_of(vec![MasterKey::generate("first", &SystemEntropy).unwrap()])).clone()
}

pub(crate) fn keys_of(ring: Vec<MasterKey>) -> Keys {
    static SIGNING: OnceLock<KeySet> = OnceLock::new();
    let signing = SIGNING.get_or_init(|| KeySet::new(SigningKey::generate(Algorithm::EdDsa).unwrap()));
    Keys::new(signing.clone(), Arc::new(LocalKeyRing::new(ring).unwrap()))
}

pub(crate) fn subject(name: &str) -> Subject {
    Subject::new(name).unwrap()
}

/// The policy in force, which a test changes.
#[derive(Clone)]
pub(crate) struct Current(Arc<Mutex<Arc<Policy>>>);

impl Current {
    pub(crate) fn of(policy: PolicyBuilder) -> Self {
        Self(Arc::new(Mutex::new(Arc::new(policy.build().unwrap()))))
    }

    pub(crate) fn set(&self, policy: PolicyBuilder) {
        *self.0.lock().unwrap() = Arc::new(policy.build().unwrap());
    }
}

impl PolicySource for Current {
    fn policy(&self, _who: Who<'_>) -> Arc<Policy> {
        self.0.lock().unwrap().clone()
    }
}

/// What the hook was told.
pub(crate) type Heard = Arc<Mutex<Vec<(Subject, Event)>>>;

#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) mfa: Mfa,
    pub(crate) clock: ManualClock,
    pub(crate) store: FaultyStore<MemoryStore>,
    pub(crate) heard: Heard,
}

/// Somebody who is signed in, with the app that was bound last.
pub(crate) struct Person {
    pub(crate) app: AuthenticatorApp,
    pub(crate) bound: Binding,
    pub(crate) by: Authentication,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with(cheap().build().unwrap())
    }

    pub(crate) fn login(login: Login) -> Self {
        Self::with(cheap().login(login).build().unwrap())
    }

    pub(crate) fn with(policy: Policy) -> Self {
        Self::built(|builder| builder.policy(policy))
    }

    pub(crate) fn sourced(source: impl PolicySource) -> Self {
        Self::built(|builder| builder.policy_source(source))
    }

    pub(crate) fn built(configure: impl FnOnce(MfaBuilder) -> MfaBuilder) -> Self {
        let store = FaultyStore::new(MemoryStore::new());
        let clock = ManualClock::at(START);
        let heard = Heard::default();
        let mfa = configure(builder(store.clone(), &clock, &heard)).build().unwrap();
        Self { mfa, clock, store, heard }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.time()
    }

    pub(crate) fn first(&self, name: &str) -> FirstFactor {
        FirstFactor::password_checked_by_host(subject(name), self.now())
    }

    pub(crate) async fn begin(&self, name: &str) -> LoginOutcome {
        self.mfa.begin(self.first(name)).await.unwrap()
    }

    /// A login that is complete with the password.
    pub(crate) async fn password(&self, name: &str) -> Tokens {
        complete(self.begin(name).await)
    }

    pub(crate) fn auth(&self, tokens: &Tokens) -> Authentication {
        self.mfa.authenticate(tokens.access_token().expose()).unwrap()
    }

    pub(crate) async fn signed_in(&self, name: &str) -> Authentication {
        self.auth(&self.password(name).await)
    }

    /// Signs in with the password, binds an app and is at AAL2 by it.
    pub(crate) async fn enrolled(&self, name: &str) -> Person {
        let by = self.signed_in(name).await;
        self.bind(&by).await
    }

    pub(crate) async fn start(&self, by: &Authentication) -> Result<Enrolment, Error> {
        self.mfa.enrol_totp(Enroller::Session(by), TotpEnrolment::new()).await
    }

    pub(crate) async fn bind(&self, by: &Authentication) -> Person {
        let started = self.start(by).await.unwrap();
        let app = scan(&started);
        let bound = self.mfa.confirm(Enroller::Session(by), started.id, app.code(self.now())).await.unwrap();
        let by = self.auth(&bound.tokens);
        Person { app, bound, by }
    }

    /// Where login asks for an authenticator first: binds one by the enrolment token.
    pub(crate) async fn enrolled_by_ticket(&self, name: &str) -> Person {
        let token = ticket(self.begin(name).await);
        let started = self.mfa.enrol_totp(Enroller::Token(&token), TotpEnrolment::new()).await.unwrap();
        let app = scan(&started);
        let bound = self.mfa.confirm(Enroller::Token(&token), started.id, app.code(self.now())).await.unwrap();
        let by = self.auth(&bound.tokens);
        Person { app, bound, by }
    }

    /// Signs in with password and code, at the next step.
    pub(crate) async fn sign_in(&self, name: &str, app: &AuthenticatorApp) -> Tokens {
        self.clock.advance(30);
        let asked = challenged(self.begin(name).await);
        answered(self.answer(&asked, Reply::totp(app.code(self.now()))).await.unwrap())
    }

    /// Where login asks for nothing more: signs in with the password and steps up with a code.
    pub(crate) async fn sign_in_anew(&self, name: &str, app: &AuthenticatorApp) -> Tokens {
        self.clock.advance(30);
        let by = self.signed_in(name).await;
        let opened = self.mfa.open_challenge(&by, ChallengeRequest::new()).await.unwrap();
        let ChallengeOutcome::Pending(view) = opened else { panic!("a code is wanted") };
        let reply = Reply::totp(app.code(self.now()));
        answered(self.mfa.answer(Responder::Session(&by), view.id, reply).await.unwrap())
    }

    pub(crate) async fn answer(&self, asked: &LoginChallenge, reply: Reply) -> Result<AnswerOutcome, Error> {
        self.mfa.answer(Responder::Token(&asked.token), asked.id, reply).await
    }

    /// The committed events of a subject, the oldest first.
    pub(crate) async fn events(&self, name: &str) -> Vec<Event> {
        let (subject, mut all, mut after) = (subject(name), Vec::new(), None::<EventCursor>);
        loop {
            let page = self.store.events(Feed::Subject(&subject), after.as_ref(), 200).await.unwrap();
            all.extend(page.items().iter().map(|e| serde_json::from_str::<Event>(e.body()).unwrap()));
            after = page.next().cloned();
            if after.is_none() {
                return all;
            }
        }
    }

    pub(crate) async fn kinds(&self, name: &str) -> Vec<EventKind> {
        self.events(name).await.iter().map(|e| e.kind).collect()
    }

    pub(crate) async fn count(&self, name: &str, kind: EventKind) -> usize {
        self.kinds(name).await.iter().filter(|k| **k == kind).count()
    }

    pub(crate) async fn document(&self, name: &str) -> String {
        self.store.load(&subject(name)).await.unwrap().unwrap().into_document()
    }
}

pub(crate) fn builder<S: Store>(store: S, clock: &ManualClock, heard: &Heard) -> MfaBuilder {
    let heard = Arc::clone(heard);
    Mfa::builder(store)
        .issuer("https://id.example")
        .audience("api")
        .keys(keys())
        .policy(cheap().build().unwrap())
        .with_clock(clock.clone())
        .on_event(move |subject, event| heard.lock().unwrap().push((subject.clone(), event.clone())))
}

pub(crate) fn scan(started: &Enrolment) -> AuthenticatorApp {
    AuthenticatorApp::scan(started.otpauth_uri.expose()).unwrap()
}

pub(crate) fn complete(outcome: LoginOutcome) -> Tokens {
    let LoginOutcome::Complete(tokens) = outcome else { panic!("{outcome:?} is not complete") };
    tokens
}

pub(crate) fn challenged(outcome: LoginOutcome) -> LoginChallenge {
    let LoginOutcome::Challenge(asked) = outcome else { panic!("{outcome:?} is no challenge") };
    asked
}

pub(crate) fn ticket(outcome: LoginOutcome) -> SecretString {
    let LoginOutcome::EnrolmentRequired { enrolment_token, .. } = outcome else { panic!("{outcome:?} enrols nobody") };
    enrolment_token
}

pub(crate) fn answered(outcome: AnswerOutcome) -> Tokens {
    let AnswerOutcome::Complete(answer) = outcome else { panic!("{outcome:?} is not complete") };
    answer.tokens
}

pub(crate) fn refusal<T: std::fmt::Debug>(outcome: Result<T, Error>) -> Refusal {
    outcome.expect_err("a refusal is wanted").refusal().clone()
}

pub(crate) fn is_unavailable<T: std::fmt::Debug>(outcome: Result<T, Error>) -> bool {
    matches!(refusal(outcome), Refusal::Unavailable { .. })
}
