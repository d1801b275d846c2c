//! A store that fails in every way, and randomness that fails: nothing is granted by it, nothing
//! half-counted, and what was really committed is found again.

use std::time::{Duration, Instant};

use tower_mfa::account::{EventKind, Refusal};
use tower_mfa::service::{ChallengeRequest, Enroller, Error, LoginChallenge, Reply, TotpEnrolment};
use tower_mfa::testing::{FailingEntropy, Fault};

use crate::scene::{Person, Scene, challenged, is_unavailable, subject};

const DEADLINE: Duration = Duration::from_millis(40);
const ALL: [Fault; 6] =
    [Fault::Unavailable, Fault::NotCommitted, Fault::AnswerLost, Fault::WriteLost, Fault::Hangs, Fault::CommitHangs];

fn scene() -> Scene {
    Scene::built(|builder| builder.store_deadline(DEADLINE))
}

/// Every operation that has something to write, each as it would succeed.
const OPERATIONS: [&str; 16] = [
    "begin",
    "answer totp",
    "answer recovery",
    "refresh",
    "enrol",
    "confirm",
    "regenerate",
    "rename",
    "remove",
    "disable",
    "log out",
    "end session",
    "end others",
    "reset",
    "suspend",
    "erase",
];

struct Stage {
    person: Person,
    asked: LoginChallenge,
    pending: tower_mfa::account::Enrolment,
}

async fn stage(s: &Scene) -> Stage {
    let person = s.enrolled("alice").await;
    s.clock.advance(30);
    let asked = challenged(s.begin("alice").await);
    let pending = s.start(&person.by).await.unwrap();
    Stage { person, asked, pending }
}

async fn perform(s: &Scene, stage: &Stage, operation: &str) -> Result<(), Error> {
    let Stage { person, asked, pending } = stage;
    let (by, id, alice) = (&person.by, person.bound.authenticator.id, subject("alice"));
    let code = person.app.code(s.now());
    let spare = person.bound.recovery_codes.as_ref().unwrap()[0].expose();
    let new = crate::scene::scan(pending).code(s.now());
    match operation {
        "begin" => s.mfa.begin(s.first("alice")).await.map(drop),
        "answer totp" => s.answer(asked, Reply::totp(code)).await.map(drop),
        "answer recovery" => s.answer(asked, Reply::recovery_code(spare)).await.map(drop),
        "refresh" => s.mfa.refresh(person.bound.tokens.refresh_token().unwrap()).await.map(drop),
        "enrol" => s.mfa.enrol_totp(Enroller::Session(by), TotpEnrolment::new()).await.map(drop),
        "confirm" => s.mfa.confirm(Enroller::Session(by), pending.id, new).await.map(drop),
        "regenerate" => s.mfa.regenerate_recovery_codes(by).await.map(drop),
        "rename" => s.mfa.rename(by, id, "phone").await.map(drop),
        "remove" => s.mfa.remove(by, id).await,
        "disable" => s.mfa.disable(by, None, None).await,
        "log out" => s.mfa.log_out(by).await,
        "end session" => s.mfa.end_session(by, person.bound.tokens.session()).await,
        "end others" => s.mfa.end_other_sessions(by).await,
        "reset" => s.mfa.reset(&alice, "root", "why").await,
        "suspend" => s.mfa.suspend(&alice, "root", "why").await,
        "erase" => s.mfa.erase(&alice, "root", "why").await,
        other => panic!("{other}"),
    }
}

/// Rows: ASVS-16.5.3, CVE-2026-0723
#[tokio::test]
async fn every_operation_on_a_store_that_fails_is_unavailable_and_changes_nothing() {
    let base = scene();
    let stage = stage(&base).await;
    for fault in ALL.into_iter().filter(|fault| *fault != Fault::AnswerLost) {
        for operation in OPERATIONS.into_iter().filter(|o| *o != "end others") {
            let before = base.document("alice").await;
            let events = base.events("alice").await.len();
            base.store.set(Some(fault));
            let began = Instant::now();
            let outcome = perform(&base, &stage, operation).await;
            let took = began.elapsed();
            base.store.set(None);
            assert!(is_unavailable(outcome), "{operation} under {fault:?}");
            assert!(took < DEADLINE * 8 + Duration::from_secs(1), "{operation} under {fault:?} took {took:?}");
            assert_eq!(base.document("alice").await, before, "{operation} under {fault:?}");
            assert_eq!(base.events("alice").await.len(), events, "{operation} under {fault:?}");
        }
    }
    perform(&base, &stage, "answer totp").await.unwrap();
}

