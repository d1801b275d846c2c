//! Binding a key: what is asked, what is kept, and who may.

use tower_mfa::account::{EventKind, Refusal};
use tower_mfa::id::Aaguid;
use tower_mfa::policy::{Attachment, Conveyance, Hint, ResidentKey, UserVerification, WebAuthnPolicy};
use tower_mfa::service::{Enroller, KeyRequest};
use tower_mfa::testing::{Lie, SoftAuthenticator};

use crate::bank::{MODEL, ORIGIN, bank, hard_key, is_wrong, json, policy, under, with, with_the_id_of};
use crate::scene::{Scene, refusal};

/// A question to bind a key, as the browser gets it.
async fn asked(s: &Scene, wanted: KeyRequest) -> serde_json::Value {
    let by = s.signed_in("alice").await;
    json(&s.start_key(&by, wanted).await.public_key)
}

/// Rows: WA-15.1, WA-5.4-params, N63B-B.3-UV, N63B-B.3-att
#[tokio::test]
async fn wa_reg_1_a_passkey_is_asked_for_as_the_standard_says() {
    let asks = asked(&bank(), KeyRequest::passkey()).await;
    assert_eq!(asks["rp"], serde_json::json!({"id": "bank.example", "name": "Bank"}));
    assert_eq!(asks["attestation"], "none", "N63B-B.3-att");
    assert_eq!(asks["timeout"], 600_000, "WA-15.1");
    let algorithms: Vec<i64> =
        asks["pubKeyCredParams"].as_array().unwrap().iter().map(|p| p["alg"].as_i64().unwrap()).collect();
    assert_eq!(algorithms, [-7, -35, -257], "WA-5.4-params");
    let selection = &asks["authenticatorSelection"];
    assert_eq!(selection["residentKey"], "preferred");
    assert_eq!(selection["userVerification"], "preferred", "N63B-B.3-UV");
    assert!(selection.get("authenticatorAttachment").is_none());
    assert_eq!(asks["extensions"], serde_json::json!({"credProps": true}));
}

/// Rows: WA-5.8.8-hints
#[tokio::test]
async fn wa_reg_1_a_security_key_takes_no_place_and_is_somewhere_else() {
    let asks = asked(&bank(), KeyRequest::security_key()).await;
    assert_eq!(asks["authenticatorSelection"]["residentKey"], "discouraged");
    assert_eq!(asks["authenticatorSelection"]["authenticatorAttachment"], "cross-platform");
    assert_eq!(asks["hints"], serde_json::json!(["security-key"]), "WA-5.8.8-hints");
}

#[tokio::test]
async fn policy_says_what_is_asked_for() {
    let rules = WebAuthnPolicy::default()
        .user_verification(UserVerification::Required)
        .resident_key(ResidentKey::Required)
        .attachment(Attachment::Platform)
        .hints([Hint::ClientDevice, Hint::Hybrid])
        .attestation(Conveyance::Direct);
    let asks = asked(&under(rules), KeyRequest::passkey()).await;
    let selection = &asks["authenticatorSelection"];
    assert_eq!(selection["userVerification"], "required");
    assert_eq!((&selection["residentKey"], &selection["requireResidentKey"]), (&"required".into(), &true.into()));
    assert_eq!(selection["authenticatorAttachment"], "platform");
    assert_eq!(asks["hints"], serde_json::json!(["client-device", "hybrid"]));
    assert_eq!(asks["attestation"], "direct");
    // A model cannot be judged that nobody is asked for.
    let by_model = WebAuthnPolicy::default().trust_aaguids([Aaguid::from_bytes(MODEL)]);
    assert_eq!(asked(&under(by_model), KeyRequest::passkey()).await["attestation"], "direct");
}

/// Rows: WA-13.5.3-a, WA-13.5.3-b, N63B-3.1.6.2-a, ASVS-6.7.2
#[tokio::test]
async fn wa_5_4_3_id_the_handle_is_random_and_says_nothing_and_every_question_is_another() {
    let s = bank();
    let by = s.signed_in("alice").await;
    let (one, other) = (
        json(&s.start_key(&by, KeyRequest::passkey()).await.public_key),
        json(&s.start_key(&by, KeyRequest::passkey()).await.public_key),
    );
    assert_ne!(one["challenge"], other["challenge"]);
    assert_eq!(one["challenge"].as_str().unwrap().len(), 43, "32 bytes");
    assert_eq!(one["user"]["id"], other["user"]["id"], "one account, one handle");
    assert_eq!(one["user"]["id"].as_str().unwrap().len(), 86, "64 bytes");
    let bobs = json(&s.start_key(&s.signed_in("bob").await, KeyRequest::passkey()).await.public_key);
    assert_ne!(one["user"]["id"], bobs["user"]["id"]);
    assert_eq!(one["user"]["name"], "alice");
}

