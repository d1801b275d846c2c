//! A session already at AAL2 has a budget of its own: a stranger who fails at login does not lock
//! its owner out, and whoever holds it has few guesses.

use tower_mfa::account::{EventKind, Refusal};
use tower_mfa::policy::Login;
use tower_mfa::service::{ChallengeOutcome, ChallengeRequest, Reply, Responder};

use crate::world::*;

fn bound_action() -> ChallengeRequest {
    ChallengeRequest::new().action("pay").bind([("to", "bob")]).unwrap()
}

/// Rows: ASVS-6.1.1
#[tokio::test]
async fn asvs_6_1_1_a_stranger_failing_at_login_does_not_lock_an_aal2_session_out() {
    let world = World::new();
    let bound = world.enrolled().await;
    let session = world.sign_in(&bound.app).await;
    world.clock.advance(30);
    world.lock_out(&bound.app).await;
    let refused = world.answer(&world.challenge().await, &bound.app.code(world.now())).await;
    assert_eq!(refused.unwrap_err(), Refusal::Throttled { retry_after: 30 }, "a login has to wait");
    let right = Reply::totp(bound.app.code(world.now()));
    let stepped = world.step_up(&session, bound_action(), right).await.unwrap();
    assert_eq!(stepped.step_up().unwrap().action(), "pay");
}

#[tokio::test]
async fn the_budget_of_a_session_is_small_and_locks_that_session_alone() {
    let world = World::new();
    let bound = world.enrolled().await;
    let session = world.sign_in(&bound.app).await;
    world.clock.advance(30);
    world.events();
    let wrong = world.wrong(&[&bound.app]);
    for left in [4, 3, 2, 1, 0] {
        let refused = world.step_up(&session, bound_action(), Reply::totp(wrong.as_str())).await.unwrap_err();
        assert_eq!(refused, wrong_with(left));
    }
    let locked = world.events().into_iter().find(|event| event.kind == EventKind::Locked).unwrap();
    assert_eq!(locked.sid.map(|sid| sid.to_string()).as_deref(), session.session());
    let right = bound.app.code(world.now());
    let refused = world.step_up(&session, bound_action(), Reply::totp(right.as_str())).await;
    assert_eq!(refused.unwrap_err(), Refusal::Throttled { retry_after: 30 });
    world.answer(&world.challenge().await, &right).await.unwrap();
    world.clock.advance(30);
    let right = Reply::totp(bound.app.code(world.now()));
    world.step_up(&session, bound_action(), right).await.unwrap();
}

#[tokio::test]
async fn guesses_in_a_session_count_towards_the_hard_limit_of_the_authenticator() {
    let world = World::with(policy().hard_limit(6));
    let bound = world.enrolled().await;
    let session = world.sign_in(&bound.app).await;
    world.clock.advance(30);
    let wrong = world.wrong(&[&bound.app]);
    for _ in 0..5 {
        world.step_up(&session, bound_action(), Reply::totp(wrong.as_str())).await.unwrap_err();
    }
    world.events();
    world.answer(&world.challenge().await, &wrong).await.unwrap_err();
    assert!(has(&world.kinds(), EventKind::AuthenticatorDisabled), "five here and one there are six");
}

#[tokio::test]
async fn recovery_codes_in_a_session_are_charged_to_its_budget_too() {
    let world = World::new();
    let bound = world.enrolled().await;
    let session = world.sign_in(&bound.app).await;
    let wrong = crate::login::other_code(&bound.codes[0]);
    for left in [4, 3, 2, 1, 0] {
        let reply = Reply::recovery_code(wrong.as_str());
        assert_eq!(world.step_up(&session, bound_action(), reply).await.unwrap_err(), wrong_with(left));
    }
    let reply = Reply::recovery_code(bound.codes[0].as_str());
    let refused = world.step_up(&session, bound_action(), reply).await;
    assert_eq!(refused.unwrap_err(), Refusal::Throttled { retry_after: 30 });
    let reply = Reply::recovery_code(bound.codes[0].as_str());
    world.reply(&world.challenge().await, reply).await.unwrap();
}

#[tokio::test]
async fn a_session_at_aal1_has_no_budget_of_its_own() {
    let world = World::with(policy().login(Login::Optional));
    let bound = world.enrolled().await;
    let tower_mfa::service::LoginOutcome::Complete(tokens) = world.login().await else { panic!("optional") };
    let session = world.session(&tokens);
    let ChallengeOutcome::Pending(asked) = world.mfa.open_challenge(&session, ChallengeRequest::new()).await.unwrap()
    else {
        panic!("a password is not enough")
    };
    let by = Responder::Session(&session);
    for left in [2, 1, 0] {
        let wrong = Reply::totp(world.wrong(&[&bound.app]));
        assert_eq!(complete(world.mfa.answer(by, asked.id, wrong).await).unwrap_err(), wrong_with(left));
    }
    let right = Reply::totp(bound.app.code(world.now()));
    let refused = complete(world.mfa.answer(by, asked.id, right).await);
    assert_eq!(refused.unwrap_err(), Refusal::Throttled { retry_after: 30 });
}

#[tokio::test]
async fn an_unlock_frees_sessions_and_logins_alike() {
    let world = World::new();
    let bound = world.enrolled().await;
    let session = world.sign_in(&bound.app).await;
    world.clock.advance(30);
    world.lock_out(&bound.app).await;
    for _ in 0..5 {
        let wrong = Reply::totp(world.wrong(&[&bound.app]));
        world.step_up(&session, bound_action(), wrong).await.unwrap_err();
    }
    world.mfa.unlock(&alice(), "root", "on the phone").await.unwrap();
    let right = bound.app.code(world.now());
    world.step_up(&session, bound_action(), Reply::totp(right)).await.unwrap();
    world.clock.advance(30);
    world.answer(&world.challenge().await, &bound.app.code(world.now())).await.unwrap();
}

#[tokio::test]
async fn asvs_6_1_1_a_stranger_who_signs_in_again_and_again_supersedes_no_step_up() {
    let world = World::new();
    let bound = world.enrolled().await;
    let session = world.sign_in(&bound.app).await;
    world.clock.advance(30);
    let opened = world.mfa.open_challenge(&session, bound_action()).await.unwrap();
    let ChallengeOutcome::Pending(asked) = opened else { panic!("a bound action is always asked for") };
    for _ in 0..50 {
        world.challenge().await;
    }
    assert!(world.mfa.challenge(Responder::Session(&session), asked.id).await.is_ok());
    let owners = world.challenge().await;
    for _ in 0..50 {
        let _flood = world.mfa.open_challenge(&session, bound_action()).await.unwrap();
    }
    assert!(world.mfa.challenge(Responder::Token(&owners.token), owners.id).await.is_ok(), "nor the other way round");
    let last = world.mfa.open_challenge(&session, bound_action()).await.unwrap();
    let ChallengeOutcome::Pending(last) = last else { panic!("a bound action is always asked for") };
    let by = Responder::Session(&session);
    let superseded = world.mfa.challenge(by, asked.id).await.unwrap_err();
    assert_eq!(refusal(superseded), Refusal::NotFound, "its own flood supersedes it");
    complete(world.mfa.answer(by, last.id, Reply::totp(bound.app.code(world.now()))).await).unwrap();
}
