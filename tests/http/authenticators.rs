//! Authenticators: bound, renamed, removed; recovery codes; switching off.

use http::Method;
use serde_json::{Value, json};
use tower_mfa::assurance::Aal;
use tower_mfa::otp::{Moving, OtpauthUri};
use tower_mfa::policy::{Login, SessionLimits};

use crate::client::{Answer, App, Service, policy};

/// What every route answers that wants a fresher proof.
#[track_caller]
fn wants_more(answer: Answer, missing: &Value) {
    let answer = answer.refuses(401, "insufficient_user_authentication");
    assert_eq!(answer.body["required"], json!({"acr": "aal2", "max_age": 300}));
    assert_eq!((&answer.body["missing"], &answer.body["step_up_uri"]), (missing, &json!("/mfa/challenges")));
    let header = answer.header("www-authenticate");
    assert!(header.contains("error=\"insufficient_user_authentication\""), "{header}");
    assert!(header.ends_with("acr_values=\"aal2\", max_age=\"300\""), "{header}");
}

#[tokio::test]
async fn an_enrolment_gives_what_an_app_needs_and_the_policys_parameters() {
    let s = Service::new(Login::IfEnrolled);
    let token = s.login("alice").await.text("access_token");
    let started = s.post("/mfa/authenticators", &token, json!({"type": "totp"})).await.is(201);
    let uri = OtpauthUri::parse(&started.text("otpauth_uri")).unwrap();
    let Moving::Totp(totp) = uri.moving() else { panic!("no TOTP") };
    assert_eq!((totp.digits().get(), totp.period().as_secs(), totp.algorithm().name()), (6, 30, "SHA1"));
    assert!(started.text("otpauth_uri").contains(&format!("secret={}", started.text("secret"))));
    assert!(started.text("otpauth_uri").starts_with("otpauth://totp/Example%20Bank:alice?"));
    assert!(started.text("qr_svg").starts_with("<svg"));
    let longer = s.post("/mfa/authenticators", &token, json!({"type": "totp", "period": 60})).await.is(400);
    assert_eq!(longer.text("field"), "period", "a code of the policy's counts for 30 seconds");
    let asked = json!({"type": "totp", "label": "  work  ", "algorithm": "SHA256", "digits": 8, "period": 15});
    let started = s.post("/mfa/authenticators", &token, asked).await.is(201);
    let uri = OtpauthUri::parse(&started.text("otpauth_uri")).unwrap();
    let Moving::Totp(totp) = uri.moving() else { panic!("no TOTP") };
    assert_eq!((totp.digits().get(), totp.period().as_secs(), totp.algorithm().name()), (8, 15, "SHA256"));
    let status = s.get("/mfa/status", &token).await.is(200);
    let pending = &status.body["authenticators"][1];
    assert_eq!((&pending["label"], &pending["status"]), (&json!("work"), &json!("pending")));
    assert_eq!(pending["expires_at"], s.hands.read().as_secs() + 600);
    assert_eq!(status.body["enrolment"], "optional");
    let code = App::new(&started.text("otpauth_uri")).code(s.hands.read());
    let path = format!("/mfa/authenticators/{}/confirm", started.text("id"));
    let bound = s.post(&path, &token, json!({"code": code})).await.is(200);
    let status = s.get("/mfa/status", &bound.text("access_token")).await.is(200);
    assert_eq!(status.body["authenticators"].as_array().unwrap().len(), 1, "what was pending beside it is gone");
    assert_eq!((&status.body["enrolment"], &status.body["sessions"]), (&json!("complete"), &json!(1)));
}

#[tokio::test]
async fn a_confirmation_is_checked_counted_and_throttled_and_its_code_is_used_up() {
    let s = Service::new(Login::IfEnrolled);
    let token = s.login("alice").await.text("access_token");
    let started = s.post("/mfa/authenticators", &token, json!({"type": "totp"})).await.is(201);
    let app = App::new(&started.text("otpauth_uri"));
    let path = format!("/mfa/authenticators/{}/confirm", started.text("id"));
    for left in [2, 1, 0] {
        let refused = s.post(&path, &token, json!({"code": s.wrong(&app)})).await.refuses(422, "invalid_code");
        assert_eq!(refused.body["attempts_remaining"], left);
        crate::answers::begins_a_pause(&refused, left == 0);
    }
    let code = app.code(s.hands.read());
    s.post(&path, &token, json!({"code": code})).await.refuses(429, "throttled");
    s.hands.turn(30);
    let code = app.code(s.hands.read());
    let bound = s.post(&path, &token, json!({"code": code})).await.is(200);
    assert_eq!(bound.body["amr"], json!(["pwd", "otp", "mfa", "totp"]));
    s.get("/profile", &token).await.refuses(401, "invalid_token");
    s.post(&path, &bound.text("access_token"), json!({"code": code})).await.refuses(404, "not_found");
    let asked = s.asked("alice").await;
    s.post(&asked.verify, &asked.token, json!({"type": "totp", "code": code})).await.refuses(422, "invalid_code");
}

