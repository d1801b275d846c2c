//! Nobody goes round the second factor unless it was approved, documented and limited in time.

use tower_mfa::account::{Bypass, EventKind, Refusal};
use tower_mfa::assurance::{Aal, Decision, Requirement, decide};
use tower_mfa::policy::presets::{nist_aal2, owasp_asvs_l2, pci_dss_4};
use tower_mfa::policy::{LockSchedule, Login};
use tower_mfa::service::{ChallengeOutcome, ChallengeRequest, LoginOutcome, Reply, Responder, Tokens};

use crate::presets::cheaply;
use crate::scene::{Current, Person, Scene, answered, cheap, complete, refusal, subject};

async fn bank() -> (Scene, Person) {
    let s = Scene::with(cheaply(pci_dss_4()).build().unwrap());
    let alice = s.enrolled_by_ticket("alice").await;
    s.clock.advance(30);
    (s, alice)
}

impl Scene {
    fn hour(&self) -> Bypass {
        Bypass::new("ops-7", "the phone is being repaired").approved_by("ciso").until(self.now().plus(3_600))
    }

    async fn grant(&self, bypass: Bypass) -> Result<(), tower_mfa::service::Error> {
        self.mfa.grant_bypass(&subject("alice"), bypass).await
    }

    async fn is_over(&self, tokens: &Tokens) -> bool {
        self.mfa.authenticate(tokens.access_token().expose()).is_err()
            && self.mfa.refresh(tokens.refresh_token().unwrap()).await.is_err()
    }
}

/// Rows: PCI-8.4.2
#[tokio::test]
async fn pci_8_5_1_b_a_bypass_is_dated_reasoned_and_approved_by_somebody_else_or_it_is_refused() {
    let (s, _alice) = bank().await;
    let (now, commits) = (s.now(), s.store.commits());
    let (end, long) = (now.plus(3_600), "x".repeat(1_025));
    let asked = |operator: &str, reason: &str| Bypass::new(operator, reason).until(end).approved_by("ciso");
    for (bypass, field) in [
        (asked("", "a reason"), "operator"),
        (asked(&long, "a reason"), "operator"),
        (asked("ops-7", " "), "reason"),
        (asked("ops-7", &long), "reason"),
        (Bypass::new("ops-7", "a reason").until(end), "approved_by"),
        (asked("ops-7", "a reason").approved_by("  "), "approved_by"),
        (asked("ops-7", "a reason").approved_by("ops-7 "), "approved_by"),
        (asked("ops-7", "a reason").approved_by("Ops-7"), "approved_by"),
        (asked("ops-7", "a reason").approved_by("alice"), "approved_by"),
        (Bypass::new("ops-7", "a reason").approved_by("ciso"), "until"),
        (asked("ops-7", "a reason").until(now), "until"),
        (asked("ops-7", "a reason").until(now.plus(86_401)), "until"),
    ] {
        let Refusal::InvalidRequest { field: named, .. } = refusal(s.grant(bypass.clone()).await) else {
            panic!("{bypass:?}")
        };
        assert_eq!(named, field, "{bypass:?}");
    }
    assert_eq!(refusal(s.mfa.grant_bypass(&subject("nobody"), s.hour()).await), Refusal::NotFound);
    assert_eq!(s.store.commits(), commits, "nothing was granted");
    assert!(matches!(s.begin("alice").await, LoginOutcome::Challenge(_)));
    s.grant(asked("ops-7", "a reason").until(now.plus(86_400))).await.unwrap();
}

/// Rows: N63B-2.2.1-a, ASVS-6.3.4
#[tokio::test]
async fn where_the_policy_allows_no_bypass_none_can_be_granted() {
    for policy in [cheap(), cheaply(nist_aal2()), cheaply(owasp_asvs_l2())] {
        let s = Scene::with(policy.build().unwrap());
        let _ = s.begin("alice").await;
        assert!(matches!(refusal(s.grant(s.hour()).await), Refusal::Forbidden(_)));
    }
}

