//! Access tokens of ended sessions: refused for as long as they live, and nobody else's with them;
//! and none that gives itself more time.

use tower_mfa::assurance::{Aal, Requirement};
use tower_mfa::policy::{Login, PolicyBuilder};
use tower_mfa::service::{ChallengeOutcome, ChallengeRequest, Tokens};

use crate::scene::{Scene, cheap};

const TTL: u64 = 900;

fn is_good(s: &Scene, tokens: &Tokens) -> bool {
    s.mfa.authenticate(tokens.access_token().expose()).is_ok()
}

/// One session for each person, so that each login after the first ends one.
fn one_each() -> PolicyBuilder {
    cheap().max_sessions(1)
}

fn small(policy: PolicyBuilder, revocations: usize) -> Scene {
    Scene::built(|builder| builder.policy(policy.build().unwrap()).revocation_capacity(revocations))
}

/// How many revocations the service remembers.
fn remembered(s: &Scene) -> String {
    let text = format!("{:?}", s.mfa.verifier());
    text.split("revocations: ").nth(1).unwrap().chars().take_while(char::is_ascii_digit).collect()
}

#[tokio::test]
async fn ten_thousand_logins_of_one_person_end_nobody_elses_tokens_and_not_her_newest() {
    let s = Scene::with(one_each().build().unwrap());
    let alice = s.password("alice").await;
    let mut before: Option<Tokens> = None;
    for n in 0..10_100 {
        // Fifty in each second, for three minutes.
        s.clock.advance(u64::from(n % 50 == 0));
        let newest = s.password("mallory").await;
        assert!(is_good(&s, &newest), "login {n}");
        assert!(before.is_none_or(|ended| !is_good(&s, &ended)), "login {n}");
        before = Some(newest);
    }
    assert!(is_good(&s, &alice));
    assert!(remembered(&s).parse::<u32>().unwrap() <= 32 + 50 + 1, "{}", remembered(&s));
}

#[tokio::test]
async fn a_person_whose_sessions_end_all_the_time_refreshes_the_one_that_goes_on() {
    let s = Scene::with(cheap().max_sessions(3).build().unwrap());
    let mut kept = s.password("alice").await;
    let bob = s.password("bob").await;
    let mut refreshed = 0;
    for n in 0..200 {
        s.clock.advance(1);
        let by = s.auth(&s.password("alice").await);
        s.mfa.log_out(&by).await.unwrap();
        if !is_good(&s, &kept) {
            kept = s.mfa.refresh(kept.refresh_token().unwrap()).await.unwrap();
            refreshed += 1;
        }
        assert!(is_good(&s, &kept) && is_good(&s, &bob), "{n}");
    }
    assert_eq!(refreshed, 6, "once for every thirty-two that ended");
}

#[tokio::test]
async fn revocations_are_kept_no_longer_than_the_tokens_they_refuse() {
    let s = small(cheap(), 10);
    let innocent = s.password("bob").await;
    for n in 0..10 {
        let by = s.signed_in(&format!("person {n}")).await;
        s.mfa.log_out(&by).await.unwrap();
    }
    assert!(is_good(&s, &innocent));
    s.clock.advance(TTL);
    let innocent = s.password("bob").await;
    for n in 10..20 {
        let by = s.signed_in(&format!("person {n}")).await;
        s.mfa.log_out(&by).await.unwrap();
    }
    assert!(is_good(&s, &innocent), "the ten before have no token any more, and take no room");
}

#[tokio::test]
async fn a_session_that_has_no_token_any_more_ends_without_a_revocation() {
    let s = Scene::with(one_each().build().unwrap());
    let _ = s.password("alice").await;
    s.clock.advance(TTL - 1);
    let refreshed = s.password("alice").await;
    assert_eq!(remembered(&s), "1", "one second is left");
    s.clock.advance(TTL - 1);
    let refreshed = s.mfa.refresh(refreshed.refresh_token().unwrap()).await.unwrap();
    s.clock.advance(TTL - 1);
    let newest = s.password("alice").await;
    assert!(!is_good(&s, &refreshed), "what a refresh gave counts, too");
    assert_eq!(remembered(&s), "2");
    s.clock.advance(TTL);
    let _ = s.password("alice").await;
    assert_eq!(remembered(&s), "2", "nothing was added");
    assert!(!is_good(&s, &newest));
}

