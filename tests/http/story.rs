use http::Method;
use serde_json::json;
use tower_mfa::policy::Login;

use crate::client::Service;

#[tokio::test]
async fn a_person_enrols_signs_in_steps_up_loses_the_phone_and_gets_in_again() {
    let s = Service::new(Login::IfEnrolled);
    // The first login: nothing is bound, so it is complete with the password.
    let first = s.login("alice").await;
    assert_eq!((first.text("status"), first.text("acr")), ("complete".into(), "aal1".into()));
    assert_eq!(first.body["amr"], json!(["pwd"]));
    let password_only = first.text("access_token");
    s.get("/profile", &password_only).await.is(200);
    let refused = s.get("/account", &password_only).await.is(401);
    assert_eq!(refused.code(), "insufficient_user_authentication");
    assert_eq!(refused.body["step_up_uri"], "/mfa/challenges");
    assert_eq!(
        s.post("/mfa/challenges", &password_only, json!({"acr": "aal2"})).await.is(409).code(),
        "no_eligible_authenticator"
    );

    // Enrol: the confirmation raises the session and gives recovery codes, once.
    let (app, bound) = s.enrol(&password_only).await;
    assert_eq!(bound.text("acr"), "aal2");
    assert_eq!(bound.body["amr"], json!(["pwd", "otp", "mfa", "totp"]));
    assert_eq!(bound.body["recovery_codes"].as_array().unwrap().len(), 5);
    let raised = bound.text("access_token");
    s.get("/account", &raised).await.is(200);
    assert_eq!(s.get("/profile", &password_only).await.is(401).code(), "invalid_token", "the session before has ended");
    assert_eq!(s.get("/vault", &raised).await.is(401).body["required"], json!({"acr": "aal3", "phr": true}));

    // A transfer: the fresh factor satisfies it without another code.
    assert_eq!(s.post("/transfer", &raised, json!({})).await.is(401).body["missing"], json!(["action"]));
    let at_once = s.post("/mfa/challenges", &raised, json!({"action": "transfer_funds"})).await.is(200);
    assert_eq!(at_once.body["step_up"]["action"], "transfer_funds");
    assert!(at_once.body.get("refresh_token").is_none());
    s.post("/transfer", &at_once.text("access_token"), json!({})).await.is(200);
    s.call(Method::POST, "/mfa/logout", Some(&raised), None).await.is(204);
    s.get("/profile", &raised).await.is(401);

    // Sign in with a code; the same code again is refused.
    s.hands.turn(30);
    let login = s.login("alice").await;
    assert_eq!(login.text("status"), "challenge");
    let (id, token) = (login.text("challenge_id"), login.text("challenge_token"));
    let verify = format!("/mfa/challenges/{id}/verify");
    let wrong = s.post(&verify, &token, json!({"type": "totp", "code": "000000"})).await.is(422);
    assert_eq!((wrong.code(), &wrong.body["attempts_remaining"]), ("invalid_code", &json!(2)));
    let code = app.code(s.hands.read());
    let answered = s.post(&verify, &token, json!({"type": "totp", "code": code})).await.is(200);
    assert_eq!(answered.text("acr"), "aal2");
    assert_eq!(s.post(&verify, &token, json!({"type": "totp", "code": code})).await.is(410).code(), "challenge_gone");

    // The phone is lost: a recovery code beside the password.
    let codes = bound.body["recovery_codes"].as_array().unwrap();
    let login = s.login("alice").await;
    let (id, token) = (login.text("challenge_id"), login.text("challenge_token"));
    let verify = format!("/mfa/challenges/{id}/verify");
    let in_again = s.post(&verify, &token, json!({"type": "recovery_code", "code": codes[0]})).await.is(200);
    assert_eq!((in_again.text("acr"), &in_again.body["recovery_codes_remaining"]), ("aal2".into(), &json!(4)));
    let status = s.get("/mfa/status", &in_again.text("access_token")).await.is(200);
    assert_eq!(status.body["sessions"], 2);
    assert_eq!(status.body["authenticators"][0]["status"], "active");
    let events = s.get("/mfa/events", &in_again.text("access_token")).await.is(200);
    assert!(events.body["items"].as_array().unwrap().iter().any(|e| e["kind"] == "recovery_code_used"));
}
