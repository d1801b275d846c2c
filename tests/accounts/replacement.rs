//! A used recovery code is followed by a new one, where policy says so.

use tower_mfa::account::{EventKind, Refusal};
use tower_mfa::policy::presets::nist_aal2;
use tower_mfa::policy::{Login, LoginPolicy, PolicyBuilder};
use tower_mfa::service::{Answer, AnswerOutcome, Enroller, Error, Reply};
use tower_mfa::testing::Fault;

use crate::presets::cheaply;
use crate::scene::{Person, Scene, challenged, cheap, refusal};

fn nist() -> PolicyBuilder {
    cheaply(nist_aal2())
}

/// Somebody with an app and two recovery codes.
async fn person(policy: PolicyBuilder) -> (Scene, Person, Vec<String>) {
    let s = Scene::with(policy.build().unwrap());
    let alice = s.enrolled_by_ticket("alice").await;
    let codes = alice.bound.recovery_codes.as_ref().unwrap();
    let codes = codes.iter().map(|code| code.expose().to_owned()).collect();
    (s, alice, codes)
}

async fn recover(s: &Scene, code: &str) -> Result<Answer, Error> {
    let asked = challenged(s.begin("alice").await);
    match s.answer(&asked, Reply::recovery_code(code)).await? {
        AnswerOutcome::Complete(answer) => Ok(answer),
        more => panic!("{more:?}"),
    }
}

fn new_code(answer: &Answer) -> String {
    let codes = answer.recovery_codes.as_ref().unwrap();
    assert_eq!(codes.len(), 1);
    codes[0].expose().to_owned()
}

/// Rows: N63B-4.2.1.1-b, N63B-3.1.2.2-a
#[tokio::test]
async fn n63b_4_2_1_1_d_a_used_recovery_code_is_void_and_a_new_one_is_issued_in_its_place() {
    let (s, _alice, codes) = person(nist()).await;
    let answer = recover(&s, &codes[1]).await.unwrap();
    assert_eq!(answer.recovery_codes_remaining, Some(2), "the set is as full as before");
    assert!(format!("{answer:?}").contains("[redacted]"));
    let new = new_code(&answer);
    assert!(new.starts_with('1') && new != codes[1], "the same slot, another code");
    assert!(!s.document("alice").await.contains(&new), "it is shown and not kept");
    // The old is void, the others are as they were, and the new is good once in its turn.
    assert!(matches!(refusal(recover(&s, &codes[1]).await), Refusal::InvalidCode { .. }));
    let newer = new_code(&recover(&s, &new).await.unwrap());
    assert!(matches!(refusal(recover(&s, &new).await), Refusal::InvalidCode { .. }));
    assert!(recover(&s, &newer).await.is_ok() && recover(&s, &codes[0]).await.is_ok());
    // Her trail tells of every one that was issued.
    let issued: Vec<_> =
        s.events("alice").await.into_iter().filter(|e| e.kind == EventKind::RecoveryCodesIssued).collect();
    let replacements = issued.iter().filter(|event| event.detail.as_deref() == Some("replacement"));
    assert_eq!((issued.len(), replacements.filter(|event| event.count == Some(1)).count()), (5, 4));
}

#[tokio::test]
async fn a_wrong_code_is_followed_by_none_and_neither_is_one_of_another_policy() {
    let (s, _alice, codes) = person(nist()).await;
    assert!(matches!(refusal(recover(&s, "0000-0000-0000-0000").await), Refusal::InvalidCode { .. }));
    assert_eq!(s.count("alice", EventKind::RecoveryCodesIssued).await, 1);
    assert!(recover(&s, &codes[0]).await.is_ok());

    let s = Scene::with(cheap().build().unwrap());
    let alice = s.enrolled("alice").await;
    let first = alice.bound.recovery_codes.unwrap().remove(0);
    let answer = recover(&s, first.expose()).await.unwrap();
    assert!(answer.recovery_codes.is_none());
    assert_eq!(answer.recovery_codes_remaining, Some(1));
}

/// Rows: CVE-2026-27801
#[tokio::test]
async fn of_many_answers_with_one_code_at_once_one_alone_gets_a_new_code() {
    let (s, _alice, codes) = person(nist().pending_challenges(32)).await;
    let mut crowd = Vec::new();
    for _ in 0..8 {
        let (s, code, asked) = (s.clone(), codes[0].clone(), challenged(s.begin("alice").await));
        crowd.push(tokio::spawn(async move { s.answer(&asked, Reply::recovery_code(code)).await }));
    }
    let mut new = Vec::new();
    for attempt in crowd {
        if let Ok(AnswerOutcome::Complete(answer)) = attempt.await.unwrap() {
            new.push(new_code(&answer));
        }
    }
    assert_eq!(new.len(), 1);
    s.clock.advance(86_400);
    assert!(recover(&s, &new[0]).await.is_ok(), "and that one is good");
}

/// What could not be committed is not shown, and the code is not used up for it.
#[tokio::test]
async fn a_new_code_is_shown_when_the_use_is_committed_or_not_at_all() {
    let (s, _alice, codes) = person(nist()).await;
    let asked = challenged(s.begin("alice").await);
    s.store.set(Some(Fault::NotCommitted));
    assert!(matches!(refusal(s.answer(&asked, Reply::recovery_code(&*codes[0])).await), Refusal::Unavailable { .. }));
    s.store.set(None);
    assert_eq!(s.count("alice", EventKind::RecoveryCodesIssued).await, 1);
    assert!(recover(&s, &codes[0]).await.is_ok());
}

/// Rows: N63B-4.2.1.1-d
#[tokio::test]
async fn a_login_that_goes_on_to_an_enrolment_gets_its_new_code_as_well() {
    let (s, _alice, codes) = person(nist().login(LoginPolicy::new(Login::Required).at_least(2))).await;
    let asked = challenged(s.begin("alice").await);
    let outcome = s.answer(&asked, Reply::recovery_code(&*codes[0])).await.unwrap();
    let AnswerOutcome::EnrolmentRequired { recovery_codes, .. } = &outcome else { panic!("{outcome:?}") };
    let new = recovery_codes.as_ref().unwrap()[0].expose().to_owned();
    assert!(outcome.into_json().contains(&format!(r#""recovery_codes":["{new}"]"#)));
    assert!(s.answer(&challenged(s.begin("alice").await), Reply::recovery_code(new)).await.is_ok());
}

/// Where a used code has no successor, its owner hears that few are left, whatever the policy does elsewhere.
#[tokio::test]
async fn where_a_used_code_is_not_replaced_its_owner_is_told_that_few_are_left() {
    let s = Scene::with(cheap().disable_by_code(true).replace_used_recovery_codes(true).build().unwrap());
    let alice = s.enrolled("alice").await;
    let second = s.bind(&alice.by).await;
    s.clock.advance(301);
    let code = alice.bound.recovery_codes.as_ref().unwrap()[0].expose().to_owned();
    let only = Some(alice.bound.authenticator.id);
    s.mfa.disable(&second.by, Some(Reply::recovery_code(code)), only).await.unwrap();
    assert_eq!(s.mfa.status(Enroller::Session(&second.by)).await.unwrap().recovery_codes.remaining, 1);
    assert_eq!(s.count("alice", EventKind::RecoveryCodesLow).await, 1);
}
