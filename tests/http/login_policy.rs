//! The login policy on the wire: what a grace looks like, what is refused, and which door leads where.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{Method, Request};
use serde_json::{Value, json};
use tower_mfa::assurance;
use tower_mfa::clock::Timestamp;
use tower_mfa::policy::{Grace, Login, LoginPolicy, LoginRule};

use crate::client::{Answer, Service, policy};

fn under(login: impl Into<LoginPolicy>) -> Service {
    Service::under(policy(Login::IfEnrolled).login(login))
}

/// Signs alice in, as the host describes her.
async fn login(s: &Service, described: Value) -> Answer {
    let mut body = json!({"user": "alice"});
    for (name, value) in described.as_object().unwrap() {
        body[name] = value.clone();
    }
    s.call(Method::POST, "/login", None, Some(body)).await.is(200)
}

#[tokio::test]
async fn a_grace_is_a_complete_login_and_a_status_that_says_until_when() {
    let end = crate::client::Hands::default().read().as_secs() + 86_400;
    let s = under(Login::RequiredAfter(Grace::new(Some(Timestamp::from_secs(end)), Some(2)).unwrap()));
    for _ in 0..2 {
        let signed_in = s.login("alice").await;
        assert_eq!((signed_in.text("status"), signed_in.text("acr")), ("complete".into(), "aal1".into()));
    }
    let token = s.login("bob").await.text("access_token");
    let status = s.get("/mfa/status", &token).await.is(200).body;
    assert_eq!((&status["enrolment"], &status["grace_until"]), (&json!("required"), &json!(end)));
    let events = s.get("/mfa/events", &token).await.is(200).body;
    let due = &events["items"][1];
    assert_eq!((&due["kind"], &due["count"], &due["until"]), (&json!("enrolment_due"), &json!(1), &json!(end)));
    let late = s.login("alice").await;
    assert_eq!(
        (late.text("status"), &late.body["allowed"]),
        ("enrolment_required".into(), &json!(["totp", "webauthn"]))
    );
    let status = s.get("/mfa/status", &late.text("enrolment_token")).await.is(200).body;
    assert_eq!((&status["enrolment"], status.get("grace_until")), (&json!("required"), None));
    let (_, bound) = s.enrol(&token).await;
    let status = s.get("/mfa/status", &bound.text("access_token")).await.is(200).body;
    assert_eq!((&status["enrolment"], status.get("grace_until")), (&json!("complete"), None));
}

/// Rows: GHSA-xg6x-h9c9-2m83, CVE-2026-32246
#[tokio::test]
async fn whoever_has_one_of_two_gets_an_enrolment_token_at_verify_and_no_session() {
    let s = under(LoginPolicy::new(Login::Required).at_least(2));
    let alice = s.person("alice").await;
    let path = format!("/mfa/authenticators/{}", alice.id);
    s.delete(&path, &alice.access).await.refuses(409, "conflict");
    s.post("/mfa/disable", &alice.access, json!({})).await.refuses(403, "forbidden");
    s.hands.turn(30);
    let asked = s.asked("alice").await;
    let code = alice.app.code(s.hands.read());
    let answer = s.post(&asked.verify, &asked.token, json!({"type": "totp", "code": code})).await.is(200);
    let members: Vec<&String> = answer.body.as_object().unwrap().keys().collect();
    assert_eq!(members, ["allowed", "enrolment_token", "expires_in", "status"]);
    assert_eq!((answer.text("status"), &answer.body["expires_in"]), ("enrolment_required".into(), &json!(600)));
    let token = answer.text("enrolment_token");
    for (method, path) in [(Method::GET, "/profile"), (Method::GET, "/mfa/sessions"), (Method::POST, "/mfa/challenges")]
    {
        s.call(method, path, Some(&token), None).await.is(401);
    }
    let (_, bound) = s.enrol(&token).await;
    assert_eq!(bound.text("acr"), "aal2");
    s.get("/account", &bound.text("access_token")).await.is(200);
    s.get("/mfa/status", &token).await.refuses(401, "invalid_token");
}

