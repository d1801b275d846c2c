//! A whole request is approved as it was shown: method, path with query, and every byte of the body.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Extension;
use axum::routing::any;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tower_mfa::extract::original_uri;
use tower_mfa::middleware::route_policy::{RoutePolicy, Rule};
use tower_mfa::middleware::transaction::TransactionLayerBuilder;
use tower_mfa::middleware::{Approved, RoutePolicyLayer, TransactionLayer};
use tower_mfa::service::ChallengeRequest;
use tower_mfa::testing::Fault;
use tower_mfa::token::body_digest;

use crate::bank::{ACTION, Bank, Person, answer, requirement};

const FILE: &[u8] = b"\x00\xff a key, in no media type at all";

fn of(method: &str, path: &str, body: &[u8]) -> ChallengeRequest {
    let bind = [("method", method), ("path", path), ("body", &body_digest(body))];
    ChallengeRequest::new().action(ACTION).bind(bind).unwrap()
}

fn put() -> ChallengeRequest {
    of("PUT", "/keys/1?at=now", FILE)
}

impl Bank {
    fn whole(&self) -> TransactionLayerBuilder {
        TransactionLayer::builder(requirement()).whole_request().redeem(Arc::new(self.mfa.clone())).body_limit(1024)
    }

    fn vault(&self, layer: TransactionLayer) -> Router {
        let moved = Arc::clone(&self.moved);
        let store = async move |Extension(approved): Extension<Approved>, body: Bytes| {
            moved.fetch_add(1, Ordering::SeqCst);
            assert!(approved.is_whole_request());
            assert_eq!(approved.text("body").unwrap(), body_digest(&body), "what the handler gets is what was bound");
            format!("{} {}", approved.text("method").unwrap(), approved.text("path").unwrap())
        };
        Router::new().route("/keys/{id}", any(store).layer(layer))
    }

    async fn request(&self, token: &str, method: &str, path: &str, body: impl Into<Body>) -> (StatusCode, Value) {
        let app = self.vault(self.whole().build().unwrap()).layer(self.mfa.authenticate_layer());
        let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {token}"));
        answer(app, request.body(body.into()).unwrap()).await
    }

    async fn token(&self, person: &mut Person, request: ChallengeRequest) -> String {
        self.approved(person, request).await.access_token().expose().to_owned()
    }
}

#[track_caller]
fn is_not_approved((status, body): &(StatusCode, Value)) {
    assert_eq!((status.as_u16(), &body["code"]), (401, &json!("insufficient_user_authentication")), "{body}");
    assert_eq!((&body["missing"], &body["action"]), (&json!(["action"]), &json!(ACTION)));
    assert_eq!(body["bind"], json!(["method", "path", "body"]));
}

#[tokio::test]
async fn cs_ta_1_a_whole_request_is_approved_and_no_byte_of_it_can_be_changed() {
    let bank = Bank::new();
    let mut alice = bank.person("alice").await;
    let token = bank.token(&mut alice, put()).await;
    for (method, path, body) in [
        ("POST", "/keys/1?at=now", FILE),
        ("put", "/keys/1?at=now", FILE),
        ("PUT", "/keys/2?at=now", FILE),
        ("PUT", "/keys/1", FILE),
        ("PUT", "/keys/1?at=now&at=later", FILE),
        ("PUT", "/keys/1?at=%6eow", FILE),
        ("PUT", "/keys/%31?at=now", FILE),
        ("PUT", "/keys/1?at=now", b"another key"),
        ("PUT", "/keys/1?at=now", b""),
    ] {
        is_not_approved(&bank.request(&token, method, path, body).await);
    }
    assert_eq!(bank.moved(), 0);
    let done = bank.request(&token, "PUT", "/keys/1?at=now", FILE).await;
    assert_eq!((done.0.as_u16(), done.1, bank.moved()), (200, json!("PUT /keys/1?at=now"), 1));
    is_not_approved(&bank.request(&token, "PUT", "/keys/1?at=now", FILE).await);
    assert_eq!(bank.moved(), 1, "once");
}

