//! Step-up: what a session may ask for, what it is asked, and what comes of it.

use tower_mfa::account::{EventKind, Refusal};
use tower_mfa::assurance::{Aal, Authentication, Decision, Method, Requirement, decide};
use tower_mfa::id::ChallengeId;
use tower_mfa::policy::Login;
use tower_mfa::service::{AnswerOutcome, ChallengeOutcome, ChallengeRequest, LoginOutcome, Reply, Responder, Tokens};

use crate::world::*;

fn pay() -> ChallengeRequest {
    ChallengeRequest::new().action("pay")
}

fn pay_bob() -> ChallengeRequest {
    pay().bind([("to", "bob")]).unwrap()
}

async fn at_once(world: &World, by: &Authentication, wanted: ChallengeRequest) -> Option<Tokens> {
    match world.mfa.open_challenge(by, wanted).await.unwrap() {
        ChallengeOutcome::Complete(answer) => Some(answer.tokens),
        _ => None,
    }
}

async fn asked(world: &World, by: &Authentication, wanted: ChallengeRequest) -> ChallengeId {
    match world.mfa.open_challenge(by, wanted).await.unwrap() {
        ChallengeOutcome::Pending(view) => view.id,
        other => panic!("nothing was asked: {other:?}"),
    }
}

#[tokio::test]
async fn a_login_and_an_unbound_step_up_within_the_same_30_seconds_never_ask_for_a_second_code() {
    let world = World::new();
    let bound = world.enrolled().await;
    let session = world.sign_in(&bound.app).await;
    let route = Requirement::aal2().within(300).for_action("pay");
    assert_ne!(decide(&route, &session, world.now()), Decision::Allow);
    world.clock.advance(20);
    world.events();
    let tokens = at_once(&world, &session, pay()).await.unwrap();
    assert_eq!(world.kinds(), [EventKind::SteppedUp], "nobody was asked, and the trail shows it");
    let raised = world.session(&tokens);
    assert_eq!(decide(&route, &raised, world.now()), Decision::Allow);
    assert_eq!(raised.session(), session.session(), "the same session");
    assert!(tokens.refresh_token().is_none(), "which keeps the refresh token it has");
    assert_eq!(tokens.step_up().unwrap().auth_time(), world.now().minus(20), "its age is the code's own");
}

#[tokio::test]
async fn the_same_code_does_for_login_and_for_a_fresh_route_and_an_old_one_does_not() {
    let world = World::new();
    let bound = world.enrolled().await;
    let session = world.sign_in(&bound.app).await;
    world.clock.advance(300);
    assert!(at_once(&world, &session, pay()).await.is_some(), "at max_age it still counts");
    world.clock.advance(1);
    assert!(at_once(&world, &session, pay()).await.is_none());
    let raised = world.step_up(&session, pay(), Reply::totp(bound.app.code(world.now()))).await.unwrap();
    assert_eq!(raised.auth_time(), Some(world.now()));
}

#[tokio::test]
async fn a_bound_action_is_always_asked_for_and_carries_what_it_is_bound_to() {
    let world = World::new();
    let bound = world.enrolled().await;
    let session = world.sign_in(&bound.app).await;
    let challenge = asked(&world, &session, pay_bob()).await;
    let by = Responder::Session(&session);
    let used = Reply::totp(bound.app.code(world.now()));
    assert!(is_wrong(&complete(world.mfa.answer(by, challenge, used).await)), "the login has used this code");
    world.clock.advance(30);
    let tokens = complete(world.mfa.answer(by, challenge, Reply::totp(bound.app.code(world.now()))).await).unwrap();
    let grant = tokens.step_up().unwrap();
    let members = vec![("to".to_owned(), serde_json::Value::from("bob"))];
    let digest = tower_mfa::token::bind_digest("pay", members).unwrap();
    assert_eq!((grant.action(), grant.bind()), ("pay", Some(digest.as_str())));
    assert_eq!((grant.auth_time(), grant.expires_at()), (world.now(), world.now().plus(300)));
    let refreshed = world.mfa.refresh(tokens.refresh_token().unwrap()).await.unwrap();
    assert!(refreshed.step_up().is_none(), "a refreshed token never carries a step-up");
}

