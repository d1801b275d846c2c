//! Other doors: whose factors they are, whose time counts, and what a challenge is worth unanswered.

use tower_mfa::account::{FirstFactor, Refusal};
use tower_mfa::assurance::{Aal, Requirement};
use tower_mfa::policy::Login;
use tower_mfa::service::{ChallengeOutcome, ChallengeRequest, Enroller, LoginOutcome, Reply, Responder};

use crate::scene::{Scene, answered, challenged, cheap, refusal, scan, subject};

/// Rows: PCI-8.5.1-a
#[tokio::test]
async fn n63b_2_2_2_a_nothing_that_was_accepted_is_accepted_again() {
    let s = Scene::new();
    let person = s.enrolled("alice").await;
    let spare = person.bound.recovery_codes.as_ref().unwrap()[0].expose().to_owned();
    s.clock.advance(30);
    for reply in [Reply::totp(person.app.code(s.now())), Reply::recovery_code(spare)] {
        let asked = challenged(s.begin("alice").await);
        let tokens = answered(s.answer(&asked, reply.clone()).await.unwrap());
        assert_eq!(tokens.acr(), "aal2");
        assert_eq!(refusal(s.answer(&asked, reply.clone()).await), Refusal::ChallengeGone);
        let again = challenged(s.begin("alice").await);
        assert!(matches!(refusal(s.answer(&again, reply).await), Refusal::InvalidCode { .. }));
    }
}

#[tokio::test]
async fn pci_8_3_11_a_factor_opens_its_owners_account_and_no_other() {
    let s = Scene::new();
    let (alice, bob) = (s.enrolled("alice").await, s.enrolled("bob").await);
    s.clock.advance(30);
    let asked = challenged(s.begin("bob").await);
    let hers = alice.bound.authenticator.id.to_string();
    let spare = alice.bound.recovery_codes.as_ref().unwrap()[0].expose();
    let code = alice.app.code(s.now());
    for reply in [Reply::totp(code.clone()), Reply::totp_of(&hers, code)] {
        assert!(matches!(refusal(s.answer(&asked, reply).await), Refusal::InvalidCode { .. }));
    }
    assert!(matches!(refusal(s.answer(&asked, Reply::recovery_code(spare)).await), Refusal::InvalidCode { .. }));
    let his = s.answer(&asked, Reply::totp(bob.app.code(s.now()))).await.unwrap();
    assert_eq!(s.auth(&answered(his)).subject(), &subject("bob"));
    s.sign_in("alice", &alice.app).await;
}

#[tokio::test]
async fn asvs_6_5_8_codes_are_checked_by_the_servers_clock_whatever_time_a_login_claims() {
    let s = Scene::new();
    let person = s.enrolled("alice").await;
    s.clock.advance(3_600);
    for claimed in [s.now().plus(3_600), s.now().minus(3_600)] {
        let first = FirstFactor::password_checked_by_host(subject("alice"), claimed);
        let asked = challenged(s.mfa.begin(first).await.unwrap());
        assert!(s.answer(&asked, Reply::totp(person.app.code(claimed))).await.is_err());
    }
    let first = FirstFactor::password_checked_by_host(subject("new"), s.now().plus(3_600));
    let tokens = crate::scene::complete(s.mfa.begin(first).await.unwrap());
    assert_eq!(tokens.auth_time(), Some(s.now()), "no proof is from the future");
}

/// Rows: CS-MFA-2
#[tokio::test]
async fn asvs_6_4_3_a_new_password_is_one_factor_and_login_still_asks_for_the_other() {
    let s = Scene::new();
    let person = s.enrolled("alice").await;
    // The host lets alice set a new password; all it can say of it is that it was checked.
    let outcome = s.begin("alice").await;
    assert!(matches!(outcome, LoginOutcome::Challenge(_)));
    assert_eq!(person.by.assurance().level(), Aal::Two);
    let status = s.mfa.status(Enroller::Session(&person.by)).await.unwrap();
    assert_eq!(status.authenticators.len(), 1, "and nothing was unbound by it");
}

#[tokio::test]
async fn cve_2026_32879_an_action_is_approved_by_a_finished_answer_alone() {
    let policy = cheap().login(Login::Optional).action("reveal", Requirement::aal2().within(60)).build().unwrap();
    let s = Scene::with(policy);
    let person = s.enrolled("alice").await;
    s.clock.advance(90);
    let ask = || ChallengeRequest::new().action("reveal");
    let ChallengeOutcome::Pending(view) = s.mfa.open_challenge(&person.by, ask()).await.unwrap() else {
        panic!("the factor is too old")
    };
    let by = Responder::Session(&person.by);
    let _ = s.mfa.challenge(by, view.id).await.unwrap();
    let right = person.app.code(s.now());
    let wrong = if right == "000000" { "000001" } else { "000000" };
    assert!(s.mfa.answer(by, view.id, Reply::totp(wrong)).await.is_err());
    let refreshed = s.mfa.refresh(person.bound.tokens.refresh_token().unwrap()).await.unwrap();
    assert!(refreshed.step_up().is_none() && s.auth(&refreshed).step_up().is_none());
    let tokens = answered(s.mfa.answer(by, view.id, Reply::totp(right)).await.unwrap());
    assert_eq!(tokens.step_up().unwrap().action(), "reveal");
    let password_only = s.signed_in("alice").await;
    let opened = s.mfa.open_challenge(&password_only, ask()).await.unwrap();
    assert!(matches!(opened, ChallengeOutcome::Pending(_)), "another session has proved nothing");
}

#[tokio::test]
async fn of_two_first_bindings_confirmed_at_once_one_is_bound_and_the_other_session_ends() {
    let s = Scene::new();
    let (owner, thief) = (s.signed_in("alice").await, s.signed_in("alice").await);
    let (one, two) = (s.start(&owner).await.unwrap(), s.start(&thief).await.unwrap());
    let confirm = |by, started: &tower_mfa::account::Enrolment| {
        let code = scan(started).code(s.now());
        s.mfa.confirm(Enroller::Session(by), started.id, code)
    };
    let (first, second) = tokio::join!(confirm(&owner, &one), confirm(&thief, &two));
    let bound: Vec<_> = [first, second].into_iter().flatten().collect();
    assert_eq!(bound.len(), 1);
    let by = s.auth(&bound[0].tokens);
    let status = s.mfa.status(Enroller::Session(&by)).await.unwrap();
    assert_eq!((status.authenticators.len(), status.sessions), (1, 1));
}

#[tokio::test]
async fn a_tenants_account_is_no_other_tenants() {
    let s = Scene::new();
    let person = s.enrolled("alice").await;
    let elsewhere = tower_mfa::id::Subject::with_tenant("acme", "alice").unwrap();
    let first = FirstFactor::password_checked_by_host(elsewhere.clone(), s.now());
    let tokens = crate::scene::complete(s.mfa.begin(first).await.unwrap());
    assert_eq!(s.auth(&tokens).subject(), &elsewhere);
    s.mfa.erase(&elsewhere, "root", "why").await.unwrap();
    s.sign_in("alice", &person.app).await;
}