/// Rows: WA-13.5.6
#[tokio::test]
async fn wa_5_4_excl_a_key_that_is_bound_is_left_out_and_several_can_be() {
    let s = bank();
    let mut first = SoftAuthenticator::passkey();
    let by = s.keyed("alice", &mut first).await;
    let started = s.start_key(&by, KeyRequest::passkey()).await;
    assert!(first.register(started.public_key.as_str(), ORIGIN).is_err(), "the browser says so");
    let mut second = hard_key();
    let bound = s.confirm_key(&by, &started, &mut second).await.unwrap();
    let by = s.auth(&bound.tokens);
    let status = s.mfa.status(Enroller::Session(&by)).await.unwrap();
    let views: Vec<_> = status.authenticators.iter().map(|a| (a.kind, a.synced, a.aaguid)).collect();
    assert_eq!(
        views,
        [(Some("passkey"), Some(true), None), (Some("passkey"), Some(false), Some(Aaguid::from_bytes(MODEL))),]
    );
    assert!(status.authenticators.iter().all(|a| a.phishing_resistant));
}

#[tokio::test]
async fn the_first_key_comes_with_recovery_codes_and_expires_when_policy_says() {
    let s = under(WebAuthnPolicy::default().security_key_valid_for(86_400));
    let by = s.signed_in("alice").await;
    let started = s.start_key(&by, KeyRequest::security_key().label("Key ring")).await;
    let bound = s.confirm_key(&by, &started, &mut SoftAuthenticator::security_key()).await.unwrap();
    assert_eq!(bound.recovery_codes.as_ref().map(Vec::len), Some(2));
    let view = &bound.authenticator;
    assert_eq!(
        (&*view.label, view.kind, view.expires_at),
        ("Key ring", Some("security_key"), Some(s.now().plus(86_400)))
    );
    assert_eq!(s.count("alice", EventKind::AuthenticatorBound).await, 1);
}

/// A registration that was used, used again.
///
/// Rows: CVE-2022-42731, WA-13.5.3-b
#[tokio::test]
async fn wa_reg_8_a_registration_is_good_once_in_its_time_for_who_asked() {
    let s = bank();
    let (hers, his) = (s.signed_in("alice").await, s.signed_in("bob").await);
    let mut key = SoftAuthenticator::passkey();
    let started = s.start_key(&hers, KeyRequest::passkey()).await;
    let credential = key.register(started.public_key.as_str(), ORIGIN).unwrap();
    // A stranger's session: there is no such binding.
    assert_eq!(refusal(s.mfa.confirm_key(Enroller::Session(&his), started.id, &credential).await), Refusal::NotFound);
    let bound = s.mfa.confirm_key(Enroller::Session(&hers), started.id, &credential).await.unwrap();
    let hers = s.auth(&bound.tokens);
    assert_eq!(refusal(s.mfa.confirm_key(Enroller::Session(&hers), started.id, &credential).await), Refusal::NotFound);
    // Another question is not answered by it.
    let again = s.start_key(&hers, KeyRequest::passkey()).await;
    is_wrong(s.mfa.confirm_key(Enroller::Session(&hers), again.id, &credential).await);
    // Nor is one that has lapsed.
    let late = s.start_key(&hers, KeyRequest::passkey()).await;
    let credential = SoftAuthenticator::passkey().register(late.public_key.as_str(), ORIGIN).unwrap();
    s.clock.advance(600);
    assert_eq!(refusal(s.mfa.confirm_key(Enroller::Session(&hers), late.id, &credential).await), Refusal::NotFound);
}

