//! Challenges: opened, shown, answered.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tower_mfa::assurance::Requirement;
use tower_mfa::policy::{BoundTo, Login};

use crate::client::{Answer, Person, Service, policy};

const NOBODY: &str = "AAAAAAAAAAAAAAAAAAAAAA";

async fn service() -> (Service, Person) {
    let s = Service::new(Login::IfEnrolled);
    let alice = s.person("alice").await;
    (s, alice)
}

/// Answers a session's own challenge with the code of the next step.
async fn step_up(s: &Service, person: &Person, ask: Value) -> Answer {
    let opened = s.post("/mfa/challenges", &person.access, ask).await.is(201);
    s.hands.turn(30);
    let verify = format!("/mfa/challenges/{}/verify", opened.text("challenge_id"));
    let code = person.app.code(s.hands.read());
    s.post(&verify, &person.access, json!({"type": "totp", "code": code})).await.is(200)
}

#[tokio::test]
async fn opening_is_201_or_200_at_once_or_409() {
    let (s, alice) = service().await;
    let password_only = s.login("bob").await.text("access_token");
    let refused = s.post("/mfa/challenges", &password_only, json!({})).await.refuses(409, "no_eligible_authenticator");
    assert_eq!(refused.body["allowed"], json!(["totp", "webauthn"]));
    let hopeless = s.post("/mfa/challenges", &alice.access, json!({"acr": "phrh"})).await;
    assert_eq!(hopeless.refuses(409, "no_eligible_authenticator").body["allowed"], json!([]));
    for nothing_missing in [json!({}), json!({"acr": "aal1"}), json!({"acr": "aal2", "max_age": 300})] {
        let at_once = s.post("/mfa/challenges", &alice.access, nothing_missing).await.is(200);
        assert!(at_once.body.get("refresh_token").is_none() && at_once.body.get("step_up").is_none());
    }
    s.hands.turn(301);
    let opened = s.post("/mfa/challenges", &alice.access, json!({"max_age": 300})).await.is(201);
    assert_eq!(opened.body["expires_in"], 300);
    let kinds: Vec<&Value> = opened.body["methods"].as_array().unwrap().iter().map(|m| &m["type"]).collect();
    assert_eq!(kinds, ["totp", "recovery_code"]);
}

#[tokio::test]
async fn a_label_stands_in_every_offer_an_empty_one_too() {
    let s = Service::new(Login::IfEnrolled);
    let token = s.login("alice").await.text("access_token");
    let started = s.post("/mfa/authenticators", &token, json!({"type": "totp"})).await.is(201);
    let app = crate::client::App::new(&started.text("otpauth_uri"));
    let path = format!("/mfa/authenticators/{}/confirm", started.text("id"));
    s.post(&path, &token, json!({"code": app.code(s.hands.read())})).await.is(200);
    let offer = s.login("alice").await.body["methods"][0].clone();
    assert_eq!(offer, json!({"type": "totp", "authenticator_id": started.text("id"), "label": ""}));
}

#[tokio::test]
async fn an_action_needs_what_the_policy_says_and_a_client_can_only_ask_for_more() {
    let (s, alice) = service().await;
    s.hands.turn(200);
    // The policy says 300 s: a client that says an hour, or aal1, asks for no less.
    for laxer in [json!({"max_age": 3600}), json!({"acr": "aal1"}), json!({})] {
        let mut ask = laxer;
        ask["action"] = json!("transfer_funds");
        s.post("/mfa/challenges", &alice.access, ask).await.is(200);
    }
    s.post("/mfa/challenges", &alice.access, json!({"action": "transfer_funds", "max_age": 100})).await.is(201);
    s.hands.turn(101);
    for laxer in [json!({"max_age": 3600}), json!({"acr": "aal1"})] {
        let mut ask = laxer;
        ask["action"] = json!("transfer_funds");
        s.post("/mfa/challenges", &alice.access, ask).await.is(201);
    }
    let stricter = json!({"action": "transfer_funds", "acr": "aal3"});
    s.post("/mfa/challenges", &alice.access, stricter).await.refuses(409, "no_eligible_authenticator");
}

