//! The contract, line by line: every route of `docs/HTTP.md`, and every member of its answers.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tower_mfa::policy::Login;

use crate::admin::operator;
use crate::client::Service;
use crate::document::{ADMINISTRATION, exactly, members, not_built, routes};
use crate::openapi::Document;

/// The routes that are served: router and OpenAPI document are made of one table.
pub(crate) fn served() -> BTreeSet<String> {
    let s = Service::new(Login::IfEnrolled);
    Document::of(&s.mfa).operations().into_iter().map(|(route, _)| route).collect()
}

/// Rows: ASVS-6.1.3, ASVS-6.3.4
#[test]
fn every_documented_route_is_served_or_known_not_to_be_built_yet() {
    let (documented, not_built) = (routes(), not_built());
    assert_eq!(not_built.difference(&documented).count(), 0, "a route nobody documents is called not built");
    let expected: BTreeSet<String> = documented.difference(&not_built).cloned().collect();
    assert_eq!(served(), expected);
}

/// A path with ids in it that are ids of nobody.
pub(crate) fn concrete(route: &str) -> String {
    let id = "AAAAAAAAAAAAAAAAAAAAAA";
    route.replace("{id}", id).replace("{sid}", id).replace("{subject}", "alice")
}

#[tokio::test]
async fn every_served_route_answers_and_none_does_so_without_a_token() {
    let s = Service::new(Login::IfEnrolled);
    for route in served() {
        let answer = s.ask(&concrete(&route), &[], None).await;
        match &*route {
            "GET /.well-known/jwks.json"
            | "GET /.well-known/webauthn"
            | "GET /mfa/openapi.json"
            | "GET /mfa/mfa.js" => {
                drop(answer.is(200));
            }
            // Anybody may ask to sign in; what it is about stands in the body.
            "POST /mfa/passkeys/start" => drop(answer.is(200)),
            "POST /mfa/passkeys/finish" => drop(answer.refuses(415, "unsupported_media_type")),
            // Its token is no credential of the request but what the request is about.
            "POST /mfa/token/refresh" => {
                assert_eq!(answer.refuses(400, "invalid_request").body["field"], "refresh_token")
            }
            _ => {
                let answer = answer.refuses(401, "unauthenticated");
                assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"Example Bank\"", "{route}");
            }
        }
    }
    assert_eq!(s.store.calls(), 0, "nothing of it reaches the store");
}

#[tokio::test]
async fn what_is_not_built_is_not_found() {
    let s = Service::new(Login::IfEnrolled);
    let alice = s.person("alice").await;
    let bearer = format!("Bearer {}", alice.access);
    for route in &not_built() {
        let answer = s.ask(&concrete(route), &[("authorization", &bearer)], None).await;
        assert_eq!(answer.status, 404, "{route}");
        // What is not below a prefix of ours is the host's to answer.
        assert!(route.contains(" /.well-known/") || answer.code() == "not_found", "{route}");
    }
}

#[tokio::test]
async fn a_login_answers_with_the_documented_members() {
    let s = Service::new(Login::IfEnrolled);
    let complete = members("{\"status\":\"complete\"", "{");
    exactly(&s.login("alice").await.body, &complete);
    s.person("alice").await;
    let asked = s.login("alice").await;
    exactly(&asked.body, &members("{\"status\":\"challenge\"", "{"));
    let totp = members("An entry of `methods`: ", "{\"type\":\"totp\"");
    exactly(&asked.body["methods"][0], &totp);
    exactly(&asked.body["methods"][1], &members("An entry of `methods`: ", "{\"type\":\"recovery_code\""));
    let required = Service::new(Login::Required);
    let enrolment = required.login("alice").await;
    exactly(&enrolment.body, &members("{\"status\":\"enrolment_required\"", "{"));
    let blocked = members("{\"status\":\"blocked\"", "{");
    assert!(blocked["retry_after"], "it may be left out");
    required.person("alice").await;
    let alice = tower_mfa::id::Subject::new("alice").unwrap();
    required.mfa.suspend(&alice, "root", "a test").await.unwrap();
    exactly(&required.login("alice").await.body, &blocked);
}

