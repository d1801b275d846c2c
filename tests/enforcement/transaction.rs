//! What is approved is what is done, once: the transaction layer over a real service.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::extract::Extension;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tower_mfa::account::EventKind;
use tower_mfa::assurance::{Method, Proof, Requirement};
use tower_mfa::middleware::{Approved, TransactionLayer};
use tower_mfa::service::{ChallengeOutcome, ChallengeRequest};
use tower_mfa::testing::Fault;
use tower_mfa::token::{Redeem, Redeemed};

use crate::bank::{ACTION, Bank, answer, requirement};

pub(crate) fn hundred_to_bob() -> ChallengeRequest {
    let parameters = [("to", json!("bob")), ("amount", json!(100))];
    ChallengeRequest::new().action(ACTION).bind(parameters).unwrap()
}

pub(crate) const HUNDRED: &str = r#"{"to":"bob","amount":100}"#;

fn is_not_approved((status, body): &(StatusCode, Value)) {
    assert_eq!((status.as_u16(), &body["code"]), (401, &json!("insufficient_user_authentication")), "{body}");
    assert_eq!(body["missing"], json!(["action"]));
    assert_eq!((&body["action"], &body["bind"]), (&json!(ACTION), &json!(["to", "amount"])));
}

#[tokio::test]
async fn cs_ta_1_a_transfer_of_100_is_approved_and_cannot_be_made_101() {
    let bank = Bank::new();
    let mut alice = bank.person("alice").await;
    let tokens = bank.approved(&mut alice, hundred_to_bob()).await;
    let token = Some(tokens.access_token().expose());
    for changed in [
        r#"{"to":"bob","amount":101}"#,
        r#"{"to":"mallory","amount":100}"#,
        r#"{"to":"bob","amount":"100"}"#,
        r#"{"to":"bob ","amount":100}"#,
    ] {
        is_not_approved(&bank.send(token, changed).await);
    }
    assert_eq!(bank.moved(), 0);
    // Members in another order and others beside them are the same transfer; the bytes pass untouched.
    let body = " {\"note\":\"rent\",\r\n\"amount\":100,\"to\":\"b\\u006fb\"}";
    let (status, done) = bank.send(token, body).await;
    assert_eq!((status.as_u16(), done), (200, json!(format!("bob 100\n{body}"))));
    assert_eq!(bank.moved(), 1);
}

#[tokio::test]
async fn cs_ta_1_an_approval_is_good_once_and_of_64_at_once_exactly_one_succeeds() {
    let bank = Bank::new();
    let mut alice = bank.person("alice").await;
    let tokens = bank.approved(&mut alice, hundred_to_bob()).await;
    let crowd: Vec<_> = (0..64)
        .map(|_| {
            let (bank, token) = (bank.clone(), tokens.access_token().expose().to_owned());
            tokio::spawn(async move { bank.send(Some(&token), HUNDRED).await })
        })
        .collect();
    let mut allowed = 0;
    for attempt in crowd {
        let (status, body) = attempt.await.unwrap();
        match status.as_u16() {
            200 => allowed += 1,
            401 => is_not_approved(&(status, body)),
            // The line of a subject is sixteen long.
            503 => {}
            other => panic!("{other}: {body}"),
        }
    }
    assert_eq!((allowed, bank.moved()), (1, 1));
    is_not_approved(&bank.send(Some(tokens.access_token().expose()), HUNDRED).await);
    let events = bank.mfa.events(&alice.session, None, 200).await.unwrap().items;
    let spent: Vec<_> = events.iter().filter(|event| event.kind == EventKind::ApprovalSpent).collect();
    assert_eq!(spent.len(), 1);
    assert_eq!(spent[0].action.as_deref(), Some(ACTION));
}

