//! A client that knows only the contract: paths, members and headers.
//!
//! Whatever it is answered by our routes is held against what `docs/HTTP.md` says of every answer.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

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
use tower_mfa::policy::{Login, Policy, PolicyBuilder};
use tower_mfa::recovery_code::{Count, Scheme};
use tower_mfa::service::{Keys, Mfa, MfaBuilder};
use tower_mfa::store::MemoryStore;
use tower_mfa::webauthn::RelyingParty;

use crate::document::ADMINISTRATION;
use crate::openapi::Document;
use crate::store::{Switch, Switched};

pub(crate) const NOW: u64 = 1_800_000_000;
/// Where the pages stand.
pub(crate) const ORIGIN: &str = "https://id.example";

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
    pub(crate) mfa: Mfa,
    pub(crate) hands: Hands,
    pub(crate) store: Switch,
    document: Document,
    /// The answers there were, as the document calls them.
    pub(crate) answered: Mutex<BTreeSet<String>>,
}

/// An answer: status, headers, JSON (or null).
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self
    }

    /// Whether it is the problem of this status and code.
    #[track_caller]
    pub(crate) fn refuses(self, status: u16, code: &str) -> Self {
        assert_eq!((self.status.as_u16(), self.code()), (status, code), "{}", self.body);
        self
    }

    #[track_caller]
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_else(|| panic!("{}: no code in {}", self.status, self.body))
    }

    #[track_caller]
    pub(crate) fn text(&self, member: &str) -> String {
        self.body[member].as_str().unwrap_or_else(|| panic!("{}: no {member} in {}", self.status, self.body)).to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn set_cookies(&self) -> Vec<&str> {
        self.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect()
    }

    /// The value of a cookie that is set.
    pub(crate) fn cookie(&self, name: &str) -> String {
        let start = format!("{name}=");
        let found = self.set_cookies().into_iter().find_map(|cookie| cookie.strip_prefix(&start));
        let found = found.unwrap_or_else(|| panic!("no {name} in {:?}", self.set_cookies()));
        found.split(';').next().unwrap().to_owned()
    }
}

/// What `docs/HTTP.md` says of every answer of ours.
#[track_caller]
fn holds_to_the_conventions(path: &str, sent: &str, answer: &Answer, method: &Method) {
    let Answer { status, headers, body, bytes } = answer;
    assert_eq!(answer.header("cache-control"), "no-store", "{method} {path}: {status}");
    if *method == Method::HEAD {
        assert!(bytes.is_empty(), "an answer to HEAD has no body");
        return;
    }
    if status.is_success() {
        let is_module = path.ends_with(".js") && answer.header("content-type").starts_with("text/javascript");
        let json = *status == StatusCode::NO_CONTENT || is_module || headers["content-type"] == "application/json";
        assert!(json && (*status != StatusCode::NO_CONTENT || bytes.is_empty()), "{method} {path}: {status}");
        return;
    }
    assert_eq!(answer.header("content-type"), "application/problem+json", "{method} {path}: {status}");
    for member in ["type", "title", "detail", "code"] {
        assert!(body[member].is_string(), "{member} of {body}");
    }
    assert_eq!(body["status"], status.as_u16(), "{body}");
    let code = serde_json::from_str::<Value>(sent).ok().and_then(|sent| Some(sent["code"].as_str()?.to_owned()));
    for secret in code.iter().filter(|code| code.len() >= 6) {
        assert!(!body.to_string().contains(secret), "a code is repeated in {body}");
    }
    assert!(!body.to_string().contains("mfac_") && !body.to_string().contains("eyJ"), "a token is repeated in {body}");
    let asks = headers.contains_key("www-authenticate");
    assert_eq!(asks, *status == 401 || body["code"] == "insufficient_scope", "{body}");
}

pub(crate) fn keys() -> Keys {
    static KEYS: std::sync::OnceLock<Keys> = std::sync::OnceLock::new();
    KEYS.get_or_init(|| Keys::generate().unwrap()).clone()
}

