//! Answers to a challenge: what they cost, what they say, and that each is good once.

use axum::body::Body;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use tower_mfa::policy::{LockSchedule, Login};

use crate::client::{Answer, Asked, Person, Service, policy};

const NOBODY: &str = "AAAAAAAAAAAAAAAAAAAAAA";

async fn service() -> (Service, Person) {
    let s = Service::new(Login::IfEnrolled);
    let alice = s.person("alice").await;
    (s, alice)
}

impl Service {
    pub(crate) async fn try_totp(&self, asked: &Asked, code: &str) -> Answer {
        self.post(&asked.verify, &asked.token, json!({"type": "totp", "code": code})).await
    }
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

/// The answer that begins a pause says how long it is, and no other does.
#[track_caller]
pub(crate) fn begins_a_pause(refused: &Answer, begins: bool) {
    let told = (refused.body["retry_after"].as_u64(), refused.headers.get("retry-after").map(|value| value.as_bytes()));
    assert_eq!(told, if begins { (Some(30), Some(&b"30"[..])) } else { (None, None) });
}

#[tokio::test]
async fn every_way_of_answering_says_how_long_the_pause_is_that_it_begins() {
    let (s, alice) = service().await;
    let asked = s.asked("alice").await;
    let (start, last) = alice.codes[0].split_at(alice.codes[0].len() - 1);
    let other = format!("{start}{}", if last == "0" { "1" } else { "0" });
    for left in [2, 1, 0] {
        let wrong = json!({"type": "recovery_code", "code": other});
        let refused = s.post(&asked.verify, &asked.token, wrong).await.refuses(422, "invalid_code");
        assert_eq!(refused.body["attempts_remaining"], left);
        begins_a_pause(&refused, left == 0);
    }
    let pay = json!({"action": "transfer_funds", "bind": {"to": "bob"}});
    let opened = s.post("/mfa/challenges", &alice.access, pay).await.is(201);
    let path = format!("/mfa/challenges/{}/verify", opened.text("challenge_id"));
    for left in [4, 3, 2, 1, 0] {
        let wrong = json!({"type": "totp", "code": s.wrong(&alice.app)});
        let refused = s.post(&path, &alice.access, wrong).await.refuses(422, "invalid_code");
        assert_eq!(refused.body["attempts_remaining"], left, "the budget of a session");
        begins_a_pause(&refused, left == 0);
    }
}

#[tokio::test]
async fn cve_2025_64102_while_throttled_nothing_is_checked_and_nothing_counted() {
    let (s, alice) = service().await;
    s.hands.turn(30);
    let asked = s.asked("alice").await;
    for left in [2, 1, 0] {
        let refused = s.try_totp(&asked, &s.wrong(&alice.app)).await.refuses(422, "invalid_code");
        assert_eq!(refused.body["attempts_remaining"], left);
        begins_a_pause(&refused, left == 0);
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