#[tokio::test]
async fn a_client_can_ask_for_more_than_the_policy_and_never_for_less() {
    let world = World::with(policy().login(Login::Optional));
    let bound = world.enrolled().await;
    let LoginOutcome::Complete(tokens) = world.login().await else { panic!("optional") };
    let password = world.session(&tokens);
    for lower in [pay().require(Requirement::aal1()), pay().max_age(u32::MAX)] {
        assert!(at_once(&world, &password, lower).await.is_none(), "the action wants AAL2");
    }
    let raised = world.step_up(&password, pay(), Reply::totp(bound.app.code(world.now()))).await.unwrap();
    let session = world.session(&raised);
    world.clock.advance(61);
    assert!(at_once(&world, &session, pay().max_age(600)).await.is_some());
    assert!(at_once(&world, &session, pay().max_age(60)).await.is_none());
    world.clock.advance(240);
    assert!(at_once(&world, &session, pay().max_age(600)).await.is_none(), "the policy's 300 s hold");
    for stricter in [Requirement::aal3(), Requirement::aal2().phishing_resistant()] {
        let refused = world.mfa.open_challenge(&session, pay().require(stricter)).await.unwrap_err();
        assert!(matches!(refusal(refused), Refusal::NoEligibleAuthenticator { .. }));
    }
}

#[tokio::test]
async fn an_action_nobody_has_named_is_no_action() {
    let world = World::new();
    let session = world.enrolled().await.session;
    for name in ["", "Pay", "pay ", "transfer"] {
        let refused =
            refusal(world.mfa.open_challenge(&session, ChallengeRequest::new().action(name)).await.unwrap_err());
        assert!(matches!(refused, Refusal::InvalidRequest { field: "action", .. }), "{name:?}: {refused:?}");
    }
    let unnamed = ChallengeRequest::new().bind([("to", "bob")]).unwrap();
    let refused = refusal(world.mfa.open_challenge(&session, unnamed).await.unwrap_err());
    assert!(matches!(refused, Refusal::InvalidRequest { field: "bind", .. }));
}

#[tokio::test]
async fn an_action_for_a_role_is_approved_for_nobody_else() {
    let close = Requirement::aal2().with_role("admin").with_scope("accounts");
    let world = World::with(policy().action("close", close));
    let bound = world.enrolled().await;
    let wanted = || ChallengeRequest::new().action("close");
    let refused = refusal(world.mfa.open_challenge(&bound.session, wanted()).await.unwrap_err());
    assert!(matches!(refused, Refusal::Forbidden(_)), "{refused:?}");
    let first = tower_mfa::account::FirstFactor::password_checked_by_host(alice(), world.now());
    let first = first.roles(["admin"]).scopes(["accounts"]);
    let LoginOutcome::Challenge(challenge) = world.mfa.begin(first).await.unwrap() else { panic!("no challenge") };
    let admin = world.answer(&challenge, &bound.app.code(world.now())).await.unwrap();
    assert!(at_once(&world, &admin, wanted()).await.is_some());
}

#[tokio::test]
async fn what_nothing_bound_can_meet_is_refused_with_what_could_be_bound() {
    let world = World::new();
    let LoginOutcome::Complete(tokens) = world.login().await else { panic!("something is bound") };
    let session = world.session(&tokens);
    let refused = refusal(world.mfa.open_challenge(&session, pay()).await.unwrap_err());
    assert_eq!(refused, Refusal::NoEligibleAuthenticator { allowed: vec![Method::Totp] });
    let aal3 = ChallengeRequest::new().require(Requirement::aal3());
    let refused = refusal(world.mfa.open_challenge(&session, aal3).await.unwrap_err());
    assert_eq!(refused, Refusal::NoEligibleAuthenticator { allowed: vec![] });
}

