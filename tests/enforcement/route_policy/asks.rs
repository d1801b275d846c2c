//! Rules that ask for more than a level: the approval of the very request, and codes that come with it.

use std::sync::Arc;

use axum::Router;
use axum::extract::Extension;
use axum::routing::{get, post};
use http::{Method, Request};
use serde_json::json;
use tower::Layer as _;
use tower_mfa::assurance::Requirement;
use tower_mfa::middleware::route_policy::{Mode, RoutePolicy, Rule};
use tower_mfa::middleware::{Approved, RefusalKind, RequireLayer, RoutePolicyLayer, TransactionLayer};
use tower_mfa::service::ChallengeRequest;

use super::{request, send};
use crate::bank::{ACTION, Bank, requirement};

fn policy(bank: &Bank, mode: Mode) -> RoutePolicy {
    let transfer = TransactionLayer::builder(requirement())
        .parameters(["to", "amount"])
        .redeem(Arc::new(bank.mfa.clone()))
        .build()
        .unwrap();
    let coded = RequireLayer::new(Requirement::aal2()).inline_codes(Arc::new(bank.mfa.clone()));
    RoutePolicy::builder()
        .rule(Rule::on("transfer", [Method::POST], "/transfer").transaction(transfer).with_mode(mode))
        .rule(Rule::on("balance", [Method::GET], "/balance").require(coded).with_mode(mode))
        .build()
        .unwrap()
}

fn router() -> Router {
    let transfer = async |approved: Option<Extension<Approved>>, body: String| {
        format!("{} {body}", approved.map_or(0, |Extension(approved)| approved.integer("amount").unwrap()))
    };
    Router::new().route("/transfer", post(transfer)).route("/balance", get(async || "100"))
}

fn transfer(token: &str, amount: u64) -> Request<axum::body::Body> {
    let body = json!({"to": "bob", "amount": amount}).to_string();
    let request = Request::post("/transfer").header("content-type", "application/json");
    request.header("authorization", format!("Bearer {token}")).body(body.into()).unwrap()
}

fn bind() -> ChallengeRequest {
    ChallengeRequest::new().action(ACTION).bind([("to", json!("bob")), ("amount", json!(100))]).unwrap()
}

#[tokio::test]
async fn a_rule_may_ask_for_the_approval_of_the_very_request_once() {
    let bank = Bank::new();
    let mut alice = bank.person("alice").await;
    let policy = policy(&bank, Mode::Enforce);
    let app = bank.mfa.route_policy_layer(policy.clone()).layer(router());
    let app = bank.mfa.authenticate_layer().layer(app);
    let password = bank.password("alice").await;
    let refused = send(app.clone(), transfer(password.access_token().expose(), 100)).await;
    assert_eq!((refused.status, &refused.body["bind"]), (401, &json!(["to", "amount"])));
    assert_eq!(refused.refusal.unwrap().rule(), Some("transfer"));

    let tokens = bank.approved(&mut alice, bind()).await;
    let token = tokens.access_token().expose();
    assert_eq!(send(app.clone(), transfer(token, 101)).await.status, 401, "another amount");
    let sent = send(app.clone(), transfer(token, 100)).await;
    assert_eq!((sent.status, sent.body), (200, json!(r#"100 {"amount":100,"to":"bob"}"#)));
    assert_eq!(send(app, transfer(token, 100)).await.status, 401, "good once");
    let (_, counted) = policy.tally().into_iter().next().unwrap();
    assert_eq!((counted.allowed, counted.refused), (1, 3));
}

/// A report looks at the token alone: the approval is still good, and the body was read by nobody else.
#[tokio::test]
async fn a_transaction_that_reports_only_spends_nothing() {
    let bank = Bank::new();
    let mut alice = bank.person("alice").await;
    let reporting = policy(&bank, Mode::ReportOnly);
    let app = bank.mfa.route_policy_layer(reporting.clone()).layer(router());
    let app = bank.mfa.authenticate_layer().layer(app);
    let tokens = bank.approved(&mut alice, bind()).await;
    for _ in 0..2 {
        let sent = send(app.clone(), transfer(tokens.access_token().expose(), 100)).await;
        assert_eq!((sent.status, sent.body), (200, json!(r#"0 {"amount":100,"to":"bob"}"#)), "approved by nobody");
    }
    let password = bank.password("alice").await;
    assert_eq!(send(app, transfer(password.access_token().expose(), 100)).await.status, 200);
    let (_, counted) = reporting.tally().into_iter().next().unwrap();
    assert_eq!((counted.allowed, counted.would_refuse), (2, 1));
    let enforcing = bank.mfa.route_policy_layer(policy(&bank, Mode::Enforce)).layer(router());
    let enforcing = bank.mfa.authenticate_layer().layer(enforcing);
    assert_eq!(send(enforcing, transfer(tokens.access_token().expose(), 100)).await.status, 200, "it is good still");
}

/// Where no body is read, a rule that needs one is no open door.
#[tokio::test]
async fn a_transaction_behind_a_layer_that_reads_no_bodies_is_refused() {
    let bank = Bank::new();
    let mut alice = bank.person("alice").await;
    let layer = RoutePolicyLayer::new(policy(&bank, Mode::Enforce));
    let app = bank.mfa.authenticate_layer().layer(layer.layer(router()));
    let tokens = bank.approved(&mut alice, bind()).await;
    let answer = send(app, transfer(tokens.access_token().expose(), 100)).await;
    let refusal = answer.refusal.unwrap();
    assert_eq!((answer.status, refusal.kind(), refusal.rule()), (500, RefusalKind::Misplaced, Some("transfer")));
}

#[tokio::test]
async fn a_rule_may_take_a_code_that_comes_with_the_request() {
    let bank = Bank::new();
    let alice = bank.person("alice").await;
    bank.clock.advance(30);
    let tokens = bank.password("alice").await;
    let app = bank.mfa.route_policy_layer(policy(&bank, Mode::Enforce)).layer(router());
    let app = bank.mfa.authenticate_layer().layer(app);
    let ask = |code: Option<&str>| {
        let mut request = request("GET", "/balance");
        let headers = request.headers_mut();
        headers.insert("authorization", format!("Bearer {}", tokens.access_token().expose()).parse().unwrap());
        if let Some(code) = code {
            headers.insert("x-mfa-token", code.parse().unwrap());
        }
        request
    };
    assert_eq!(send(app.clone(), ask(None)).await.status, 401);
    let code = alice.app.code(bank.clock.time());
    let passed = send(app.clone(), ask(Some(&code))).await;
    assert_eq!(passed.status, 200);
    assert!(passed.response.headers.contains_key("x-session-token"));
    let replayed = send(app, ask(Some(&code))).await;
    let refusal = replayed.refusal.unwrap();
    assert_eq!((replayed.status, refusal.kind(), refusal.rule()), (422, RefusalKind::InvalidCode, Some("balance")));
}
