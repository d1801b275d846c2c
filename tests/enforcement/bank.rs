//! A bank over a real service: its people, their apps, and a clock to turn.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Extension;
use axum::routing::post;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;
use tower_mfa::account::FirstFactor;
use tower_mfa::assurance::{Authentication, Requirement};
use tower_mfa::id::Subject;
use tower_mfa::middleware::{Approved, TransactionLayer};
use tower_mfa::policy::{Login, Policy, PolicyBuilder};
use tower_mfa::recovery_code::{Count, Scheme};
use tower_mfa::service::{
    AnswerOutcome, ChallengeOutcome, ChallengeRequest, Enroller, Keys, LoginOutcome, Mfa, Reply, Responder, Tokens,
    TotpEnrolment,
};
use tower_mfa::store::MemoryStore;
use tower_mfa::testing::{AuthenticatorApp, FaultyStore, ManualClock, SeededEntropy};
use tower_mfa::token::{Algorithm, KeySet, Redeem, SigningKey};
use tower_mfa::vault::{LocalKeyRing, MasterKey};

pub(crate) const START: u64 = 1_800_000_000;
pub(crate) const ACTION: &str = "transfer_funds";

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let master = MasterKey::generate("now", &SeededEntropy::new(1)).unwrap();
    let ring = LocalKeyRing::new(vec![master]).unwrap();
    Keys::new(KeySet::new(SigningKey::generate(Algorithm::Es256).unwrap()), Arc::new(ring))
});

/// A bank that moves money when the layer lets a request through, and counts how often.
#[derive(Clone)]
pub(crate) struct Bank {
    pub(crate) mfa: Mfa,
    pub(crate) store: FaultyStore<MemoryStore>,
    pub(crate) clock: ManualClock,
    pub(crate) moved: Arc<AtomicU64>,
}

pub(crate) fn requirement() -> Requirement {
    Requirement::aal2().within(300).for_action(ACTION)
}

impl Bank {
    pub(crate) fn new() -> Self {
        Self::with(|policy| policy)
    }

    pub(crate) fn with(change: impl FnOnce(PolicyBuilder) -> PolicyBuilder) -> Self {
        let store = FaultyStore::new(MemoryStore::new());
        let clock = ManualClock::at(START);
        let policy = Policy::builder()
            .login(Login::Optional)
            .recovery_scheme(Scheme::argon2id(7_168, 5, 1).unwrap())
            .recovery_codes(Count::new(1).unwrap())
            .action(ACTION, Requirement::aal2().within(300))
            .action("close_account", Requirement::aal2().within(300));
        let mfa = Mfa::builder(store.clone())
            .issuer("https://id.example")
            .audience("api")
            .keys(KEYS.clone())
            .policy(change(policy).build().unwrap())
            .with_clock(clock.clone())
            .build()
            .unwrap();
        Self { mfa, store, clock, moved: Arc::default() }
    }

    pub(crate) fn app(&self) -> Router {
        let redeem: Arc<dyn Redeem> = Arc::new(self.mfa.clone());
        let layer = TransactionLayer::builder(requirement()).parameters(["to", "amount"]).redeem(redeem);
        self.app_with(layer.body_limit(1024).build().unwrap())
    }

    pub(crate) fn app_with(&self, layer: TransactionLayer) -> Router {
        let moved = Arc::clone(&self.moved);
        let transfer = async move |Extension(approved): Extension<Approved>, body: Bytes| {
            moved.fetch_add(1, Ordering::SeqCst);
            let approved = format!("{} {}\n", approved.text("to").unwrap(), approved.integer("amount").unwrap());
            [approved.into_bytes(), body.to_vec()].concat()
        };
        Router::new().route("/transfer", post(transfer).route_layer(layer)).layer(self.mfa.authenticate_layer())
    }

    pub(crate) async fn person(&self, name: &str) -> Person {
        let tokens = self.password(name).await;
        let by = self.session(&tokens);
        let started = self.mfa.enrol_totp(Enroller::Session(&by), TotpEnrolment::new()).await.unwrap();
        let app = AuthenticatorApp::scan(started.otpauth_uri.expose()).unwrap();
        let code = app.code(self.clock.time());
        let bound = self.mfa.confirm(Enroller::Session(&by), started.id, code).await.unwrap();
        Person { app, session: self.session(&bound.tokens) }
    }

    pub(crate) async fn password(&self, name: &str) -> Tokens {
        let first = FirstFactor::password_checked_by_host(Subject::new(name).unwrap(), self.clock.time());
        match self.mfa.begin(first).await.unwrap() {
            LoginOutcome::Complete(tokens) => tokens,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn session(&self, tokens: &Tokens) -> Authentication {
        self.mfa.authenticate(tokens.access_token().expose()).unwrap()
    }

    /// Asks for the approval and gives it.
    pub(crate) async fn approved(&self, person: &mut Person, request: ChallengeRequest) -> Tokens {
        let opened = self.mfa.open_challenge(&person.session, request).await.unwrap();
        let ChallengeOutcome::Pending(asked) = opened else { panic!("it is asked for anew: {opened:?}") };
        self.clock.advance(30);
        let reply = Reply::totp(person.app.code(self.clock.time()));
        let answer = self.mfa.answer(Responder::Session(&person.session), asked.id, reply).await.unwrap();
        let AnswerOutcome::Complete(answer) = answer else { panic!("nothing is missing") };
        person.session = self.session(&answer.tokens);
        answer.tokens
    }

    pub(crate) async fn send(&self, token: Option<&str>, body: impl Into<Body>) -> (StatusCode, Value) {
        let mut request = Request::post("/transfer").header("content-type", "application/json");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        answer(self.app(), request.body(body.into()).unwrap()).await
    }

    pub(crate) fn moved(&self) -> u64 {
        self.moved.load(Ordering::SeqCst)
    }
}

pub(crate) async fn answer(app: Router, request: Request<Body>) -> (StatusCode, Value) {
    let response = app.oneshot(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8_lossy(&body).into_owned();
    (status, serde_json::from_slice(&body).unwrap_or(Value::String(text)))
}

pub(crate) struct Person {
    pub(crate) app: AuthenticatorApp,
    pub(crate) session: Authentication,
}