/// Rows: PCI-8.5.1-c, PCI-8.5.1-d
#[tokio::test]
async fn pci_8_5_1_b_while_it_lasts_the_first_factor_is_enough_for_aal1_and_for_nothing_more() {
    let (s, alice) = bank().await;
    s.grant(s.hour()).await.unwrap();
    let tokens = complete(s.begin("alice").await);
    let who = s.auth(&tokens);
    assert_eq!(
        (who.assurance().level(), who.assurance().amr().concat()),
        (Aal::One, "pwd".into()),
        "no mfa is claimed"
    );
    assert!(matches!(decide(&Requirement::aal2(), &who, s.now()), Decision::StepUp { .. }));
    assert!(matches!(refusal(s.start(&who).await), Refusal::Insufficient { .. }), "it binds nothing");
    assert!(refusal(s.mfa.disable(&who, None, None).await) != Refusal::NotFound);
    // The trail tells of the grant and of each login by it.
    let _again = complete(s.begin("alice").await);
    let events = s.events("alice").await;
    let granted = events.iter().find(|event| event.kind == EventKind::BypassGranted).unwrap();
    assert_eq!(
        (granted.actor.as_deref(), granted.reason.as_deref(), granted.detail.as_deref()),
        (Some("ops-7"), Some("the phone is being repaired"), Some("approved by ciso"))
    );
    assert_eq!(granted.until, Some(s.now().plus(3_600)));
    let used = events.iter().filter(|event| event.kind == EventKind::BypassUsed && event.sid.is_some());
    assert_eq!(used.count(), 2);
    // A stranger's account is no other's exception.
    let bob = s.begin("bob").await;
    assert!(matches!(bob, LoginOutcome::EnrolmentRequired { .. }));
    drop(alice);
}

#[tokio::test]
async fn pci_8_5_1_b_it_ends_at_its_time_and_so_do_the_sessions_that_began_by_it() {
    let (s, _alice) = bank().await;
    s.grant(s.hour()).await.unwrap();
    let mut tokens = complete(s.begin("alice").await);
    for _ in 0..4 {
        s.clock.advance(800);
        tokens = s.mfa.refresh(tokens.refresh_token().unwrap()).await.unwrap();
    }
    assert_eq!(tokens.expires_in().as_secs(), 400, "a token does not outlive it");
    s.clock.advance(399);
    assert!(matches!(s.begin("alice").await, LoginOutcome::Complete(_)));
    s.clock.advance(1);
    assert!(s.is_over(&tokens).await);
    assert!(matches!(s.begin("alice").await, LoginOutcome::Challenge(_)));
    assert!(!s.document("alice").await.contains("\"bypass\""));
    // A clock that goes back revives nothing.
    s.clock.go_back(200);
    assert!(matches!(s.begin("alice").await, LoginOutcome::Challenge(_)));
}

#[tokio::test]
async fn pci_8_5_1_b_it_is_revoked_by_an_operator_with_a_reason() {
    let (s, alice) = bank().await;
    assert_eq!(refusal(s.mfa.revoke_bypass(&subject("alice"), "ops-7", "over").await), Refusal::NotFound);
    s.grant(s.hour()).await.unwrap();
    let tokens = complete(s.begin("alice").await);
    assert!(matches!(
        refusal(s.mfa.revoke_bypass(&subject("alice"), "ops-7", "").await),
        Refusal::InvalidRequest { field: "reason", .. }
    ));
    s.mfa.revoke_bypass(&subject("alice"), "ops-8", "the phone is back").await.unwrap();
    assert!(s.is_over(&tokens).await);
    assert!(matches!(s.begin("alice").await, LoginOutcome::Challenge(_)));
    let ended = s.events("alice").await.into_iter().find(|event| event.kind == EventKind::BypassEnded).unwrap();
    assert_eq!((ended.actor.as_deref(), ended.reason.as_deref()), (Some("ops-8"), Some("the phone is back")));
    assert!(s.mfa.authenticate(alice.bound.tokens.access_token().expose()).is_ok(), "who proved more stays");
}