#[tokio::test]
async fn asvs_6_4_1_what_is_not_confirmed_in_ten_minutes_is_gone() {
    let s = Service::new(Login::IfEnrolled);
    let token = s.login("alice").await.text("access_token");
    let started = s.post("/mfa/authenticators", &token, json!({"type": "totp"})).await.is(201);
    s.hands.turn(600);
    let code = App::new(&started.text("otpauth_uri")).code(s.hands.read());
    let path = format!("/mfa/authenticators/{}/confirm", started.text("id"));
    s.post(&path, &token, json!({"code": code})).await.refuses(404, "not_found");
    assert_eq!(s.get("/mfa/status", &token).await.body["authenticators"], json!([]));
}

#[tokio::test]
async fn n63b_4_1_2_1_b_a_first_binding_follows_its_login_by_fifteen_minutes_at_most() {
    let s = Service::under(policy(Login::IfEnrolled).access_token_ttl(Aal::One, 3600));
    let token = s.login("alice").await.text("access_token");
    s.hands.turn(900);
    s.post("/mfa/authenticators", &token, json!({"type": "totp"})).await.is(201);
    s.hands.turn(1);
    let answer = s.post("/mfa/authenticators", &token, json!({"type": "totp"})).await;
    let answer = answer.refuses(401, "insufficient_user_authentication");
    assert_eq!(answer.body["required"], json!({"acr": "aal1", "max_age": 300}));
    assert_eq!(answer.body["missing"], json!(["freshness"]));
}

#[tokio::test]
async fn n63b_4_1_2_1_b_a_further_binding_wants_a_proof_of_five_minutes_at_the_accounts_level() {
    let s = Service::new(Login::Optional);
    let alice = s.person("alice").await;
    s.post("/mfa/authenticators", &alice.access, json!({"type": "totp"})).await.is(201);
    s.hands.turn(301);
    wants_more(s.post("/mfa/authenticators", &alice.access, json!({"type": "totp"})).await, &json!(["freshness"]));
    // A password of this very moment is no second factor.
    let password_only = s.login("alice").await.text("access_token");
    wants_more(s.post("/mfa/authenticators", &password_only, json!({"type": "totp"})).await, &json!(["level"]));
}

#[tokio::test]
async fn asvs_7_5_1_cve_2026_3429_removing_regenerating_and_disabling_want_the_accounts_level_freshly() {
    let s = Service::new(Login::Optional);
    let alice = s.person("alice").await;
    let password_only = s.login("alice").await.text("access_token");
    let path = format!("/mfa/authenticators/{}", alice.id);
    s.hands.turn(301);
    for (token, missing) in
        [(&alice.access, json!(["freshness"])), (&s.login("alice").await.text("access_token"), json!(["level"]))]
    {
        wants_more(s.delete(&path, token).await, &missing);
        wants_more(s.post("/mfa/recovery-codes", token, json!({})).await, &missing);
        wants_more(s.post("/mfa/disable", token, json!({})).await, &missing);
        wants_more(s.post("/mfa/disable", token, json!({"authenticator_id": alice.id})).await, &missing);
    }
    let renamed = s.call(Method::PATCH, &path, Some(&password_only), Some(json!({"label": "x"}))).await;
    renamed.refuses(401, "insufficient_user_authentication");
    s.call(Method::PATCH, &path, Some(&alice.access), Some(json!({"label": "x"}))).await.is(200);
}

#[tokio::test]
async fn asvs_7_4_3_cve_2024_21722_a_change_of_a_factor_ends_the_other_sessions() {
    let s = Service::new(Login::Optional);
    let alice = s.person("alice").await;
    for change in ["confirm", "regenerate", "remove", "disable"] {
        let other = s.login("alice").await;
        let token = match change {
            "confirm" => {
                let (_, bound) = s.enrol(&alice.access).await;
                assert!(bound.body.get("recovery_codes").is_none(), "they come with the first authenticator alone");
                bound.text("access_token")
            }
            _ => raised(&s, &alice.app).await,
        };
        match change {
            "regenerate" => drop(s.post("/mfa/recovery-codes", &token, json!({})).await.is(200)),
            "remove" => drop(s.delete(&format!("/mfa/authenticators/{}", alice.id), &token).await.is(204)),
            "disable" => drop(s.post("/mfa/disable", &token, json!({})).await.is(204)),
            _ => {}
        }
        s.refresh(&other.text("refresh_token")).await.refuses(401, "invalid_token");
        s.get("/mfa/status", &token).await.is(200);
        if change == "remove" {
            break;
        }
    }
}

