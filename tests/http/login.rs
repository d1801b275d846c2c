//! What a login leads to, by policy and by the state of the account.

use serde_json::json;
use tower_mfa::id::Subject;
use tower_mfa::policy::{LockSchedule, Login};

use crate::client::{Service, policy};

#[tokio::test]
async fn asvs_6_3_4_a_bound_account_is_challenged_and_an_unbound_one_follows_the_policy() {
    for (login, unbound, bound) in [
        (Login::Optional, "complete", "complete"),
        (Login::IfEnrolled, "complete", "challenge"),
        (Login::Required, "enrolment_required", "challenge"),
    ] {
        let s = Service::new(login);
        assert_eq!(s.login("alice").await.text("status"), unbound, "{login:?}");
        s.person("alice").await;
        assert_eq!(s.login("alice").await.text("status"), bound, "{login:?}");
    }
}

#[tokio::test]
async fn a_complete_login_is_a_bearer_token_of_the_first_level() {
    let s = Service::new(Login::IfEnrolled);
    let body = s.login("alice").await.body;
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(900)));
    assert_eq!((&body["acr"], &body["amr"]), (&json!("aal1"), &json!(["pwd"])));
    assert_eq!(body["auth_time"], s.hands.read().as_secs());
}

#[tokio::test]
async fn cve_2019_16766_an_enrolment_token_is_void_at_the_first_activation_and_only_the_newest_counts() {
    let s = Service::new(Login::Required);
    let first = s.login("alice").await.text("enrolment_token");
    let second = s.login("alice").await.text("enrolment_token");
    s.post("/mfa/authenticators", &first, json!({"type": "totp"})).await.refuses(401, "invalid_token");
    s.get("/mfa/status", &first).await.refuses(401, "invalid_token");
    let started = s.post("/mfa/authenticators", &second, json!({"type": "totp"})).await.is(201);
    s.enrol(&second).await;
    s.get("/mfa/status", &second).await.refuses(401, "invalid_token");
    s.post("/mfa/authenticators", &second, json!({"type": "totp"})).await.refuses(401, "invalid_token");
    let path = format!("/mfa/authenticators/{}/confirm", started.text("id"));
    s.post(&path, &second, json!({"code": "000000"})).await.refuses(401, "invalid_token");
}

#[tokio::test]
async fn cve_2026_37982_an_enrolment_token_lapses_after_ten_minutes() {
    let s = Service::new(Login::Required);
    let asked = s.login("alice").await;
    assert_eq!((&asked.body["expires_in"], &asked.body["allowed"]), (&json!(600), &json!(["totp", "webauthn"])));
    let token = asked.text("enrolment_token");
    s.hands.turn(599);
    assert_eq!(s.get("/mfa/status", &token).await.is(200).body["enrolment"], "required");
    s.hands.turn(1);
    s.post("/mfa/authenticators", &token, json!({"type": "totp"})).await.refuses(401, "invalid_token");
}

#[tokio::test]
async fn an_enrolment_token_confirms_what_it_began_and_nothing_else() {
    let s = Service::new(Login::Required);
    let (alice, bob) = (s.login("alice").await.text("enrolment_token"), s.login("bob").await.text("enrolment_token"));
    let started = s.post("/mfa/authenticators", &alice, json!({"type": "totp"})).await.is(201);
    let path = format!("/mfa/authenticators/{}/confirm", started.text("id"));
    s.post(&path, &bob, json!({"code": "000000"})).await.refuses(404, "not_found");
}

#[tokio::test]
async fn a_login_while_everything_is_locked_says_how_long_and_writes_nothing() {
    let s = Service::under(policy(Login::IfEnrolled).lock(LockSchedule::new(1, 300, &[60])));
    let alice = s.person("alice").await;
    let asked = s.asked("alice").await;
    s.post(&asked.verify, &asked.token, json!({"type": "totp", "code": s.wrong(&alice.app)})).await.is(422);
    assert_eq!(s.login("alice").await.text("status"), "challenge", "recovery codes are still free");
    // A code of somebody else's is well formed and wrong.
    let foreign = s.person("bob").await.codes.remove(0);
    s.post(&asked.verify, &asked.token, json!({"type": "recovery_code", "code": foreign})).await.is(422);
    let commits = s.store.commits();
    let blocked = s.login("alice").await;
    assert_eq!((blocked.text("status"), blocked.text("reason")), ("blocked".into(), "throttled".into()));
    assert_eq!((&blocked.body["retry_after"], &blocked.body["recovery"]), (&json!(60), &json!([])));
    assert_eq!(s.store.commits(), commits);
}

#[tokio::test]
async fn n63b_3_2_2_c_a_disabled_authenticator_counts_as_bound_so_the_login_is_blocked_not_opened() {
    for login in [Login::IfEnrolled, Login::Required] {
        let s = Service::under(policy(login).hard_limit(3));
        let alice = s.person("alice").await;
        let asked = s.asked("alice").await;
        for _ in 0..3 {
            s.post(&asked.verify, &asked.token, json!({"type": "totp", "code": s.wrong(&alice.app)})).await.is(422);
        }
        // The recovery codes are what is still usable.
        let still = s.login("alice").await;
        assert_eq!(still.body["methods"].as_array().unwrap().len(), 1);
        assert_eq!(still.body["methods"][0]["type"], "recovery_code");
        let subject = Subject::new("alice").unwrap();
        s.mfa.suspend(&subject, "root", "a test").await.unwrap();
        let blocked = s.login("alice").await;
        assert_eq!((blocked.text("status"), blocked.text("reason")), ("blocked".into(), "disabled".into()));
        assert!(blocked.body.get("retry_after").is_none());
    }
}
