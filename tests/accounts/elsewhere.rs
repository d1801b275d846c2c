//! Sessions that another replica has ended: seen within a time, or nothing is believed; and the strict mode.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use tokio::task::JoinHandle;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_mfa::account::Refusal;
use tower_mfa::assurance::Requirement;
use tower_mfa::middleware::{AuthenticateLayer, IntrospectLayer, RequireLayer};
use tower_mfa::service::{Mfa, RevocationFeed, Tokens};
use tower_mfa::store::{EventCursor, Feed, SinkState, Store as _};
use tower_mfa::testing::{Fault, ManualClock};
use tower_mfa::token::Verifier;

use crate::scene::{START, Scene, builder, cheap};

/// Another process on the same store, and its feed.
struct Elsewhere {
    mfa: Mfa,
    feed: JoinHandle<()>,
}

impl Elsewhere {
    fn of(s: &Scene) -> Self {
        Self::with_clock(s, &s.clock)
    }

    fn with_clock(s: &Scene, clock: &ManualClock) -> Self {
        let policy = cheap().max_sessions(3).build().unwrap();
        let mfa = builder(s.store.clone(), clock, &s.heard).policy(policy);
        let mfa = mfa.revocations_within(Duration::from_secs(1)).build().unwrap();
        let feed = tokio::spawn(mfa.revocation_feed().run(std::future::pending::<()>()));
        Self { mfa, feed }
    }

    fn says(&self, tokens: &Tokens) -> Result<(), Refusal> {
        self.mfa.authenticate(tokens.access_token().expose()).map(drop).map_err(|error| error.refusal().clone())
    }

