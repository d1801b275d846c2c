//! Two independent authenticators: what is asked of whoever has one of them, and of whoever lost one.

use tower_mfa::account::Refusal;
use tower_mfa::assurance::{Aal, Method};
use tower_mfa::policy::{Login, LoginPolicy, LoginRule};
use tower_mfa::secret::SecretString;
use tower_mfa::service::{
    AnswerOutcome, ChallengeOutcome, ChallengeRequest, Enroller, Reply, Responder, TotpEnrolment,
};

use crate::login_modes::{counted, enrol, lenient_beside, status, strictly, under};
use crate::scene::{Current, Scene, answered, challenged, cheap, refusal, scan, ticket};

/// Rows: N63B-4.2.1-a
#[tokio::test]
async fn a_recovery_code_opens_the_binding_of_the_second_where_the_first_is_lost() {
    let s = under(two());
    let first = enrol(&s, &ticket(s.begin("alice").await)).await;
    let code = first.bound.recovery_codes.as_ref().unwrap()[0].expose();
    let asked = challenged(s.begin("alice").await);
    let token = enrolment_after(&s, &asked, Reply::recovery_code(code)).await;
    let second = enrol(&s, &token).await;
    s.sign_in("alice", &second.app).await;
}

fn two() -> LoginPolicy {
    LoginPolicy::new(Login::Required).at_least(2)
}

#[tokio::test]
async fn of_two_that_must_be_bound_the_first_binding_goes_on_to_ask_for_the_second() {
    let s = under(two());
    let first = enrol(&s, &ticket(s.begin("alice").await)).await;
    assert_eq!(status(&s, Enroller::Session(&first.by)).await, ("required", None));
    assert!(matches!(refusal(s.mfa.remove(&first.by, first.bound.authenticator.id).await), Refusal::Conflict(_)));
    let second = s.bind(&first.by).await;
    assert!(second.bound.recovery_codes.is_none());
    assert_eq!(status(&s, Enroller::Session(&second.by)).await, ("complete", None));
    for id in [first.bound.authenticator.id, second.bound.authenticator.id] {
        assert!(matches!(refusal(s.mfa.remove(&second.by, id).await), Refusal::Conflict(_)));
    }
    let third = s.bind(&second.by).await;
    s.mfa.remove(&third.by, first.bound.authenticator.id).await.unwrap();
    s.sign_in("alice", &third.app).await;
}

/// Answers a login with a code; returns the enrolment token it ends in.
async fn enrolment_after(s: &Scene, asked: &tower_mfa::service::LoginChallenge, reply: Reply) -> SecretString {
    let outcome = s.answer(asked, reply).await.unwrap();
    let AnswerOutcome::EnrolmentRequired { enrolment_token, expires_in, allowed, .. } = outcome else {
        panic!("{outcome:?}: one of two is bound")
    };
    assert_eq!((expires_in, allowed), (600, vec![Method::Totp]));
    enrolment_token
}

/// The right to bind is for what is missing, by the policy of the moment: it opens no door to one more.
#[tokio::test]
async fn an_enrolment_is_good_while_less_is_bound_than_must_be() {
    let current = Current::of(cheap().login(two()));
    let s = Scene::sourced(current.clone());
    let first = enrol(&s, &ticket(s.begin("alice").await)).await;
    s.clock.advance(30);
    let asked = challenged(s.begin("alice").await);
    let token = enrolment_after(&s, &asked, Reply::totp(first.app.code(s.now()))).await;
    let started = s.mfa.enrol_totp(Enroller::Token(&token), TotpEnrolment::new()).await.unwrap();
    let confirmed = async || {
        let code = scan(&started).code(s.now());
        s.mfa.confirm(Enroller::Token(&token), started.id, code).await
    };
    current.set(cheap().login(Login::Required));
    let again = s.mfa.enrol_totp(Enroller::Token(&token), TotpEnrolment::new()).await;
    assert_eq!(refusal(again), Refusal::InvalidToken);
    assert_eq!(refusal(confirmed().await), Refusal::InvalidToken);
    current.set(cheap().login(two()));
    assert!(confirmed().await.is_ok());
}

