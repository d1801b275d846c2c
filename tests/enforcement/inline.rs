//! Codes that come with a request (`X-MFA-Token`), for scripts that cannot open a challenge.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::routing::get;
use http::{Extensions, HeaderMap, Request};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use tower_mfa::account::EventKind;
use tower_mfa::assurance::{Aal, Requirement};
use tower_mfa::extract::Authenticated;
use tower_mfa::middleware::{AuthenticateLayer, RequireLayer};
use tower_mfa::testing::Fault;

use crate::bank::{ACTION, Bank, Person};

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    fn token(&self) -> &str {
        self.headers["x-session-token"].to_str().unwrap()
    }

    #[track_caller]
    fn refuses(&self, status: u16, code: &str) -> &Self {
        assert_eq!((self.status, &self.body["code"]), (status, &json!(code)), "{}", self.body);
        assert!(!self.headers.contains_key("x-session-token"));
        self
    }
}

impl Bank {
    fn guarded(&self, requirement: Requirement) -> Router {
        let who = async |headers: HeaderMap, who: Authenticated| {
            assert!(!headers.contains_key("x-mfa-token"), "a code is nobody's business inside");
            let kept =
                [("cache-control", "max-age=60"), ("cdn-cache-control", "public, max-age=60"), ("etag", "\"1\"")];
            (kept, who.assurance().level().to_string())
        };
        let layer = RequireLayer::new(requirement).inline_codes(Arc::new(self.mfa.clone()));
        Router::new().route("/", get(who).route_layer(layer)).layer(self.mfa.authenticate_layer())
    }

    async fn ask(&self, requirement: Requirement, token: Option<&str>, codes: &[&str]) -> Answer {
        let mut request = Request::get("/");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for code in codes {
            request = request.header("x-mfa-token", *code);
        }
        let response = self.guarded(requirement).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let text = Value::String(String::from_utf8_lossy(&body).into_owned());
        Answer { status, headers, body: serde_json::from_slice(&body).unwrap_or(text) }
    }

    /// Somebody whose session is at AAL1, with an app that is bound.
    async fn script(&self) -> (Person, String) {
        let alice = self.person("alice").await;
        self.clock.advance(30);
        let tokens = self.password("alice").await;
        (alice, tokens.access_token().expose().to_owned())
    }

    fn code(&self, person: &Person) -> String {
        person.app.code(self.clock.time())
    }
}

fn transfer() -> Requirement {
    Requirement::aal2().within(300)
}

#[tokio::test]
async fn a_code_beside_a_token_lets_a_request_through_and_gives_a_better_token() {
    let bank = Bank::new();
    let (alice, token) = bank.script().await;
    bank.ask(transfer(), Some(&token), &[]).await.refuses(401, "insufficient_user_authentication");
    let passed = bank.ask(transfer(), Some(&token), &[&bank.code(&alice)]).await;
    assert_eq!((passed.status, &passed.body), (200, &json!("AAL2")));
    assert_eq!(passed.headers["cache-control"], "no-store", "whatever the handler says");
    assert!(!passed.headers.contains_key("cdn-cache-control") && !passed.headers.contains_key("etag"));
    // The better token is good by itself, until it is too old.
    let better = passed.token().to_owned();
    assert_eq!(bank.ask(transfer(), Some(&better), &[]).await.status, 200);
    bank.clock.advance(301);
    bank.ask(transfer(), Some(&better), &[]).await.refuses(401, "insufficient_user_authentication");
    let who = bank.mfa.authenticate(&better).unwrap();
    assert_eq!((who.assurance().level(), who.session()), (Aal::Two, bank.mfa.authenticate(&token).unwrap().session()));
}

/// The session stays at AAL1: a code that was seen on a command line raises nothing that lasts.
#[tokio::test]
async fn the_session_behind_it_stays_as_it_was() {
    let bank = Bank::new();
    let alice = bank.person("alice").await;
    bank.clock.advance(30);
    let tokens = bank.password("alice").await;
    let token = tokens.access_token().expose();
    assert_eq!(bank.ask(transfer(), Some(token), &[&bank.code(&alice)]).await.status, 200);
    let refreshed = bank.mfa.refresh(tokens.refresh_token().unwrap()).await.unwrap();
    assert_eq!(refreshed.acr(), "aal1");
    bank.ask(transfer(), Some(refreshed.access_token().expose()), &[])
        .await
        .refuses(401, "insufficient_user_authentication");
}