#[tokio::test]
async fn a_clock_that_goes_back_brings_no_token_of_an_ended_session_back() {
    let s = Scene::new();
    s.clock.advance(10);
    let ended = s.password("alice").await;
    let by = s.auth(&ended);
    s.clock.go_back(10);
    s.mfa.log_out(&by).await.unwrap();
    for n in 0..50 {
        s.clock.advance(u64::from(n % 10 == 9));
        let by = s.auth(&s.password("alice").await);
        s.mfa.log_out(&by).await.unwrap();
    }
    let newest = s.password("alice").await;
    assert!(is_good(&s, &newest), "nor does it take what is issued now");
    for _ in 0..10 {
        assert!(!is_good(&s, &ended), "{:?}", s.now());
        s.clock.advance(1);
    }
}

#[tokio::test]
async fn a_host_sets_how_many_revocations_are_kept_and_one_more_refuses_everybody_once() {
    for (capacity, goes_on) in [(5, true), (4, false)] {
        let s = small(cheap(), capacity);
        let (mut ended, innocent) = (Vec::new(), s.password("bob").await);
        for n in 0..5 {
            let tokens = s.password(&format!("person {n}")).await;
            s.mfa.log_out(&s.auth(&tokens)).await.unwrap();
            ended.push(tokens);
        }
        assert_eq!(is_good(&s, &innocent), goes_on, "room for {capacity}");
        assert!(ended.iter().all(|tokens| !is_good(&s, tokens)));
        s.clock.advance(1);
        let refreshed = s.mfa.refresh(innocent.refresh_token().unwrap()).await.unwrap();
        assert!(is_good(&s, &refreshed), "whoever refreshes is in again");
        assert!(ended.iter().all(|tokens| !is_good(&s, tokens)));
    }
}

/// A replaced refresh token gives its successor again without a commit, so with nothing that is not
/// written down.
#[tokio::test]
async fn what_a_replaced_refresh_token_gives_lives_no_longer_than_what_its_successor_came_with() {
    let s = Scene::new();
    let first = s.password("alice").await;
    s.clock.advance(100);
    let second = s.mfa.refresh(first.refresh_token().unwrap()).await.unwrap();
    let end = s.auth(&second).expires_at();
    s.clock.advance(30);
    let commits = s.store.commits();
    let again = s.mfa.refresh(first.refresh_token().unwrap()).await.unwrap();
    assert_eq!(s.auth(&again).expires_at(), end);
    assert_eq!(again.expires_in().as_secs(), TTL - 30);
    assert_eq!(s.store.commits(), commits);
}

#[tokio::test]
async fn where_a_token_lives_shorter_than_a_replaced_refresh_token_it_gives_a_new_one() {
    let s = Scene::with(one_each().access_token_ttl(Aal::One, 10).build().unwrap());
    let first = s.password("alice").await;
    s.mfa.refresh(first.refresh_token().unwrap()).await.unwrap();
    s.clock.advance(20);
    let again = s.mfa.refresh(first.refresh_token().unwrap()).await.unwrap();
    assert_eq!(again.expires_in().as_secs(), 10);
    s.clock.advance(5);
    let _ = s.password("alice").await;
    assert!(!is_good(&s, &again), "and the account knows of it");
}

#[tokio::test]
async fn an_access_token_gives_itself_no_more_time_however_often_it_asks() {
    let s = Scene::login(Login::Optional);
    let mut by = s.enrolled("alice").await.by;
    let end = by.expires_at();
    for n in 0..100 {
        s.clock.advance(8);
        let ask = ChallengeRequest::new().require(Requirement::aal1());
        let outcome = s.mfa.open_challenge(&by, ask).await.unwrap();
        let ChallengeOutcome::Complete(answer) = outcome else { panic!("nothing is missing") };
        by = s.auth(&answer.tokens);
        assert!(by.expires_at() <= end, "{n}");
        assert_eq!(answer.tokens.expires_in().as_secs(), end.since(s.now()), "{n}");
    }
    s.clock.advance(TTL - 800);
    assert!(s.mfa.open_challenge(&by, ChallengeRequest::new().require(Requirement::aal1())).await.is_err());
}

#[tokio::test]
async fn an_approval_ends_no_later_than_the_token_that_carries_it() {
    let s = Scene::with(cheap().action("read", Requirement::aal1()).step_up_ttl(300).build().unwrap());
    let by = s.auth(&s.password("alice").await);
    for (passed, left) in [(0, 300), (600, 300), (100, 200), (199, 1)] {
        s.clock.advance(passed);
        let outcome = s.mfa.open_challenge(&by, ChallengeRequest::new().action("read")).await.unwrap();
        let ChallengeOutcome::Complete(answer) = outcome else { panic!("nothing is missing") };
        let approval = s.auth(&answer.tokens).step_up().unwrap().clone();
        assert_eq!(approval.expires_at().since(s.now()), left);
        assert_eq!(answer.tokens.step_up(), Some(&approval));
    }
}