/// A session that has just proved a code of the next step.
async fn raised(s: &Service, app: &App) -> String {
    let token = s.login("alice").await.text("access_token");
    let opened = s.post("/mfa/challenges", &token, json!({})).await.is(201);
    s.hands.turn(30);
    let verify = format!("/mfa/challenges/{}/verify", opened.text("challenge_id"));
    let code = json!({"type": "totp", "code": app.code(s.hands.read())});
    s.post(&verify, &token, code).await.is(200).text("access_token")
}

#[tokio::test]
async fn asvs_6_5_6_an_authenticator_is_removed_and_with_the_last_one_its_recovery_codes() {
    let s = Service::new(Login::IfEnrolled);
    let alice = s.person("alice").await;
    let path = format!("/mfa/authenticators/{}", alice.id);
    s.delete(&path, &alice.access).await.is(204);
    s.delete(&path, &alice.access).await.refuses(404, "not_found");
    let status = s.get("/mfa/status", &alice.access).await.is(200).body;
    assert_eq!((&status["authenticators"], &status["enrolment"]), (&json!([]), &json!("optional")));
    assert_eq!(status["recovery_codes"], json!({"remaining": 0, "total": 0, "created_at": null}));
    assert_eq!(s.login("alice").await.text("status"), "complete");
}

#[tokio::test]
async fn the_last_authenticator_of_an_enforced_account_stays() {
    let s = Service::new(Login::Required);
    let alice = s.person("alice").await;
    s.delete(&format!("/mfa/authenticators/{}", alice.id), &alice.access).await.refuses(409, "conflict");
    for body in
        [json!({}), json!({"authenticator_id": alice.id}), json!({"type": "recovery_code", "code": alice.codes[0]})]
    {
        s.post("/mfa/disable", &alice.access, body).await.refuses(403, "forbidden");
    }
    let status = s.get("/mfa/status", &alice.access).await.is(200);
    assert_eq!(status.body["recovery_codes"]["remaining"], 5, "nothing was used up");
}