/// Who was sent to bind a first one is not stopped half way by a policy that asks for none.
#[tokio::test]
async fn an_enrolment_of_the_first_is_good_though_none_must_be_bound_any_more() {
    let current = Current::of(cheap().login(Login::Required));
    let s = Scene::sourced(current.clone());
    let token = ticket(s.begin("alice").await);
    current.set(cheap().login(Login::Optional));
    enrol(&s, &token).await;
}

/// Rows: GHSA-xg6x-h9c9-2m83, CVE-2019-16766
#[tokio::test]
async fn whoever_has_one_of_two_is_asked_for_it_and_gets_no_session_but_the_right_to_bind_the_other() {
    let s = under(two());
    let first = enrol(&s, &ticket(s.begin("alice").await)).await;
    s.mfa.log_out(&first.by).await.unwrap();
    s.clock.advance(30);
    let asked = challenged(s.begin("alice").await);
    let token = enrolment_after(&s, &asked, Reply::totp(first.app.code(s.now()))).await;
    assert!(s.mfa.authenticate(token.expose()).is_err());
    let status_now = s.mfa.status(Enroller::Token(&token)).await.unwrap();
    assert_eq!((status_now.enrolment, status_now.sessions, &*status_now.acr), ("required", 0, "aal2"));
    assert_eq!(refusal(s.answer(&asked, Reply::totp("000000")).await), Refusal::ChallengeGone, "answered once");
    let second = enrol(&s, &token).await;
    assert_eq!(second.by.assurance().level(), Aal::Two);
    assert_eq!(status(&s, Enroller::Session(&second.by)).await.0, "complete");
    let again = s.mfa.enrol_totp(Enroller::Token(&token), TotpEnrolment::new()).await;
    assert_eq!(refusal(again), Refusal::InvalidToken, "void at the activation");
    s.sign_in("alice", &second.app).await;
}

/// What no login would give, no session goes on to give: else whoever stays signed in never binds the other.
#[tokio::test]
async fn a_session_of_whoever_has_one_of_two_is_refreshed_when_the_other_is_bound_and_not_before() {
    let s = under(two());
    let first = enrol(&s, &ticket(s.begin("alice").await)).await;
    let kept = first.bound.tokens.refresh_token().unwrap();
    assert_eq!(refusal(s.mfa.refresh(kept).await), Refusal::InvalidToken);
    // Neither is the one that follows from a code; in both the other can be bound.
    s.clock.advance(301);
    let opened = s.mfa.open_challenge(&first.by, ChallengeRequest::new().max_age(0)).await.unwrap();
    let ChallengeOutcome::Pending(view) = opened else { panic!("a code is wanted") };
    let reply = Reply::totp(first.app.code(s.now()));
    let after = answered(s.mfa.answer(Responder::Session(&first.by), view.id, reply).await.unwrap());
    assert_eq!(refusal(s.mfa.refresh(after.refresh_token().unwrap()).await), Refusal::InvalidToken);
    let second = s.bind(&s.auth(&after)).await;
    assert!(s.mfa.refresh(second.bound.tokens.refresh_token().unwrap()).await.is_ok());
}

/// Whoever was tricked out of one code ends all other sessions: what that code had opened is among them.
#[tokio::test]
async fn ending_all_other_sessions_ends_an_enrolment_that_another_login_has_proved() {
    let s = under(two());
    let owner = enrol(&s, &ticket(s.begin("alice").await)).await;
    s.clock.advance(30);
    let asked = challenged(s.begin("alice").await);
    let stolen = enrolment_after(&s, &asked, Reply::totp(owner.app.code(s.now()))).await;
    let started = s.mfa.enrol_totp(Enroller::Token(&stolen), TotpEnrolment::new()).await.unwrap();
    s.mfa.end_other_sessions(&owner.by).await.unwrap();
    assert_eq!(refusal(s.mfa.status(Enroller::Token(&stolen)).await), Refusal::InvalidToken);
    let code = scan(&started).code(s.now());
    assert_eq!(refusal(s.mfa.confirm(Enroller::Token(&stolen), started.id, code).await), Refusal::InvalidToken);
}

