//! What counts for what.

use tower_mfa::account::{Bypass, EventKind, Refusal};
use tower_mfa::assurance::{Method, Requirement};
use tower_mfa::id::Aaguid;
use tower_mfa::policy::{Login, WebAuthnPolicy};
use tower_mfa::service::{ChallengeRequest, KeyRequest};
use tower_mfa::testing::{SoftAttestationCa, SoftAuthenticator};

use crate::bank::{MODEL, acr, bank, hard_key, is_wrong, offered, policy, site, under, with};
use crate::scene::{Scene, answered, challenged, cheap, refusal};

fn vault() -> ChallengeRequest {
    ChallengeRequest::new().require(Requirement::aal3().phishing_resistant())
}

fn trusting() -> WebAuthnPolicy {
    WebAuthnPolicy::default().trust_aaguids([Aaguid::from_bytes(MODEL)])
}

/// N63B-B.3, N63B-2.3.2: what can be copied opens no vault, whatever its model says.
#[tokio::test]
async fn a_synced_key_never_makes_aal3() {
    let s = under(trusting());
    let mut key = SoftAuthenticator::passkey().aaguid(MODEL);
    let by = s.keyed("alice", &mut key).await;
    let why = refusal(s.mfa.open_challenge(&by, vault()).await);
    assert_eq!(why, Refusal::NoEligibleAuthenticator { allowed: vec![Method::WebAuthn] }, "another key would do");
}

#[tokio::test]
async fn a_key_that_cannot_be_copied_makes_aal3_where_its_model_is_trusted() {
    let s = under(trusting());
    let mut key = hard_key();
    let by = s.keyed("alice", &mut key).await;
    assert_eq!(by.assurance().level().number(), 2, "a registration proves no hardware");
    let view = s.opened(&by, vault()).await;
    let tokens = answered(s.step_up(&by, &view, &mut key).await.unwrap());
    let by = s.auth(&tokens);
    assert_eq!(acr(&tokens), "aal3");
    assert!(by.assurance().is_hardware());
    assert!(by.assurance().amr().iter().any(|method| **method == *"hwk"));
}

#[tokio::test]
async fn another_model_makes_aal2_and_no_more() {
    let s = under(trusting());
    let mut key = hard_key().aaguid([9; 16]);
    let by = s.keyed("alice", &mut key).await;
    assert!(matches!(refusal(s.mfa.open_challenge(&by, vault()).await), Refusal::NoEligibleAuthenticator { .. }));
    assert_eq!(acr(&answered(s.answer_login(&challenged(s.begin("alice").await), &mut key).await.unwrap())), "aal2");
}

/// A root that vouches for it, as long as it is one of ours.
#[tokio::test]
async fn an_attested_key_makes_aal3_as_long_as_its_root_is_trusted() {
    let maker = SoftAttestationCa::generate().unwrap();
    let rules = || policy(WebAuthnPolicy::default().must_be_attested(true)).build().unwrap();
    let with_root = |root: bool| {
        let mut site = site();
        if root {
            site = site.attestation_root(maker.root_der());
        }
        Scene::built(|mfa| mfa.policy(rules()).webauthn(site.build().unwrap()))
    };
    let s = with_root(true);
    let mut key = hard_key().attested_by(&maker);
    let by = s.keyed("alice", &mut key).await;
    let view = s.opened(&by, vault()).await;
    assert_eq!(acr(&answered(s.step_up(&by, &view, &mut key).await.unwrap())), "aal3");
    // The same key, the root unknown: what must be attested is not bound at all.
    let s = with_root(false);
    let by = s.signed_in("alice").await;
    let started = s.start_key(&by, KeyRequest::security_key()).await;
    is_wrong(s.confirm_key(&by, &started, &mut hard_key().attested_by(&maker)).await);
    // By itself a key vouches for nothing.
    let s = with_root(true);
    let by = s.signed_in("alice").await;
    let started = s.start_key(&by, KeyRequest::security_key()).await;
    is_wrong(s.confirm_key(&by, &started, &mut hard_key().self_attested()).await);
}

