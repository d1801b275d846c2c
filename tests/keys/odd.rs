//! Answers whose signature is right and which are odd all the same.

use tower_mfa::account::EventKind;
use tower_mfa::id::Aaguid;
use tower_mfa::policy::{Reaction, WebAuthnPolicy};
use tower_mfa::testing::SoftAuthenticator;

use crate::bank::{MODEL, acr, bank, hard_key, is_wrong, under};
use crate::scene::{Scene, answered, challenged};

async fn answers(s: &Scene, key: &mut SoftAuthenticator) -> bool {
    let asked = challenged(s.begin("alice").await);
    s.answer_login(&asked, key).await.is_ok()
}

/// Rows: X10, WA-AUTH-24
#[tokio::test]
async fn wa_auth_22_a_counter_that_does_not_grow_is_an_event_and_what_policy_makes_of_it() {
    for (reaction, taken) in [(Reaction::Reject, false), (Reaction::StepDown, true), (Reaction::Alert, true)] {
        let s = under(WebAuthnPolicy::default().on_counter_regression(reaction));
        let mut key = hard_key().counter(5);
        s.keyed("alice", &mut key).await;
        assert!(answers(&s, &mut key).await, "6 after 5");
        for (counter, odd) in [(6, 1), (2, 2)] {
            let mut copy = key.counter(counter);
            assert_eq!(answers(&s, &mut copy).await, taken, "{reaction:?} {counter}");
            assert_eq!(s.count("alice", EventKind::SignatureCounterRegressed).await, odd);
            key = copy;
        }
        let mut ahead = key.counter(100);
        assert!(answers(&s, &mut ahead).await, "the genuine one goes on");
        assert_eq!(s.count("alice", EventKind::SignatureCounterRegressed).await, 2);
    }
}

#[tokio::test]
async fn wa_auth_22_a_counter_that_is_not_kept_says_nothing() {
    let s = bank();
    let mut key = SoftAuthenticator::passkey().counter(0);
    s.keyed("alice", &mut key).await;
    assert!(answers(&s, &mut key).await && answers(&s, &mut key).await);
    assert_eq!(s.count("alice", EventKind::SignatureCounterRegressed).await, 0);
}

/// WA-6.1.3-a: a genuine key never changes it.
#[tokio::test]
async fn wa_auth_19_a_key_that_can_be_copied_all_of_a_sudden_is_refused_or_no_hardware_any_more() {
    let trusting = || WebAuthnPolicy::default().trust_aaguids([Aaguid::from_bytes(MODEL)]);
    let s = under(trusting());
    let mut key = hard_key();
    s.keyed("alice", &mut key).await;
    let mut copied = key.backup(true, false);
    is_wrong(s.answer_login(&challenged(s.begin("alice").await), &mut copied).await);
    assert_eq!(s.count("alice", EventKind::BackupEligibilityChanged).await, 1);
    // Where policy only tells of it: what could be copied once may have been.
    let s = under(trusting().on_eligibility_change(Reaction::Alert));
    let mut key = hard_key();
    s.keyed("alice", &mut key).await;
    let mut copied = key.backup(true, true);
    let by = s.auth(&answered(s.answer_login(&challenged(s.begin("alice").await), &mut copied).await.unwrap()));
    assert!(!by.assurance().is_hardware());
    let mut back = copied.backup(false, false);
    let tokens = answered(s.answer_login(&challenged(s.begin("alice").await), &mut back).await.unwrap());
    assert_eq!(acr(&tokens), "aal2", "it stays what it was");
}

/// WA-6.1.3-b.
#[tokio::test]
async fn wa_6_1_3_b_a_backup_that_is_lost_is_told_and_kept_in_mind() {
    let s = bank();
    let mut key = SoftAuthenticator::passkey().backup(true, true);
    s.keyed("alice", &mut key).await;
    let mut key = key.backup(true, false);
    assert!(answers(&s, &mut key).await);
    assert_eq!(s.count("alice", EventKind::BackupLost).await, 1);
    assert!(answers(&s, &mut key).await);
    assert_eq!(s.count("alice", EventKind::BackupLost).await, 1, "once");
}

/// Stepped down, an answer is one factor and no hardware, and saying it once more does not help.
#[tokio::test]
async fn what_is_stepped_down_is_a_single_factor_for_as_long_as_it_is_odd() {
    let policy = WebAuthnPolicy::default().trust_aaguids([Aaguid::from_bytes(MODEL)]);
    let odd = [
        (EventKind::BackupLost, (true, true), (true, false)),
        (EventKind::BackupEligibilityChanged, (false, false), (true, false)),
    ];
    for (kind, genuine, odd) in odd {
        let policy = policy.clone().on_backup_lost(Reaction::StepDown).on_eligibility_change(Reaction::StepDown);
        let s = under(policy);
        let mut key = hard_key().backup(genuine.0, genuine.1);
        s.keyed("alice", &mut key).await;
        let mut key = key.backup(odd.0, odd.1);
        for times in 1..=3 {
            let by = s.auth(&answered(s.answer_login(&challenged(s.begin("alice").await), &mut key).await.unwrap()));
            let assurance = by.assurance();
            assert!(assurance.evidence().iter().all(|proof| !proof.is_user_verified()), "{kind:?} {times}");
            assert!(!assurance.is_hardware(), "{kind:?} {times}");
            assert_eq!(assurance.level().number(), 2, "the password stands beside it");
            assert_eq!(s.count("alice", kind).await, times, "told each time");
        }
        let mut key = key.backup(genuine.0, genuine.1);
        let by = s.auth(&answered(s.answer_login(&challenged(s.begin("alice").await), &mut key).await.unwrap()));
        assert!(by.assurance().evidence().iter().any(|proof| proof.is_user_verified()), "{kind:?}: as it was");
        assert_eq!(s.count("alice", kind).await, 3);
    }
}

/// A right signature that policy refuses writes its event; whoever sends it again and again writes no more of
/// them than an address has failures.
#[tokio::test]
async fn what_policy_refuses_counts_against_the_address_as_what_is_wrong_does() {
    use tower_mfa::service::{Reply, Responder};

    let s = bank();
    let mut key = hard_key().counter(5);
    s.keyed("alice", &mut key).await;
    let from = s.mfa.from_address("192.0.2.66");
    let asked = challenged(s.begin("alice").await);
    let mut copy = key.counter(2);
    let options = crate::bank::options(&asked.methods);
    let credential = copy.assert(options.as_str(), crate::bank::ORIGIN).unwrap();
    for _ in 0..70 {
        let reply = Reply::webauthn(credential.clone());
        from.answer(Responder::Token(&asked.token), asked.id, reply).await.unwrap_err();
    }
    let started = s.passkey(Some("alice")).await;
    let credential = copy.assert(started.public_key.as_str(), crate::bank::ORIGIN).unwrap();
    for _ in 0..70 {
        from.finish_passkey(started.id, &started.token, &credential).await.unwrap_err();
    }
    assert_eq!(s.count("alice", EventKind::SignatureCounterRegressed).await, 120);
}