#[tokio::test]
async fn an_answer_that_was_lost_is_found_again_and_has_had_exactly_one_effect() {
    for operation in OPERATIONS {
        let s = scene();
        let stage = stage(&s).await;
        s.store.set(Some(Fault::AnswerLost));
        let outcome = perform(&s, &stage, operation).await;
        s.store.set(None);
        outcome.unwrap_or_else(|error| panic!("{operation}: {error}"));
    }
}

#[tokio::test]
async fn a_login_whose_commit_answer_was_lost_makes_one_session_and_one_event() {
    let s = scene();
    s.store.set(Some(Fault::AnswerLost));
    let tokens = s.password("alice").await;
    s.store.set(None);
    assert_eq!(s.kinds("alice").await, [EventKind::SignedIn]);
    let by = s.auth(&tokens);
    assert_eq!(s.mfa.sessions(&by, None, 50).await.unwrap().items.len(), 1);
    assert_eq!(s.heard.lock().unwrap().len(), 1, "and the hook was told once");
}

#[tokio::test]
async fn a_right_code_whose_commit_was_lost_is_not_used_up_and_one_that_was_written_is() {
    let s = scene();
    let stage = stage(&s).await;
    s.store.set(Some(Fault::WriteLost));
    assert!(is_unavailable(perform(&s, &stage, "answer totp").await));
    s.store.set(Some(Fault::AnswerLost));
    perform(&s, &stage, "answer totp").await.unwrap();
    s.store.set(None);
    let asked = challenged(s.begin("alice").await);
    assert!(s.answer(&asked, Reply::totp(stage.person.app.code(s.now()))).await.is_err());
}

#[tokio::test]
async fn reading_from_a_store_that_fails_is_unavailable_in_time_too() {
    let s = scene();
    let stage = stage(&s).await;
    let by = &stage.person.by;
    for fault in [Fault::Unavailable, Fault::Hangs] {
        s.store.set(Some(fault));
        let began = Instant::now();
        assert!(is_unavailable(s.mfa.status(Enroller::Session(by)).await));
        assert!(is_unavailable(s.mfa.sessions(by, None, 10).await));
        assert!(is_unavailable(s.mfa.events(by, None, 10).await));
        assert!(is_unavailable(s.mfa.open_challenge(by, ChallengeRequest::new()).await));
        assert!(is_unavailable(s.mfa.rotate_keys(|_| ()).await));
        let pruned = tokio::time::timeout(DEADLINE * 20, s.mfa.prune_events(s.now())).await;
        assert!(is_unavailable(pruned.expect("a deadline")));
        assert!(began.elapsed() < DEADLINE * 20 + Duration::from_secs(1));
        s.store.set(None);
    }
}

/// Rows: ASVS-16.5.3, ASVS-6.5.3
#[tokio::test]
async fn n63b_3_1_2_1_a_n63b_3_2_12_a_failing_randomness_is_a_refusal_and_no_weaker_fallback() {
    let s = scene();
    let stage = stage(&s).await;
    let store = s.store.clone();
    let (clock, heard) = (s.clock.clone(), s.heard.clone());
    let mfa = crate::scene::builder(store, &clock, &heard).with_entropy(FailingEntropy).build().unwrap();
    let broken = Scene { mfa, ..s.clone() };
    let before = s.document("alice").await;
    for operation in OPERATIONS.into_iter().filter(|o| *o != "end others") {
        let outcome = perform(&broken, &stage, operation).await;
        let error = outcome.expect_err(operation);
        assert!(matches!(error.refusal(), Refusal::Unavailable { .. }), "{operation}");
        assert!(std::error::Error::source(&error).is_some(), "{operation}: the operator is told why");
        assert_eq!(s.document("alice").await, before, "{operation}");
    }
    assert!(is_unavailable(broken.mfa.begin(broken.first("new")).await));
}