#[tokio::test]
async fn a_challenge_answers_with_the_documented_members() {
    let s = Service::new(Login::IfEnrolled);
    let alice = s.person("alice").await;
    let call = "`POST /mfa/challenges` (session token)";
    let at_once = s.post("/mfa/challenges", &alice.access, json!({"action": "transfer_funds"})).await.is(200);
    let mut complete = members(call, "`200 ");
    complete.insert("step_up".into(), true);
    exactly(&at_once.body, &complete);
    assert!(at_once.body.get("refresh_token").is_none(), "no new refresh token");
    let ask = json!({"action": "transfer_funds", "bind": {"to": "bob"}, "state": {"form": 1}});
    let opened = s.post("/mfa/challenges", &alice.access, ask).await.is(201);
    exactly(&opened.body, &members(call, "201"));
    let path = format!("/mfa/challenges/{}", opened.text("challenge_id"));
    let shown = s.get(&path, &alice.access).await.is(200);
    exactly(&shown.body, &members("`GET /mfa/challenges/{id}`", "200"));
    assert_eq!(shown.body["status"], "pending");
    s.hands.turn(30);
    let answer = json!({"type": "recovery_code", "code": alice.codes[0]});
    let answered = s.post(&format!("{path}/verify"), &alice.access, answer).await.is(200);
    let mut verified = members("`POST /mfa/challenges/{id}/verify`", "`200 ");
    verified.insert("state".into(), true);
    exactly(&answered.body, &verified);
    let step_up = &answered.body["step_up"];
    exactly(step_up, &members("\"step_up\":{\"jti\"", "{"));
    assert_eq!(answered.body["state"], json!({"form": 1}));
}

#[tokio::test]
async fn an_enrolment_answers_with_the_documented_members() {
    let s = Service::new(Login::IfEnrolled);
    let token = s.login("alice").await.text("access_token");
    let started = s.post("/mfa/authenticators", &token, json!({"type": "totp"})).await.is(201);
    exactly(&started.body, &members("`POST /mfa/authenticators` |", "201"));
    assert_eq!((&started.body["type"], &started.body["expires_in"]), (&json!("totp"), &json!(600)));
    let pending = s.get("/mfa/status", &token).await.is(200);
    exactly(&pending.body, &members("| `GET /mfa/status`", "200"));
    let (_, bound) = s.enrol(&token).await;
    exactly(&bound.body, &members("`POST /mfa/authenticators/{id}/confirm`", "200"));
    let authenticator = members("An authenticator: ", "{");
    exactly(&bound.body["authenticator"], &authenticator);
    let token = bound.text("access_token");
    let path = format!("/mfa/authenticators/{}", bound.body["authenticator"]["id"].as_str().unwrap());
    let renamed = s.call(http::Method::PATCH, &path, Some(&token), Some(json!({"label": "new"}))).await.is(200);
    exactly(&renamed.body, &members("`PATCH /mfa/authenticators/{id}`", "200"));
    exactly(&renamed.body["authenticator"], &authenticator);
    let codes = s.post("/mfa/recovery-codes", &token, json!({})).await.is(200);
    exactly(&codes.body, &members("`POST /mfa/recovery-codes`", "200"));
    let status = s.get("/mfa/status", &token).await.is(200);
    exactly(&status.body, &members("| `GET /mfa/status`", "200"));
    exactly(&status.body["authenticators"][0], &authenticator);
    exactly(&status.body["recovery_codes"], &members("| `GET /mfa/status`", "\"recovery_codes\":"));
    s.delete(&path, &token).await.is(204);
}

#[tokio::test]
async fn an_explanation_answers_with_the_documented_members() {
    let s = Service::new(Login::IfEnrolled);
    let root = operator(&s).await;
    let asked = format!("{ADMINISTRATION}/explain?method=GET&path=/account&subject=root");
    let explained = s.get(&asked, &root).await.is(200).body;
    exactly(&explained, &members("`GET /explain`", "200"));
    let [finding] = explained["findings"].as_array().unwrap().as_slice() else { panic!("one: {explained}") };
    exactly(finding, &members("`GET /explain`", "\"findings\":"));
}

#[tokio::test]
async fn sessions_and_events_answer_with_the_documented_members() {
    let s = Service::new(Login::IfEnrolled);
    let alice = s.person("alice").await;
    let refreshed = s.refresh(&alice.refresh).await.is(200);
    exactly(&refreshed.body, &members("{\"status\":\"complete\"", "{"));
    for path in ["/mfa/sessions", "/mfa/events"] {
        let list = s.get(path, &alice.access).await.is(200);
        exactly(&list.body, &members("Lists are `", "{"));
    }
    let sessions = s.get("/mfa/sessions", &alice.access).await.is(200);
    exactly(&sessions.body["items"][0], &members("`GET /mfa/sessions` (items `", "{"));
    let events = s.get("/mfa/events", &alice.access).await.is(200);
    for event in events.body["items"].as_array().unwrap() {
        for (name, optional) in members("`GET /mfa/events` (the subject's own: `", "{") {
            assert!(optional || !event[&name].is_null(), "{name} of {event}");
        }
        let numbers = ["at", "count", "until"];
        let typed = |(name, value): (&String, &Value)| value.is_u64() == numbers.contains(&&**name);
        assert!(event.as_object().unwrap().iter().all(typed), "{event}");
    }
    s.call(http::Method::POST, "/mfa/logout", Some(&alice.access), None).await.is(204);
}
