//! Every call that takes a code counts it, and nothing but a proof resets a count.

use tower_mfa::account::{EventKind, Refusal};
use tower_mfa::assurance::Authentication;
use tower_mfa::policy::Login;
use tower_mfa::service::{ChallengeRequest, Enroller, LoginOutcome, Reply, TotpEnrolment};
use tower_mfa::testing::{AuthenticatorApp, Fault};

use crate::login::other_code;
use crate::world::*;

fn pay_bob() -> ChallengeRequest {
    ChallengeRequest::new().action("pay").bind([("to", "bob")]).unwrap()
}

/// How many failures of the app there have been, by the events so far.
fn counted(world: &World) -> Option<u32> {
    world.events().iter().rev().find(|event| event.kind == EventKind::AnswerRefused).and_then(|event| event.count)
}

#[tokio::test]
async fn cve_2025_64102_every_call_that_takes_a_code_counts_on_one_counter() {
    let world = World::with(policy().disable_by_code(true));
    let bound = world.enrolled().await;
    let session = world.sign_in(&bound.app).await;
    world.clock.advance(30);
    let wrong = world.wrong(&[&bound.app]);
    world.answer(&world.challenge().await, &wrong).await.unwrap_err();
    assert_eq!(counted(&world), Some(1), "login");
    world.step_up(&session, pay_bob(), Reply::totp(wrong.as_str())).await.unwrap_err();
    assert_eq!(counted(&world), Some(2), "step-up");
    let refused = world.mfa.disable(&session, Some(Reply::totp(wrong.as_str())), None).await.unwrap_err();
    assert_eq!(refusal(refused), wrong_with(3), "the budget of the session, where step-up was charged too");
    assert_eq!(counted(&world), Some(3), "disabling");
    let named = Reply::totp_of(&bound.id, wrong);
    world.mfa.disable(&session, Some(named), Some(bound.id.parse().unwrap())).await.unwrap_err();
    assert_eq!(counted(&world), Some(4), "removing one");
}

#[tokio::test]
async fn disabling_by_code_is_throttled_and_single_use_like_any_answer() {
    let world = World::with(policy().disable_by_code(true).login(Login::Optional));
    let bound = world.enrolled().await;
    let LoginOutcome::Complete(tokens) = world.login().await else { panic!("optional") };
    let password = world.session(&tokens);
    for left in [2, 1, 0] {
        let wrong = Reply::recovery_code(other_code(&bound.codes[0]));
        let refused = world.mfa.disable(&password, Some(wrong), None).await.unwrap_err();
        assert_eq!(refusal(refused), wrong_with(left));
    }
    let right = || Some(Reply::recovery_code(bound.codes[0].as_str()));
    let refused = world.mfa.disable(&password, right(), None).await.unwrap_err();
    assert_eq!(refusal(refused), Refusal::Throttled { retry_after: 30 });
    let used = bound.app.code(world.now());
    world.answer_password(&password, &used).await;
    let LoginOutcome::Complete(tokens) = world.login().await else { panic!("optional") };
    let password = world.session(&tokens);
    let refused = world.mfa.disable(&password, Some(Reply::totp(used)), None).await.unwrap_err();
    assert!(matches!(refusal(refused), Refusal::InvalidCode { .. }), "a code that raised a session is used up");
    world.clock.advance(30);
    world.mfa.disable(&password, right(), None).await.unwrap();
    assert!(matches!(world.login().await, LoginOutcome::Complete(_)));
}

impl World {
    /// Raises a session that has proved a password alone.
    async fn answer_password(&self, by: &Authentication, code: &str) {
        self.step_up(by, ChallengeRequest::new(), Reply::totp(code)).await.unwrap();
    }
}

#[tokio::test]
async fn what_policy_forbids_is_refused_before_a_code_is_compared() {
    for world in [World::new(), World::with(policy().disable_by_code(true).login(Login::Required))] {
        let app = match world.login().await {
            LoginOutcome::Complete(_) => world.enrolled().await.app,
            _ => crate::login::enrol_by_ticket(&world).await,
        };
        let session = world.sign_in(&app).await;
        let written = world.store.commits();
        for reply in [Reply::totp("000000"), Reply::recovery_code("0000-0000-0000-0000")] {
            let refused = world.mfa.disable(&session, Some(reply), None).await.unwrap_err();
            assert!(matches!(refusal(refused), Refusal::Forbidden(_)));
        }
        assert_eq!(world.store.commits(), written);
    }
}

