//! A clock that goes back, jumps ahead or cannot be read.

use tower_mfa::account::{EventKind, Refusal};
use tower_mfa::service::{ChallengeRequest, Enroller, LoginOutcome, Reply};

use crate::scene::{Scene, challenged, is_unavailable, refusal, subject};

#[tokio::test]
async fn a_clock_that_goes_back_a_little_revives_nothing() {
    let s = Scene::new();
    let person = s.enrolled("alice").await;
    s.clock.advance(30);
    let asked = challenged(s.begin("alice").await);
    s.clock.advance(300);
    assert_eq!(refusal(s.answer(&asked, Reply::totp("000000")).await), Refusal::ChallengeGone);
    s.sign_in("alice", &person.app).await;
    s.clock.go_back(290);
    let code = person.app.code(s.now());
    assert_eq!(refusal(s.answer(&asked, Reply::totp(code)).await), Refusal::ChallengeGone, "it had expired");
}

#[tokio::test]
async fn a_wait_is_not_made_longer_or_shorter_by_a_clock_that_goes_back() {
    let s = Scene::new();
    let person = s.enrolled("alice").await;
    s.clock.advance(300);
    let asked = challenged(s.begin("alice").await);
    let right = person.app.code(s.now());
    let wrong = if right == "000000" { "000001" } else { "000000" };
    for _ in 0..3 {
        assert!(s.answer(&asked, Reply::totp(wrong)).await.is_err());
    }
    s.clock.go_back(200);
    let waits = refusal(s.answer(&asked, Reply::totp(right.clone())).await);
    assert_eq!(waits, Refusal::Throttled { retry_after: 30 });
    s.clock.advance(230);
    let right = person.app.code(s.now());
    assert!(s.answer(&asked, Reply::totp(right)).await.is_ok());
}

#[tokio::test]
async fn a_code_is_checked_against_the_clock_as_it_was_read() {
    let s = Scene::new();
    let person = s.enrolled("alice").await;
    s.clock.advance(300);
    s.sign_in("alice", &person.app).await;
    s.clock.go_back(120);
    let asked = challenged(s.begin("alice").await);
    let older = person.app.code(s.now());
    assert!(s.answer(&asked, Reply::totp(older)).await.is_err(), "a step before the last used one stays used");
    s.clock.advance(150);
    assert!(s.answer(&asked, Reply::totp(person.app.code(s.now()))).await.is_ok());
}

#[tokio::test]
async fn a_clock_far_behind_decides_nothing_and_is_reported_once() {
    let s = Scene::new();
    let person = s.enrolled("alice").await;
    s.clock.advance(1_000);
    let tokens = s.sign_in("alice", &person.app).await;
    let by = s.auth(&tokens);
    s.clock.go_back(300);
    assert!(s.mfa.status(Enroller::Session(&by)).await.is_ok(), "five minutes are forgiven");
    s.clock.go_back(1);
    for _ in 0..5 {
        assert!(is_unavailable(s.mfa.begin(s.first("alice")).await));
        assert!(is_unavailable(s.mfa.status(Enroller::Session(&by)).await));
        assert!(is_unavailable(s.mfa.refresh(tokens.refresh_token().unwrap()).await));
        assert!(is_unavailable(s.mfa.open_challenge(&by, ChallengeRequest::new()).await));
    }
    let commits = s.store.commits();
    assert!(is_unavailable(s.mfa.begin(s.first("alice")).await));
    assert_eq!(s.store.commits(), commits, "a flood writes nothing");
    assert_eq!(s.count("alice", EventKind::ClockBehind).await, 1);
    s.clock.advance(301);
    s.sign_in("alice", &person.app).await;
    s.clock.go_back(2_000);
    assert!(is_unavailable(s.mfa.begin(s.first("alice")).await));
    assert_eq!(s.count("alice", EventKind::ClockBehind).await, 2, "a second incident is told of, too");
}

#[tokio::test]
async fn an_unlock_takes_the_clock_as_it_is_and_ends_what_began_in_the_future() {
    const YEAR: u64 = 366 * 86_400;
    let s = Scene::login(tower_mfa::policy::Login::Optional);
    let person = s.enrolled("alice").await;
    s.clock.advance(YEAR);
    let ahead = s.password("alice").await;
    s.clock.go_back(YEAR);
    assert!(is_unavailable(s.mfa.begin(s.first("alice")).await));
    s.mfa.unlock(&subject("alice"), "root", "the clock jumped").await.unwrap();
    assert!(s.mfa.refresh(ahead.refresh_token().unwrap()).await.is_err(), "it would live for a year and a month");
    assert!(matches!(s.begin("alice").await, LoginOutcome::Complete(_)));
    let by = s.auth(&s.password("alice").await);
    s.clock.advance(30);
    let opened = s.mfa.open_challenge(&by, ChallengeRequest::new()).await.unwrap();
    let tower_mfa::service::ChallengeOutcome::Pending(view) = opened else { panic!("a code is wanted") };
    let reply = Reply::totp(person.app.code(s.now()));
    assert!(s.mfa.answer(tower_mfa::service::Responder::Session(&by), view.id, reply).await.is_ok());
}

/// Each of them a little, together more than is forgiven.
#[tokio::test]
async fn several_unlocks_take_the_time_back_no_further_than_one() {
    let s = Scene::login(tower_mfa::policy::Login::Optional);
    s.enrolled("alice").await;
    s.clock.advance(1_000);
    let ahead = s.password("alice").await;
    let back = async || {
        s.clock.go_back(200);
        s.mfa.unlock(&subject("alice"), "root", "she asked").await.unwrap();
    };
    back().await;
    let again = s.mfa.refresh(ahead.refresh_token().unwrap()).await.expect("a clock may be ahead by 200 s");
    back().await;
    assert!(s.mfa.refresh(again.refresh_token().unwrap()).await.is_err(), "and by 400 s it may not");
    assert!(matches!(s.begin("alice").await, LoginOutcome::Complete(_)));
}

/// Rows: ASVS-16.5.3
#[tokio::test]
async fn a_clock_that_cannot_be_read_is_a_refusal() {
    let s = Scene::new();
    let person = s.enrolled("alice").await;
    let tokens = &person.bound.tokens;
    let first = s.first("alice");
    s.clock.fail(true);
    assert!(is_unavailable(s.mfa.begin(first).await));
    assert!(is_unavailable(s.mfa.authenticate(tokens.access_token().expose())));
    assert!(is_unavailable(s.mfa.refresh(tokens.refresh_token().unwrap()).await));
    assert!(is_unavailable(s.mfa.status(Enroller::Session(&person.by)).await));
    assert!(is_unavailable(s.mfa.jwks_json()));
    s.clock.fail(false);
    assert!(s.mfa.refresh(tokens.refresh_token().unwrap()).await.is_ok());
}
