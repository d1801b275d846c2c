//! The error table: every row of it is what a real request is answered with.

use std::collections::BTreeMap;

use serde_json::json;
use tower_mfa::policy::{Login, SessionLimits};

use crate::client::{Answer, Service, policy};
use crate::document::errors;

/// Makes every error happen once; returns the answers by their code.
async fn every_error() -> BTreeMap<String, Answer> {
    let s = Service::new(Login::IfEnrolled);
    let (alice, bob) = (s.person("alice").await, s.login("bob").await.text("access_token"));
    let mut seen = BTreeMap::new();
    let mut note = |answer: Answer| drop(seen.insert(answer.code().to_owned(), answer));
    note(s.post("/mfa/challenges", &alice.access, json!({"acr": "aal9"})).await);
    note(s.ask("GET /mfa/status", &[], None).await);
    note(s.get("/mfa/status", "eyJhbGciOiJub25lIn0.e30.").await);
    note(s.get("/ops", &alice.access).await);
    note(s.ask("POST /mfa/logout", &[("cookie", "__Host-mfa=x"), ("sec-fetch-site", "cross-site")], None).await);
    note(s.delete(&format!("/mfa/authenticators/{}", alice.id), &bob).await);
    note(s.post("/mfa/challenges", &bob, json!({})).await);
    note(s.post("/mfa/challenges", &bob, json!({"state": {"long": "x".repeat(70_000)}})).await);
    note(
        s.ask(
            "POST /mfa/disable",
            &[("authorization", &format!("Bearer {bob}")), ("content-type", "text/plain")],
            None,
        )
        .await,
    );
    let asked = s.asked("alice").await;
    let wrong = json!({"type": "totp", "code": s.wrong(&alice.app)});
    for _ in 0..4 {
        note(s.post(&asked.verify, &asked.token, wrong.clone()).await);
    }
    s.hands.turn(301);
    note(s.get(&asked.show, &asked.token).await);
    note(s.post("/mfa/recovery-codes", &alice.access, json!({})).await);
    s.store.set(false);
    note(s.get("/mfa/status", &alice.access).await);

    let enforced = Service::under(policy(Login::Required).hard_limit(3));
    let carol = enforced.person("carol").await;
    note(enforced.delete(&format!("/mfa/authenticators/{}", carol.id), &carol.access).await);
    let asked = enforced.asked("carol").await;
    let guess = async || {
        let wrong = json!({"type": "totp", "authenticator_id": carol.id, "code": enforced.wrong(&carol.app)});
        enforced.post(&asked.verify, &asked.token, wrong).await
    };
    for _ in 0..3 {
        guess().await.refuses(422, "invalid_code");
    }
    note(guess().await);
    seen
}

#[tokio::test]
async fn every_row_of_the_error_table_is_what_a_request_is_answered_with() {
    let (seen, documented) = (every_error().await, errors());
    assert_eq!(seen.keys().collect::<Vec<_>>(), documented.keys().collect::<Vec<_>>());
    for (code, row) in documented {
        let answer = &seen[&code];
        assert_eq!(answer.status.as_u16(), row.status, "{code}");
        for member in row.members {
            assert!(!answer.body[&member].is_null(), "{member} of {}", answer.body);
        }
        for header in row.headers {
            assert!(answer.headers.contains_key(&*header), "{header} of {code}");
        }
    }
    assert_eq!(seen["unauthenticated"].header("www-authenticate"), "Bearer realm=\"Example Bank\"");
    let invalid = seen["invalid_token"].header("www-authenticate");
    assert!(invalid.starts_with("Bearer realm=\"Example Bank\", error=\"invalid_token\""), "{invalid}");
    assert!(seen["insufficient_scope"].header("www-authenticate").ends_with("scope=\"ops\""));
    assert_eq!(seen["throttled"].header("retry-after"), seen["throttled"].body["retry_after"].to_string());
    assert_eq!(seen["no_eligible_authenticator"].body["allowed"], json!(["totp", "webauthn"]));
}

#[tokio::test]
async fn r9470_3_d_a_route_of_ours_that_wants_more_says_so_as_the_layers_do() {
    let s = Service::new(Login::IfEnrolled);
    let alice = s.person("alice").await;
    s.hands.turn(301);
    let layer = s.get("/fresh", &alice.access).await.is(401);
    let ours = s.post("/mfa/recovery-codes", &alice.access, json!({})).await.is(401);
    assert_eq!(ours.body, layer.body);
    assert_eq!(ours.header("www-authenticate"), layer.header("www-authenticate"));
    assert_eq!(ours.body["required"], json!({"acr": "aal2", "max_age": 300}));
    assert_eq!((&ours.body["missing"], &ours.body["step_up_uri"]), (&json!(["freshness"]), &json!("/mfa/challenges")));
    assert_eq!(
        ours.header("www-authenticate"),
        "Bearer realm=\"Example Bank\", error=\"insufficient_user_authentication\", error_description=\"This resource \
         asks for a stronger or a more recent authentication.\", acr_values=\"aal2\", max_age=\"300\""
    );
}

/// Rows: CVE-2026-33315, CVE-2020-26136
#[tokio::test]
async fn r6750_3_1_b_no_credentials_no_error_and_another_scheme_is_none() {
    let s = Service::new(Login::IfEnrolled);
    for headers in [&[][..], &[("authorization", "Basic YWxpY2U6cHc=")]] {
        let answer = s.ask("GET /mfa/status", headers, None).await.refuses(401, "unauthenticated");
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"Example Bank\"");
    }
}

#[tokio::test]
async fn r9470_9_b_a_bad_token_learns_nothing_of_what_a_route_wants() {
    let s =
        Service::under(policy(Login::IfEnrolled).session(tower_mfa::assurance::Aal::Two, SessionLimits::overall(3600)));
    let answer = s.get("/vault", "eyJhbGciOiJub25lIn0.e30.").await.refuses(401, "invalid_token");
    assert!(!answer.header("www-authenticate").contains("acr_values") && answer.body.get("required").is_none());
}
