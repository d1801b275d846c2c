//! The enrolment token of a login that has to bind first, and lost or unusable authenticators.

use tower_mfa::account::{EventKind, Refusal, Status};
use tower_mfa::assurance::{Aal, Requirement};
use tower_mfa::policy::Login;
use tower_mfa::secret::SecretString;
use tower_mfa::service::{ChallengeRequest, Enroller, LoginOutcome, Reply, Responder, TotpEnrolment};

use crate::scene::{Scene, cheap, refusal, scan, subject, ticket};

fn required() -> Scene {
    Scene::login(Login::Required)
}

async fn enrol(s: &Scene, token: &SecretString) -> crate::scene::Person {
    let started = s.mfa.enrol_totp(Enroller::Token(token), TotpEnrolment::new()).await.unwrap();
    let app = scan(&started);
    let bound = s.mfa.confirm(Enroller::Token(token), started.id, app.code(s.now())).await.unwrap();
    let by = s.auth(&bound.tokens);
    crate::scene::Person { app, bound, by }
}

/// Rows: PCI-8.5.1-d, PCI-8.3.1, GHSA-xg6x-h9c9-2m83, N63B-5.1-b
#[tokio::test]
async fn an_account_that_must_enrol_has_no_session_before_it_has() {
    let s = required();
    let token = ticket(s.begin("alice").await);
    assert!(s.mfa.authenticate(token.expose()).is_err());
    assert!(s.mfa.refresh(&token).await.is_err());
    let status = s.mfa.status(Enroller::Token(&token)).await.unwrap();
    assert_eq!((status.enrolment, status.sessions, &*status.acr), ("required", 0, "aal1"));
    let person = enrol(&s, &token).await;
    assert_eq!(person.by.assurance().level(), Aal::Two);
    assert_eq!(person.bound.recovery_codes.as_ref().unwrap().len(), 2);
    let status = s.mfa.status(Enroller::Session(&person.by)).await.unwrap();
    assert_eq!((status.enrolment, status.sessions), ("complete", 1));
}

#[tokio::test]
async fn an_enrolment_token_is_void_after_the_first_activation() {
    let s = required();
    let token = ticket(s.begin("alice").await);
    let other = s.mfa.enrol_totp(Enroller::Token(&token), TotpEnrolment::new()).await.unwrap();
    enrol(&s, &token).await;
    let started = s.mfa.enrol_totp(Enroller::Token(&token), TotpEnrolment::new()).await;
    assert_eq!(refusal(started), Refusal::InvalidToken);
    let code = scan(&other).code(s.now());
    let confirmed = s.mfa.confirm(Enroller::Token(&token), other.id, code).await;
    assert_eq!(refusal(confirmed), Refusal::InvalidToken);
    assert_eq!(refusal(s.mfa.status(Enroller::Token(&token)).await), Refusal::InvalidToken);
}

#[tokio::test]
async fn only_the_newest_enrolment_token_counts_and_not_for_long() {
    let s = required();
    let first = ticket(s.begin("alice").await);
    let started = s.mfa.enrol_totp(Enroller::Token(&first), TotpEnrolment::new()).await.unwrap();
    let second = ticket(s.begin("alice").await);
    assert_eq!(refusal(s.mfa.status(Enroller::Token(&first)).await), Refusal::InvalidToken);
    let code = scan(&started).code(s.now());
    let stolen = s.mfa.confirm(Enroller::Token(&second), started.id, code).await;
    assert_eq!(refusal(stolen), Refusal::NotFound, "what another token began is not its own");
    s.clock.advance(600);
    let late = s.mfa.enrol_totp(Enroller::Token(&second), TotpEnrolment::new()).await;
    assert_eq!(refusal(late), Refusal::InvalidToken);
}