#[tokio::test]
async fn the_hosts_state_comes_back_and_is_sealed_meanwhile() {
    let world = World::new();
    let bound = world.enrolled().await;
    let state = r#"{"cart":"c-4711"}"#;
    for wanted in [pay_bob().state(state), ChallengeRequest::new().max_age(10).state(state)] {
        world.clock.advance(30);
        let LoginOutcome::Challenge(login) = world.login().await else { panic!("no challenge") };
        let session = world.answer(&login, &bound.app.code(world.now())).await.unwrap();
        world.clock.advance(30);
        let challenge = asked(&world, &session, wanted).await;
        let stored = tower_mfa::store::Store::load(&world.store, &alice()).await.unwrap().unwrap();
        assert!(!stored.document().contains("4711"), "it is the host's business");
        let reply = Reply::totp(bound.app.code(world.now()));
        let outcome = world.mfa.answer(Responder::Session(&session), challenge, reply).await.unwrap();
        let AnswerOutcome::Complete(answer) = outcome else { panic!("more is wanted") };
        assert_eq!(answer.state.as_deref(), Some(state));
        assert!(answer.into_json().contains(r#""state":{"cart":"c-4711"}"#));
    }
    let session = world.sign_in(&bound.app).await;
    for bad in [format!("\"{}\"", "x".repeat(1023)), "not JSON".to_owned()] {
        let refused = refusal(world.mfa.open_challenge(&session, pay_bob().state(bad)).await.unwrap_err());
        assert!(matches!(refused, Refusal::InvalidRequest { field: "state", .. }));
    }
}

#[tokio::test]
async fn the_ninth_challenge_supersedes_the_oldest() {
    let world = World::new();
    let bound = world.enrolled().await;
    let oldest = world.challenge().await;
    for _ in 0..7 {
        world.challenge().await;
    }
    assert!(world.mfa.challenge(Responder::Token(&oldest.token), oldest.id).await.is_ok());
    let ninth = world.challenge().await;
    let code = bound.app.code(world.now());
    assert_eq!(world.answer(&oldest, &code).await.unwrap_err(), Refusal::ChallengeGone);
    world.answer(&ninth, &code).await.unwrap();
}

#[tokio::test]
async fn a_challenge_lapses_after_five_minutes_and_says_so() {
    let world = World::new();
    let bound = world.enrolled().await;
    let session = world.sign_in(&bound.app).await;
    let login = world.challenge().await;
    let own = asked(&world, &session, pay_bob()).await;
    world.clock.advance(299);
    let view = world.mfa.challenge(Responder::Session(&session), own).await.unwrap();
    assert_eq!((view.id, view.expires_in, view.methods.len()), (own, 1, 2));
    world.clock.advance(1);
    let code = bound.app.code(world.now());
    assert_eq!(world.answer(&login, &code).await.unwrap_err(), Refusal::ChallengeGone);
    let lapsed = world.mfa.answer(Responder::Session(&session), own, Reply::totp(code.as_str())).await;
    assert_eq!(complete(lapsed).unwrap_err(), Refusal::ChallengeGone);
    let next = world.challenge().await;
    let lapsed = world.mfa.challenge(Responder::Session(&session), own).await.unwrap_err();
    assert_eq!(refusal(lapsed), Refusal::ChallengeGone, "a newer challenge does not make it unknown");
    world.answer(&next, &code).await.unwrap();
}

/// What each wrong access to a challenge is told: 401, 404, 410 of the contract.
#[tokio::test]
async fn a_challenge_answers_to_its_own_token_or_session_alone() {
    let world = World::new();
    let bound = world.enrolled().await;
    let session = world.sign_in(&bound.app).await;
    let other = world.sign_in(&bound.app).await;
    let bobs = world.enrol_first(tower_mfa::id::Subject::new("bob").unwrap()).await.session;
    let own = asked(&world, &session, pay_bob()).await;
    let (login, second) = (world.challenge().await, world.challenge().await);
    let view = async |by: Responder<'_>, id| world.mfa.challenge(by, id).await.map(|v| v.id).map_err(refusal);
    assert_eq!(view(Responder::Session(&session), own).await, Ok(own));
    assert_eq!(view(Responder::Token(&login.token), login.id).await, Ok(login.id));
    let nobodys: ChallengeId = "AAAAAAAAAAAAAAAAAAAAAA".parse().unwrap();
    for (what, by, id) in [
        ("another session of the subject", &other, own),
        ("somebody else's session", &bobs, own),
        ("a login's challenge", &session, login.id),
        ("an id nobody has", &session, nobodys),
    ] {
        assert_eq!(view(Responder::Session(by), id).await, Err(Refusal::NotFound), "{what}");
        let answer = world.mfa.answer(Responder::Session(by), id, Reply::totp(bound.app.code(world.now()))).await;
        assert_eq!(complete(answer).unwrap_err(), Refusal::NotFound, "{what}");
    }
    for id in [second.id, own, nobodys] {
        assert_eq!(view(Responder::Token(&login.token), id).await, Err(Refusal::InvalidToken), "worthless elsewhere");
    }
    world.clock.advance(30);
    world.answer(&login, &bound.app.code(world.now())).await.unwrap();
    assert_eq!(view(Responder::Token(&login.token), login.id).await, Err(Refusal::ChallengeGone), "used");
}

/// Rows: ASVS-7.2.4, N63B-5.1-a, CVE-2024-28197
#[tokio::test]
async fn cve_2024_28197_every_right_answer_begins_a_new_session_and_ends_the_one_before() {
    let world = World::new();
    let bound = world.enrolled().await;
    let mut seen = vec![bound.tokens.session()];
    let mut tokens = bound.tokens;
    for _ in 0..3 {
        world.clock.advance(30);
        let session = world.session(&tokens);
        let next = world.step_up(&session, pay_bob(), Reply::totp(bound.app.code(world.now()))).await.unwrap();
        assert!(!seen.contains(&next.session()));
        seen.push(next.session());
        assert!(world.mfa.authenticate(tokens.access_token().expose()).is_err(), "the old access token");
        assert!(world.mfa.refresh(tokens.refresh_token().unwrap()).await.is_err(), "the old refresh token");
        let old = world.mfa.open_challenge(&session, pay()).await.unwrap_err();
        assert_eq!(refusal(old), Refusal::InvalidToken, "and the old session itself");
        tokens = next;
    }
    assert_eq!(world.session(&tokens).assurance().level(), Aal::Two);
}

/// Rows: R9470-6.1-a
#[tokio::test]
async fn r9470_6_1_a_auth_time_is_the_last_answers_and_survives_a_refresh() {
    let world = World::new();
    let bound = world.enrolled().await;
    world.sign_in(&bound.app).await;
    let answered = world.now();
    world.clock.advance(30);
    let challenge = world.challenge().await;
    let tokens = world.reply(&challenge, Reply::totp(bound.app.code(world.now()))).await.unwrap();
    assert_eq!(tokens.auth_time(), Some(answered.plus(30)));
    world.clock.advance(200);
    let refreshed = world.mfa.refresh(tokens.refresh_token().unwrap()).await.unwrap();
    assert_eq!((refreshed.auth_time(), refreshed.acr()), (tokens.auth_time(), tokens.acr()));
    assert_eq!(refreshed.amr(), tokens.amr());
}

#[tokio::test]
async fn a_session_whose_time_is_over_answers_nothing() {
    use tower_mfa::policy::SessionLimits;
    let world = World::with(policy().session(Aal::Two, SessionLimits::overall(600).idle(60)));
    let bound = world.enrolled().await;
    let session = world.sign_in(&bound.app).await;
    let own = asked(&world, &session, pay_bob()).await;
    world.clock.advance(60);
    let late = world.mfa.answer(Responder::Session(&session), own, Reply::totp(bound.app.code(world.now()))).await;
    assert_eq!(complete(late).unwrap_err(), Refusal::InvalidToken);
}