#[tokio::test]
async fn an_unknown_action_class_or_a_bind_without_an_action_is_a_bad_request() {
    let (s, alice) = service().await;
    for (ask, field) in [
        (json!({"action": "launch"}), "action"),
        (json!({"action": ""}), "action"),
        (json!({"acr": "aal4"}), "acr"),
        (json!({"acr": "AAL2"}), "acr"),
        (json!({"bind": {"to": "bob"}}), "bind"),
        (json!({"action": "transfer_funds", "bind": {"amount": 1.5}}), "bind"),
        (json!({"action": "transfer_funds", "bind": {"amount": 9_007_199_254_740_992_u64}}), "bind"),
        (json!({"action": "transfer_funds", "bind": {"amount": true}}), "bind"),
        (json!({"action": "transfer_funds", "bind": {"to": null}}), "bind"),
        (json!({"action": "transfer_funds", "bind": {"to": ["bob"]}}), "bind"),
        (json!({"action": "transfer_funds", "bind": {"to": "x".repeat(1025)}}), "bind"),
        (json!({"action": "transfer_funds", "state": {"s": "x".repeat(1025)}}), "state"),
    ] {
        let answer = s.post("/mfa/challenges", &alice.access, ask.clone()).await.refuses(400, "invalid_request");
        assert_eq!(answer.body["field"], field, "{ask}");
    }
    let bearer = format!("Bearer {}", alice.access);
    let twice = r#"{"action":"transfer_funds","bind":{"amount":1,"amount":1000}}"#;
    let request = http::Request::post("/mfa/challenges").header("authorization", bearer);
    let request = request.header("content-type", "application/json").body(twice.into()).unwrap();
    assert_eq!(s.send(request).await.refuses(400, "invalid_request").body["field"], "bind");
}