#[tokio::test]
async fn what_approves_something_else_approves_no_transfer() {
    let bank = Bank::new();
    let mut alice = bank.person("alice").await;
    let plain = bank.mfa.open_challenge(&alice.session, ChallengeRequest::new().action(ACTION)).await.unwrap();
    let ChallengeOutcome::Complete(plain) = plain else { panic!("the code is fresh") };
    is_not_approved(&bank.send(Some(plain.tokens.access_token().expose()), HUNDRED).await);
    // The same parameters, approved for another action, or more than the layer reads.
    let parameters = [("to", json!("bob")), ("amount", json!(100))];
    for request in [
        ChallengeRequest::new().action("close_account").bind(parameters.clone()).unwrap(),
        ChallengeRequest::new().action(ACTION).bind([("to", "bob")]).unwrap(),
        ChallengeRequest::new()
            .action(ACTION)
            .bind([("to", json!("bob")), ("amount", json!(100)), ("x", json!(1))])
            .unwrap(),
    ] {
        let tokens = bank.approved(&mut alice, request).await;
        is_not_approved(&bank.send(Some(tokens.access_token().expose()), HUNDRED).await);
    }
    // Refreshed, the token carries no approval.
    let tokens = bank.approved(&mut alice, hundred_to_bob()).await;
    let refreshed = bank.mfa.refresh(tokens.refresh_token().unwrap()).await.unwrap();
    is_not_approved(&bank.send(Some(refreshed.access_token().expose()), HUNDRED).await);
    assert_eq!(bank.moved(), 0);
}

#[tokio::test]
async fn an_approval_lapses_and_ends_with_its_session() {
    let bank = Bank::new();
    let mut alice = bank.person("alice").await;
    let late = bank.approved(&mut alice, hundred_to_bob()).await;
    bank.clock.advance(301);
    let (status, body) = bank.send(Some(late.access_token().expose()), HUNDRED).await;
    assert_eq!((status.as_u16(), &body["missing"]), (401, &json!(["freshness", "action"])));

    let tokens = bank.approved(&mut alice, hundred_to_bob()).await;
    // Another replica, which does not know yet that the session has ended, asks the store.
    bank.mfa.log_out(&alice.session).await.unwrap();
    assert_eq!(bank.mfa.redeem(&alice.session).await.unwrap(), Redeemed::Void);
    assert_eq!(bank.send(Some(tokens.access_token().expose()), HUNDRED).await.0, 401);
    assert_eq!(bank.moved(), 0);
}

#[tokio::test]
async fn a_store_that_fails_is_503_and_nothing_runs() {
    let bank = Bank::new();
    let mut alice = bank.person("alice").await;
    let tokens = bank.approved(&mut alice, hundred_to_bob()).await;
    for fault in [Fault::Unavailable, Fault::NotCommitted, Fault::WriteLost] {
        bank.store.set(Some(fault));
        let (status, body) = bank.send(Some(tokens.access_token().expose()), HUNDRED).await;
        assert_eq!((status.as_u16(), &body["code"]), (503, &json!("unavailable")), "{fault:?}");
    }
    assert_eq!(bank.moved(), 0);
    // What was not spent is good; what was, though the answer was lost, is found to be.
    bank.store.set(Some(Fault::AnswerLost));
    let (status, _) = bank.send(Some(tokens.access_token().expose()), HUNDRED).await;
    assert_eq!((status.as_u16(), bank.moved()), (200, 1));
}

/// A body that must not be read.
struct Untouchable;

impl http_body::Body for Untouchable {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        panic!("nobody has a right to make us read this")
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(10)
    }
}

#[tokio::test]
async fn whoever_may_not_makes_nobody_read_a_body() {
    let bank = Bank::new();
    let alice = bank.person("alice").await;
    let (status, body) = bank.send(None, Body::new(Untouchable)).await;
    assert_eq!((status.as_u16(), &body["code"]), (401, &json!("unauthenticated")));
    let plain = bank.mfa.open_challenge(&alice.session, ChallengeRequest::new()).await.unwrap();
    let ChallengeOutcome::Complete(plain) = plain else { panic!("the code is fresh") };
    is_not_approved(&bank.send(Some(plain.tokens.access_token().expose()), Body::new(Untouchable)).await);
}