#[tokio::test]
async fn cve_2015_7225_a_code_is_good_once_and_a_wrong_one_is_charged_like_any_other() {
    let bank = Bank::new();
    let (alice, token) = bank.script().await;
    let code = bank.code(&alice);
    assert_eq!(bank.ask(transfer(), Some(&token), &[&code]).await.status, 200);
    let replayed = bank.ask(transfer(), Some(&token), &[&code]).await;
    assert_eq!(replayed.refuses(422, "invalid_code").body["attempts_remaining"], 2);
    bank.clock.advance(30);
    let wrong = if bank.code(&alice) == "000000" { "000001" } else { "000000" };
    assert_eq!(
        bank.ask(transfer(), Some(&token), &[wrong]).await.refuses(422, "invalid_code").body["attempts_remaining"],
        1
    );
    let last = bank.ask(transfer(), Some(&token), &[wrong]).await;
    assert_eq!(last.refuses(422, "invalid_code").body["retry_after"], 30);
    // The right one, too early: it is not looked at, and good a moment later.
    let early = bank.ask(transfer(), Some(&token), &[&bank.code(&alice)]).await;
    assert!(early.refuses(429, "throttled").headers.contains_key("retry-after"));
    bank.clock.advance(30);
    assert_eq!(bank.ask(transfer(), Some(&token), &[&bank.code(&alice)]).await.status, 200);
}

#[tokio::test]
async fn a_code_that_cannot_help_or_is_not_needed_is_not_used_up() {
    let bank = Bank::new();
    let (alice, token) = bank.script().await;
    let code = bank.code(&alice);
    for out_of_reach in [
        Requirement::aal2().phishing_resistant(),
        Requirement::aal3(),
        Requirement::aal2().hardware(),
        transfer().for_action("unheard_of"),
    ] {
        let refused = bank.ask(out_of_reach.clone(), Some(&token), &[&code]).await;
        refused.refuses(401, "insufficient_user_authentication");
    }
    bank.ask(transfer().with_role("admin"), Some(&token), &[&code]).await.refuses(403, "insufficient_scope");
    assert_eq!(bank.ask(Requirement::aal1(), Some(&token), &[&code]).await.status, 200, "nothing was missing");
    bank.ask(transfer(), None, &[&code]).await.refuses(401, "unauthenticated");
    assert_eq!(bank.ask(transfer(), Some(&token), &[&code]).await.status, 200, "it is good still");
}

/// A page whose tokens stand in cookies gets none in a header that a script of it can read.
#[tokio::test]
async fn a_browser_is_not_given_a_token_it_can_read() {
    let bank = Bank::new();
    let (alice, token) = bank.script().await;
    let code = bank.code(&alice);
    for (name, value) in [("sec-fetch-site", "same-origin"), ("origin", "https://id.example")] {
        let request = Request::get("/")
            .header("authorization", format!("Bearer {token}"))
            .header("x-mfa-token", &code)
            .header(name, value);
        let response = bank.guarded(transfer()).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), 401);
        assert!(!response.headers().contains_key("x-session-token"));
    }
    assert_eq!(bank.ask(transfer(), Some(&token), &[&code]).await.status, 200, "and it was not used up");
}

/// The layer outside takes the code; one inside finds none, and charges nobody for it.
#[tokio::test]
async fn a_code_is_taken_by_one_layer() {
    let bank = Bank::new();
    let (alice, token) = bank.script().await;
    let elevate = || -> Arc<dyn tower_mfa::token::Elevate> { Arc::new(bank.mfa.clone()) };
    let inner = RequireLayer::new(transfer().for_action(ACTION)).inline_codes(elevate());
    let outer = RequireLayer::new(transfer()).inline_codes(elevate());
    let route = get(async || "reached").route_layer(inner).route_layer(outer);
    let app = Router::new().route("/", route).layer(bank.mfa.authenticate_layer());
    let request = Request::get("/").header("authorization", format!("Bearer {token}"));
    let request = request.header("x-mfa-token", bank.code(&alice)).body(Body::empty()).unwrap();
    assert_eq!(app.oneshot(request).await.unwrap().status(), 401, "the action is still to be approved");
    let who = bank.mfa.authenticate(&token).unwrap();
    let events = bank.mfa.events(&who, None, 200).await.unwrap().items;
    assert!(events.iter().all(|event| event.kind != EventKind::AnswerRefused));
}

#[tokio::test]
async fn whoever_has_no_app_is_asked_to_step_up_and_not_told_of_attempts() {
    let bank = Bank::new();
    let token = bank.password("bob").await;
    let refused = bank.ask(transfer(), Some(token.access_token().expose()), &["123456"]).await;
    refused.refuses(401, "insufficient_user_authentication");
}

/// The better token lives by the time-outs of its level from now on, not from when the session was last
/// noted as used.
#[tokio::test]
async fn a_session_that_was_idle_for_a_while_gets_a_token_of_full_length() {
    let bank =
        Bank::with(|policy| policy.session(Aal::Two, tower_mfa::policy::SessionLimits::overall(86_400).idle(300)));
    let (alice, token) = bank.script().await;
    bank.clock.advance(330);
    let passed = bank.ask(transfer(), Some(&token), &[&bank.code(&alice)]).await;
    assert_eq!(passed.status, 200, "{}", passed.body);
    let who = bank.mfa.authenticate(passed.token()).unwrap();
    assert_eq!(who.expires_at().since(who.issued_at()), 300);
}