/// Rows: WA-13.5.5
#[tokio::test]
async fn a_root_that_is_taken_out_vouches_for_nothing_any_more() {
    let maker = SoftAttestationCa::generate().unwrap();
    let rules = policy(WebAuthnPolicy::default().attestation(tower_mfa::policy::Conveyance::Direct)).build().unwrap();
    let trusting = site().attestation_root(maker.root_der()).build().unwrap();
    let s = Scene::built(|mfa| mfa.policy(rules.clone()).webauthn(trusting));
    let by = s.keyed("alice", &mut hard_key().attested_by(&maker)).await;
    assert!(s.mfa.open_challenge(&by, vault()).await.is_ok());
    let distrusting = crate::scene::builder(s.store.clone(), &s.clock, &s.heard).policy(rules);
    let distrusting = distrusting.webauthn(site().build().unwrap()).build().unwrap();
    let refused = refusal(distrusting.open_challenge(&by, vault()).await);
    assert!(matches!(refused, Refusal::NoEligibleAuthenticator { .. }), "{refused:?}");
}

/// WA-4-uvInit: a user who was not verified at the binding may be anybody's finger.
#[tokio::test]
async fn wa_4_uvinit_verification_counts_only_from_the_answer_after_it_stood_beside_another_factor() {
    let s = bank();
    let mut key = SoftAuthenticator::passkey().user_verified(false).backup(false, false);
    s.keyed("alice", &mut key).await;
    let mut key = key.user_verified(true);
    // Alone it would be the first time: no sign-in.
    is_not_signed_in(&s.finish(&s.passkey(None).await, &mut key).await);
    // Beside the password it is believed from the next answer on.
    let by = s.auth(&answered(s.answer_login(&challenged(s.begin("alice").await), &mut key).await.unwrap()));
    assert!(by.assurance().evidence().iter().all(|proof| !proof.is_user_verified()), "not yet in this answer");
    let tokens = crate::scene::complete(s.finish(&s.passkey(None).await, &mut key).await.unwrap());
    assert_eq!(acr(&tokens), "aal2");
}

/// WA-4-uvInit, N63B-2.2.1-a: one factor without a password is no sign-in, however little the login asks of
/// whoever has typed one. Somebody else's key without a PIN gets one from whoever has found it.
#[tokio::test]
async fn wa_4_uvinit_a_single_factor_is_no_sign_in_where_login_asks_for_nothing_more() {
    for login in [Login::Optional, Login::IfEnrolled] {
        let s = with(cheap().login(login).webauthn(WebAuthnPolicy::default()));
        let mut key = SoftAuthenticator::security_key();
        s.keyed("alice", &mut key).await;
        let sessions = s.kinds("alice").await.iter().filter(|kind| **kind == EventKind::SignedIn).count();
        let mut found = key.user_verified(true);
        is_not_signed_in(&s.finish(&s.passkey(Some("alice")).await, &mut found).await);
        assert_eq!(s.count("alice", EventKind::SignedIn).await, sessions, "{login:?}");
    }
    // A copy of a key, where policy lets it count as one factor.
    let rules = WebAuthnPolicy::default().on_counter_regression(tower_mfa::policy::Reaction::StepDown);
    let s = with(cheap().login(Login::Optional).webauthn(rules));
    let mut key = SoftAuthenticator::passkey().counter(9);
    s.keyed("alice", &mut key).await;
    is_not_signed_in(&s.finish(&s.passkey(None).await, &mut key.counter(2)).await);
}

/// Nor while an operator lets logins complete with the password alone.
#[tokio::test]
async fn a_bypass_is_for_whoever_has_typed_a_password() {
    let s = with(policy(WebAuthnPolicy::default()).bypass_at_most(86_400));
    let mut key = SoftAuthenticator::security_key();
    s.keyed("alice", &mut key).await;
    let granted = Bypass::new("ops-7", "the phone is being repaired").approved_by("ciso").until(s.now().plus(3_600));
    s.mfa.grant_bypass(&crate::scene::subject("alice"), granted).await.unwrap();
    let mut found = key.user_verified(true);
    is_not_signed_in(&s.finish(&s.passkey(Some("alice")).await, &mut found).await);
    crate::scene::complete(s.begin("alice").await);
}