#[tokio::test]
async fn a_session_that_proves_the_second_factor_after_all_owes_the_bypass_nothing() {
    let (s, alice) = bank().await;
    s.grant(s.hour()).await.unwrap();
    let by = s.auth(&complete(s.begin("alice").await));
    let opened = s.mfa.open_challenge(&by, ChallengeRequest::new()).await.unwrap();
    let ChallengeOutcome::Pending(view) = opened else { panic!("a code is wanted") };
    let reply = Reply::totp(alice.app.code(s.now()));
    let tokens = answered(s.mfa.answer(Responder::Session(&by), view.id, reply).await.unwrap());
    s.mfa.revoke_bypass(&subject("alice"), "ops-7", "found").await.unwrap();
    assert!(s.mfa.authenticate(tokens.access_token().expose()).is_ok());
    assert!(s.mfa.refresh(tokens.refresh_token().unwrap()).await.is_ok());
}

#[tokio::test]
async fn it_ends_when_what_is_bound_is_changed_and_when_the_account_is_suspended() {
    let alice = subject("alice");
    let over = async |s: &Scene, tokens: &Tokens, why: &str| {
        assert!(s.is_over(tokens).await, "{why}");
        assert_eq!(s.count("alice", EventKind::BypassEnded).await, 1, "{why}");
        assert!(!matches!(s.begin("alice").await, LoginOutcome::Complete(_)), "{why}");
    };
    // Another authenticator is bound, by whoever still has the first.
    let (s, person) = bank().await;
    s.grant(s.hour()).await.unwrap();
    let tokens = complete(s.begin("alice").await);
    let second = s.bind(&person.by).await;
    over(&s, &tokens, "bound").await;
    assert!(s.mfa.authenticate(second.bound.tokens.access_token().expose()).is_ok());
    // One is removed.
    s.grant(s.hour()).await.unwrap();
    s.mfa.remove(&second.by, person.bound.authenticator.id).await.unwrap();
    assert_eq!(s.count("alice", EventKind::BypassEnded).await, 2);

    let (s, _) = bank().await;
    s.grant(s.hour()).await.unwrap();
    let tokens = complete(s.begin("alice").await);
    s.mfa.reset(&alice, "ops-7", "a new phone").await.unwrap();
    over(&s, &tokens, "reset").await;

    let (s, _) = bank().await;
    s.grant(s.hour()).await.unwrap();
    let tokens = complete(s.begin("alice").await);
    s.mfa.suspend(&alice, "ops-7", "a report").await.unwrap();
    s.mfa.unlock(&alice, "ops-7", "looked into").await.unwrap();
    over(&s, &tokens, "suspended").await;
}

/// Somebody who had nothing bound binds in the session of the bypass, which ends it and keeps the session.
#[tokio::test]
async fn a_first_authenticator_bound_under_a_bypass_puts_an_end_to_it() {
    let s = Scene::with(cheaply(pci_dss_4()).build().unwrap());
    let _ = s.begin("alice").await;
    s.grant(s.hour()).await.unwrap();
    let by = s.signed_in("alice").await;
    let alice = s.bind(&by).await;
    assert_eq!(s.count("alice", EventKind::BypassEnded).await, 1);
    assert!(s.mfa.refresh(alice.bound.tokens.refresh_token().unwrap()).await.is_ok());
    assert!(matches!(s.begin("alice").await, LoginOutcome::Challenge(_)));
}

/// A new grant takes the place of the old, and of what began by it.
#[tokio::test]
async fn one_grant_holds_at_a_time() {
    let (s, _alice) = bank().await;
    s.grant(s.hour()).await.unwrap();
    let tokens = complete(s.begin("alice").await);
    s.grant(s.hour().until(s.now().plus(60))).await.unwrap();
    assert!(s.is_over(&tokens).await);
    s.clock.advance(60);
    assert!(matches!(s.begin("alice").await, LoginOutcome::Challenge(_)));
}

