//! What operators do: each order has an actor and a reason, and takes effect at once.

use tower_mfa::account::{EventKind, Refusal};
use tower_mfa::policy::Login;
use tower_mfa::service::{Enroller, LoginOutcome, Reply, TotpEnrolment};

use crate::scene::{Scene, challenged, refusal, subject, ticket};

#[tokio::test]
async fn an_order_is_an_event_that_names_the_actor_and_the_reason() {
    let s = Scene::new();
    s.enrolled("alice").await;
    let alice = subject("alice");
    s.mfa.end_sessions(&alice, "root", "a lost laptop").await.unwrap();
    s.mfa.suspend(&alice, "root", "under attack").await.unwrap();
    s.mfa.unlock(&alice, "eve", "all clear").await.unwrap();
    s.mfa.reset(&alice, "root", "a lost phone").await.unwrap();
    s.mfa.erase(&alice, "root", "has left").await.unwrap();
    let ordered: Vec<_> = s.events("alice").await.into_iter().filter(|e| e.actor.is_some()).collect();
    let said: Vec<_> =
        ordered.iter().map(|e| (e.kind, e.actor.as_deref().unwrap(), e.reason.as_deref().unwrap())).collect();
    assert_eq!(
        said,
        [
            (EventKind::SessionsEnded, "root", "a lost laptop"),
            (EventKind::Suspended, "root", "under attack"),
            (EventKind::Unlocked, "eve", "all clear"),
            (EventKind::Reset, "root", "a lost phone"),
            (EventKind::Erased, "root", "has left"),
        ]
    );
}

#[tokio::test]
async fn an_order_without_an_actor_or_a_reason_is_none() {
    let s = Scene::new();
    s.enrolled("alice").await;
    let alice = subject("alice");
    for (actor, reason, field) in
        [("", "why", "actor"), (" ", "why", "actor"), ("root", "", "reason"), ("root", " \t", "reason")]
    {
        let refused = refusal(s.mfa.reset(&alice, actor, reason).await);
        assert!(matches!(refused, Refusal::InvalidRequest { field: f, .. } if f == field), "{refused:?}");
    }
    let long = "x".repeat(1_025);
    assert!(s.mfa.reset(&alice, "root", &long).await.is_err() && s.mfa.reset(&alice, &long, "why").await.is_err());
    assert!(matches!(s.begin("alice").await, LoginOutcome::Challenge(_)), "nothing was reset");
}

#[tokio::test]
async fn an_order_about_nobody_is_not_found_and_makes_no_account() {
    let s = Scene::new();
    let nobody = subject("nobody");
    assert_eq!(refusal(s.mfa.reset(&nobody, "root", "why").await), Refusal::NotFound);
    assert_eq!(refusal(s.mfa.unlock(&nobody, "root", "why").await), Refusal::NotFound);
    assert_eq!(refusal(s.mfa.suspend(&nobody, "root", "why").await), Refusal::NotFound);
    assert_eq!(refusal(s.mfa.end_sessions(&nobody, "root", "why").await), Refusal::NotFound);
    assert_eq!(refusal(s.mfa.erase(&nobody, "root", "why").await), Refusal::NotFound);
    assert_eq!(s.store.commits(), 0);
}

/// Rows: ASVS-7.4.2, N63B-4.3-a, N63B-3.2.1-a
#[tokio::test]
async fn a_suspended_account_has_no_session_and_no_way_in_until_it_is_unlocked() {
    let s = Scene::new();
    let person = s.enrolled("alice").await;
    s.clock.advance(30);
    let open = challenged(s.begin("alice").await);
    let alice = subject("alice");
    s.mfa.suspend(&alice, "root", "reported lost").await.unwrap();
    assert!(s.mfa.authenticate(person.bound.tokens.access_token().expose()).is_err());
    assert!(s.mfa.refresh(person.bound.tokens.refresh_token().unwrap()).await.is_err());
    assert!(s.answer(&open, Reply::totp(person.app.code(s.now()))).await.is_err(), "what was open is closed");
    assert!(matches!(s.begin("alice").await, LoginOutcome::Blocked { throttled_for: None, .. }));
    s.mfa.unlock(&alice, "root", "found again").await.unwrap();
    s.sign_in("alice", &person.app).await;
}

#[tokio::test]
async fn a_suspension_voids_an_enrolment_token_and_so_does_the_end_of_all_sessions() {
    let s = Scene::login(Login::Required);
    for name in ["alice", "bob"] {
        let token = ticket(s.begin(name).await);
        let started = s.mfa.enrol_totp(Enroller::Token(&token), TotpEnrolment::new()).await.unwrap();
        match name {
            "alice" => s.mfa.suspend(&subject(name), "root", "why").await.unwrap(),
            _ => s.mfa.end_sessions(&subject(name), "root", "why").await.unwrap(),
        }
        let code = crate::scene::scan(&started).code(s.now());
        let confirmed = s.mfa.confirm(Enroller::Token(&token), started.id, code).await;
        assert_eq!(refusal(confirmed), Refusal::InvalidToken, "{name}");
    }
}