/// Rows: CVE-2019-16766, CVE-2024-45042
#[tokio::test]
async fn an_enrolment_that_a_password_alone_opened_binds_nothing_beside_an_authenticator() {
    let s = under(two());
    let stolen = ticket(s.begin("alice").await);
    let other = ticket(s.begin("alice").await);
    enrol(&s, &other).await;
    for token in [&stolen, &other] {
        let started = s.mfa.enrol_totp(Enroller::Token(token), TotpEnrolment::new()).await;
        assert_eq!(refusal(started), Refusal::InvalidToken);
    }
    // Where somebody binds by a session while a password's enrolment is open, that one is void as well.
    let s = under(lenient_beside(LoginRule::new("strict").mode(Login::Required).at_least(2)));
    let by = s.signed_in("alice").await;
    let token = ticket(strictly(&s).await);
    s.bind(&by).await;
    let started = s.mfa.enrol_totp(Enroller::Token(&token), TotpEnrolment::new()).await;
    assert_eq!(refusal(started), Refusal::InvalidToken);
}

#[tokio::test]
async fn the_grace_holds_for_whoever_has_one_of_two_as_well() {
    let s = under(LoginPolicy::new(counted(3)).at_least(2));
    let by = s.signed_in("alice").await;
    let first = s.bind(&by).await;
    assert_eq!(status(&s, Enroller::Session(&first.by)).await.0, "required");
    for left in [1, 0] {
        let tokens = s.sign_in("alice", &first.app).await;
        assert_eq!(tokens.acr(), "aal2");
        assert_eq!(s.events("alice").await.last().map(|due| due.count), Some(Some(left)));
    }
    s.clock.advance(30);
    let asked = challenged(s.begin("alice").await);
    let token = enrolment_after(&s, &asked, Reply::totp(first.app.code(s.now()))).await;
    let second = enrol(&s, &token).await;
    s.sign_in("alice", &second.app).await;
}

/// Nobody is locked out for good: a recovery code opens the enrolment, what is disabled can be cleared
/// away beside one that works, and its place is free.
#[tokio::test]
async fn whoever_loses_one_of_two_can_replace_it_however_few_may_be_bound() {
    let login = two().at_most(3);
    let s = Scene::with(cheap().login(login).hard_limit(3).max_authenticators(4).build().unwrap());
    let first = enrol(&s, &ticket(s.begin("alice").await)).await;
    let old = s.bind(&first.by).await;
    let second = s.bind(&old.by).await;
    assert!(matches!(refusal(s.start(&second.by).await), Refusal::Conflict(_)), "three are as many as may be");
    s.mfa.remove(&second.by, old.bound.authenticator.id).await.unwrap();
    s.clock.advance(30);
    let asked = challenged(s.begin("alice").await);
    let lost = first.bound.authenticator.id;
    let codes = [first.app.code(s.now()), second.app.code(s.now())];
    let wrong = ["000000", "000001", "000002"].into_iter().find(|wrong| !codes.contains(&(*wrong).to_owned())).unwrap();
    for _ in 0..3 {
        drop(s.answer(&asked, Reply::totp_of(&lost.to_string(), wrong)).await);
    }
    let here = s.auth(&answered(s.answer(&asked, Reply::totp(second.app.code(s.now()))).await.unwrap()));
    assert_eq!(status(&s, Enroller::Session(&here)).await.0, "required", "one of them is disabled");
    let third = s.bind(&here).await;
    s.mfa.remove(&third.by, lost).await.unwrap();
    assert_eq!(status(&s, Enroller::Session(&third.by)).await.0, "complete");
}
