//! The hard limit, which waiting does not clear, and what two authenticators have to do with each
//! other.

use tower_mfa::account::{EventKind, Refusal};
use tower_mfa::assurance::Method;
use tower_mfa::policy::{LockSchedule, Login, PolicyBuilder};
use tower_mfa::service::{Enroller, LoginOutcome, Reply, TotpEnrolment};
use tower_mfa::testing::AuthenticatorApp;

use crate::world::*;

/// Locks of a second, so that a hundred failures take no day.
fn quick() -> PolicyBuilder {
    policy().lock(LockSchedule::new(100, 300, &[1]))
}

/// Fails `times` times, whatever app is meant; what the last was answered.
async fn fail(world: &World, apps: &[&AuthenticatorApp], times: u32) -> Refusal {
    let mut last = Refusal::NotFound;
    let mut challenge = world.challenge().await;
    for n in 0..times {
        if n % 90 == 89 {
            world.clock.advance(300);
            challenge = world.challenge().await;
        }
        last = world.answer(&challenge, &world.wrong(apps)).await.unwrap_err();
    }
    last
}

#[tokio::test]
async fn n63b_3_2_2_a_the_100th_failure_disables_and_the_101st_code_fails_though_it_is_right() {
    let world = World::with(quick());
    let bound = world.enrolled().await;
    fail(&world, &[&bound.app], 99).await;
    world.events();
    let last = fail(&world, &[&bound.app], 1).await;
    assert!(matches!(last, Refusal::InvalidCode { .. }), "{last:?}");
    let disabled = world.events().into_iter().find(|event| event.kind == EventKind::AuthenticatorDisabled).unwrap();
    assert_eq!(disabled.count, Some(100));
    world.clock.advance(300);
    let challenge = world.challenge().await;
    let right = bound.app.code(world.now());
    assert_eq!(world.answer(&challenge, &right).await.unwrap_err(), Refusal::AuthenticatorDisabled);
    let named = world.reply(&challenge, Reply::totp_of(&bound.id, right)).await;
    assert_eq!(named.unwrap_err(), Refusal::AuthenticatorDisabled);
}

/// A thief who has the password alone guesses until the app is disabled. Once its owner had cleared the
/// dead app away, his password would open an enrolment of his own: another one is bound first.
#[tokio::test]
async fn cve_2019_16766_an_enforced_account_never_loses_its_last_authenticator_whatever_state_that_is_in() {
    for expires in [false, true] {
        let policy = quick().login(Login::Required);
        let world = World::with(if expires { policy.totp_valid_for(86_400) } else { policy });
        let LoginOutcome::EnrolmentRequired { enrolment_token, .. } = world.login().await else { panic!("required") };
        let by = Enroller::Token(&enrolment_token);
        let started = world.mfa.enrol_totp(by, TotpEnrolment::new()).await.unwrap();
        let app = AuthenticatorApp::scan(started.otpauth_uri.expose()).unwrap();
        let bound = world.mfa.confirm(by, started.id, app.code(world.now())).await.unwrap();
        let code = bound.recovery_codes.unwrap()[0].expose().to_owned();
        if expires {
            world.clock.advance(86_400);
        } else {
            world.clock.advance(30);
            fail(&world, &[&app], 100).await;
        }
        let owner = world.reply(&world.challenge().await, Reply::recovery_code(code)).await.unwrap();
        let owner = world.session(&owner);
        let removed = world.mfa.remove(&owner, started.id).await;
        assert!(matches!(refusal(removed.unwrap_err()), Refusal::Conflict(_)));
        assert!(matches!(world.login().await, LoginOutcome::Challenge(_)), "the password alone opens no enrolment");

        let second = world.enrol(&owner).await;
        world.mfa.remove(&second.session, started.id).await.unwrap();
        assert!(matches!(world.login().await, LoginOutcome::Challenge(_)));
    }
}