#[tokio::test]
async fn asvs_7_4_5_an_operator_ends_every_session_and_nothing_else() {
    let s = Scene::new();
    let person = s.enrolled("alice").await;
    let other = s.sign_in("alice", &person.app).await;
    s.mfa.end_sessions(&subject("alice"), "root", "why").await.unwrap();
    for tokens in [&other, &person.bound.tokens] {
        assert!(s.mfa.authenticate(tokens.access_token().expose()).is_err());
        assert!(s.mfa.refresh(tokens.refresh_token().unwrap()).await.is_err());
    }
    s.sign_in("alice", &person.app).await;
}

/// Rows: N63B-4.5-a
#[tokio::test]
async fn a_reset_begins_anew_as_the_login_policy_says() {
    let s = Scene::login(Login::Required);
    let token = ticket(s.begin("alice").await);
    let started = s.mfa.enrol_totp(Enroller::Token(&token), TotpEnrolment::new()).await.unwrap();
    let app = crate::scene::scan(&started);
    let bound = s.mfa.confirm(Enroller::Token(&token), started.id, app.code(s.now())).await.unwrap();
    s.mfa.reset(&subject("alice"), "root", "lost it all").await.unwrap();
    assert!(s.mfa.authenticate(bound.tokens.access_token().expose()).is_err());
    let again = ticket(s.begin("alice").await);
    let status = s.mfa.status(Enroller::Token(&again)).await.unwrap();
    assert!(status.authenticators.is_empty());
    assert_eq!((status.recovery_codes.remaining, status.recovery_codes.total), (0, 0));
}

#[tokio::test]
async fn an_unlock_lifts_a_wait_and_not_the_hard_limit() {
    let s = Scene::with(crate::scene::cheap().hard_limit(4).build().unwrap());
    let person = s.enrolled("alice").await;
    s.clock.advance(30);
    let asked = challenged(s.begin("alice").await);
    let right = person.app.code(s.now());
    let wrong = if right == "000000" { "000001" } else { "000000" };
    for _ in 0..3 {
        assert!(s.answer(&asked, Reply::totp(wrong)).await.is_err());
    }
    assert!(matches!(refusal(s.answer(&asked, Reply::totp(right.clone())).await), Refusal::Throttled { .. }));
    s.mfa.unlock(&subject("alice"), "root", "called in").await.unwrap();
    assert!(matches!(refusal(s.answer(&asked, Reply::totp(wrong)).await), Refusal::InvalidCode { .. }));
    s.mfa.unlock(&subject("alice"), "root", "called again").await.unwrap();
    assert_eq!(refusal(s.answer(&asked, Reply::totp(right)).await), Refusal::AuthenticatorDisabled);
}

/// Rows: N63B-4.5-a
#[tokio::test]
async fn an_erased_account_leaves_a_tombstone_and_a_new_one_is_fresh() {
    let s = Scene::new();
    let person = s.enrolled("alice").await;
    s.clock.advance(30);
    let open = challenged(s.begin("alice").await);
    let alice = subject("alice");
    s.mfa.erase(&alice, "root", "has left").await.unwrap();
    let tombstone = s.document("alice").await;
    assert!(tombstone.contains("erased") && !tombstone.contains("sealed"), "{tombstone}");
    assert_eq!(refusal(s.mfa.unlock(&alice, "root", "why").await), Refusal::NotFound);
    let tokens = s.password("alice").await;
    let by = s.auth(&tokens);
    assert!(s.mfa.status(Enroller::Session(&by)).await.unwrap().authenticators.is_empty());
    assert!(s.mfa.authenticate(person.bound.tokens.access_token().expose()).is_err());
    assert!(s.mfa.refresh(person.bound.tokens.refresh_token().unwrap()).await.is_err());
    assert!(s.answer(&open, Reply::totp(person.app.code(s.now()))).await.is_err());
    assert_eq!(refusal(s.mfa.status(Enroller::Session(&person.by)).await), Refusal::InvalidToken);
    assert_eq!(s.count("alice", EventKind::Erased).await, 1, "the audit trail stays");
}

#[test]
fn cve_2026_64866_an_operator_is_warned_of_rank_where_they_look() {
    let page = include_str!("../../src/service/operators.rs");
    assert!(page.contains("mind rank: an operator who resets a superior takes the superior's account"));
}
