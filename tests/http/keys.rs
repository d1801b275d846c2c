//! Passkeys and security keys over HTTP, as a browser meets them.

use serde_json::{Value, json};
use tower_mfa::policy::Login;
use tower_mfa::testing::SoftAuthenticator;

use crate::client::{Answer, ORIGIN, Service};
use crate::document::{exactly, members};

/// What `navigator.credentials.create` gives for the answer of the server.
fn created(key: &mut SoftAuthenticator, started: &Answer) -> Value {
    serde_json::from_str(&key.register(&started.body["public_key"].to_string(), ORIGIN).unwrap()).unwrap()
}

/// What `navigator.credentials.get` gives for it.
fn got(key: &mut SoftAuthenticator, public_key: &Value) -> Value {
    serde_json::from_str(&key.assert(&public_key.to_string(), ORIGIN).unwrap()).unwrap()
}

impl Service {
    async fn bound(&self, name: &str, kind: &str, key: &mut SoftAuthenticator) -> Answer {
        let token = self.login(name).await.text("access_token");
        let wanted = json!({"type": "webauthn", "kind": kind, "label": "Key ring"});
        let started = self.post("/mfa/authenticators", &token, wanted).await.is(201);
        exactly(&started.body, &members("`{\"type\":\"webauthn\",\"kind\":", "201"));
        let path = format!("/mfa/authenticators/{}/confirm", started.text("id"));
        self.post(&path, &token, json!({"credential": created(key, &started)})).await.is(200)
    }

    async fn finish(&self, started: &Answer, credential: &Value) -> Answer {
        let body = json!({
            "challenge_id": started.text("challenge_id"),
            "challenge_token": started.text("challenge_token"),
            "credential": credential,
        });
        self.ask("POST /mfa/passkeys/finish", &[], Some(body)).await
    }
}

/// Every answer about keys that is no refusal.
pub(crate) async fn everything_about_keys(s: &Service) {
    s.ask("GET /.well-known/webauthn", &[], None).await.is(200);
    let mut key = SoftAuthenticator::passkey();
    let bound = s.bound("dora", "passkey", &mut key).await;
    let started = s.ask("POST /mfa/passkeys/start", &[], None).await.is(200);
    s.finish(&started, &got(&mut key, &started.body["public_key"])).await.is(200);
    let fresh = json!({"max_age": 0});
    s.hands.turn(1);
    let opened = s.post("/mfa/challenges", &bound.text("access_token"), fresh).await.is(201);
    let credential = got(&mut key, &opened.body["methods"][0]["public_key"]);
    let path = format!("/mfa/challenges/{}/verify", opened.text("challenge_id"));
    s.post(&path, &bound.text("access_token"), json!({"type": "webauthn", "credential": credential})).await.is(200);
}

/// WA-14.6.3: the list of all is for its owner alone, in the form the browser takes it in.
#[tokio::test]
async fn wa_14_6_3_a_status_says_which_keys_are_left() {
    let s = Service::new(Login::IfEnrolled);
    let token = s.login("alice").await.text("access_token");
    let status = s.get("/mfa/status", &token).await.is(200);
    assert!(status.body.get("accepted_credentials").is_none(), "no key was ever asked for");
    let mut key = SoftAuthenticator::passkey();
    let wanted = json!({"type": "webauthn", "kind": "passkey"});
    let started = s.post("/mfa/authenticators", &token, wanted).await.is(201);
    let credential = created(&mut key, &started);
    let (id, user) = (started.text("id"), &started.body["public_key"]["user"]["id"]);
    let left = |status: &Answer, ids: Value| {
        exactly(&status.body, &members("| `GET /mfa/status` |", "200"));
        let expected =
            json!({"rpId": started.body["public_key"]["rp"]["id"], "userId": user, "allAcceptedCredentialIds": ids});
        assert_eq!(status.body["accepted_credentials"], expected);
    };
    left(&s.get("/mfa/status", &token).await.is(200), json!([]));
    let bound = s.post(&format!("/mfa/authenticators/{id}/confirm"), &token, json!({"credential": credential})).await;
    let token = bound.is(200).text("access_token");
    left(&s.get("/mfa/status", &token).await.is(200), json!([credential["id"]]));
    s.delete(&format!("/mfa/authenticators/{id}"), &token).await.is(204);
    left(&s.get("/mfa/status", &token).await.is(200), json!([]));
}