#[tokio::test]
async fn one_failure_before_the_limit_the_right_code_is_still_good_and_clears_the_count() {
    let world = World::with(quick());
    let bound = world.enrolled().await;
    fail(&world, &[&bound.app], 99).await;
    world.clock.advance(300);
    world.sign_in(&bound.app).await;
    world.events();
    fail(&world, &[&bound.app], 1).await;
    assert_eq!(world.events().last().unwrap().count, Some(1));
}

#[tokio::test]
async fn the_subject_is_told_at_half_and_at_the_whole_of_the_limit() {
    let world = World::with(quick());
    let bound = world.enrolled().await;
    fail(&world, &[&bound.app], 100).await;
    let told: Vec<_> = world
        .events()
        .into_iter()
        .filter(|event| matches!(event.kind, EventKind::HardLimitNear | EventKind::AuthenticatorDisabled))
        .map(|event| (event.kind, event.count, event.method))
        .collect();
    assert_eq!(
        told,
        [
            (EventKind::HardLimitNear, Some(50), Some(Method::Totp)),
            (EventKind::AuthenticatorDisabled, Some(100), Some(Method::Totp))
        ]
    );
}

#[tokio::test]
async fn n63b_3_2_2_c_neither_waiting_nor_an_unlock_heals_the_hard_limit_but_binding_again_does() {
    let world = World::with(quick().hard_limit(100));
    let bound = world.enrolled().await;
    fail(&world, &[&bound.app], 60).await;
    world.clock.advance(7 * 86_400);
    world.mfa.unlock(&alice(), "root", "asked to").await.unwrap();
    fail(&world, &[&bound.app], 40).await;
    world.clock.advance(30 * 86_400);
    world.mfa.unlock(&alice(), "root", "asked to").await.unwrap();
    let challenge = world.challenge().await;
    let right = bound.app.code(world.now());
    assert_eq!(world.answer(&challenge, &right).await.unwrap_err(), Refusal::AuthenticatorDisabled);

    let recovered = world.reply(&challenge, Reply::recovery_code(bound.codes[0].as_str())).await.unwrap();
    let again = world.enrol(&world.session(&recovered)).await;
    world.sign_in(&again.app).await;
    let challenge = world.challenge().await;
    world.clock.advance(30);
    let old = world.reply(&challenge, Reply::totp_of(&bound.id, bound.app.code(world.now()))).await;
    assert_eq!(old.unwrap_err(), Refusal::AuthenticatorDisabled, "the old one stays what it is");
}

#[tokio::test]
async fn n63b_3_2_2_e_a_success_resets_the_count_of_the_authenticator_that_was_used_and_no_other() {
    let world = World::with(quick().lock(LockSchedule::new(50, 300, &[1])));
    let first = world.enrolled().await;
    let second = world.enrol(&first.session).await;
    let challenge = world.challenge().await;
    let wrong = world.wrong(&[&first.app, &second.app]);
    for _ in 0..4 {
        world.reply(&challenge, Reply::totp_of(&first.id, wrong.as_str())).await.unwrap_err();
    }
    world.reply(&challenge, Reply::totp_of(&second.id, second.app.code(world.now()))).await.unwrap();
    world.reply(&world.challenge().await, Reply::recovery_code(first.codes[0].as_str())).await.unwrap();
    world.events();
    let challenge = world.challenge().await;
    world.reply(&challenge, Reply::totp_of(&first.id, wrong)).await.unwrap_err();
    assert_eq!(world.events().last().unwrap().count, Some(5), "a passkey's luck is not the app's");
}

#[tokio::test]
async fn n63b_3_2_2_b_a_code_tried_on_several_authenticators_is_charged_to_each() {
    let world = World::with(policy().hard_limit(3));
    let first = world.enrolled().await;
    let second = world.enrol(&first.session).await;
    world.events();
    fail(&world, &[&first.app, &second.app], 3).await;
    let disabled: Vec<String> = world
        .events()
        .into_iter()
        .filter(|event| event.kind == EventKind::AuthenticatorDisabled)
        .map(|event| event.authenticator_id.unwrap().to_string())
        .collect();
    assert_eq!(disabled, [first.id, second.id]);
}

