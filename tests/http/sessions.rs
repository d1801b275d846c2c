//! Sessions: refreshed, listed, ended; and the events of a subject.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};
use tower_mfa::assurance::Aal;
use tower_mfa::id::Subject;
use tower_mfa::policy::{Login, SessionLimits};

use crate::client::{Service, policy};

#[tokio::test]
async fn r9470_6_1_a_refreshing_changes_neither_acr_nor_amr_nor_auth_time() {
    let s = Service::new(Login::IfEnrolled);
    let alice = s.person("alice").await;
    let before = s.get("/mfa/status", &alice.access).await.is(200).body;
    s.hands.turn(600);
    let refreshed = s.refresh(&alice.refresh).await.is(200);
    for member in ["acr", "amr", "auth_time"] {
        assert_eq!(refreshed.body[member], before[member], "{member}");
    }
    assert_ne!(refreshed.text("refresh_token"), alice.refresh);
    assert_eq!(sid(&s, &refreshed.text("access_token")).await, sid(&s, &alice.access).await, "the session is the same");
}

async fn sid(s: &Service, token: &str) -> String {
    let list = s.get("/mfa/sessions", token).await.is(200);
    let current = list.body["items"].as_array().unwrap().iter().find(|item| item["current"] == true).unwrap().clone();
    current["sid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn for_thirty_seconds_and_until_it_is_used_the_same_successor_is_given_again() {
    let s = Service::new(Login::IfEnrolled);
    let alice = s.person("alice").await;
    let next = s.refresh(&alice.refresh).await.is(200).text("refresh_token");
    s.hands.turn(30);
    let again = s.refresh(&alice.refresh).await.is(200);
    assert_eq!(again.text("refresh_token"), next, "a lost answer is no theft");
    s.get("/profile", &again.text("access_token")).await.is(200);
    let third = s.refresh(&next).await.is(200);
    // Its successor was used: whoever comes with the old one now is one of two.
    s.refresh(&alice.refresh).await.refuses(401, "invalid_token");
    s.refresh(&third.text("refresh_token")).await.refuses(401, "invalid_token");
    s.get("/profile", &third.text("access_token")).await.refuses(401, "invalid_token");
    let alice = s.signed_in("alice", &alice.app).await.text("access_token");
    let events = s.get("/mfa/events", &alice).await.is(200);
    assert!(events.body["items"].as_array().unwrap().iter().any(|event| event["kind"] == "refresh_replayed"));
}

#[tokio::test]
async fn after_thirty_seconds_a_replaced_refresh_token_ends_the_session() {
    let s = Service::new(Login::IfEnrolled);
    let alice = s.person("alice").await;
    let next = s.refresh(&alice.refresh).await.is(200);
    s.hands.turn(31);
    s.refresh(&alice.refresh).await.refuses(401, "invalid_token");
    s.refresh(&next.text("refresh_token")).await.refuses(401, "invalid_token");
    s.get("/mfa/status", &next.text("access_token")).await.refuses(401, "invalid_token");
}

#[tokio::test]
async fn a_refreshed_token_never_carries_a_step_up() {
    let s = Service::new(Login::IfEnrolled);
    let alice = s.person("alice").await;
    s.hands.turn(301);
    let opened = s.post("/mfa/challenges", &alice.access, json!({"action": "transfer_funds"})).await.is(201);
    let verify = format!("/mfa/challenges/{}/verify", opened.text("challenge_id"));
    let code = json!({"type": "totp", "code": alice.app.code(s.hands.read())});
    let answered = s.post(&verify, &alice.access, code).await.is(200);
    s.post("/transfer", &answered.text("access_token"), json!({})).await.is(200);
    let refreshed = s.refresh(&answered.text("refresh_token")).await.is(200);
    assert!(refreshed.body.get("step_up").is_none());
    let refused = s.post("/transfer", &refreshed.text("access_token"), json!({})).await;
    assert_eq!(refused.refuses(401, "insufficient_user_authentication").body["missing"], json!(["action"]));
}

#[tokio::test]
async fn asvs_7_4_1_n63b_5_1_c_after_logout_neither_token_is_good() {
    let s = Service::new(Login::IfEnrolled);
    let alice = s.person("alice").await;
    let gone = s.call(Method::POST, "/mfa/logout", Some(&alice.access), None).await.is(204);
    assert!(gone.set_cookies().is_empty(), "a program has no cookies to forget");
    s.get("/profile", &alice.access).await.refuses(401, "invalid_token");
    s.refresh(&alice.refresh).await.refuses(401, "invalid_token");
    s.call(Method::POST, "/mfa/logout", Some(&alice.access), None).await.refuses(401, "invalid_token");
}

#[tokio::test]
async fn asvs_7_5_2_sessions_are_listed_with_where_they_come_from_and_paged() {
    let s = Service::new(Login::Optional);
    let first = s.login("alice").await.text("access_token");
    for _ in 0..4 {
        s.ask("POST /login", &[], Some(json!({"user": "alice", "tablet": true}))).await.is(200);
    }
    s.login("bob").await;
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = s.get(&format!("/mfa/sessions?limit=2{after}"), &first).await.is(200).body;
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        seen.extend(items.clone());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    let sids: BTreeSet<&str> = seen.iter().map(|item| item["sid"].as_str().unwrap()).collect();
    assert_eq!((seen.len(), sids.len()), (5, 5));
    assert_eq!(seen.iter().filter(|item| item["current"] == true).count(), 1);
    let tablets: Vec<&Value> = seen.iter().filter(|item| item["client"] == "tablet").collect();
    assert_eq!(tablets.len(), 4);
    assert!(tablets.iter().all(|item| item["address"] == "203.0.113.7"));
}

#[tokio::test]
async fn asvs_7_5_2_cve_2020_5240_a_subject_ends_its_own_sessions_and_no_others() {
    let s = Service::new(Login::Optional);
    let (one, two, three) = (s.login("alice").await, s.login("alice").await, s.login("alice").await);
    let bob = s.login("bob").await.text("access_token");
    let token = one.text("access_token");
    let bobs = sid(&s, &bob).await;
    s.delete(&format!("/mfa/sessions/{bobs}"), &token).await.refuses(404, "not_found");
    s.get("/profile", &bob).await.is(200);
    let second = sid(&s, &two.text("access_token")).await;
    s.delete(&format!("/mfa/sessions/{second}"), &token).await.is(204);
    s.get("/profile", &two.text("access_token")).await.refuses(401, "invalid_token");
    s.refresh(&two.text("refresh_token")).await.refuses(401, "invalid_token");
    s.delete(&format!("/mfa/sessions/{second}"), &token).await.refuses(404, "not_found");
    s.delete("/mfa/sessions", &token).await.is(204);
    s.get("/profile", &three.text("access_token")).await.refuses(401, "invalid_token");
    s.get("/profile", &token).await.is(200);
    assert_eq!(s.get("/mfa/status", &token).await.body["sessions"], 1);
}

#[tokio::test]
async fn asvs_7_2_4_cve_2024_28197_an_answer_ends_the_session_it_started_from() {
    let s = Service::new(Login::IfEnrolled);
    let alice = s.person("alice").await;
    let before = sid(&s, &alice.access).await;
    s.hands.turn(400);
    let opened = s.post("/mfa/challenges", &alice.access, json!({"max_age": 60})).await.is(201);
    let verify = format!("/mfa/challenges/{}/verify", opened.text("challenge_id"));
    let code = json!({"type": "totp", "code": alice.app.code(s.hands.read())});
    let answered = s.post(&verify, &alice.access, code).await.is(200);
    assert_ne!(sid(&s, &answered.text("access_token")).await, before);
    s.get("/profile", &alice.access).await.refuses(401, "invalid_token");
    s.refresh(&alice.refresh).await.refuses(401, "invalid_token");
}

#[tokio::test]
async fn asvs_7_3_1_asvs_7_3_2_n63b_5_2_a_either_timeout_ends_a_session_and_use_puts_off_the_idle_one() {
    let limits = SessionLimits::overall(4000).idle(1000);
    let s = Service::under(policy(Login::IfEnrolled).session(Aal::Two, limits).access_token_ttl(Aal::Two, 3600));
    let (idle, busy) = (s.person("alice").await, s.person("bob").await);
    let mut refresh = busy.refresh;
    for _ in 0..4 {
        s.hands.turn(990);
        refresh = s.refresh(&refresh).await.is(200).text("refresh_token");
    }
    s.refresh(&idle.refresh).await.refuses(401, "invalid_token");
    s.get("/mfa/status", &idle.access).await.refuses(401, "invalid_token");
    s.hands.turn(40);
    s.refresh(&refresh).await.refuses(401, "invalid_token");
}

/// Rows: ASVS-7.2.1
#[tokio::test]
async fn n63b_5_1_1_c_an_access_token_does_not_outlive_its_session() {
    let limits = SessionLimits::overall(300);
    let s = Service::under(policy(Login::IfEnrolled).session(Aal::One, limits));
    let body = s.login("alice").await.body;
    assert_eq!(body["expires_in"], 300, "900 s would be longer than the session");
}

#[tokio::test]
async fn asvs_16_3_1_events_are_the_subjects_own_and_every_page_of_them_comes_once() {
    let s = Service::new(Login::IfEnrolled);
    let alice = s.person("alice").await;
    s.person("bob").await;
    for _ in 0..3 {
        s.asked("alice").await;
    }
    let whole = s.get("/mfa/events?limit=200", &alice.access).await.is(200).body;
    assert_eq!(whole["next"], Value::Null);
    let (mut paged, mut after) = (Vec::new(), String::new());
    loop {
        let page = s.get(&format!("/mfa/events?limit=2{after}"), &alice.access).await.is(200).body;
        paged.extend(page["items"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(Value::from(paged.clone()), whole["items"]);
    assert!(
        paged
            .iter()
            .any(|event| event["kind"] == "authenticator_bound" && event["authenticator_id"] == alice.id.as_str())
    );
    assert!(!whole.to_string().contains(&alice.codes[0]), "no event holds a code");
}

#[tokio::test]
async fn asvs_7_4_2_asvs_7_4_5_what_an_operator_ends_is_over_for_every_token() {
    let s = Service::new(Login::IfEnrolled);
    let subject = Subject::new("alice").unwrap();
    let alice = s.person("alice").await;
    let asked = s.asked("alice").await;
    s.mfa.end_sessions(&subject, "root", "a test").await.unwrap();
    s.get("/profile", &alice.access).await.refuses(401, "invalid_token");
    s.refresh(&alice.refresh).await.refuses(401, "invalid_token");
    s.get(&asked.show, &asked.token).await.refuses(410, "challenge_gone");

    let again = s.signed_in("alice", &alice.app).await;
    let asked = s.asked("alice").await;
    s.mfa.suspend(&subject, "root", "a test").await.unwrap();
    s.get("/mfa/status", &again.text("access_token")).await.refuses(401, "invalid_token");
    s.refresh(&again.text("refresh_token")).await.refuses(401, "invalid_token");
    let code = json!({"type": "recovery_code", "code": alice.codes[0]});
    s.post(&asked.verify, &asked.token, code.clone()).await.refuses(410, "challenge_gone");
    assert_eq!(s.login("alice").await.text("status"), "blocked");

    s.mfa.unlock(&subject, "root", "a test").await.unwrap();
    s.post(&asked.verify, &asked.token, code).await.refuses(410, "challenge_gone");
    s.signed_in("alice", &alice.app).await;
    s.mfa.erase(&subject, "root", "a test").await.unwrap();
    s.refresh(&again.text("refresh_token")).await.refuses(401, "invalid_token");
    assert_eq!(s.login("alice").await.text("status"), "complete", "somebody new");
}