/// The policy of these tests.
pub(crate) fn policy(login: Login) -> PolicyBuilder {
    Policy::builder()
        .login(login)
        .recovery_codes(Count::new(5).unwrap())
        .recovery_scheme(Scheme::argon2id(7_168, 5, 1).unwrap())
        .action("transfer_funds", Requirement::aal2().within(300))
        .disable_by_code(true)
}

impl Service {
    pub(crate) fn new(login: Login) -> Self {
        Self::with(login, |builder| builder)
    }

    pub(crate) fn under(policy: PolicyBuilder) -> Self {
        let policy = policy.build().unwrap();
        Self::with(Login::IfEnrolled, |builder| builder.policy(policy))
    }

    pub(crate) fn with(login: Login, change: impl FnOnce(MfaBuilder) -> MfaBuilder) -> Self {
        let (hands, store) = (Hands::default(), Switch::default());
        let builder = Mfa::builder(Switched { store: MemoryStore::new(), switch: store.clone() })
            .issuer("https://id.example")
            .audience("api")
            .app_name("Example Bank")
            .realm("Example Bank")
            .keys(keys())
            .policy(policy(login).build().unwrap())
            .cookies(true)
            .admin_mounted_at(ADMINISTRATION)
            .with_clock(hands.clone())
            .webauthn(RelyingParty::builder("id.example", ORIGIN).name("Example Bank").build().unwrap());
        let mfa = change(builder).build().unwrap();
        let protected = |requirement: Requirement| get(|| async { "yes" }).route_layer(RequireLayer::new(requirement));
        let transfer = Requirement::aal2().within(300).for_action("transfer_funds");
        let app = Router::new()
            .route("/profile", protected(Requirement::aal1()))
            .route("/account", protected(Requirement::aal2()))
            .route("/vault", protected(Requirement::aal3().phishing_resistant()))
            .route("/ops", protected(Requirement::aal1().with_scope("ops")))
            .route("/fresh", protected(Requirement::aal2().within(300)))
            .route("/transfer", post(|| async { "sent" }).route_layer(RequireLayer::new(transfer)))
            .layer(mfa.authenticate_layer())
            .route("/login", post(login_route))
            .with_state((mfa.clone(), hands.clone()))
            .nest("/mfa", mfa.routes())
            .nest(ADMINISTRATION, mfa.admin_routes().explaining(crate::admin::routes(&mfa)).into_router())
            .merge(mfa.well_known());
        let document = Document::of(&mfa);
        Self { app, mfa, hands, store, document, answered: Mutex::default() }
    }

    #[track_caller]
    pub(crate) fn send(&self, request: Request<Body>) -> impl Future<Output = Answer> {
        self.sent(request, String::new())
    }