#[tokio::test]
async fn every_kind_of_token_opens_its_own_door_and_no_other() {
    let s = required();
    let enrolment = ticket(s.begin("alice").await);
    let person = enrol(&s, &enrolment).await;
    let access = person.bound.tokens.access_token();
    let refresh = person.bound.tokens.refresh_token().unwrap();
    let LoginOutcome::Challenge(asked) = s.begin("alice").await else { panic!("an app is bound") };
    for token in [&asked.token, &enrolment, refresh] {
        assert!(s.mfa.authenticate(token.expose()).is_err(), "no access token");
    }
    for token in [&asked.token, &enrolment, access] {
        assert_eq!(refusal(s.mfa.refresh(token).await), Refusal::InvalidToken, "no refresh token");
    }
    for token in [&asked.token, refresh, access] {
        let status = s.mfa.status(Enroller::Token(token)).await;
        assert_eq!(refusal(status), Refusal::InvalidToken, "no enrolment token");
    }
    for token in [&enrolment, refresh, access] {
        let seen = s.mfa.challenge(Responder::Token(token), asked.id).await;
        assert_eq!(refusal(seen), Refusal::InvalidToken, "no challenge token");
    }
    assert!(s.mfa.challenge(Responder::Token(&asked.token), asked.id).await.is_ok());
}

#[tokio::test]
async fn garbage_is_refused_before_the_store_is_asked() {
    let s = Scene::new();
    let loads = s.store.loads();
    for text in ["", "mfac_", "mfae_AAAA", "mfar_!!!!", "eyJhbGciOiJub25lIn0.e30.", &"x".repeat(100_000)] {
        let token = SecretString::new(text);
        assert_eq!(refusal(s.mfa.refresh(&token).await), Refusal::InvalidToken);
        assert_eq!(refusal(s.mfa.status(Enroller::Token(&token)).await), Refusal::InvalidToken);
        let id = tower_mfa::id::ChallengeId::generate(&tower_mfa::entropy::SystemEntropy).unwrap();
        assert_eq!(refusal(s.mfa.challenge(Responder::Token(&token), id).await), Refusal::InvalidToken);
    }
    assert_eq!(s.store.loads(), loads);
}

/// Rows: CVE-2024-45042, CVE-2026-9091, N63B-3.2.2-c, CVE-2025-64103
#[tokio::test]
async fn a_hundred_wrong_guesses_open_no_enrolment() {
    let s = Scene::with(cheap().login(Login::Required).hard_limit(3).build().unwrap());
    let person = enrol(&s, &ticket(s.begin("alice").await)).await;
    s.clock.advance(30);
    let LoginOutcome::Challenge(asked) = s.begin("alice").await else { panic!("an app is bound") };
    let right = person.app.code(s.now());
    let wrong = if right == "000000" { "000001" } else { "000000" };
    for _ in 0..3 {
        assert!(matches!(refusal(s.answer(&asked, Reply::totp(wrong)).await), Refusal::InvalidCode { .. }));
    }
    assert_eq!(refusal(s.answer(&asked, Reply::totp(right)).await), Refusal::AuthenticatorDisabled);
    s.clock.advance(86_400);
    let LoginOutcome::Challenge(asked) = s.begin("alice").await else { panic!("disabled counts as bound") };
    assert_eq!(asked.methods.len(), 1, "recovery codes are what is left");
    let codes = person.bound.recovery_codes.unwrap();
    let tokens = s.answer(&asked, Reply::recovery_code(codes[0].expose())).await.unwrap();
    let here = s.auth(&crate::scene::answered(tokens));
    let status = s.mfa.status(Enroller::Session(&here)).await.unwrap();
    assert_eq!(status.authenticators[0].status, Status::Disabled);
    // Nor does its owner open one for the thief by clearing it away: another is bound first.
    let disabled = person.bound.authenticator.id;
    assert!(matches!(refusal(s.mfa.remove(&here, disabled).await), Refusal::Conflict(_)));
    let rebound = s.bind(&here).await;
    s.mfa.remove(&rebound.by, disabled).await.unwrap();
    s.sign_in("alice", &rebound.app).await;
}