#[tokio::test]
async fn what_is_bound_is_the_digest_of_the_canonical_json() {
    let (s, mut alice) = service().await;
    let largest = 9_007_199_254_740_991_i64;
    // Each with its canonical form, written by hand after RFC 8785.
    for (bind, canonical) in [
        (json!({"to": "bob", "amount": 5}), r#"{"action":"transfer_funds","bind":{"amount":5,"to":"bob"}}"#.to_owned()),
        (json!({}), r#"{"action":"transfer_funds","bind":{}}"#.to_owned()),
        // UTF-16: the surrogates of U+1F600 come before U+FB33, its code point after.
        (
            json!({"\u{fb33}": 1, "\u{1f600}": 2, "\u{20ac}": 3, "1": 4, "\r": 5, "\u{f6}": 6}),
            "{\"action\":\"transfer_funds\",\"bind\":{\"\\r\":5,\"1\":4,\"\u{f6}\":6,\"\u{20ac}\":3,\"\u{1f600}\":2,\"\u{fb33}\":1}}".to_owned(),
        ),
        (
            json!({"t": "\u{20ac}$\u{f}\nA'B\"\\\"/\u{7f}\u{2028}"}),
            "{\"action\":\"transfer_funds\",\"bind\":{\"t\":\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\"/\u{7f}\u{2028}\"}}".to_owned(),
        ),
        (
            json!({"max": largest, "min": -largest, "zero": 0}),
            format!("{{\"action\":\"transfer_funds\",\"bind\":{{\"max\":{largest},\"min\":-{largest},\"zero\":0}}}}"),
        ),
    ] {
        let answered = step_up(&s, &alice, json!({"action": "transfer_funds", "bind": bind})).await;
        let digest = format!("sha-256:{}", URL_SAFE_NO_PAD.encode(Sha256::digest(canonical.as_bytes())));
        assert_eq!(answered.body["step_up"]["bind"], digest, "{canonical}");
        alice.access = answered.text("access_token");
    }
}

#[tokio::test]
async fn asvs_7_5_3_a_bound_action_always_asks_and_an_unbound_one_takes_a_fresh_factor() {
    let (s, alice) = service().await;
    let at_once = s.post("/mfa/challenges", &alice.access, json!({"action": "transfer_funds"})).await.is(200);
    let step_up_claim = &at_once.body["step_up"];
    assert_eq!((&step_up_claim["action"], step_up_claim.get("bind")), (&json!("transfer_funds"), None));
    s.post("/transfer", &at_once.text("access_token"), json!({})).await.is(200);
    s.post("/mfa/challenges", &alice.access, json!({"action": "transfer_funds", "bind": {}})).await.is(201);
}

#[tokio::test]
async fn state_is_sealed_and_comes_back_with_the_answer() {
    let (s, alice) = service().await;
    let state = json!({"b": [1, 2, {"c": "\u{e9}"}], "a": null});
    let answered =
        step_up(&s, &alice, json!({"action": "transfer_funds", "bind": {"to": "bob"}, "state": state})).await;
    assert_eq!(answered.body["state"], state);
    let token = answered.text("access_token");
    s.hands.turn(301);
    let opened =
        s.post("/mfa/challenges", &token, json!({"max_age": 1, "state": {"s": "x".repeat(1000)}})).await.is(201);
    let shown = s.get(&format!("/mfa/challenges/{}", opened.text("challenge_id")), &token).await.is(200);
    assert!(shown.body.get("state").is_none());
    let at_once = s.post("/mfa/challenges", &token, json!({"state": state})).await.is(200);
    assert_eq!(at_once.body["state"], state, "nothing was missing, and it comes back all the same");
}

#[tokio::test]
async fn cve_2026_32246_the_id_alone_opens_nothing() {
    let (s, _) = service().await;
    let asked = s.asked("alice").await;
    s.ask(&format!("GET {}", asked.show), &[], None).await.refuses(401, "unauthenticated");
    let guess = json!({"type": "totp", "code": "000000"});
    s.ask(&format!("POST {}", asked.verify), &[], Some(guess.clone())).await.refuses(401, "unauthenticated");
    // Nor does a challenge token open any other challenge, real or not.
    let other = s.asked("alice").await;
    for path in [&other.show, &format!("/mfa/challenges/{NOBODY}"), "/mfa/challenges/x", "/mfa/challenges/%FF"] {
        s.get(path, &asked.token).await.refuses(401, "invalid_token");
    }
    s.post(&other.verify, &asked.token, guess).await.refuses(401, "invalid_token");
    s.get(&asked.show, &asked.token).await.is(200);
}

#[tokio::test]
async fn cve_2020_5240_a_stranger_s_challenge_looks_like_none() {
    let (s, alice) = service().await;
    let bob = s.person("bob").await;
    let own = s.post("/mfa/challenges", &alice.access, json!({"action": "transfer_funds", "bind": {}})).await.is(201);
    let second_session = s.signed_in("alice", &alice.app).await.text("access_token");
    let login = s.asked("alice").await;
    let none = s.get(&format!("/mfa/challenges/{NOBODY}"), &bob.access).await.refuses(404, "not_found");
    for (id, token) in [
        (own.text("challenge_id"), &bob.access),
        (own.text("challenge_id"), &second_session),
        (login.id.clone(), &alice.access),
        (login.id, &bob.access),
    ] {
        let path = format!("/mfa/challenges/{id}");
        let answer = s.get(&path, token).await;
        assert_eq!((answer.status, &answer.body), (none.status, &none.body));
        let guess = json!({"type": "totp", "code": "000000"});
        let answer = s.post(&format!("{path}/verify"), token, guess).await;
        assert_eq!((answer.status, &answer.body), (none.status, &none.body));
    }
}

#[tokio::test]
async fn a_challenge_that_is_used_expired_or_superseded_is_gone() {
    let (s, alice) = service().await;
    let code = |s: &Service| alice.app.code(s.hands.read());
    s.hands.turn(30);
    let used = s.asked("alice").await;
    s.try_totp(&used, &code(&s)).await.is(200);
    s.hands.turn(30);
    s.try_totp(&used, &code(&s)).await.refuses(410, "challenge_gone");
    s.get(&used.show, &used.token).await.refuses(410, "challenge_gone");

    let superseded = s.asked("alice").await;
    for _ in 0..8 {
        s.asked("alice").await;
    }
    s.get(&superseded.show, &superseded.token).await.refuses(410, "challenge_gone");

    let late = s.asked("alice").await;
    s.hands.turn(299);
    assert_eq!(s.get(&late.show, &late.token).await.is(200).body["expires_in"], 1);
    s.hands.turn(1);
    s.try_totp(&late, &code(&s)).await.refuses(410, "challenge_gone");
}

#[tokio::test]
async fn a_challenge_of_a_stricter_class_is_answered_by_what_leads_there() {
    let s = Service::under(policy(Login::IfEnrolled).action("look", Requirement::aal1()));
    let alice = s.person("alice").await;
    s.hands.turn(4000);
    let session = s.refresh(&alice.refresh).await;
    assert_eq!(session.status, 401, "an hour without use ends it");
    let token = s.signed_in("alice", &alice.app).await.text("access_token");
    let at_once =
        s.post("/mfa/challenges", &token, json!({"action": "look", "acr": "aal2", "max_age": 10})).await.is(200);
    assert_eq!(at_once.body["step_up"]["action"], "look");
}

#[tokio::test]
async fn a_bound_action_without_its_data_is_400_and_names_them() {
    let bound = policy(Login::IfEnrolled).bound_action(
        "transfer_funds",
        Requirement::aal2().within(300),
        BoundTo::parameters(["to", "amount"]),
    );
    let s = Service::under(bound);
    let alice = s.person("alice").await;
    for ask in [
        json!({"action": "transfer_funds"}),
        json!({"action": "transfer_funds", "bind": {"to": "bob"}}),
        json!({"action": "transfer_funds", "bind": {"to": "bob", "amount": 5, "note": "rent"}}),
    ] {
        let refused = s.post("/mfa/challenges", &alice.access, ask).await;
        let body = refused.refuses(400, "invalid_request").body;
        assert_eq!((&body["field"], &body["bind"]), (&json!("bind"), &json!(["to", "amount"])));
    }
    let ask = json!({"action": "transfer_funds", "bind": {"to": "bob", "amount": 5}});
    s.post("/mfa/challenges", &alice.access, ask).await.is(201);
}