#[tokio::test]
async fn a_right_code_of_one_app_is_no_failure_of_the_other() {
    let world = World::new();
    let first = world.enrolled().await;
    let second = world.enrol(&first.session).await;
    for _ in 0..6 {
        world.sign_in(&second.app).await;
    }
    let kinds = world.kinds();
    assert!(!has(&kinds, EventKind::AnswerRefused), "{kinds:?}");
    world.sign_in(&first.app).await;
}

/// Rows: ASVS-6.1.1
#[tokio::test]
async fn an_app_that_is_locked_or_disabled_leaves_the_other_ways_open() {
    let world = World::with(policy().hard_limit(6));
    let first = world.enrolled().await;
    let second = world.enrol(&first.session).await;
    let wrong = world.wrong(&[&first.app, &second.app]);
    let challenge = world.challenge().await;
    for _ in 0..3 {
        world.reply(&challenge, Reply::totp_of(&first.id, wrong.as_str())).await.unwrap_err();
    }
    let locked = world.reply(&challenge, Reply::totp_of(&first.id, first.app.code(world.now()))).await;
    assert_eq!(locked.unwrap_err(), Refusal::Throttled { retry_after: 30 });
    world.answer(&challenge, &second.app.code(world.now())).await.unwrap();
    world.clock.advance(30);
    let challenge = world.challenge().await;
    for _ in 0..3 {
        world.reply(&challenge, Reply::totp_of(&first.id, wrong.as_str())).await.unwrap_err();
    }
    let offered = world.challenge().await.methods;
    assert!(offered.iter().all(|offer| offer.authenticator_id.is_none_or(|id| id.to_string() != first.id)));
    world.sign_in(&second.app).await;
    world.reply(&world.challenge().await, Reply::recovery_code(first.codes[0].as_str())).await.unwrap();
}

/// Rows: CS-MFA-5
#[tokio::test]
async fn asvs_6_3_5_a_right_password_and_wrong_codes_are_events_with_their_time_and_place() {
    let world = World::new();
    let bound = world.enrolled().await;
    let LoginOutcome::Challenge(challenge) = world.login().await else { panic!("no challenge") };
    let from = world.mfa.from_address("203.0.113.9");
    let by = tower_mfa::service::Responder::Token(&challenge.token);
    from.answer(by, challenge.id, Reply::totp(world.wrong(&[&bound.app]))).await.unwrap_err();
    let events = world.events();
    let kinds: Vec<EventKind> = events.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::LoginChallenged, EventKind::AnswerRefused]);
    let refused = events.last().unwrap();
    assert_eq!((refused.at, refused.address.as_deref()), (world.now(), Some("203.0.113.9")));
    assert_eq!(refused.authenticator_id.map(|id| id.to_string()), Some(bound.id));
}

#[tokio::test]
async fn the_hard_limit_may_be_lower_but_not_higher_than_nist_allows() {
    assert_eq!(policy().hard_limit(101).build().unwrap_err().field(), "hard_limit");
    assert!(policy().hard_limit(100).build().is_ok());
    let disabled_after = async |limit: u32| {
        let world = World::with(quick().lock(LockSchedule::new(1, 300, &[1])).hard_limit(limit));
        let bound = world.enrolled().await;
        for n in 1.. {
            let challenge = world.challenge().await;
            world.answer(&challenge, &world.wrong(&[&bound.app])).await.unwrap_err();
            if has(&world.kinds(), EventKind::AuthenticatorDisabled) {
                return n;
            }
            world.clock.advance(1);
        }
        0
    };
    assert_eq!(disabled_after(1).await, 1);
    assert_eq!(disabled_after(10).await, 10);
}
