//! What answers no challenge.

use tower_mfa::account::Refusal;
use tower_mfa::service::{ChallengeRequest, Enroller, Reply, Responder};
use tower_mfa::testing::{Lie, SoftAuthenticator};

use crate::bank::{ORIGIN, bank, is_wrong, options, policy, under};
use crate::scene::{answered, challenged, refusal};

/// Every check that fails is a no, and the question stays until it lapses.
///
/// Rows: CVE-2026-28787, WA-AUTH-25
#[tokio::test]
async fn cve_2026_0723_a_lie_answers_nothing_and_the_question_stays_open() {
    let s = bank();
    let mut key = SoftAuthenticator::passkey();
    s.keyed("alice", &mut key).await;
    let asked = challenged(s.begin("alice").await);
    for lie in [
        Lie::Challenge("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into()),
        Lie::Type("webauthn.create".into()),
        Lie::RpId("evil.example".into()),
        Lie::CrossOrigin,
        Lie::TopOrigin("https://evil.example".into()),
    ] {
        key = key.lying(lie);
        is_wrong(s.answer_login(&asked, &mut key).await);
        key = key.honest();
    }
    for origin in ["https://evil.example", "http://bank.example", "https://bank.example:444", "https://a.bank.example"]
    {
        let credential = key.assert(options(&asked.methods).as_str(), origin).unwrap();
        is_wrong(s.answer(&asked, Reply::webauthn(credential)).await);
    }
    key = key.user_present(false);
    is_wrong(s.answer_login(&asked, &mut key).await);
    answered(s.answer_login(&asked, &mut key.user_present(true)).await.unwrap());
}

/// WA-AUTH-6a, StrongKey CVE-2025-26788: another subject's assertion, whatever it says of itself.
#[tokio::test]
async fn wa_auth_6a_a_key_answers_for_its_own_account_alone() {
    let s = bank();
    let (mut hers, mut his) = (SoftAuthenticator::passkey(), SoftAuthenticator::passkey());
    s.keyed("alice", &mut hers).await;
    s.keyed("bob", &mut his).await;
    let asked = challenged(s.begin("alice").await);
    let mut open = crate::bank::json(&options(&asked.methods));
    open["allowCredentials"] = serde_json::json!([]);
    let credential = his.assert(&open.to_string(), ORIGIN).unwrap();
    is_wrong(s.answer(&asked, Reply::webauthn(credential)).await);
    // Hers, with his handle in it: the handle is not signed, and must not be passed over.
    let mut confused = hers.user_handle(Some(&[7; 64]));
    is_wrong(s.answer_login(&asked, &mut confused).await);
    let mut silent = confused.user_handle(None);
    answered(s.answer_login(&asked, &mut silent).await.unwrap());
}

/// An assertion is checked against the live credential.
#[tokio::test]
async fn a_key_that_was_removed_or_expired_between_question_and_answer_answers_nothing() {
    let s = under(tower_mfa::policy::WebAuthnPolicy::default().passkey_valid_for(86_400));
    let mut key = SoftAuthenticator::passkey();
    let by = s.keyed("alice", &mut key).await;
    let asked = challenged(s.begin("alice").await);
    let credential = key.assert(options(&asked.methods).as_str(), ORIGIN).unwrap();
    let status = s.mfa.status(Enroller::Session(&by)).await.unwrap();
    s.mfa.remove(&by, status.authenticators[0].id).await.unwrap();
    let refused = refusal(s.answer(&asked, Reply::webauthn(credential)).await);
    assert!(matches!(refused, Refusal::InvalidCredential | Refusal::ChallengeGone), "{refused:?}");

    s.keyed("bob", &mut key).await;
    s.clock.advance(86_400 - 10);
    let asked = challenged(s.begin("bob").await);
    let credential = key.assert(options(&asked.methods).as_str(), ORIGIN).unwrap();
    s.clock.advance(11);
    is_wrong(s.answer(&asked, Reply::webauthn(credential)).await);
}

/// GHSA-5353-f8fq-65vc: an answer belongs to its challenge, its session and its purpose.
#[tokio::test]
async fn an_answer_is_good_for_its_own_challenge_alone() {
    let s = bank();
    let mut key = SoftAuthenticator::passkey();
    let by = s.keyed("alice", &mut key).await;
    s.clock.advance(400);
    let fresh = || ChallengeRequest::new().max_age(300);
    let (one, other) = (s.opened(&by, fresh()).await, s.opened(&by, fresh()).await);
    let credential = key.assert(options(&one.methods).as_str(), ORIGIN).unwrap();
    is_wrong(s.mfa.answer(Responder::Session(&by), other.id, Reply::webauthn(credential.clone())).await);
    // Nor does it sign in, nor confirm a binding.
    let started = s.passkey(None).await;
    is_wrong(s.mfa.finish_passkey(started.id, &started.token, &credential).await);
    answered(s.mfa.answer(Responder::Session(&by), one.id, Reply::webauthn(credential)).await.unwrap());
}

#[tokio::test]
async fn what_is_no_credential_is_a_bad_request_and_costs_nothing() {
    let s = bank();
    let mut key = SoftAuthenticator::passkey();
    s.keyed("alice", &mut key).await;
    let asked = challenged(s.begin("alice").await);
    let loads = s.store.loads();
    let good = key.assert(options(&asked.methods).as_str(), ORIGIN).unwrap();
    let long = format!("{{\"id\":\"{}\"}}", "A".repeat(50_000));
    for bad in
        ["", "{}", "null", "[]", "\"\u{0}\"", &long, &good.replace("public-key", "password"), &good.replace('"', "'")]
    {
        let refused = refusal(s.answer(&asked, Reply::webauthn(bad)).await);
        assert!(matches!(refused, Refusal::InvalidRequest { field: "credential", .. }), "{bad}: {refused:?}");
    }
    assert_eq!(s.store.loads(), loads, "nobody was looked for");
    answered(s.answer(&asked, Reply::webauthn(good)).await.unwrap());
}

/// What is bound under one policy is asked under the next.
#[tokio::test]
async fn a_key_that_policy_takes_no_more_answers_nothing() {
    let current = crate::scene::Current::of(policy(Default::default()));
    let source = current.clone();
    let s = crate::bank::built(|mfa| mfa.policy_source(source));
    let mut key = SoftAuthenticator::passkey();
    s.keyed("alice", &mut key).await;
    let asked = challenged(s.begin("alice").await);
    let credential = key.assert(options(&asked.methods).as_str(), ORIGIN).unwrap();
    current.set(policy(tower_mfa::policy::WebAuthnPolicy::default().deny_synced(true)));
    is_wrong(s.answer(&asked, Reply::webauthn(credential)).await);
    let again = challenged(s.begin("alice").await);
    assert!(crate::bank::offered(&again.methods).is_none(), "and is not asked for: {:?}", again.methods);
    current.set(policy(tower_mfa::policy::WebAuthnPolicy::default().must_be_attested(true)));
    let again = challenged(s.begin("alice").await);
    assert!(crate::bank::offered(&again.methods).is_none(), "nothing vouches for it");
    current.set(policy(Default::default()));
    answered(s.answer_login(&challenged(s.begin("alice").await), &mut key).await.unwrap());
}

#[tokio::test]
async fn without_a_relying_party_nothing_is_begun_and_nothing_taken() {
    let s = crate::scene::Scene::new();
    let by = s.signed_in("alice").await;
    let wanted = tower_mfa::service::KeyRequest::passkey();
    assert!(matches!(refusal(s.mfa.enrol_key(Enroller::Session(&by), wanted).await), Refusal::Forbidden(_)));
    assert!(matches!(refusal(s.mfa.start_passkey(None).await), Refusal::Forbidden(_)));
    assert!(s.mfa.related_origins_json().is_none());
}