#[tokio::test]
async fn a_request_without_a_body_is_one_with_an_empty_body() {
    let bank = Bank::new();
    let mut alice = bank.person("alice").await;
    let token = bank.token(&mut alice, of("DELETE", "/keys/1", b"")).await;
    is_not_approved(&bank.request(&token, "DELETE", "/keys/1", "x").await);
    assert_eq!(bank.request(&token, "DELETE", "/keys/1", Body::empty()).await.0, 200);
}

#[tokio::test]
async fn cs_ta_1_of_64_that_send_one_approved_request_at_once_exactly_one_succeeds() {
    let bank = Bank::new();
    let mut alice = bank.person("alice").await;
    let token = bank.token(&mut alice, put()).await;
    let crowd: Vec<_> = (0..64)
        .map(|_| {
            let (bank, token) = (bank.clone(), token.clone());
            tokio::spawn(async move { bank.request(&token, "PUT", "/keys/1?at=now", FILE).await.0.as_u16() })
        })
        .collect();
    let mut allowed = 0;
    for attempt in crowd {
        let status = attempt.await.unwrap();
        // The line of a subject is sixteen long.
        assert!(matches!(status, 200 | 401 | 503), "{status}");
        allowed += u64::from(status == 200);
    }
    assert_eq!((allowed, bank.moved()), (1, 1));
}

#[tokio::test]
async fn what_has_lapsed_is_of_another_form_or_of_somebody_else_approves_nothing() {
    let bank = Bank::new();
    let (mut alice, mut mallory) = (bank.person("alice").await, bank.person("mallory").await);
    let send = async |token: &str| bank.request(token, "PUT", "/keys/1?at=now", FILE).await;
    // The parts in other spellings, fewer, or more of them.
    let digest = body_digest(FILE);
    let parts = [("method", "PUT"), ("path", "/keys/1?at=now"), ("body", &digest)];
    for bind in [parts[..2].to_vec(), [&parts[..], &[("host", "id.example")]].concat(), vec![("body", &digest)]] {
        let token = bank.token(&mut alice, ChallengeRequest::new().action(ACTION).bind(bind).unwrap()).await;
        is_not_approved(&send(&token).await);
    }
    let other = ChallengeRequest::new().action("close_account").bind(parts).unwrap();
    is_not_approved(&send(&bank.token(&mut alice, other).await).await);
    // Mallory's approval is Mallory's: whoever is named by it acts, and nobody else.
    let (status, _) = send(&bank.token(&mut mallory, put()).await).await;
    assert_eq!(status, 200);
    let late = bank.token(&mut alice, put()).await;
    bank.clock.advance(301);
    assert_eq!(send(&late).await.1["missing"], json!(["freshness", "action"]));
    let token = bank.token(&mut alice, put()).await;
    bank.mfa.log_out(&alice.session).await.unwrap();
    assert_eq!(send(&token).await.0, 401);
    assert_eq!(bank.moved(), 1);
}

/// The amount is changed while the person looks at the question: what she answers is what she was asked.
#[tokio::test]
async fn cs_ta_1_what_is_changed_after_the_question_was_opened_is_not_approved_by_its_answer() {
    let bank = Bank::new();
    let mut alice = bank.person("alice").await;
    let opened = bank.mfa.open_challenge(&alice.session, of("POST", "/keys/1", b"amount=101")).await;
    assert!(opened.is_ok(), "another question waits beside it");
    let token = bank.token(&mut alice, of("POST", "/keys/1", b"amount=100")).await;
    is_not_approved(&bank.request(&token, "POST", "/keys/1", "amount=101").await);
    assert_eq!(bank.request(&token, "POST", "/keys/1", "amount=100").await.0, 200);
}