#[tokio::test]
async fn what_is_no_code_of_an_app_is_refused_clearly() {
    let bank = Bank::new();
    let (alice, token) = bank.script().await;
    let commits = bank.store.commits();
    for codes in [&["hello"][..], &["12345"], &["1234-5678-9012-3456"], &["000000", "000000"], &[""]] {
        let refused = bank.ask(transfer(), Some(&token), codes).await;
        assert_eq!(refused.refuses(400, "invalid_request").body["field"], "X-MFA-Token", "{codes:?}");
    }
    assert_eq!(bank.store.commits(), commits, "never a recovery code, and nothing was counted");
    let _ = alice;
}

#[tokio::test]
async fn an_action_at_large_is_approved_by_it_and_the_trail_says_so() {
    let bank = Bank::new();
    let (alice, token) = bank.script().await;
    let passed = bank.ask(transfer().for_action(ACTION), Some(&token), &[&bank.code(&alice)]).await;
    assert_eq!(passed.status, 200);
    let who = bank.mfa.authenticate(passed.token()).unwrap();
    let approval = who.step_up().unwrap();
    assert_eq!((approval.action(), approval.bind()), (ACTION, None));
    let events = bank.mfa.events(&who, None, 200).await.unwrap().items;
    let last = events.iter().rfind(|event| event.kind == EventKind::SteppedUp).unwrap();
    assert_eq!((last.action.as_deref(), last.detail.as_deref()), (Some(ACTION), Some("inline code")));
}

#[tokio::test]
async fn a_store_that_fails_is_503_and_the_request_does_not_run() {
    let bank = Bank::new();
    let (alice, token) = bank.script().await;
    bank.store.set(Some(Fault::Unavailable));
    bank.ask(transfer(), Some(&token), &[&bank.code(&alice)]).await.refuses(503, "unavailable");
    bank.store.set(None);
    bank.mfa.log_out(&bank.mfa.authenticate(&token).unwrap()).await.unwrap();
    bank.ask(transfer(), Some(&token), &[&bank.code(&alice)]).await.refuses(401, "invalid_token");
}

#[tokio::test]
async fn of_64_requests_with_one_code_exactly_one_runs() {
    let bank = Bank::new();
    let (alice, token) = bank.script().await;
    let code = bank.code(&alice);
    let crowd: Vec<_> = (0..64)
        .map(|_| {
            let (bank, token, code) = (bank.clone(), token.clone(), code.clone());
            tokio::spawn(async move { bank.ask(transfer(), Some(&token), &[&code]).await.status })
        })
        .collect();
    let mut allowed = 0;
    for attempt in crowd {
        allowed += u32::from(attempt.await.unwrap() == 200);
    }
    assert_eq!(allowed, 1);
}

#[tokio::test]
async fn the_events_of_a_code_say_where_the_request_came_from() {
    let bank = Bank::new();
    let (alice, token) = bank.script().await;
    let app = |layer: AuthenticateLayer| {
        let elevate = Arc::new(bank.mfa.clone());
        let route = get(async || "ran").route_layer(RequireLayer::new(transfer()).inline_codes(elevate));
        Router::new().route("/", route).layer(layer)
    };
    let noted = async |app: Router| {
        bank.clock.advance(30);
        let request = Request::get("/")
            .header("authorization", format!("Bearer {token}"))
            .header("x-forwarded-for", "198.51.100.7")
            .header("x-mfa-token", bank.code(&alice))
            .extension(ConnectInfo::<SocketAddr>("[::ffff:203.0.113.9]:4711".parse().unwrap()));
        assert_eq!(app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status(), 200);
        let who = bank.mfa.authenticate(&token).unwrap();
        let events = bank.mfa.events(&who, None, 200).await.unwrap().items;
        events.iter().rfind(|event| event.kind == EventKind::SteppedUp).unwrap().address.clone()
    };
    let said = noted(app(bank.mfa.authenticate_layer())).await;
    assert_eq!(said.as_deref(), Some("203.0.113.9"), "the peer, and not what the client says of itself");
    // A host that does not use axum says itself how to find out; one that says nothing notes nothing.
    let own = |_: &Extensions, headers: &HeaderMap| headers.get("x-forwarded-for")?.to_str().ok()?.parse().ok();
    let layer = || AuthenticateLayer::new(bank.mfa.verifier()).with_clock(bank.mfa.clock());
    assert_eq!(noted(app(layer().client_address(own))).await.as_deref(), Some("198.51.100.7"));
    assert_eq!(noted(app(layer())).await, None);
}
