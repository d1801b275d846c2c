//! A client that knows only the contract: paths, members and headers.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use tower_mfa::account::FirstFactor;
use tower_mfa::assurance::Requirement;
use tower_mfa::clock::{Clock, ClockError, Timestamp};
use tower_mfa::id::Subject;
use tower_mfa::middleware::RequireLayer;
use tower_mfa::otp::{Moving, OtpauthUri};
use tower_mfa::policy::{Login, Policy};
use tower_mfa::recovery_code::{Count, Scheme};
use tower_mfa::service::{Keys, Mfa};
use tower_mfa::store::MemoryStore;

pub(crate) const NOW: u64 = 1_800_000_000;

/// A clock that tests turn.
#[derive(Clone, Default)]
pub(crate) struct Hands(Arc<std::sync::atomic::AtomicU64>);

impl Hands {
    pub(crate) fn turn(&self, secs: u64) {
        self.0.fetch_add(secs, std::sync::atomic::Ordering::SeqCst);
    }

    pub(crate) fn read(&self) -> Timestamp {
        Timestamp::from_secs(NOW + self.0.load(std::sync::atomic::Ordering::SeqCst))
    }
}

impl Clock for Hands {
    fn now(&self) -> Result<Timestamp, ClockError> {
        Ok(self.read())
    }
}

pub(crate) struct Service {
    pub(crate) app: Router,
    pub(crate) hands: Hands,
}

/// An answer: status, headers, JSON (or null).
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self
    }

    #[track_caller]
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_else(|| panic!("no code in {}", self.body))
    }

    #[track_caller]
    pub(crate) fn text(&self, member: &str) -> String {
        self.body[member].as_str().unwrap_or_else(|| panic!("no {member} in {}", self.body)).to_owned()
    }
}

pub(crate) fn keys() -> Keys {
    static KEYS: std::sync::OnceLock<Keys> = std::sync::OnceLock::new();
    KEYS.get_or_init(|| Keys::generate().unwrap()).clone()
}

impl Service {
    pub(crate) fn new(login: Login) -> Self {
        Self::with(login, |builder| builder)
    }

    pub(crate) fn with(
        login: Login,
        change: impl FnOnce(tower_mfa::service::MfaBuilder) -> tower_mfa::service::MfaBuilder,
    ) -> Self {
        let hands = Hands::default();
        let policy = Policy::builder()
            .login(login)
            .recovery_codes(Count::new(5).unwrap())
            .recovery_scheme(Scheme::argon2id(7_168, 5, 1).unwrap())
            .action("transfer_funds", Requirement::aal2().within(300))
            .disable_by_code(true)
            .build()
            .unwrap();
        let builder = Mfa::builder(MemoryStore::new())
            .issuer("https://id.example")
            .audience("api")
            .app_name("Example Bank")
            .keys(keys())
            .policy(policy)
            .cookies(true)
            .with_clock(hands.clone());
        let mfa = change(builder).build().unwrap();
        let protected = |requirement: Requirement| get(|| async { "yes" }).route_layer(RequireLayer::new(requirement));
        let transfer = Requirement::aal2().within(300).for_action("transfer_funds");
        let app = Router::new()
            .route("/profile", protected(Requirement::aal1()))
            .route("/account", protected(Requirement::aal2()))
            .route("/vault", protected(Requirement::aal3().phishing_resistant()))
            .route("/transfer", post(|| async { "sent" }).route_layer(RequireLayer::new(transfer)))
            .layer(mfa.authenticate_layer())
            .route("/login", post(login_route))
            .with_state((mfa.clone(), hands.clone()))
            .nest("/mfa", mfa.routes())
            .merge(mfa.well_known());
        Self { app, hands }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn call(&self, method: Method, path: &str, token: Option<&str>, body: Option<Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = match body {
            Some(body) => request.header("content-type", "application/json").body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        self.send(request.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.call(Method::GET, path, Some(token), None).await
    }

    pub(crate) async fn post(&self, path: &str, token: &str, body: Value) -> Answer {
        self.call(Method::POST, path, Some(token), Some(body)).await
    }

    pub(crate) async fn login(&self, user: &str) -> Answer {
        self.call(Method::POST, "/login", None, Some(json!({"user": user}))).await.is(200)
    }

    /// Enrols an authenticator app with `token`; returns the app and the answer of the confirmation.
    pub(crate) async fn enrol(&self, token: &str) -> (App, Answer) {
        let started = self.post("/mfa/authenticators", token, json!({"type": "totp", "label": "phone"})).await.is(201);
        let app = App::new(&started.text("otpauth_uri"));
        let code = app.code(self.hands.read());
        let path = format!("/mfa/authenticators/{}/confirm", started.text("id"));
        let confirmed = self.post(&path, token, json!({"code": code})).await.is(200);
        (app, confirmed)
    }
}

/// The host's own login route: whoever names a user has given the password.
async fn login_route(
    State((mfa, hands)): State<(Mfa, Hands)>,
    headers: HeaderMap,
    axum::Json(body): axum::Json<Value>,
) -> Response {
    let subject = Subject::new(body["user"].as_str().unwrap()).unwrap();
    let first = FirstFactor::password_checked_by_host(subject, hands.read());
    match mfa.begin(first).await {
        Ok(outcome) => mfa.login_response(&headers, outcome),
        Err(error) => mfa.error_response(&error),
    }
}

/// An authenticator app that has read a key URI.
pub(crate) struct App(OtpauthUri);

impl App {
    pub(crate) fn new(uri: &str) -> Self {
        Self(OtpauthUri::parse(uri).unwrap())
    }

    pub(crate) fn code(&self, at: Timestamp) -> String {
        let Moving::Totp(totp) = self.0.moving() else { panic!("no TOTP") };
        totp.code_at(self.0.secret(), totp.step_at(at).unwrap()).expose().to_owned()
    }
}