#[tokio::test]
async fn cve_2020_5240_a_stranger_s_authenticator_looks_like_none() {
    let s = Service::new(Login::IfEnrolled);
    let (alice, bob) = (s.person("alice").await, s.person("bob").await);
    let pending = s.post("/mfa/authenticators", &bob.access, json!({"type": "totp"})).await.is(201).text("id");
    for id in [&bob.id, &pending] {
        let path = format!("/mfa/authenticators/{id}");
        s.delete(&path, &alice.access).await.refuses(404, "not_found");
        s.call(Method::PATCH, &path, Some(&alice.access), Some(json!({"label": "x"}))).await.refuses(404, "not_found");
        s.post(&format!("{path}/confirm"), &alice.access, json!({"code": "000000"})).await.refuses(404, "not_found");
        s.post("/mfa/disable", &alice.access, json!({"authenticator_id": id})).await.refuses(404, "not_found");
    }
    assert_eq!(s.get("/mfa/status", &bob.access).await.body["authenticators"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_account_has_as_many_authenticators_as_policy_says() {
    let s = Service::under(policy(Login::IfEnrolled).max_authenticators(2));
    let alice = s.person("alice").await;
    let token = s.enrol(&alice.access).await.1.text("access_token");
    s.post("/mfa/authenticators", &token, json!({"type": "totp"})).await.refuses(409, "conflict");
}

#[tokio::test]
async fn a_refused_label_leaves_older_bindings_as_they_are() {
    let s = Service::new(Login::IfEnrolled);
    let token = s.login("alice").await.text("access_token");
    for _ in 0..4 {
        s.post("/mfa/authenticators", &token, json!({"type": "totp"})).await.is(201);
    }
    let before = s.get("/mfa/status", &token).await.body["authenticators"].clone();
    s.hands.turn(400);
    s.post("/mfa/authenticators", &token, json!({"type": "totp", "label": "x".repeat(65)})).await.is(400);
    assert_eq!(s.get("/mfa/status", &token).await.body["authenticators"], before);
}

#[tokio::test]
async fn n63b_3_1_2_2_a_new_recovery_codes_void_the_old_ones() {
    let s = Service::new(Login::IfEnrolled);
    let alice = s.person("alice").await;
    let new = s.post("/mfa/recovery-codes", &alice.access, json!({})).await.is(200).body["recovery_codes"].clone();
    assert_eq!(new.as_array().unwrap().len(), 5);
    let asked = s.asked("alice").await;
    let answer = |code: &Value| json!({"type": "recovery_code", "code": code});
    s.post(&asked.verify, &asked.token, answer(&json!(alice.codes[0]))).await.refuses(422, "invalid_code");
    let used = s.post(&asked.verify, &asked.token, answer(&new[0])).await.is(200);
    assert_eq!(used.body["recovery_codes_remaining"], 4);
    s.delete(&format!("/mfa/authenticators/{}", alice.id), &used.text("access_token")).await.is(204);
    s.post("/mfa/recovery-codes", &used.text("access_token"), json!({})).await.refuses(409, "conflict");
}

#[tokio::test]
async fn n63b_4_2_1_1_d_an_answer_with_a_recovery_code_shows_its_successor_where_policy_says_so() {
    let s = Service::under(policy(Login::IfEnrolled).replace_used_recovery_codes(true));
    let alice = s.person("alice").await;
    let recover = async |code: &Value| {
        let asked = s.asked("alice").await;
        s.post(&asked.verify, &asked.token, json!({"type": "recovery_code", "code": code})).await
    };
    let used = recover(&json!(alice.codes[0])).await.is(200).body;
    let new = used["recovery_codes"].as_array().unwrap();
    assert_eq!((new.len(), &used["recovery_codes_remaining"]), (1, &json!(5)));
    recover(&json!(alice.codes[0])).await.refuses(422, "invalid_code");
    recover(&new[0]).await.is(200);
    // An app's code is followed by none.
    assert!(s.signed_in("alice", &alice.app).await.body.get("recovery_codes").is_none());
}

#[tokio::test]
async fn mfa_is_switched_off_by_fresh_evidence_or_by_a_code_where_policy_allows_it() {
    let s = Service::new(Login::Optional);
    let alice = s.person("alice").await;
    let (second, bound) = s.enrol(&alice.access).await;
    let second_id = bound.body["authenticator"]["id"].clone();
    s.hands.turn(30);
    // A password alone and one right code: that one goes, and the code is used up.
    let token = s.login("alice").await.text("access_token");
    let code = second.code(s.hands.read());
    let one = json!({"type": "totp", "code": code, "authenticator_id": second_id});
    let wrong = json!({"type": "totp", "code": s.wrong(&second), "authenticator_id": second_id});
    s.post("/mfa/disable", &token, wrong).await.refuses(422, "invalid_code");
    let unknown = json!({"type": "totp", "code": s.wrong(&second), "authenticator_id": "no id"});
    s.post("/mfa/disable", &token, unknown).await.refuses(422, "invalid_code");
    s.post("/mfa/disable", &token, one).await.is(204);
    assert_eq!(s.get("/mfa/status", &token).await.body["authenticators"].as_array().unwrap().len(), 1);
    // A recovery code: all of them go.
    s.post("/mfa/disable", &token, json!({"type": "recovery_code", "code": alice.codes[0]})).await.is(204);
    let status = s.get("/mfa/status", &token).await.is(200).body;
    assert_eq!((&status["authenticators"], &status["recovery_codes"]["total"]), (&json!([]), &json!(0)));
}

#[tokio::test]
async fn a_code_switches_nothing_off_where_policy_does_not_allow_it() {
    let s = Service::under(policy(Login::IfEnrolled).disable_by_code(false));
    let alice = s.person("alice").await;
    s.hands.turn(30);
    let code = alice.app.code(s.hands.read());
    let commits = s.store.commits();
    for body in [json!({"type": "totp", "code": code}), json!({"type": "recovery_code", "code": alice.codes[0]})] {
        s.post("/mfa/disable", &alice.access, body).await.refuses(403, "forbidden");
    }
    assert_eq!(s.store.commits(), commits, "nothing was checked");
    s.post("/mfa/disable", &alice.access, json!({})).await.is(204);
}

#[tokio::test]
async fn a_status_counts_live_sessions_alone() {
    let s = Service::under(policy(Login::Optional).session(Aal::One, SessionLimits::overall(500)));
    let token = s.login("alice").await.text("access_token");
    s.hands.turn(400);
    let newer = s.login("alice").await.text("access_token");
    assert_eq!(s.get("/mfa/status", &token).await.body["sessions"], 2);
    s.hands.turn(101);
    assert_eq!(s.get("/mfa/status", &newer).await.body["sessions"], 1);
    s.get("/mfa/status", &token).await.refuses(401, "invalid_token");
}

#[tokio::test]
async fn the_longest_names_still_fit_into_a_qr_code() {
    let s = Service::with(Login::IfEnrolled, |builder| builder.app_name("\u{20ac}".repeat(21)));
    let token = s.login(&"\u{20ac}".repeat(85)).await.text("access_token");
    s.post("/mfa/authenticators", &token, json!({"type": "totp", "algorithm": "SHA512", "digits": 8})).await.is(201);
}