/// What was granted while the clock stood in a time that never was would outlast what the policy allows.
#[tokio::test]
async fn it_ends_when_the_clock_is_set_right() {
    let (s, _alice) = bank().await;
    s.clock.advance(10 * 86_400);
    s.grant(s.hour()).await.unwrap();
    s.clock.go_back(10 * 86_400);
    s.mfa.unlock(&subject("alice"), "ops-7", "the clock had jumped").await.unwrap();
    assert_eq!(s.mfa.bypass_until(&subject("alice")).await.unwrap(), None);
    assert!(matches!(s.begin("alice").await, LoginOutcome::Challenge(_)));
    let ended = s.events("alice").await.into_iter().find(|event| event.kind == EventKind::BypassEnded).unwrap();
    assert_eq!(ended.detail.as_deref(), Some("the clock was set right"));
}

/// A session of a password from before, which does not end with the bypass, gets nothing by it either.
#[tokio::test]
async fn it_refreshes_no_session_but_those_that_began_by_it() {
    let current = Current::of(cheap().login(Login::Optional));
    let s = Scene::sourced(current.clone());
    let alice = s.enrolled("alice").await;
    let before = s.password("alice").await;
    current.set(cheap().login(Login::Required).bypass_at_most(7_200));
    s.grant(s.hour()).await.unwrap();
    assert_eq!(refusal(s.mfa.refresh(before.refresh_token().unwrap()).await), Refusal::InvalidToken);
    let by_it = complete(s.begin("alice").await);
    assert!(s.mfa.refresh(by_it.refresh_token().unwrap()).await.is_ok());
    assert!(s.mfa.refresh(alice.bound.tokens.refresh_token().unwrap()).await.is_ok(), "and that has two factors");
}

/// Rows: PCI-8.3.4
#[tokio::test]
async fn a_user_who_is_locked_out_is_let_in_by_no_bypass() {
    let s =
        Scene::with(cheaply(pci_dss_4()).lock(LockSchedule::new(1, 86_400, &[1_800]).account_wide()).build().unwrap());
    let alice = s.enrolled_by_ticket("alice").await;
    s.grant(s.hour()).await.unwrap();
    let by = s.auth(&complete(s.begin("alice").await));
    let opened = s.mfa.open_challenge(&by, ChallengeRequest::new()).await.unwrap();
    let ChallengeOutcome::Pending(view) = opened else { panic!("a code is wanted") };
    // The code that bound the app was used by that.
    let used = Reply::totp(alice.app.code(s.now()));
    assert!(s.mfa.answer(Responder::Session(&by), view.id, used).await.is_err());
    assert!(matches!(s.begin("alice").await, LoginOutcome::Blocked { throttled_for: Some(1_800), .. }));
    s.clock.advance(1_800);
    assert!(matches!(s.begin("alice").await, LoginOutcome::Complete(_)));
}

/// Rows: PCI-8.5.1-b
#[tokio::test]
async fn a_policy_that_allows_less_honours_less_of_what_was_granted_before() {
    let lasting = |secs: Option<u32>| {
        let policy = cheap().login(Login::Required);
        secs.map_or(policy.clone(), |secs| policy.bypass_at_most(secs))
    };
    let current = Current::of(lasting(Some(7_200)));
    let s = Scene::sourced(current.clone());
    let _ = s.begin("alice").await;
    s.grant(s.hour()).await.unwrap();
    let until = async || s.mfa.bypass_until(&subject("alice")).await.unwrap().map(|end| end.since(s.now()));
    assert_eq!(until().await, Some(3_600));
    s.clock.advance(600);
    current.set(lasting(Some(900)));
    assert_eq!(until().await, Some(300));
    let LoginOutcome::Complete(tokens) = s.begin("alice").await else { panic!("300 seconds are left") };
    assert_eq!(tokens.expires_in().as_secs(), 300);
    current.set(lasting(None));
    assert_eq!(until().await, None);
    assert_eq!(refusal(s.mfa.refresh(tokens.refresh_token().unwrap()).await), Refusal::InvalidToken);
    assert!(matches!(s.begin("alice").await, LoginOutcome::EnrolmentRequired { .. }));
}