/// Rows: CVE-2026-48154
#[tokio::test]
async fn of_a_crowd_seventeen_and_more_are_turned_away_and_whoever_gives_up_makes_room() {
    let s = Scene::built(|builder| builder.store_deadline(Duration::from_secs(60)));
    s.enrolled("alice").await;
    s.store.set(Some(Fault::Hangs));
    let crowd: Vec<_> = (0..30)
        .map(|_| {
            let s = s.clone();
            tokio::spawn(async move { s.mfa.begin(s.first("alice")).await.map(drop) })
        })
        .collect();
    let turned_away = || crowd.iter().filter(|attempt| attempt.is_finished()).count();
    while turned_away() < 14 {
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(turned_away(), 14, "sixteen stand in line");
    for attempt in crowd {
        attempt.abort();
        let outcome = attempt.await;
        assert!(outcome.is_err() || is_unavailable(outcome.unwrap()), "nobody got in while the store hung");
    }
    s.store.set(None);
    assert!(s.mfa.begin(s.first("alice")).await.is_ok(), "the line is free again");
}

/// What is withdrawn with a commit is withdrawn even if whoever asked has hung up by then: a thief
/// who holds a session must not keep its access token by cutting the line.
///
/// Rows: CVE-2024-28197
#[tokio::test]
async fn asvs_7_4_1_a_logout_whose_client_hangs_up_during_the_commit_still_withdraws_the_access_token() {
    let (tell, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let s = Scene::built(|builder| {
        builder.on_event(move |_, event| {
            let _ = tell.send(event.kind);
        })
    });
    let person = s.enrolled("alice").await;
    let by = s.auth(&person.bound.tokens);
    let token = person.bound.tokens.access_token().expose();
    while heard.try_recv().is_ok() {}

    let before = s.store.commits();
    s.store.set(Some(Fault::CommitWaits));
    let leaving = tokio::spawn({
        let (s, by) = (s.clone(), by.clone());
        async move { s.mfa.log_out(&by).await }
    });
    while s.store.commits() == before {
        tokio::task::yield_now().await;
    }
    leaving.abort();
    assert!(leaving.await.unwrap_err().is_cancelled());
    assert!(s.mfa.authenticate(token).is_ok(), "nothing is committed yet");

    s.store.set(None);
    assert_eq!(heard.recv().await, Some(EventKind::SessionEnded));
    assert!(s.mfa.authenticate(token).is_err());
}

/// Nobody knows whether the session is over: its access token is believed no longer, and whoever
/// still has the session gets another.
#[tokio::test]
async fn a_logout_whose_outcome_nobody_knows_withdraws_the_token_and_leaves_the_session_its_refresh() {
    let s = scene();
    let person = s.enrolled("alice").await;
    let by = s.auth(&person.bound.tokens);
    let token = person.bound.tokens.access_token().expose();
    s.store.set(Some(Fault::CommitHangs));
    assert!(is_unavailable(s.mfa.log_out(&by).await));
    s.store.set(None);
    assert!(s.mfa.authenticate(token).is_err());
    s.clock.advance(1);
    let next = s.mfa.refresh(person.bound.tokens.refresh_token().unwrap()).await.unwrap();
    assert!(s.mfa.authenticate(next.access_token().expose()).is_ok());
}

/// The same after a clock has gone back, or on a replica that is behind: what was issued ahead of this
/// clock is not believed again once it has caught up.
#[tokio::test]
async fn a_logout_whose_outcome_nobody_knows_withdraws_what_was_issued_ahead_of_the_clock_too() {
    let s = scene();
    let person = s.enrolled("alice").await;
    let by = s.auth(&person.bound.tokens);
    let token = person.bound.tokens.access_token().expose();
    s.clock.go_back(200);
    s.store.set(Some(Fault::CommitHangs));
    assert!(is_unavailable(s.mfa.log_out(&by).await));
    s.store.set(None);
    s.clock.advance(201);
    assert!(s.mfa.authenticate(token).is_err());
}