#[tokio::test]
async fn a_key_is_bound_listed_and_used_with_the_documented_members() {
    let s = Service::new(Login::IfEnrolled);
    let mut key = SoftAuthenticator::passkey();
    let bound = s.bound("alice", "passkey", &mut key).await;
    exactly(&bound.body, &members("`POST /mfa/authenticators/{id}/confirm`", "200"));
    let token = bound.text("access_token");
    let status = s.get("/mfa/status", &token).await.is(200);
    let listed = &status.body["authenticators"][0];
    exactly(listed, &members("An authenticator: ", "{"));
    assert_eq!(
        (&listed["type"], &listed["kind"], &listed["synced"]),
        (&json!("webauthn"), &json!("passkey"), &json!(true))
    );
    assert_eq!(listed["phishing_resistant"], true);

    s.hands.turn(1);
    let opened = s.post("/mfa/challenges", &token, json!({"max_age": 0})).await.is(201);
    let offer = &opened.body["methods"][0];
    assert_eq!(offer.as_object().unwrap().keys().collect::<Vec<_>>(), ["public_key", "type"]);
    let path = format!("/mfa/challenges/{}/verify", opened.text("challenge_id"));
    let credential = got(&mut key, &offer["public_key"]);
    let both = json!({"type": "webauthn", "credential": credential, "code": "123456"});
    assert_eq!(s.post(&path, &token, both).await.refuses(400, "invalid_request").body["field"], "credential");
    let neither = json!({"type": "webauthn"});
    assert_eq!(s.post(&path, &token, neither).await.refuses(400, "invalid_request").body["field"], "credential");
    let none = json!({"type": "webauthn", "credential": {"id": "x"}});
    assert_eq!(s.post(&path, &token, none).await.refuses(400, "invalid_request").body["field"], "credential");
    let answered = s.post(&path, &token, json!({"type": "webauthn", "credential": credential})).await.is(200);
    assert_eq!(answered.body["acr"], "aal2");
    assert!(answered.body["amr"].as_array().unwrap().contains(&json!("fido")));
}

#[tokio::test]
async fn a_passkey_signs_in_with_the_documented_members_and_its_answer_once() {
    let s = Service::new(Login::IfEnrolled);
    let mut key = SoftAuthenticator::passkey();
    s.bound("alice", "passkey", &mut key).await;
    let started = s.ask("POST /mfa/passkeys/start", &[], Some(json!({"username": "alice"}))).await.is(200);
    exactly(&started.body, &members("`POST /mfa/passkeys/start`", "200"));
    let credential = got(&mut key, &started.body["public_key"]);
    let signed_in = s.finish(&started, &credential).await.is(200);
    exactly(&signed_in.body, &members("{\"status\":\"complete\"", "{"));
    s.get("/account", &signed_in.text("access_token")).await.is(200);
    s.finish(&started, &credential).await.refuses(410, "challenge_gone");
    // Nor does the token open anything else.
    s.get("/profile", &started.text("challenge_token")).await.refuses(401, "invalid_token");
}

/// What is wrong is one answer, and says nothing of attempts: none were counted.
#[tokio::test]
async fn a_wrong_credential_is_one_answer_for_all() {
    let s = Service::new(Login::IfEnrolled);
    let (mut key, mut strangers) = (SoftAuthenticator::passkey(), SoftAuthenticator::passkey());
    s.bound("alice", "passkey", &mut key).await;
    Service::new(Login::IfEnrolled).bound("mallory", "passkey", &mut strangers).await;
    let started = s.ask("POST /mfa/passkeys/start", &[], None).await.is(200);
    let mut altered = got(&mut key, &started.body["public_key"]);
    altered["response"]["signature"] = json!("AAAA");
    for credential in [altered, got(&mut strangers, &started.body["public_key"])] {
        let refused = s.finish(&started, &credential).await.refuses(422, "invalid_code");
        assert!(refused.body.get("attempts_remaining").is_none(), "{}", refused.body);
    }
    s.finish(&started, &got(&mut key, &started.body["public_key"])).await.is(200);
}

/// A page of another site can sign nobody in, whatever passkey answers there.
#[tokio::test]
async fn a_sign_in_of_another_sites_page_sets_no_cookies() {
    let s = Service::new(Login::IfEnrolled);
    let mut key = SoftAuthenticator::passkey();
    s.bound("alice", "passkey", &mut key).await;
    let started = s.ask("POST /mfa/passkeys/start", &[], None).await.is(200);
    let body = json!({
        "challenge_id": started.text("challenge_id"),
        "challenge_token": started.text("challenge_token"),
        "credential": got(&mut key, &started.body["public_key"]),
    });
    let ask = async |site| s.ask("POST /mfa/passkeys/finish", &[("sec-fetch-site", site)], Some(body.clone())).await;
    ask("cross-site").await.refuses(403, "forbidden");
    let signed_in = ask("same-origin").await.is(200);
    assert!(!signed_in.cookie("__Host-mfa").is_empty() && signed_in.body.get("access_token").is_none());
}

#[tokio::test]
async fn the_members_of_a_binding_are_those_of_its_kind() {
    let s = Service::new(Login::IfEnrolled);
    let token = s.login("alice").await.text("access_token");
    for (wanted, field) in [
        (json!({"type": "webauthn"}), "kind"),
        (json!({"type": "webauthn", "kind": "password"}), "kind"),
        (json!({"type": "webauthn", "kind": "passkey", "digits": 6}), "type"),
        (json!({"type": "totp", "kind": "passkey"}), "kind"),
        (json!({"type": "webauthn", "kind": "passkey", "label": "\u{202e}"}), "label"),
    ] {
        let refused = s.post("/mfa/authenticators", &token, wanted.clone()).await.refuses(400, "invalid_request");
        assert_eq!(refused.body["field"], field, "{wanted}");
    }
    let started = s.post("/mfa/authenticators", &token, json!({"type": "webauthn", "kind": "security_key"})).await;
    let path = format!("/mfa/authenticators/{}/confirm", started.is(201).text("id"));
    for body in [json!({}), json!({"code": "123456", "credential": {}}), json!({"code": "123456"})] {
        s.post(&path, &token, body).await.refuses(400, "invalid_request");
    }
}