#[tokio::test]
async fn what_policy_lets_nobody_bind_is_forbidden_and_one_too_many_is_a_conflict() {
    // Without cookies nothing else here is forbidden, so the document has to speak of it.
    let s = Service::with(Login::Off, |builder| builder.cookies(false));
    let token = s.login("alice").await.text("access_token");
    s.post("/mfa/authenticators", &token, json!({"type": "totp"})).await.refuses(403, "forbidden");
    assert_eq!(s.get("/mfa/status", &token).await.is(200).body["enrolment"], "optional");
    let refused = s.post("/mfa/challenges", &token, json!({})).await.refuses(409, "no_eligible_authenticator");
    assert_eq!(refused.body["allowed"], json!([]));
    let s = under(LoginPolicy::default().at_most(1));
    let alice = s.person("alice").await;
    s.post("/mfa/authenticators", &alice.access, json!({"type": "totp"})).await.refuses(409, "conflict");
    // Kinds to come are allowed beside it; what is offered is what there is.
    let s = under(LoginPolicy::new(Login::Required).kinds([assurance::Method::Totp, assurance::Method::Push]));
    assert_eq!(s.login("alice").await.body["allowed"], json!(["totp"]));
}

/// Rows: CVE-2026-22594
#[tokio::test]
async fn the_rule_of_a_client_adds_to_that_of_a_group_and_no_header_chooses_another() {
    let login_policy = LoginPolicy::new(Login::Optional)
        .rule(LoginRule::new("staff").groups(["staff"]).mode(Login::IfEnrolled))
        .rule(LoginRule::new("tablets of staff").groups(["staff"]).clients(["tablet"]).mode(Login::Required));
    let s = under(login_policy);
    assert_eq!(login(&s, json!({})).await.text("status"), "complete");
    assert_eq!(login(&s, json!({"tablet": true})).await.text("status"), "complete");
    assert_eq!(login(&s, json!({"group": "staff"})).await.text("status"), "complete");
    let strict = login(&s, json!({"group": "staff", "tablet": true})).await;
    assert_eq!(strict.text("status"), "enrolment_required");
    let (app, bound) = s.enrol(&strict.text("enrolment_token")).await;
    // Where nobody must have MFA it can be given up, and where somebody must it cannot.
    let id = bound.body["authenticator"]["id"].as_str().unwrap().to_owned();
    s.delete(&format!("/mfa/authenticators/{id}"), &bound.text("access_token")).await.refuses(409, "conflict");
    assert_eq!(login(&s, json!({"group": "staff"})).await.text("status"), "challenge");
    assert_eq!(login(&s, json!({})).await.text("status"), "complete");
    s.hands.turn(30);
    let asked = login(&s, json!({"group": "staff"})).await;
    let verify = format!("/mfa/challenges/{}/verify", asked.text("challenge_id"));
    let answer = json!({"type": "totp", "code": app.code(s.hands.read())});
    let usual = s.post(&verify, &asked.text("challenge_token"), answer).await.is(200).text("access_token");
    s.delete(&format!("/mfa/authenticators/{id}"), &usual).await.is(204);
}

/// Asks for a new access token, from `peer`.
async fn refreshed(s: &Service, token: &str, peer: Option<&str>) -> Answer {
    let request = Request::builder().method(Method::POST).uri("/mfa/token/refresh");
    let request = request.header("content-type", "application/json").header("x-forwarded-for", "10.0.0.9");
    let mut request = request.body(Body::from(json!({"refresh_token": token}).to_string())).unwrap();
    if let Some(peer) = peer {
        request.extensions_mut().insert(ConnectInfo::<SocketAddr>(peer.parse().unwrap()));
    }
    s.send(request).await
}

/// Rows: CVE-2026-20896
#[tokio::test]
async fn a_rule_for_whoever_is_outside_holds_for_an_address_nobody_knows() {
    let office = "10.0.0.0/8".parse().unwrap();
    let s = under(
        LoginPolicy::new(Login::Optional).rule(LoginRule::new("away").outside_networks([office]).mode(Login::Required)),
    );
    assert_eq!(login(&s, json!({})).await.text("status"), "enrolment_required");
    assert_eq!(login(&s, json!({"address": "192.0.2.7"})).await.text("status"), "enrolment_required");
    let inside = login(&s, json!({"address": "10.0.0.9"})).await;
    assert_eq!(inside.text("status"), "complete");
    let token = inside.text("refresh_token");
    // The header is anybody's; what counts is the peer.
    for outside in [None, Some("192.0.2.7:4711"), Some("[2001:db8::1]:4711")] {
        refreshed(&s, &token, outside).await.refuses(401, "invalid_token");
    }
    refreshed(&s, &token, Some("10.0.0.9:4711")).await.is(200);
}