#[tokio::test]
async fn a_body_that_cannot_be_digested_is_refused_clearly_and_spends_nothing() {
    let bank = Bank::new();
    let mut alice = bank.person("alice").await;
    let token = bank.token(&mut alice, put()).await;
    let long = bank.request(&token, "PUT", "/keys/1?at=now", vec![0; 1025]).await;
    assert_eq!((long.0.as_u16(), &long.1["code"]), (413, &json!("too_large")));
    let streamed = bank.request(&token, "PUT", "/keys/1?at=now", crate::transaction::chunked(vec!["a", "b"])).await;
    assert_eq!((streamed.0.as_u16(), &streamed.1["code"]), (400, &json!("invalid_request")));
    let far = format!("/keys/1?at={}", "x".repeat(1024));
    let far = bank.request(&token, "PUT", &far, FILE).await;
    assert_eq!((far.0.as_u16(), &far.1["field"]), (400, &json!("path")));
    bank.store.set(Some(Fault::Unavailable));
    assert_eq!(bank.request(&token, "PUT", "/keys/1?at=now", FILE).await.0, 503);
    bank.store.set(None);
    assert_eq!((bank.moved(), bank.request(&token, "PUT", "/keys/1?at=now", FILE).await.0.as_u16()), (0, 200));
}

#[tokio::test]
async fn inside_a_nest_the_path_that_was_sent_counts() {
    let bank = Bank::new();
    let mut alice = bank.person("alice").await;
    let layer = bank.whole().original_uri(original_uri);
    let inner = bank.vault(layer.build().unwrap());
    let app = Router::new()
        .nest("/live", Router::new().nest("/eu", inner.clone()))
        .nest("/tests", inner.clone())
        .merge(inner)
        .layer(bank.mfa.authenticate_layer());
    let token = bank.token(&mut alice, of("DELETE", "/live/eu/keys/1?x", b"")).await;
    let delete = |path: &str| {
        let request = Request::delete(path).header("authorization", format!("Bearer {token}"));
        answer(app.clone(), request.body(Body::empty()).unwrap())
    };
    is_not_approved(&delete("/keys/1?x").await);
    is_not_approved(&delete("/tests/keys/1?x").await);
    assert_eq!(delete("/live/eu/keys/1?x").await.1, "DELETE /live/eu/keys/1?x");
}

#[tokio::test]
async fn a_layer_is_bound_to_parameters_or_to_the_whole_and_says_which() {
    let bank = Bank::new();
    assert!(bank.whole().build().is_ok());
    let both = bank.whole().parameters(["to"]).build().unwrap_err();
    assert_eq!(both.field(), "parameters");
    // A JSON body with these members would have the digest of a request it only describes.
    let alike = TransactionLayer::builder(requirement()).parameters(["path", "body", "method"]).danger_reusable();
    assert!(alike.build().unwrap_err().rule().contains("whole request"));
}

/// As a rule of a route policy it is bound to the path the policy has judged.
#[tokio::test]
async fn a_rule_of_a_route_policy_binds_the_path_that_was_sent() {
    let bank = Bank::new();
    let mut alice = bank.person("alice").await;
    let rule =
        |name: &str, path: &str| Rule::on(name, [Method::DELETE], path).transaction(bank.whole().build().unwrap());
    let rules = RoutePolicy::builder().rule(rule("live", "/live/keys/{id}")).rule(rule("tests", "/tests/keys/{id}"));
    let policy = RoutePolicyLayer::new(rules.build().unwrap()).with_bodies().original_uri(original_uri);
    let keys = Router::new().route("/keys/{id}", any(async || "gone")).layer(policy);
    let app = Router::new().nest("/live", keys.clone()).nest("/tests", keys).layer(bank.mfa.authenticate_layer());
    let token = bank.token(&mut alice, of("DELETE", "/live/keys/1", b"")).await;
    let delete = |path: &str| {
        let request = Request::delete(path).header("authorization", format!("Bearer {token}"));
        answer(app.clone(), request.body(Body::empty()).unwrap())
    };
    is_not_approved(&delete("/tests/keys/1").await);
    assert_eq!(delete("/live/keys/1").await.1, "gone");
}
