//! One subject, her host, her authenticator app, and a clock to turn.

use std::sync::{Arc, LazyLock, Mutex};

use tower_mfa::account::{Event, EventKind, FirstFactor, Refusal};
use tower_mfa::assurance::{Authentication, Requirement};
use tower_mfa::clock::Timestamp;
use tower_mfa::id::Subject;
use tower_mfa::policy::{Policy, PolicyBuilder};
use tower_mfa::recovery_code::{Count, Scheme};
use tower_mfa::service::{
    AnswerOutcome, ChallengeOutcome, ChallengeRequest, Enroller, Keys, LoginChallenge, LoginOutcome, Mfa, MfaBuilder,
    Reply, Responder, Tokens, TotpEnrolment,
};
use tower_mfa::store::{MemoryStore, Store};
use tower_mfa::testing::{AuthenticatorApp, FaultyStore, ManualClock, SeededEntropy};
use tower_mfa::token::{Algorithm, KeySet, SigningKey};
use tower_mfa::vault::{LocalKeyRing, MasterKey};

pub(crate) const START: u64 = 1_800_000_000;

/// One set of keys for all tests: nothing here is about them.
pub(crate) static KEYS: LazyLock<Keys> = LazyLock::new(|| keys(&["now"]));

/// Keys that sign quickly, with master keys of these names; the first seals.
pub(crate) fn keys(masters: &[&str]) -> Keys {
    let signing = SigningKey::generate(Algorithm::Es256).unwrap();
    // A key is what its name says, so that two services can share some and not others.
    let master =
        |name: &&str| MasterKey::generate(name, &SeededEntropy::new(u64::try_from(name.len()).unwrap())).unwrap();
    let ring = LocalKeyRing::new(masters.iter().map(master).collect()).unwrap();
    Keys::new(KeySet::new(signing), Arc::new(ring))
}

pub(crate) fn alice() -> Subject {
    Subject::new("alice").unwrap()
}

/// The defaults, with the cheapest recovery codes there may be, and an action.
pub(crate) fn policy() -> PolicyBuilder {
    Policy::builder()
        .recovery_scheme(Scheme::argon2id(7_168, 5, 1).unwrap())
        .recovery_codes(Count::new(2).unwrap())
        .action("pay", Requirement::aal2().within(300))
}

/// A service over a store that can be told to fail and counts its calls.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) mfa: Mfa,
    pub(crate) clock: ManualClock,
    pub(crate) store: FaultyStore<MemoryStore>,
    events: Arc<Mutex<Vec<Event>>>,
}