    /// Waits until it says so. A minute is no figure: it ends a test that would never end.
    async fn comes_to_say(&self, tokens: &Tokens, what: impl Fn(&Result<(), Refusal>) -> bool) {
        for _ in 0..6_000 {
            if what(&self.says(tokens)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it still says {:?}", self.says(tokens));
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        self.feed.abort();
    }
}

fn is_unknown(said: &Result<(), Refusal>) -> bool {
    matches!(said, Err(Refusal::Unavailable { .. }))
}

fn is_over(said: &Result<(), Refusal>) -> bool {
    *said == Err(Refusal::InvalidToken)
}

#[tokio::test]
async fn what_ended_here_is_over_elsewhere_and_nothing_else_is() {
    let s = Scene::with(cheap().max_sessions(3).build().unwrap());
    let (alice, phone, bob) = (s.password("alice").await, s.password("alice").await, s.password("bob").await);
    let elsewhere = Elsewhere::of(&s);
    elsewhere.comes_to_say(&alice, Result::is_ok).await;
    s.mfa.log_out(&s.auth(&alice)).await.unwrap();
    elsewhere.comes_to_say(&alice, is_over).await;
    elsewhere.comes_to_say(&phone, Result::is_ok).await;
    elsewhere.comes_to_say(&bob, Result::is_ok).await;

    // Somebody ends all others; the operator ends all.
    let laptop = s.password("alice").await;
    let by = s.auth(&phone);
    s.mfa.end_other_sessions(&by).await.unwrap();
    elsewhere.comes_to_say(&laptop, is_over).await;
    elsewhere.comes_to_say(&phone, Result::is_ok).await;
    s.mfa.suspend(s.auth(&bob).subject(), "carol", "left").await.unwrap();
    elsewhere.comes_to_say(&bob, is_over).await;
}

#[tokio::test]
async fn a_change_of_factors_here_ends_the_others_elsewhere() {
    let s = Scene::with(cheap().max_sessions(3).build().unwrap());
    let elsewhere = Elsewhere::of(&s);
    let (phone, laptop) = (s.password("alice").await, s.password("alice").await);
    elsewhere.comes_to_say(&laptop, Result::is_ok).await;
    let first = s.bind(&s.auth(&phone)).await;
    elsewhere.comes_to_say(&laptop, is_over).await;
    elsewhere.comes_to_say(&first.bound.tokens, Result::is_ok).await;

    let laptop = s.sign_in("alice", &first.app).await;
    elsewhere.comes_to_say(&laptop, Result::is_ok).await;
    let second = s.bind(&first.by).await;
    elsewhere.comes_to_say(&laptop, is_over).await;

    let laptop = s.sign_in("alice", &first.app).await;
    elsewhere.comes_to_say(&laptop, Result::is_ok).await;
    s.mfa.remove(&second.by, first.bound.authenticator.id).await.unwrap();
    elsewhere.comes_to_say(&laptop, is_over).await;
    elsewhere.comes_to_say(&second.bound.tokens, Result::is_ok).await;
}

#[tokio::test]
async fn without_news_nothing_is_believed_and_with_them_it_is_again() {
    let s = Scene::with(cheap().build().unwrap());
    let alice = s.password("alice").await;
    let policy = cheap().build().unwrap();
    let never_told = builder(s.store.clone(), &s.clock, &s.heard).policy(policy);
    let never_told = never_told.revocations_within(Duration::from_secs(300)).build().unwrap();
    let refused = never_told.authenticate(alice.access_token().expose()).unwrap_err();
    assert!(matches!(refused.refusal(), Refusal::Unavailable { .. }), "{refused:?}");
    let forged = never_told.authenticate("not.a.token").unwrap_err();
    assert_eq!(*forged.refusal(), Refusal::InvalidToken, "what is bad is bad");

    let elsewhere = Elsewhere::of(&s);
    elsewhere.comes_to_say(&alice, Result::is_ok).await;
    s.store.set(Some(Fault::Unavailable));
    elsewhere.comes_to_say(&alice, is_unknown).await;
    s.store.set(None);
    elsewhere.comes_to_say(&alice, Result::is_ok).await;
}

/// Whoever starts late reads no more than it must, and all of that.
#[tokio::test(start_paused = true)]
async fn a_replica_that_starts_knows_what_ended_before_it_and_does_not_read_for_ever() {
    let s = Scene::with(cheap().max_sessions(3).build().unwrap());
    let long_ago = s.password("alice").await;
    s.mfa.log_out(&s.auth(&long_ago)).await.unwrap();
    {
        let first = Elsewhere::of(&s);
        first.comes_to_say(&s.password("carol").await, Result::is_ok).await;
        s.clock.advance(86_400);
        tokio::time::sleep(Duration::from_secs(120)).await;
        let mark = s.store.sink("tower-mfa revocations").await.unwrap();
        assert!(mark.is_none(), "a clock that is ahead does not move the checkpoint past a token that lives");
        s.clock.go_back(86_400);
        // As long as any of its tokens may live, the checkpoint moves behind it.
        tokio::time::sleep(Duration::from_secs(3_600)).await;
    }
    let mark = s.store.sink("tower-mfa revocations").await.unwrap().unwrap();
    let behind = s.store.events(Feed::Revocations, mark.position(), 200).await.unwrap();
    assert!(behind.items().is_empty(), "nothing that can matter is behind it");

    let bob = s.password("bob").await;
    s.mfa.log_out(&s.auth(&bob)).await.unwrap();
    let late = Elsewhere::of(&s);
    late.comes_to_say(&bob, is_over).await;
    let read = s.store.events(Feed::Revocations, mark.position(), 200).await.unwrap();
    assert_eq!(read.items().len(), 1);
    assert!(read.items()[0].revokes().unwrap().contains(&bob.session().to_string()), "{:?}", read.items()[0].revokes());
}

/// While its clock is ahead it takes the token for expired; when it is set right, it knows of the revocation.
#[tokio::test]
async fn a_clock_that_was_ahead_brings_no_revoked_token_back() {
    let s = Scene::with(cheap().max_sessions(3).build().unwrap());
    let (alice, carol) = (s.password("alice").await, s.password("carol").await);
    let clock = ManualClock::at(START);
    let elsewhere = Elsewhere::with_clock(&s, &clock);
    elsewhere.comes_to_say(&alice, Result::is_ok).await;
    clock.advance(7_200);
    elsewhere.comes_to_say(&alice, is_over).await;
    s.mfa.log_out(&s.auth(&alice)).await.unwrap();
    // Read in the meantime, for the feed is not older than a second.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    clock.go_back(7_200);
    elsewhere.comes_to_say(&carol, Result::is_ok).await;
    assert!(is_over(&elsewhere.says(&alice)));
}

/// The place that was kept is of a store which this one has replaced: all is read from the beginning.
#[tokio::test]
async fn a_place_that_the_store_does_not_know_is_left() {
    let s = Scene::with(cheap().max_sessions(3).build().unwrap());
    let (alice, carol) = (s.password("alice").await, s.password("carol").await);
    s.mfa.log_out(&s.auth(&alice)).await.unwrap();
    let foreign = SinkState::new(Some(EventCursor::new("of-another-store").unwrap()), None);
    assert!(s.store.advance("tower-mfa revocations", None, &foreign).await.unwrap());
    let elsewhere = Elsewhere::of(&s);
    elsewhere.comes_to_say(&carol, Result::is_ok).await;
    assert!(is_over(&elsewhere.says(&alice)));
}

/// Where nobody says how old it may be, it is 5 s, from when there is a feed to count on, and before it runs.
#[tokio::test]
async fn whoever_makes_a_feed_counts_on_it_within_five_seconds() {
    let s = Scene::with(cheap().build().unwrap());
    let alice = s.password("alice").await;
    assert_eq!((s.mfa.verifier().feed_expected_within(), s.auth(&alice).subject().id()), (None, "alice"));
    let feed = s.mfa.revocation_feed();
    assert_eq!(s.mfa.verifier().feed_expected_within(), Some(Duration::from_secs(5)));
    let refused = s.mfa.authenticate(alice.access_token().expose()).unwrap_err();
    assert!(matches!(refused.refusal(), Refusal::Unavailable { .. }), "{refused:?}");
    let feed = tokio::spawn(feed.run(std::future::pending::<()>()));
    while s.mfa.authenticate(alice.access_token().expose()).is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    feed.abort();

    let chosen = Scene::built(|builder| builder.revocations_within(Duration::from_secs(60)));
    drop(chosen.mfa.revocation_feed());
    assert_eq!(chosen.mfa.verifier().feed_expected_within(), Some(Duration::from_secs(60)), "what was said stays");
}

/// An enforcer has the store and no `Mfa`.
#[tokio::test]
async fn a_service_that_only_checks_tokens_hears_it_too() {
    let s = Scene::with(cheap().build().unwrap());
    let own = s.mfa.verifier();
    let verifier = Verifier::new(own.issuer(), own.audience(), own.keys().clone()).unwrap();
    let verifier = Arc::new(verifier.expect_feed(Duration::from_secs(300)).unwrap());
    let alice = s.password("alice").await;
    let is_good = || verifier.verify(alice.access_token().expose(), s.now()).is_ok();
    assert!(!is_good());
    let feed = RevocationFeed::new(s.store.clone(), Arc::clone(&verifier), Arc::new(s.clock.clone()));
    let feed = tokio::spawn(feed.run(std::future::pending::<()>()));
    while !is_good() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    s.mfa.log_out(&s.auth(&alice)).await.unwrap();
    while is_good() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    feed.abort();
}

/// The strict mode waits for nothing.
#[tokio::test]
async fn whoever_asks_each_time_knows_at_once_and_refuses_what_cannot_be_known() {
    let s = Scene::with(cheap().build().unwrap());
    let alice = s.password("alice").await;
    let policy = cheap().build().unwrap();
    let elsewhere = builder(s.store.clone(), &s.clock, &s.heard).policy(policy).build().unwrap();
    let inner = service_fn(async |_: Request<()>| Ok::<_, std::convert::Infallible>(Response::new("")));
    let inner = RequireLayer::new(Requirement::aal1()).layer(inner);
    let strict = IntrospectLayer::new(Arc::new(elsewhere.clone())).layer(inner.clone());
    let layer = AuthenticateLayer::new(elsewhere.verifier()).with_clock(Arc::new(s.clock.clone()));
    let (strict, lax) = (layer.layer(strict), layer.layer(inner));
    let request = |token: Option<&str>| {
        let request = Request::get("/");
        let request = match token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        };
        request.body(()).unwrap()
    };
    let token = Some(alice.access_token().expose());
    let ask = async |token| strict.clone().oneshot(request(token)).await.unwrap().status();
    assert_eq!(ask(token).await, StatusCode::OK);
    assert_eq!(ask(None).await, StatusCode::UNAUTHORIZED);
    s.store.set(Some(Fault::Unavailable));
    assert_eq!(ask(token).await, StatusCode::SERVICE_UNAVAILABLE);
    s.store.set(None);
    assert_eq!(ask(token).await, StatusCode::OK);
    s.mfa.log_out(&s.auth(&alice)).await.unwrap();
    assert_eq!(ask(token).await, StatusCode::UNAUTHORIZED);
    let believed = lax.oneshot(request(token)).await.unwrap().status();
    assert_eq!(believed, StatusCode::OK, "without it, the token lives on there until it expires");
}

/// Outside of the layer that says who it is there is nobody to ask about: it must not look as if somebody had.
#[tokio::test]
async fn an_introspection_that_stands_where_it_can_ask_nothing_lets_nobody_in() {
    let s = Scene::with(cheap().build().unwrap());
    let alice = s.password("alice").await;
    let inner = service_fn(async |_: Request<()>| Ok::<_, std::convert::Infallible>(Response::new("")));
    let layer = AuthenticateLayer::new(s.mfa.verifier()).with_clock(Arc::new(s.clock.clone()));
    let strict = IntrospectLayer::new(Arc::new(s.mfa.clone()));
    let request = || {
        let token = format!("Bearer {}", alice.access_token().expose());
        Request::get("/").header("authorization", token).body(()).unwrap()
    };
    let asks = RequireLayer::new(Requirement::aal1()).layer(inner);
    let wrong = strict.layer(layer.layer(asks.clone()));
    assert_eq!(wrong.oneshot(request()).await.unwrap().status(), StatusCode::INTERNAL_SERVER_ERROR);
    let right = layer.layer(strict.layer(asks));
    assert_eq!(right.oneshot(request()).await.unwrap().status(), StatusCode::OK);
    let public = strict.layer(layer.layer(inner));
    assert_eq!(public.oneshot(request()).await.unwrap().status(), StatusCode::OK, "what asks for nothing goes on");
}