#[tokio::test]
async fn a_body_that_cannot_be_compared_is_refused_clearly_and_spends_nothing() {
    let bank = Bank::new();
    let mut alice = bank.person("alice").await;
    let tokens = bank.approved(&mut alice, hundred_to_bob()).await;
    let token = tokens.access_token().expose();
    for (body, field) in [
        (r#"{"to":"bob"}"#, "amount"),
        (r#"{"to":"bob","amount":100,"amount":999}"#, "amount"),
        (r#"{"to":"bob","Amount":999,"amount":100}"#, "amount"),
        (r#"{"to":"bob","amount":100.0}"#, "amount"),
        (r#"{"to":{"to":"bob"},"amount":100}"#, "to"),
        (r#"[{"to":"bob","amount":100}]"#, "body"),
        ("", "body"),
    ] {
        let (status, answered) = bank.send(Some(token), body).await;
        assert_eq!((status.as_u16(), &answered["code"]), (400, &json!("invalid_request")), "{body}");
        assert_eq!(answered["field"], field, "{body}");
    }
    let long = format!(r#"{{"to":"bob","amount":100,"note":"{}"}}"#, "x".repeat(1024));
    assert_eq!(bank.send(Some(token), long).await.1["code"], "too_large");
    let streamed = chunked(vec![&HUNDRED[..10], &HUNDRED[10..]]);
    let (status, answered) = bank.send(Some(token), streamed).await;
    assert_eq!((status.as_u16(), &answered["code"]), (400, &json!("invalid_request")), "it says no length");
    let kinds: [&[&str]; 6] = [
        &["text/plain"],
        &[],
        &["application/json", "application/json"],
        &["application/jsonx"],
        &["application/json; charset=utf-7"],
        &["application/json; charset=utf-8; charset=utf-16"],
    ];
    for kinds in kinds {
        let mut request = Request::post("/transfer").header("authorization", format!("Bearer {token}"));
        for kind in kinds {
            request = request.header("content-type", *kind);
        }
        let (status, answered) = answer(bank.app(), request.body(HUNDRED.into()).unwrap()).await;
        assert_eq!((status.as_u16(), &answered["code"]), (415, &json!("unsupported_media_type")), "{kinds:?}");
    }
    let packed = Request::post("/transfer")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .header("content-encoding", "br");
    assert_eq!(answer(bank.app(), packed.body(HUNDRED.into()).unwrap()).await.0, 415);
    assert_eq!(bank.moved(), 0);
    assert_eq!(bank.send(Some(token), HUNDRED).await.0, 200, "and the approval is still good");
}

/// A body of chunks that does not say how long it is.
pub(crate) fn chunked(chunks: Vec<&'static str>) -> Body {
    struct Chunks(std::vec::IntoIter<&'static str>);
    impl http_body::Body for Chunks {
        type Data = Bytes;
        type Error = std::convert::Infallible;
        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
            Poll::Ready(self.0.next().map(|chunk| Ok(http_body::Frame::data(Bytes::from_static(chunk.as_bytes())))))
        }
    }
    Body::new(Chunks(chunks.into_iter()))
}

/// Says that it is short, and is not: so many chunks.
struct Liar(std::ops::Range<usize>);

impl http_body::Body for Liar {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        assert!(self.0.next().is_some(), "it is read no further than the limit");
        Poll::Ready(Some(Ok(http_body::Frame::data(Bytes::from_static(&[b' '; 512])))))
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(10)
    }
}

#[tokio::test]
async fn a_body_that_is_longer_than_it_says_is_read_up_to_the_limit() {
    let bank = Bank::new();
    let mut alice = bank.person("alice").await;
    let tokens = bank.approved(&mut alice, hundred_to_bob()).await;
    let (status, body) = bank.send(Some(tokens.access_token().expose()), Body::new(Liar(0..8))).await;
    assert_eq!((status.as_u16(), &body["code"]), (413, &json!("too_large")));
}

#[tokio::test]
async fn an_approval_that_may_be_used_again_is_the_hosts_word() {
    let bank = Bank::new();
    let mut alice = bank.person("alice").await;
    let tokens = bank.approved(&mut alice, hundred_to_bob()).await;
    let layer = TransactionLayer::builder(requirement()).parameters(["to", "amount"]).danger_reusable();
    let app = bank.app_with(layer.build().unwrap());
    for _ in 0..3 {
        let request = Request::post("/transfer")
            .header("content-type", "application/json; charset=utf-8")
            .header("authorization", format!("Bearer {}", tokens.access_token().expose()));
        assert_eq!(answer(app.clone(), request.body(HUNDRED.into()).unwrap()).await.0, 200);
    }
}

#[tokio::test]
async fn a_layer_that_could_not_keep_its_word_is_not_built() {
    let bank = Bank::new();
    let redeem = || -> Arc<dyn Redeem> { Arc::new(bank.mfa.clone()) };
    let named = |requirement| TransactionLayer::builder(requirement).parameters(["to", "amount"]);
    let field = |built: Result<TransactionLayer, tower_mfa::error::ConfigError>| built.unwrap_err().field().to_owned();
    assert_eq!(field(named(requirement()).build()), "redeem");
    assert_eq!(field(named(Requirement::aal2()).redeem(redeem()).build()), "requirement");
    let two = requirement().and(&Requirement::aal2().for_action("close_account"));
    assert_eq!(field(named(two).redeem(redeem()).build()), "requirement");
    let none = TransactionLayer::builder(requirement()).redeem(redeem());
    assert_eq!(field(none.build()), "parameters");
    for names in [vec!["to".to_owned(), "To".to_owned()], (0..17).map(|n| n.to_string()).collect()] {
        let twice = TransactionLayer::builder(requirement()).parameters(names).redeem(redeem());
        assert_eq!(field(twice.build()), "parameters");
    }
    for limit in [0, 5 * 1024 * 1024] {
        assert_eq!(field(named(requirement()).redeem(redeem()).body_limit(limit).build()), "body_limit");
    }
}

/// By a way around the action an approval of one amount would be spent for another.
#[test]
fn cs_ta_1_a_transaction_has_no_alternative_without_its_approval() {
    let bank = Bank::new();
    let built = |asked: Requirement| {
        let layer = TransactionLayer::builder(asked).parameters(["to", "amount"]);
        layer.redeem(Arc::new(bank.mfa.clone())).build()
    };
    let by = |kind, secs| Requirement::aal2().with_proof(Proof::of(kind).within(secs));
    let around = Requirement::aal1().with_any_of([requirement(), by(Method::Totp, 60)]);
    for asked in [around.clone(), Requirement::aal2().with_all_of(around)] {
        let refused = built(asked).unwrap_err();
        assert_eq!(refused.field(), "requirement");
        assert!(refused.rule().contains("in every alternative"), "{refused}");
    }
    let each = [by(Method::Totp, 60), by(Method::WebAuthn, 300)].map(|way| way.for_action(ACTION));
    assert!(built(Requirement::aal1().with_any_of(each)).is_ok(), "every way asks for it");
    assert!(built(Requirement::aal1().with_all_of(requirement())).is_ok());
}

#[tokio::test]
async fn an_approval_goes_no_further_than_the_next_authentication() {
    let bank = Bank::new();
    let mut alice = bank.person("alice").await;
    let tokens = bank.approved(&mut alice, hundred_to_bob()).await;
    let layer =
        TransactionLayer::builder(requirement()).parameters(["to", "amount"]).danger_reusable().build().unwrap();
    let reached = |again: bool| {
        let told = axum::routing::post(async |approved: Option<Extension<Approved>>| approved.is_some().to_string());
        let told = if again { told.route_layer(bank.mfa.authenticate_layer()) } else { told };
        let app = axum::Router::new().route("/transfer", told.route_layer(layer.clone()));
        let request = Request::post("/transfer").header("content-type", "application/json");
        let request = request.header("authorization", format!("Bearer {}", tokens.access_token().expose()));
        answer(app.layer(bank.mfa.authenticate_layer()), request.body(HUNDRED.into()).unwrap())
    };
    assert_eq!(reached(false).await, (StatusCode::OK, json!(true)));
    assert_eq!(reached(true).await, (StatusCode::OK, json!(false)), "it is of whom that layer does not know");
}