#[tokio::test]
async fn a_confirmation_is_throttled_too() {
    let world = World::new();
    let LoginOutcome::Complete(tokens) = world.login().await else { panic!("something is bound") };
    let session = world.session(&tokens);
    let by = Enroller::Session(&session);
    let started = world.mfa.enrol_totp(by, TotpEnrolment::new()).await.unwrap();
    let app = AuthenticatorApp::scan(started.otpauth_uri.expose()).unwrap();
    for left in [2, 1, 0] {
        let refused = world.mfa.confirm(by, started.id, world.wrong(&[&app])).await.unwrap_err();
        assert_eq!(refusal(refused), wrong_with(left));
    }
    let refused = world.mfa.confirm(by, started.id, app.code(world.now())).await.unwrap_err();
    assert_eq!(refusal(refused), Refusal::Throttled { retry_after: 30 });
    world.clock.advance(30);
    world.mfa.confirm(by, started.id, app.code(world.now())).await.unwrap();
}

#[tokio::test]
async fn n63b_3_2_2_f_no_session_below_the_level_of_an_authenticator_resets_its_count() {
    let world = World::with(policy().login(Login::Optional).hard_limit(3));
    let bound = world.enrolled().await;
    let LoginOutcome::Complete(tokens) = world.login().await else { panic!("optional") };
    let password = world.session(&tokens);
    for _ in 0..3 {
        let wrong = Reply::totp(world.wrong(&[&bound.app]));
        world.step_up(&password, ChallengeRequest::new(), wrong).await.unwrap_err();
    }
    let refused = world.mfa.enrol_totp(Enroller::Session(&password), TotpEnrolment::new()).await.unwrap_err();
    assert!(matches!(refusal(refused), Refusal::Insufficient { .. }), "no app in place of the disabled one");
    let refused = world.mfa.regenerate_recovery_codes(&password).await.unwrap_err();
    assert!(matches!(refusal(refused), Refusal::Insufficient { .. }), "and no new set of codes");
    let refused = world.mfa.remove(&password, bound.id.parse().unwrap()).await.unwrap_err();
    assert!(matches!(refusal(refused), Refusal::Insufficient { .. }), "nor is it removed");
    let reply = Reply::recovery_code(bound.codes[0].as_str());
    let raised = world.step_up(&password, ChallengeRequest::new(), reply).await.unwrap();
    world.enrol(&world.session(&raised)).await;
}

#[tokio::test]
async fn asvs_6_5_8_a_code_is_checked_against_the_servers_clock() {
    let world = World::new();
    let bound = world.enrolled().await;
    world.clock.advance(600);
    for off in [-3600_i64, -60, 60, 3600] {
        let elsewhere = tower_mfa::clock::Timestamp::from_secs(world.now().as_secs().saturating_add_signed(off));
        let answer = world.answer(&world.challenge().await, &bound.app.code(elsewhere)).await;
        assert!(is_wrong(&answer), "{off} s off");
        world.mfa.unlock(&alice(), "root", "test").await.unwrap();
    }
    world.answer(&world.challenge().await, &bound.app.code(world.now())).await.unwrap();
}

#[tokio::test]
async fn a_guess_whose_commit_is_answered_by_nobody_is_counted_once() {
    let world = World::new();
    let bound = world.enrolled().await;
    let challenge = world.challenge().await;
    world.store.set(Some(Fault::AnswerLost));
    let refused = world.answer(&challenge, &world.wrong(&[&bound.app])).await.unwrap_err();
    assert_eq!(refused, wrong_with(2), "what was committed is found again");
    assert_eq!(counted(&world), Some(1));
    world.answer(&challenge, &bound.app.code(world.now())).await.unwrap();
}

#[tokio::test]
async fn a_clock_that_goes_back_frees_nothing_and_revives_no_code() {
    let world = World::new();
    let bound = world.enrolled().await;
    let code = bound.app.code(world.now());
    world.answer(&world.challenge().await, &code).await.unwrap();
    world.lock_out(&bound.app).await;
    world.clock.go_back(20);
    let challenge = world.challenge().await;
    assert_eq!(world.answer(&challenge, &code).await.unwrap_err(), Refusal::Throttled { retry_after: 30 });
    world.clock.advance(50);
    assert!(is_wrong(&world.answer(&challenge, &code).await));
    world.clock.go_back(301);
    // The budget of nobody's address is from a time that is to come, too: it is spent until then.
    assert_eq!(world.answer(&challenge, &code).await.unwrap_err(), Refusal::Throttled { retry_after: 1 });
    let by = tower_mfa::service::Responder::Token(&challenge.token);
    let elsewhere = world.mfa.from_address("192.0.2.7");
    let refused = elsewhere.answer(by, challenge.id, Reply::totp(code)).await.unwrap_err().refusal().clone();
    assert!(matches!(refused, Refusal::Unavailable { .. }), "so far behind it decides nothing: {refused:?}");
}