/// WA-AUTH-24: a password of this morning does not vouch for whose finger it is. Whoever finds the machine
/// unlocked, and the key in it, has no sign-in of his own afterwards.
#[tokio::test]
async fn wa_auth_24_verification_is_believed_beside_a_password_of_now_and_not_of_before() {
    let s = bank();
    let mut key = SoftAuthenticator::security_key();
    let by = s.keyed("alice", &mut key).await;
    s.clock.advance(301);
    let mut found = key.user_verified(true);
    let view = s.opened(&by, ChallengeRequest::new().max_age(60)).await;
    answered(s.step_up(&by, &view, &mut found).await.unwrap());
    is_not_signed_in(&s.finish(&s.passkey(Some("alice")).await, &mut found).await);
}

fn is_not_signed_in(outcome: &Result<tower_mfa::service::LoginOutcome, tower_mfa::service::Error>) {
    use tower_mfa::service::LoginOutcome;
    let is_no = matches!(outcome, Ok(LoginOutcome::Blocked { .. } | LoginOutcome::Challenge(_)) | Err(_));
    assert!(is_no, "{outcome:?}");
}

/// Only what can meet the challenge is listed.
#[tokio::test]
async fn wa_auth_5_only_keys_that_can_meet_the_challenge_are_listed() {
    let s = under(trusting());
    let (mut soft, mut hard) = (SoftAuthenticator::passkey(), hard_key());
    let by = s.keyed("alice", &mut soft).await;
    let (by, _) = s.bind_key(&by, &mut hard).await;
    let view = s.opened(&by, vault()).await;
    let listed = crate::bank::json(&crate::bank::options(&view.methods));
    assert_eq!(listed["allowCredentials"].as_array().unwrap().len(), 1);
    // The other one answers all the same: as wrong as a stranger's.
    let mut options = listed.clone();
    options["allowCredentials"] = serde_json::json!([]);
    let credential = soft.assert(&options.to_string(), crate::bank::ORIGIN).unwrap();
    let reply = tower_mfa::service::Reply::webauthn(credential);
    is_wrong(s.mfa.answer(tower_mfa::service::Responder::Session(&by), view.id, reply).await);
    assert_eq!(acr(&answered(s.step_up(&by, &view, &mut hard).await.unwrap())), "aal3");
    let login = challenged(s.begin("alice").await);
    let listed = crate::bank::json(&offered(&login.methods).unwrap());
    assert_eq!(listed["allowCredentials"].as_array().unwrap().len(), 2, "both do beside a password");
}

/// GHSA-hp74-gm6m-2qm5, CVE-2026-32879: what is approved is what was shown to the key.
#[tokio::test]
async fn a_code_approves_nothing_that_asks_for_a_key_however_fresh_an_older_answer_of_the_key_is() {
    let pay = Requirement::aal2().phishing_resistant().within(300);
    let s = with(policy(WebAuthnPolicy::default()).action("pay", pay));
    let mut key = SoftAuthenticator::passkey();
    let by = s.keyed("alice", &mut key).await;
    let person = s.bind(&by).await;
    let wanted = || ChallengeRequest::new().action("pay").bind([("to", "bob")]).unwrap();
    let view = s.opened(&person.by, wanted()).await;
    assert!(view.methods.iter().all(|offer| offer.method == Method::WebAuthn), "{:?}", view.methods);
    s.clock.advance(30);
    let code = tower_mfa::service::Reply::totp(person.app.code(s.now()));
    let outcome = s.mfa.answer(tower_mfa::service::Responder::Session(&person.by), view.id, code).await.unwrap();
    assert!(matches!(outcome, tower_mfa::service::AnswerOutcome::More(_)), "a code shows no amount to a key");
    let view = s.opened(&person.by, wanted()).await;
    answered(s.step_up(&person.by, &view, &mut key).await.unwrap());
}
