//! Replicas whose clocks differ: who was let in at one of them is somebody at the others.

use std::convert::Infallible;
use std::sync::Arc;

use http::{Request, Response, StatusCode};
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_mfa::account::{FirstFactor, Refusal};
use tower_mfa::assurance::{Aal, Requirement};
use tower_mfa::middleware::{AuthenticateLayer, RequireLayer};
use tower_mfa::service::{ChallengeOutcome, ChallengeRequest, Enroller, Mfa, Tokens, TotpEnrolment};
use tower_mfa::testing::ManualClock;

use crate::scene::{START, Scene, builder, complete, is_unavailable, refusal, scan, subject};

/// Another process on the same store, with a clock of its own.
struct Replica {
    mfa: Mfa,
    clock: ManualClock,
}

impl Replica {
    /// One whose clock stands behind that of the scene.
    fn behind(s: &Scene, secs: u64) -> Self {
        let clock = ManualClock::at(START - secs);
        Self { mfa: builder(s.store.clone(), &clock, &s.heard).build().unwrap(), clock }
    }

    async fn password(&self, name: &str) -> Tokens {
        let first = FirstFactor::password_checked_by_host(subject(name), self.clock.time());
        complete(self.mfa.begin(first).await.unwrap())
    }

    /// What a route that wants an AAL1 answers to whoever brings the token.
    async fn route(&self, tokens: &Tokens) -> StatusCode {
        let inner = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new("")));
        let layer = AuthenticateLayer::new(self.mfa.verifier()).with_clock(Arc::new(self.clock.clone()));
        let service = layer.layer(RequireLayer::new(Requirement::aal1()).layer(inner));
        let bearer = format!("Bearer {}", tokens.access_token().expose());
        let request = Request::get("/").header("authorization", bearer).body(()).unwrap();
        service.oneshot(request).await.unwrap().status()
    }
}

#[tokio::test]
async fn who_signed_in_where_the_clock_is_ahead_is_somebody_where_it_is_behind() {
    for secs in [0, 1, 61, 240, 300] {
        let s = Scene::new();
        let behind = Replica::behind(&s, secs);
        let tokens = s.password("alice").await;
        assert_eq!(behind.route(&tokens).await, StatusCode::OK, "{secs} s");
        let by = behind.mfa.authenticate(tokens.access_token().expose()).unwrap();
        assert!(behind.mfa.status(Enroller::Session(&by)).await.is_ok(), "{secs} s");

        let started = behind.mfa.enrol_totp(Enroller::Session(&by), TotpEnrolment::new()).await.unwrap();
        let code = scan(&started).code(behind.clock.time());
        let bound = behind.mfa.confirm(Enroller::Session(&by), started.id, code).await.unwrap();
        assert_eq!(s.auth(&bound.tokens).assurance().level(), Aal::Two, "{secs} s: and the other way round");
        let raised = s.mfa.refresh(bound.tokens.refresh_token().unwrap()).await.unwrap();
        assert_eq!(behind.route(&raised).await, StatusCode::OK, "{secs} s");
        let by = behind.mfa.authenticate(raised.access_token().expose()).unwrap();
        let opened = behind.mfa.open_challenge(&by, ChallengeRequest::new()).await.unwrap();
        let ChallengeOutcome::Complete(answer) = opened else { panic!("{secs} s: AAL2 is there: {opened:?}") };
        assert_eq!(behind.route(&answer.tokens).await, StatusCode::OK, "{secs} s");

        let fresh = behind.mfa.refresh(raised.refresh_token().unwrap()).await.unwrap();
        let by = s.auth(&fresh);
        behind.mfa.log_out(&by).await.unwrap();
        assert_eq!(behind.route(&fresh).await, StatusCode::UNAUTHORIZED, "{secs} s");
        assert_eq!(refusal(s.mfa.status(Enroller::Session(&by)).await), Refusal::InvalidToken, "{secs} s");
    }
}

#[tokio::test]
async fn who_signed_in_where_the_clock_is_behind_is_somebody_where_it_is_ahead() {
    for secs in [1, 240, 300] {
        let s = Scene::new();
        let tokens = Replica::behind(&s, secs).password("alice").await;
        let by = s.auth(&tokens);
        assert!(s.mfa.status(Enroller::Session(&by)).await.is_ok(), "{secs} s");
        s.clock.advance(900 - secs - 1);
        assert!(s.mfa.authenticate(tokens.access_token().expose()).is_ok(), "{secs} s");
        s.clock.advance(1);
        assert!(s.mfa.authenticate(tokens.access_token().expose()).is_err(), "{secs} s: no later than it says");
    }
}

#[tokio::test]
async fn what_is_further_in_the_future_than_is_forgiven_is_not_believed() {
    let s = Scene::new();
    let behind = Replica::behind(&s, 301);
    let tokens = s.password("alice").await;
    assert_eq!(behind.route(&tokens).await, StatusCode::UNAUTHORIZED);
    let first = FirstFactor::password_checked_by_host(subject("alice"), behind.clock.time());
    assert!(is_unavailable(behind.mfa.begin(first).await));
    behind.clock.advance(1);
    assert_eq!(behind.route(&tokens).await, StatusCode::OK);
}

/// What is given again without a word being written down is no younger than what is written: a session that is ended
/// where the clock is behind takes along every token that was issued until then.
#[tokio::test]
async fn a_token_that_is_given_again_says_no_later_time_than_is_written() {
    let s = Scene::new();
    let tokens = s.password("alice").await;
    s.clock.advance(60);
    let refreshed = s.mfa.refresh(tokens.refresh_token().unwrap()).await.unwrap();
    let written = s.now();
    assert_eq!(s.auth(&refreshed).issued_at(), written);
    s.clock.advance(20);
    let commits = s.store.commits();
    let again = s.mfa.refresh(tokens.refresh_token().unwrap()).await.unwrap();
    assert_eq!(s.auth(&again).issued_at(), written);
    let asked = ChallengeRequest::new().require(Requirement::aal1());
    let opened = s.mfa.open_challenge(&s.auth(&again), asked).await.unwrap();
    let ChallengeOutcome::Complete(answer) = opened else { panic!("AAL1 is met: {opened:?}") };
    assert_eq!(s.auth(&answer.tokens).issued_at(), written);
    assert_eq!(s.store.commits(), commits);
}

/// A host that revokes by itself says its own time, and the token may be of a replica that is ahead of it.
#[tokio::test]
async fn what_a_host_revokes_by_itself_stays_so_when_it_becomes_part_of_a_cutoff() {
    let s = Scene::new();
    let behind = Replica::behind(&s, 240);
    let tokens = s.password("alice").await;
    let (verifier, by) = (behind.mfa.verifier(), s.auth(&tokens));
    let now = behind.clock.time();
    assert_eq!(behind.route(&tokens).await, StatusCode::OK);
    verifier.revoke_session(by.subject(), by.session().unwrap(), now, now.plus(1_200));
    for n in 0..100 {
        let at = now.plus(n + 1);
        verifier.revoke_session(by.subject(), &n.to_string(), at, at.plus(1_200));
    }
    assert_eq!(behind.route(&tokens).await, StatusCode::UNAUTHORIZED);
    assert_eq!(behind.route(&s.password("bob").await).await, StatusCode::OK);
}
