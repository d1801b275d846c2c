//! Challenges: opened, shown, answered.

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tower::ServiceExt as _;
use tower_mfa::assurance::Requirement;
use tower_mfa::policy::{LockSchedule, Login};

use crate::client::{Answer, Asked, Person, Service, policy};

const NOBODY: &str = "AAAAAAAAAAAAAAAAAAAAAA";

async fn service() -> (Service, Person) {
    let s = Service::new(Login::IfEnrolled);
    let alice = s.person("alice").await;
    (s, alice)
}

impl Service {
    async fn try_totp(&self, asked: &Asked, code: &str) -> Answer {
        self.post(&asked.verify, &asked.token, json!({"type": "totp", "code": code})).await
    }
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
    assert_eq!(refused.body["allowed"], json!(["totp"]));
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
async fn asvs_6_3_8_wrong_replayed_unknown_and_foreign_answers_are_one_and_the_same() {
    let s = Service::under(policy(Login::IfEnrolled).lock(LockSchedule::new(50, 300, &[30])));
    let (alice, bob) = (s.person("alice").await, s.person("bob").await);
    s.signed_in("alice", &alice.app).await;
    let now = s.hands.read();
    let (right, wrong, foreign) = (alice.app.code(now), s.wrong(&alice.app), bob.app.code(now));
    let recovery = |code: &str| json!({"type": "recovery_code", "code": code});
    let totp = |id: &str, code: &str| json!({"type": "totp", "authenticator_id": id, "code": code});
    let answers = [
        json!({"type": "totp", "code": wrong}),
        json!({"type": "totp", "code": right}),
        json!({"type": "totp", "code": foreign}),
        totp(&alice.id, &wrong),
        totp(&alice.id, &right),
        totp(&bob.id, &foreign),
        totp(&bob.id, &wrong),
        totp(NOBODY, &right),
        totp("no id at all", &wrong),
        totp("", &wrong),
        recovery(&bob.codes[0]),
    ];
    let mut bodies = Vec::new();
    for answer in answers {
        let asked = s.asked("alice").await;
        let before = s.store.calls();
        let refused = s.post(&asked.verify, &asked.token, answer.clone()).await.refuses(422, "invalid_code");
        // One read and one write; a recovery code is reserved before, so twice.
        let turns = if answer["type"] == "totp" { 1 } else { 2 };
        assert_eq!(s.store.calls() - before, 2 * turns, "{answer}");
        let mut body = refused.body.clone();
        let left = body.as_object_mut().unwrap().remove("attempts_remaining").unwrap();
        assert!(left.as_u64().unwrap() < 50, "{answer} counts");
        let names: Vec<String> = refused.headers.keys().map(ToString::to_string).collect();
        bodies.push((body, names));
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:#?}");
}

#[tokio::test]
async fn asvs_6_3_8_one_who_has_no_recovery_codes_hears_the_same_as_one_who_guesses_them() {
    let (s, alice) = service().await;
    let spent = s.person("bob").await;
    for code in &alice.codes {
        let asked = s.asked("alice").await;
        s.post(&asked.verify, &asked.token, json!({"type": "recovery_code", "code": code})).await.is(200);
    }
    let again = s.asked("alice").await;
    let offered: Vec<Value> = s.get(&again.show, &again.token).await.body["methods"].as_array().unwrap().clone();
    assert!(offered.iter().all(|offer| offer["type"] != "recovery_code"), "none is left, none is offered");
    let none_left = s.post(&again.verify, &again.token, json!({"type": "recovery_code", "code": alice.codes[0]})).await;
    let guesses = s.asked("bob").await;
    let guessed =
        s.post(&guesses.verify, &guesses.token, json!({"type": "recovery_code", "code": alice.codes[0]})).await;
    assert_eq!((none_left.status, &none_left.body), (guessed.status, &guessed.body));
    assert_eq!(guessed.code(), "invalid_code");
    drop(spent);
}

#[tokio::test]
async fn cve_2025_64102_while_throttled_nothing_is_checked_and_nothing_counted() {
    let (s, alice) = service().await;
    s.hands.turn(30);
    let asked = s.asked("alice").await;
    for left in [2, 1, 0] {
        let refused = s.try_totp(&asked, &s.wrong(&alice.app)).await.refuses(422, "invalid_code");
        assert_eq!(refused.body["attempts_remaining"], left);
    }
    let commits = s.store.commits();
    let right = alice.app.code(s.hands.read());
    for wait in [30, 29, 10] {
        s.hands.turn(u64::from(wait != 30) * (u64::from(wait == 10) * 18 + 1));
        let refused = s.try_totp(&asked, &right).await.refuses(429, "throttled");
        assert_eq!((refused.header("retry-after"), &refused.body["retry_after"]), (&*wait.to_string(), &json!(wait)));
    }
    assert_eq!(s.store.commits(), commits, "a flood writes nothing");
    s.hands.turn(10);
    s.try_totp(&asked, &right).await.is(200);
}

#[tokio::test]
async fn n63b_3_2_2_a_at_the_hard_limit_only_the_holder_hears_that_it_is_disabled() {
    let s = Service::under(policy(Login::IfEnrolled).hard_limit(3));
    let alice = s.person("alice").await;
    let asked = s.asked("alice").await;
    for _ in 0..3 {
        s.try_totp(&asked, &s.wrong(&alice.app)).await.refuses(422, "invalid_code");
    }
    s.hands.turn(60);
    s.try_totp(&asked, &alice.app.code(s.hands.read())).await.refuses(423, "authenticator_disabled");
    s.ask(&format!("POST {}", asked.verify), &[], Some(json!({"type": "totp", "code": "000000"}))).await.is(401);
    let again = s.asked("alice").await;
    let in_again =
        s.post(&again.verify, &again.token, json!({"type": "recovery_code", "code": alice.codes[0]})).await.is(200);
    let status = s.get("/mfa/status", &in_again.text("access_token")).await.is(200);
    assert_eq!(status.body["authenticators"][0]["status"], "disabled");
}

#[tokio::test]
async fn asvs_6_5_1_cve_2015_7225_a_code_is_good_once_also_in_another_challenge() {
    let (s, alice) = service().await;
    s.hands.turn(30);
    let (one, two) = (s.asked("alice").await, s.asked("alice").await);
    let code = alice.app.code(s.hands.read());
    s.try_totp(&one, &code).await.is(200);
    s.try_totp(&two, &code).await.refuses(422, "invalid_code");
    s.post(&two.verify, &two.token, json!({"type": "recovery_code", "code": alice.codes[0]})).await.is(200);
    let three = s.asked("alice").await;
    let used = json!({"type": "recovery_code", "code": alice.codes[0]});
    s.post(&three.verify, &three.token, used).await.refuses(422, "invalid_code");
}

/// Sends the same answer `count` times at once; returns the statuses.
async fn race(s: &Service, asked: &Asked, answer: Value, count: usize) -> Vec<u16> {
    let mut racers = tokio::task::JoinSet::new();
    for _ in 0..count {
        let (app, path, token, body) = (s.app.clone(), asked.verify.clone(), asked.token.clone(), answer.to_string());
        racers.spawn(async move {
            let request = http::Request::post(path).header("authorization", format!("Bearer {token}"));
            let request = request.header("content-type", "application/json").body(Body::from(body)).unwrap();
            app.oneshot(request).await.unwrap().status().as_u16()
        });
    }
    racers.join_all().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn cve_2026_20779_of_sixty_four_at_once_exactly_one_succeeds() {
    let (s, alice) = service().await;
    s.hands.turn(30);
    let asked = s.asked("alice").await;
    let code = json!({"type": "totp", "code": alice.app.code(s.hands.read())});
    let statuses = race(&s, &asked, code, 64).await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    // The others come too late, or were not let into the line: nothing was compared.
    assert!(statuses.iter().all(|status| [200, 410, 503].contains(status)), "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn cve_2025_67507_of_many_recovery_codes_at_once_exactly_one_succeeds() {
    let (s, alice) = service().await;
    let asked = s.asked("alice").await;
    let statuses = race(&s, &asked, json!({"type": "recovery_code", "code": alice.codes[0]}), 16).await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 410, 422, 429, 503].contains(status)), "{statuses:?}");
}

#[tokio::test]
async fn an_answer_is_of_a_kind_that_is_built_and_complete() {
    let (s, _) = service().await;
    let asked = s.asked("alice").await;
    let commits = s.store.commits();
    for (body, field) in [
        (json!({"type": "sms", "authenticator_id": NOBODY, "code": "123456"}), "type"),
        (json!({"type": "totp"}), "code"),
        (json!({"type": "webauthn", "credential": {}}), "credential"),
        (json!({"type": "recovery_code", "authenticator_id": NOBODY, "code": "x"}), "authenticator_id"),
        (json!({"type": "totp", "code": "12345"}), "code"),
        (json!({"type": "totp", "code": "123456789"}), "code"),
        (json!({"type": "totp", "code": "abcdef"}), "code"),
        (json!({"type": "recovery_code", "code": "nonsense"}), "code"),
    ] {
        let answer = s.post(&asked.verify, &asked.token, body.clone()).await.refuses(400, "invalid_request");
        assert_eq!(answer.body["field"], field, "{body}");
    }
    assert_eq!(s.store.commits(), commits, "a slip of the finger is no guess");
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