    async fn sent(&self, request: Request<Body>, text: String) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes().to_vec();
        let text_of = |bytes: &[u8]| Value::String(String::from_utf8_lossy(bytes).into_owned());
        let is_module = path.ends_with(".js") && parts.status.is_success();
        let body = if is_module { text_of(&bytes) } else { serde_json::from_slice(&bytes).unwrap_or(Value::Null) };
        let answer = Answer { status: parts.status, headers: parts.headers, body, bytes };
        let ours = path.starts_with("/mfa")
            || path.starts_with(ADMINISTRATION)
            || path == "/login"
            || path.starts_with("/.well-known/");
        if ours || !answer.status.is_success() && answer.status != 404 && answer.status != 405 {
            holds_to_the_conventions(&path, &text, &answer, &method);
        }
        if ours && let Some(place) = self.document.holds(&method, &path, &answer) {
            self.answered.lock().unwrap().insert(place);
        }
        answer
    }

    /// Sends a request with these headers.
    pub(crate) async fn ask(&self, call: &str, headers: &[(&str, &str)], body: Option<Value>) -> Answer {
        let (method, path) = call.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let text = body.map(|body| body.to_string()).unwrap_or_default();
        if !text.is_empty() {
            request = request.header("content-type", "application/json");
        }
        self.sent(request.body(Body::from(text.clone())).unwrap(), text).await
    }

    pub(crate) async fn call(&self, method: Method, path: &str, token: Option<&str>, body: Option<Value>) -> Answer {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<(&str, &str)> = bearer.iter().map(|bearer| ("authorization", &**bearer)).collect();
        self.ask(&format!("{method} {path}"), &headers, body).await
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.call(Method::GET, path, Some(token), None).await
    }

    pub(crate) async fn post(&self, path: &str, token: &str, body: Value) -> Answer {
        self.call(Method::POST, path, Some(token), Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str, token: &str) -> Answer {
        self.call(Method::DELETE, path, Some(token), None).await
    }

    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        self.call(Method::POST, "/mfa/token/refresh", None, Some(json!({"refresh_token": token}))).await
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

    /// Signs somebody in who has nothing bound, and binds an app.
    pub(crate) async fn person(&self, user: &str) -> Person {
        let first = self.login(user).await;
        let key = if first.text("status") == "complete" { "access_token" } else { "enrolment_token" };
        let (app, bound) = self.enrol(&first.text(key)).await;
        let codes = bound.body["recovery_codes"].as_array().unwrap().iter();
        Person {
            app,
            id: bound.body["authenticator"]["id"].as_str().unwrap().to_owned(),
            codes: codes.map(|code| code.as_str().unwrap().to_owned()).collect(),
            access: bound.text("access_token"),
            refresh: bound.text("refresh_token"),
        }
    }

    /// Signs in to be asked for a second factor.
    pub(crate) async fn asked(&self, user: &str) -> Asked {
        let login = self.login(user).await;
        assert_eq!(login.text("status"), "challenge", "{}", login.body);
        let id = login.text("challenge_id");
        let verify = format!("/mfa/challenges/{id}/verify");
        Asked { show: format!("/mfa/challenges/{id}"), verify, token: login.text("challenge_token"), id }
    }

    /// Signs in with a code of the next step.
    pub(crate) async fn signed_in(&self, user: &str, app: &App) -> Answer {
        self.hands.turn(30);
        let asked = self.asked(user).await;
        self.post(&asked.verify, &asked.token, json!({"type": "totp", "code": app.code(self.hands.read())}))
            .await
            .is(200)
    }

    /// A code that is wrong now.
    pub(crate) fn wrong(&self, app: &App) -> String {
        let now = self.hands.read().as_secs();
        let near: Vec<String> = [now - 60, now - 30, now, now + 30].map(|at| app.code(Timestamp::from_secs(at))).into();
        ["000000", "111111", "222222", "333333", "444444"]
            .map(str::to_owned)
            .into_iter()
            .find(|c| !near.contains(c))
            .unwrap()
    }
}

/// Somebody with an authenticator app.
pub(crate) struct Person {
    pub(crate) app: App,
    pub(crate) id: String,
    pub(crate) codes: Vec<String>,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

/// A login that wants a second factor.
pub(crate) struct Asked {
    pub(crate) id: String,
    pub(crate) show: String,
    pub(crate) verify: String,
    pub(crate) token: String,
}

/// The host's own login route: whoever names a user has given the password.
async fn login_route(
    State((mfa, hands)): State<(Mfa, Hands)>,
    headers: HeaderMap,
    axum::Json(body): axum::Json<Value>,
) -> Response {
    let subject = Subject::new(body["user"].as_str().unwrap()).unwrap();
    let scopes = body["scope"].as_str().unwrap_or_default().split_whitespace();
    let first = FirstFactor::password_checked_by_host(subject, hands.read()).scopes(scopes);
    let first = first.groups(body["group"].as_str());
    let roles = body["roles"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let first = first.roles(roles.map(str::to_owned));
    let first = if let Some(address) = body["address"].as_str() { first.address(address) } else { first };
    let first = if body["tablet"] == true { first.client("tablet").address("203.0.113.7") } else { first };
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