/// WA-REG-26, and the note on cross-user assertions: an id is one subject's.
#[tokio::test]
async fn wa_reg_26_another_subjects_credential_is_a_wrong_one() {
    let s = bank();
    let hers = s.signed_in("alice").await;
    let started = s.start_key(&hers, KeyRequest::passkey()).await;
    let credential = SoftAuthenticator::passkey().register(started.public_key.as_str(), ORIGIN).unwrap();
    let bound = s.mfa.confirm_key(Enroller::Session(&hers), started.id, &credential).await.unwrap();
    let hers = s.auth(&bound.tokens);
    let his = s.signed_in("bob").await;
    let started = s.start_key(&his, KeyRequest::passkey()).await;
    let own = SoftAuthenticator::passkey().unattested().register(started.public_key.as_str(), ORIGIN).unwrap();
    let stolen = with_the_id_of(&own, &credential);
    is_wrong(s.mfa.confirm_key(Enroller::Session(&his), started.id, &stolen).await);
    // Removed from the account, it stays its: a key that was alice's never becomes bob's.
    s.mfa.remove(&hers, bound.authenticator.id).await.unwrap();
    is_wrong(s.mfa.confirm_key(Enroller::Session(&his), started.id, &stolen).await);
    s.mfa.confirm_key(Enroller::Session(&his), started.id, &own).await.unwrap();
}

/// What is kept is what was answered, exactly, words that nobody knows included.
///
/// Rows: WA-REG-27, WA-4-transports
#[tokio::test]
async fn wa_4_transports_what_the_authenticator_said_is_kept_and_said_again() {
    let s = bank();
    let by = s.signed_in("alice").await;
    let started = s.start_key(&by, KeyRequest::passkey()).await;
    let mut key = hard_key().counter(7);
    let made = key.register(started.public_key.as_str(), ORIGIN).unwrap();
    let mut made: serde_json::Value = serde_json::from_str(&made).unwrap();
    made["response"]["transports"] = serde_json::json!(["usb", "cable", "smart-card"]);
    let bound = s.mfa.confirm_key(Enroller::Session(&by), started.id, &made.to_string()).await.unwrap();
    let words: Vec<Box<str>> = ["usb", "cable", "smart-card"].map(Into::into).into();
    assert_eq!(bound.authenticator.transports, Some(words));
    let document: serde_json::Value = serde_json::from_str(&s.document("alice").await).unwrap();
    let kept = &document["authenticators"][0]["credential"]["webauthn"];
    assert_eq!(kept["id"], made["id"]);
    assert_eq!((&kept["counter"], &kept["uv_initialized"]), (&serde_json::json!(7), &serde_json::json!(true)));
    assert_eq!((kept.get("backup_eligible"), kept.get("backed_up")), (None, None), "neither");
    assert_eq!(kept["aaguid"], "01020304-0506-0708-0102-030405060708");
    assert_eq!(kept["public_key"]["ec"]["alg"], -7);
    let asked = crate::scene::challenged(s.begin("alice").await);
    let listed = &json(&crate::bank::options(&asked.methods))["allowCredentials"][0];
    assert_eq!(listed["transports"], serde_json::json!(["usb", "cable", "smart-card"]));
    // What is no list of words binds nothing: it would go to every browser that signs in.
    for bad in [serde_json::json!(["<script>"]), serde_json::json!(vec!["usb"; 9]), serde_json::json!("usb")] {
        made["response"]["transports"] = bad;
        let refused = refusal(s.mfa.confirm_key(Enroller::Session(&by), started.id, &made.to_string()).await);
        assert!(matches!(refused, Refusal::InvalidRequest { field: "credential", .. }), "{refused:?}");
    }
}

#[tokio::test]
async fn policy_refuses_models_and_copies_with_a_reason() {
    let model = || [Aaguid::from_bytes(MODEL)];
    for (rules, mut key, says) in [
        (WebAuthnPolicy::default().deny_synced(true), SoftAuthenticator::passkey(), "copied"),
        (WebAuthnPolicy::default().deny_aaguids(model()), hard_key(), "model"),
        (WebAuthnPolicy::default().allow_aaguids(model()), hard_key().aaguid([9; 16]), "model"),
    ] {
        let s = under(rules);
        let by = s.signed_in("alice").await;
        let started = s.start_key(&by, KeyRequest::passkey()).await;
        let why = refusal(s.confirm_key(&by, &started, &mut key).await);
        assert!(matches!(why, Refusal::Forbidden(why) if why.contains(says)), "{why:?}");
        assert_eq!(s.count("alice", EventKind::AuthenticatorBound).await, 0);
    }
}