pub(crate) fn builder(store: impl Store, clock: &ManualClock, policy: PolicyBuilder) -> MfaBuilder {
    Mfa::builder(store)
        .issuer("https://id.example")
        .audience("api")
        .keys(KEYS.clone())
        .policy(policy.build().unwrap())
        .with_clock(clock.clone())
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(policy())
    }

    pub(crate) fn with(policy: PolicyBuilder) -> Self {
        let store = FaultyStore::new(MemoryStore::new());
        let clock = ManualClock::at(START);
        let mfa = builder(store.clone(), &clock, policy);
        Self { store, ..Self::over(mfa, &clock) }
    }

    /// A world over a service of one's own, `store` then being another one.
    pub(crate) fn over(mfa: MfaBuilder, clock: &ManualClock) -> Self {
        let events: Arc<Mutex<Vec<Event>>> = Arc::default();
        let heard = Arc::clone(&events);
        let mfa = mfa.on_event(move |_, event| heard.lock().unwrap().push(event.clone())).build().unwrap();
        Self { mfa, clock: clock.clone(), store: FaultyStore::new(MemoryStore::new()), events }
    }

    /// What happened since the last call.
    pub(crate) fn events(&self) -> Vec<Event> {
        std::mem::take(&mut *self.events.lock().unwrap())
    }

    pub(crate) fn kinds(&self) -> Vec<EventKind> {
        self.events().iter().map(|event| event.kind).collect()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.time()
    }

    pub(crate) async fn login_of(&self, subject: Subject) -> LoginOutcome {
        self.mfa.begin(FirstFactor::password_checked_by_host(subject, self.now())).await.unwrap()
    }

    pub(crate) async fn login(&self) -> LoginOutcome {
        self.login_of(alice()).await
    }

    pub(crate) async fn challenge(&self) -> LoginChallenge {
        match self.login().await {
            LoginOutcome::Challenge(challenge) => challenge,
            other => panic!("no challenge: {other:?}"),
        }
    }

    pub(crate) fn session(&self, tokens: &Tokens) -> Authentication {
        self.mfa.authenticate(tokens.access_token().expose()).unwrap()
    }

    /// Binds the first app of `subject`; the codes, and the session that follows.
    pub(crate) async fn enrol_first(&self, subject: Subject) -> Enrolled {
        let LoginOutcome::Complete(tokens) = self.login_of(subject).await else { panic!("something is bound") };
        self.enrol(&self.session(&tokens)).await
    }

    /// Binds one more app, and waits until the confirming code is over.
    pub(crate) async fn enrol(&self, by: &Authentication) -> Enrolled {
        let started = self.mfa.enrol_totp(Enroller::Session(by), TotpEnrolment::new()).await.unwrap();
        let app = AuthenticatorApp::scan(started.otpauth_uri.expose()).unwrap();
        let bound = self.mfa.confirm(Enroller::Session(by), started.id, app.code(self.now())).await.unwrap();
        self.clock.advance(30);
        self.events();
        Enrolled {
            app,
            id: started.id.to_string(),
            codes: bound.recovery_codes.iter().flatten().map(|code| code.expose().to_owned()).collect(),
            session: self.session(&bound.tokens),
            tokens: bound.tokens,
        }
    }

    pub(crate) async fn enrolled(&self) -> Enrolled {
        self.enrol_first(alice()).await
    }

    pub(crate) async fn reply(&self, to: &LoginChallenge, reply: Reply) -> Result<Tokens, Refusal> {
        complete(self.mfa.answer(Responder::Token(&to.token), to.id, reply).await)
    }

    /// Answers a login; the session that follows.
    pub(crate) async fn answer(&self, to: &LoginChallenge, code: &str) -> Result<Authentication, Refusal> {
        self.reply(to, Reply::totp(code)).await.map(|tokens| self.session(&tokens))
    }

    /// A whole login, half a minute after whatever was before.
    pub(crate) async fn sign_in(&self, app: &AuthenticatorApp) -> Authentication {
        self.clock.advance(30);
        self.answer(&self.challenge().await, &app.code(self.now())).await.unwrap()
    }

    /// Opens a challenge from a session and answers it.
    pub(crate) async fn step_up(&self, by: &Authentication, wanted: ChallengeRequest, reply: Reply) -> Stepped {
        let ChallengeOutcome::Pending(asked) = self.mfa.open_challenge(by, wanted).await.map_err(refusal)? else {
            panic!("nothing was asked")
        };
        complete(self.mfa.answer(Responder::Session(by), asked.id, reply).await)
    }

    /// A code that no app shows around now.
    pub(crate) fn wrong(&self, apps: &[&AuthenticatorApp]) -> String {
        let around = (self.now().as_secs() - 90..=self.now().as_secs() + 90).step_by(30);
        let shown: Vec<String> =
            around.flat_map(|at| apps.iter().map(move |app| app.code(Timestamp::from_secs(at)))).collect();
        (0..).map(|n: u32| format!("{n:06}")).find(|code| !shown.contains(code)).unwrap()
    }

    /// Fails as often as one may before the first lock.
    pub(crate) async fn lock_out(&self, app: &AuthenticatorApp) {
        let challenge = self.challenge().await;
        for _ in 0..3 {
            self.answer(&challenge, &self.wrong(&[app])).await.unwrap_err();
        }
    }
}

type Stepped = Result<Tokens, Refusal>;

/// An app that is bound, and what came with it.
pub(crate) struct Enrolled {
    pub(crate) app: AuthenticatorApp,
    pub(crate) id: String,
    pub(crate) codes: Vec<String>,
    pub(crate) session: Authentication,
    pub(crate) tokens: Tokens,
}

pub(crate) fn refusal(error: impl std::borrow::Borrow<tower_mfa::service::Error>) -> Refusal {
    error.borrow().refusal().clone()
}

pub(crate) fn complete(outcome: Result<AnswerOutcome, tower_mfa::service::Error>) -> Result<Tokens, Refusal> {
    match outcome.map_err(refusal)? {
        AnswerOutcome::Complete(answer) => Ok(answer.tokens),
        other => panic!("more is wanted: {other:?}"),
    }
}

/// What a wrong answer is told; the one that begins the first pause hears of its 30 seconds.
pub(crate) fn wrong_with(attempts_remaining: u32) -> Refusal {
    Refusal::InvalidCode { attempts_remaining, retry_after: (attempts_remaining == 0).then_some(30) }
}

pub(crate) fn is_wrong<T>(answer: &Result<T, Refusal>) -> bool {
    matches!(answer, Err(Refusal::InvalidCode { .. }))
}

pub(crate) fn has(kinds: &[EventKind], kind: EventKind) -> bool {
    kinds.contains(&kind)
}