/// Rows: CVE-2024-45042
#[tokio::test]
async fn what_is_disabled_still_sets_the_accounts_highest_level_and_bars_a_first_binding() {
    let s = Scene::with(cheap().login(Login::Optional).hard_limit(3).build().unwrap());
    let person = s.enrolled("alice").await;
    let password_only = s.signed_in("alice").await;
    s.clock.advance(30);
    let opened = s.mfa.open_challenge(&password_only, ChallengeRequest::new()).await.unwrap();
    let tower_mfa::service::ChallengeOutcome::Pending(view) = opened else { panic!("a code is wanted") };
    let right = person.app.code(s.now());
    let wrong = if right == "000000" { "000001" } else { "000000" };
    for _ in 0..3 {
        let _ = s.mfa.answer(Responder::Session(&password_only), view.id, Reply::totp(wrong)).await;
    }
    let id = person.bound.authenticator.id;
    for refused in [
        refusal(s.start(&password_only).await),
        refusal(s.mfa.remove(&password_only, id).await),
        refusal(s.mfa.disable(&password_only, None, None).await),
        refusal(s.mfa.regenerate_recovery_codes(&password_only).await),
    ] {
        let Refusal::Insufficient(step_up) = refused else { panic!("{refused:?}") };
        assert_eq!(step_up.level(), Requirement::aal2().level());
    }
}

/// Rows: CVE-2022-30689, CVE-2024-45042
#[tokio::test]
async fn an_account_the_host_knows_and_the_store_does_not_is_unavailable_and_never_enrolled() {
    let s = required();
    let first = s.first("alice").known_enrolled(true);
    assert!(crate::scene::is_unavailable(s.mfa.begin(first).await));
    assert_eq!(s.store.commits(), 0);
    enrol(&s, &ticket(s.begin("alice").await)).await;
    let known = s.mfa.begin(s.first("alice").known_enrolled(true)).await.unwrap();
    assert!(matches!(known, LoginOutcome::Challenge(_)));
    s.mfa.erase(&subject("alice"), "root", "left").await.unwrap();
    assert!(crate::scene::is_unavailable(s.mfa.begin(s.first("alice").known_enrolled(true)).await));
}

/// Rows: ASVS-6.3.5, CS-MFA-5
#[tokio::test]
async fn every_way_a_login_stops_half_way_is_an_event_with_its_address() {
    let s = required();
    let at = |name: &str| s.first(name).address("192.0.2.7").client("web");
    drop(s.mfa.begin(at("alice")).await.unwrap());
    assert_eq!(s.kinds("alice").await, [EventKind::EnrolmentRequired]);
    let person = enrol(&s, &ticket(s.begin("bob").await)).await;
    let signed_in = s.events("bob").await.pop().unwrap();
    assert_eq!((signed_in.kind, signed_in.client_id.as_deref()), (EventKind::SignedIn, Some("api")), "it is complete");
    assert_eq!(signed_in.sid.map(|sid| sid.to_string()).as_deref(), person.by.session());
    s.clock.advance(30);
    drop(s.mfa.begin(at("bob")).await.unwrap());
    s.mfa.suspend(&subject("bob"), "root", "looked into").await.unwrap();
    assert!(matches!(s.mfa.begin(at("bob")).await.unwrap(), LoginOutcome::Blocked { throttled_for: None, .. }));
    let events = s.events("bob").await;
    let of = |kind| events.iter().rfind(|e| e.kind == kind).unwrap();
    assert_eq!(of(EventKind::LoginChallenged).address.as_deref(), Some("192.0.2.7"));
    assert_eq!(of(EventKind::LoginBlocked).detail.as_deref(), Some("suspended"));
    assert!(s.mfa.authenticate(person.bound.tokens.access_token().expose()).is_err());
}