#[tokio::test]
async fn n63b_b_3_uv_where_policy_requires_it_a_key_without_it_is_refused() {
    let s = under(WebAuthnPolicy::default().user_verification(UserVerification::Required));
    let by = s.signed_in("alice").await;
    let started = s.start_key(&by, KeyRequest::passkey()).await;
    let mut key = SoftAuthenticator::passkey().user_verified(false);
    is_wrong(s.confirm_key(&by, &started, &mut key).await);
}

#[tokio::test]
async fn a_code_confirms_no_key_and_a_credential_no_app() {
    let s = bank();
    let by = s.signed_in("alice").await;
    let key = s.start_key(&by, KeyRequest::passkey()).await;
    let app = s.start(&by).await.unwrap();
    let credential = SoftAuthenticator::passkey().register(key.public_key.as_str(), ORIGIN).unwrap();
    let by = Enroller::Session(&by);
    assert!(matches!(
        refusal(s.mfa.confirm(by, key.id, "123456").await),
        Refusal::InvalidRequest { field: "code", .. }
    ));
    let refused = refusal(s.mfa.confirm_key(by, app.id, &credential).await);
    assert!(matches!(refused, Refusal::InvalidRequest { field: "credential", .. }), "{refused:?}");
}

/// N63B-4.1.2.1-b: what opens a vault is not bound by a session that could not.
#[tokio::test]
async fn a_second_key_of_aal3_wants_a_session_of_aal3() {
    let s = with(policy(WebAuthnPolicy::default().trust_aaguids([Aaguid::from_bytes(MODEL)])));
    let by = s.keyed("alice", &mut hard_key()).await;
    let started = s.start_key(&by, KeyRequest::passkey()).await;
    let why = refusal(s.confirm_key(&by, &started, &mut hard_key()).await);
    assert!(matches!(why, Refusal::Insufficient(_)), "{why:?}");
    // A softer one may be: it opens nothing that the session could not.
    let started = s.start_key(&by, KeyRequest::passkey()).await;
    s.confirm_key(&by, &started, &mut SoftAuthenticator::passkey()).await.unwrap();
}

#[tokio::test]
async fn a_lie_of_the_client_binds_nothing_and_writes_nothing() {
    let s = bank();
    let by = s.signed_in("alice").await;
    let started = s.start_key(&by, KeyRequest::passkey()).await;
    let (commits, document) = (s.store.commits(), s.document("alice").await);
    for lie in [
        Lie::Challenge("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into()),
        Lie::Type("webauthn.get".into()),
        Lie::RpId("evil.example".into()),
        Lie::CrossOrigin,
        Lie::TopOrigin("https://evil.example".into()),
    ] {
        is_wrong(s.confirm_key(&by, &started, &mut SoftAuthenticator::passkey().lying(lie)).await);
    }
    let credential =
        SoftAuthenticator::passkey().register(started.public_key.as_str(), "https://evil.example").unwrap();
    is_wrong(s.mfa.confirm_key(Enroller::Session(&by), started.id, &credential).await);
    assert_eq!((s.store.commits(), s.document("alice").await), (commits, document));
}

/// A tombstone says nothing of whom it stands for. A reset keeps the name that authenticators have
/// for the account, or each new passkey would stand beside a dead one of the same site.
#[tokio::test]
async fn what_authenticators_call_an_account_outlives_its_reset_and_not_its_erasure() {
    let s = bank();
    let alice = crate::scene::subject("alice");
    let mut key = SoftAuthenticator::passkey();
    s.keyed("alice", &mut key).await;
    let started = s.passkey(None).await;
    crate::scene::complete(s.finish(&started, &mut key).await.unwrap());
    let handle = || async { serde_json::from_str::<serde_json::Value>(&s.document("alice").await).unwrap() };
    let before = handle().await["user_handle"].clone();
    assert!(before.is_string());
    s.mfa.reset(&alice, "root", "a test").await.unwrap();
    assert_eq!(handle().await["user_handle"], before);
    is_wrong(s.finish(&s.passkey(None).await, &mut key).await);
    s.mfa.erase(&alice, "root", "a test").await.unwrap();
    let left = handle().await;
    assert!(left.get("user_handle").is_none() && left.get("passkey_sign_ins").is_none(), "{left}");
    is_wrong(s.finish(&s.passkey(None).await, &mut key).await);
    // Whoever comes back under the name is called by another.
    s.keyed("alice", &mut SoftAuthenticator::passkey()).await;
    assert_ne!(handle().await["user_handle"], before);
    is_wrong(s.finish(&s.passkey(None).await, &mut key).await);
}
