//! Which tokens bind a key, and how often.

use std::sync::Arc;

use tower_mfa::account::Refusal;
use tower_mfa::policy::{Login, LoginPolicy};
use tower_mfa::service::{Enroller, KeyRequest, Responder};
use tower_mfa::testing::SoftAuthenticator;

use crate::bank::{ORIGIN, bank, policy, with};
use crate::scene::{challenged, complete, refusal, ticket};

/// Rows: CVE-2019-16766
#[tokio::test]
async fn cve_2019_16766_a_login_that_waits_for_a_key_binds_none() {
    let s = bank();
    let mut key = SoftAuthenticator::passkey();
    s.keyed("alice", &mut key).await;
    let asked = challenged(s.begin("alice").await);
    let started = s.passkey(Some("alice")).await;
    let id = s.start_key(&s.signed_in("bob").await, KeyRequest::passkey()).await.id;
    for token in [&asked.token, &started.token] {
        let by = Enroller::Token(token);
        assert_eq!(refusal(s.mfa.enrol_key(by, KeyRequest::passkey()).await), Refusal::InvalidToken);
        let other = SoftAuthenticator::passkey().register(&creation(&s).await, ORIGIN).unwrap();
        assert_eq!(refusal(s.mfa.confirm_key(by, id, &other).await), Refusal::InvalidToken);
    }
    // Nor does the token of one question open another.
    assert_eq!(refusal(s.mfa.challenge(Responder::Token(&started.token), asked.id).await), Refusal::InvalidToken);
    let credential = key.assert(started.public_key.as_str(), ORIGIN).unwrap();
    assert_eq!(refusal(s.mfa.finish_passkey(started.id, &asked.token, &credential).await), Refusal::InvalidToken);
    complete(s.mfa.finish_passkey(started.id, &started.token, &credential).await.unwrap());
}

async fn creation(s: &crate::scene::Scene) -> String {
    let by = s.signed_in("carol").await;
    s.start_key(&by, KeyRequest::passkey()).await.public_key.as_str().to_owned()
}

/// Rows: CVE-2026-37982
#[tokio::test]
async fn cve_2026_37982_the_right_to_bind_a_first_key_is_void_with_it() {
    let s = with(policy(Default::default()).login(Login::Required));
    let token = ticket(s.begin("alice").await);
    let by = Enroller::Token(&token);
    let [one, other] = [s.mfa.enrol_key(by, KeyRequest::passkey()).await.unwrap(), {
        s.mfa.enrol_key(by, KeyRequest::security_key()).await.unwrap()
    }];
    let make = |options: &str| SoftAuthenticator::passkey().register(options, ORIGIN).unwrap();
    let (first, second) = (make(one.public_key.as_str()), make(other.public_key.as_str()));
    s.mfa.confirm_key(by, one.id, &first).await.unwrap();
    for (id, credential) in [(one.id, &first), (other.id, &second)] {
        assert_eq!(refusal(s.mfa.confirm_key(by, id, credential).await), Refusal::InvalidToken);
    }
    assert_eq!(refusal(s.mfa.enrol_key(by, KeyRequest::passkey()).await), Refusal::InvalidToken);
}

/// A key that was verified for the first time proves one factor: too little to bind another beside it.
#[tokio::test]
async fn a_found_key_opens_no_enrolment_where_two_must_be_bound() {
    let mut key = SoftAuthenticator::security_key();
    let strict = policy(Default::default()).login(LoginPolicy::new(Login::Required).at_least(2));
    let current = crate::scene::Current::of(policy(Default::default()));
    let source = current.clone();
    let s = crate::bank::built(|mfa| mfa.policy_source(source));
    s.keyed("alice", &mut key).await;
    current.set(strict);
    let mut found = key.user_verified(true);
    let outcome = s.finish(&s.passkey(Some("alice")).await, &mut found).await.unwrap();
    assert!(matches!(outcome, tower_mfa::service::LoginOutcome::Blocked { .. }), "{outcome:?}");
}

/// Of any number of confirmations with one registration one binds.
#[tokio::test(flavor = "multi_thread")]
async fn wa_reg_8_of_sixty_four_confirmations_one_binds() {
    let s = bank();
    let by = Arc::new(s.keyed("alice", &mut SoftAuthenticator::passkey()).await);
    let started = s.start_key(&by, KeyRequest::passkey()).await;
    let made = SoftAuthenticator::passkey().register(started.public_key.as_str(), ORIGIN).unwrap();
    let made: Arc<str> = made.into();
    let all = (0..64).map(|_| {
        let (s, by, made) = (s.clone(), Arc::clone(&by), Arc::clone(&made));
        tokio::spawn(async move { s.mfa.confirm_key(Enroller::Session(&by), started.id, &made).await.is_ok() })
    });
    let mut right = 0;
    for one in all.collect::<Vec<_>>() {
        right += usize::from(one.await.unwrap());
    }
    assert_eq!(right, 1);
}
