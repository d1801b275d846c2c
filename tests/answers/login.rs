//! What a login leads to.

use tower_mfa::account::{EventKind, FirstFactor, Refusal};
use tower_mfa::assurance::{Aal, Authentication, Method};
use tower_mfa::id::Subject;
use tower_mfa::policy::Login;
use tower_mfa::service::{ChallengeRequest, Enroller, LoginOutcome, Reply, TotpEnrolment};
use tower_mfa::store::Store;
use tower_mfa::testing::{AuthenticatorApp, Fault};

use crate::world::*;

#[tokio::test]
async fn a_login_with_nothing_bound_is_complete_at_aal1_unless_mfa_is_required() {
    for login in [Login::Optional, Login::IfEnrolled] {
        let world = World::with(policy().login(login));
        let LoginOutcome::Complete(tokens) = world.login().await else { panic!("{login:?}") };
        assert_eq!(world.session(&tokens).assurance().level(), Aal::One);
    }
    let world = World::with(policy().login(Login::Required));
    let outcome = world.login().await;
    assert!(matches!(&outcome, LoginOutcome::EnrolmentRequired { allowed, .. } if *allowed == [Method::Totp]));
    assert!(!outcome.into_json().contains("access_token"));
    assert_eq!(world.kinds(), [EventKind::EnrolmentRequired]);
}

/// Rows: N63B-5.1-b, PCI-8.3.1, CVE-2025-64103, CVE-2026-9091, GHSA-jhmr-57cj-q6g9
#[tokio::test]
async fn pci_8_5_1_d_a_bound_account_gets_no_token_before_the_last_factor() {
    for login in [Login::IfEnrolled, Login::Required] {
        let world = World::with(policy().login(login));
        let app = match login {
            Login::Required => enrol_by_ticket(&world).await,
            _ => world.enrolled().await.app,
        };
        let challenge = world.challenge().await;
        assert_eq!(challenge.expires_in, 300);
        let kinds: Vec<Method> = challenge.methods.iter().map(|offer| offer.method).collect();
        assert_eq!(kinds, [Method::Totp, Method::RecoveryCode]);
        let session = world.answer(&challenge, &app.code(world.now())).await.unwrap();
        assert_eq!(session.assurance().level(), Aal::Two);
        assert_eq!(session.assurance().amr().iter().map(|v| &**v).collect::<Vec<_>>(), ["pwd", "otp", "mfa", "totp"]);
    }
}

/// Binds an app with the token a login gives where MFA is required.
pub(crate) async fn enrol_by_ticket(world: &World) -> AuthenticatorApp {
    let LoginOutcome::EnrolmentRequired { enrolment_token, .. } = world.login().await else { panic!("bound") };
    let by = Enroller::Token(&enrolment_token);
    let started = world.mfa.enrol_totp(by, TotpEnrolment::new()).await.unwrap();
    let app = AuthenticatorApp::scan(started.otpauth_uri.expose()).unwrap();
    world.mfa.confirm(by, started.id, app.code(world.now())).await.unwrap();
    world.clock.advance(30);
    app
}

#[tokio::test]
async fn a_login_is_blocked_while_every_way_is_locked_and_nothing_is_written() {
    let world = World::new();
    let bound = world.enrolled().await;
    world.lock_out(&bound.app).await;
    assert!(matches!(world.login().await, LoginOutcome::Challenge(_)), "recovery codes are a way of their own");
    let challenge = world.challenge().await;
    for _ in 0..3 {
        world.reply(&challenge, Reply::recovery_code(other_code(&bound.codes[0]))).await.unwrap_err();
    }
    let written = world.store.commits();
    let LoginOutcome::Blocked { throttled_for: Some(wait), .. } = world.login().await else { panic!("not blocked") };
    assert!((1..=30).contains(&wait), "{wait}");
    assert_eq!(world.store.commits(), written, "a flood of logins is no amplifier");
    world.clock.advance(u64::from(wait));
    assert!(matches!(world.login().await, LoginOutcome::Challenge(_)));
}

/// A recovery code of the same slot that is none.
pub(crate) fn other_code(code: &str) -> String {
    let last = if code.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &code[..code.len() - 1])
}

#[tokio::test]
async fn a_disabled_app_still_counts_as_bound_so_no_guessing_opens_an_enrolment() {
    for login in [Login::IfEnrolled, Login::Required] {
        let world = World::with(policy().login(login).hard_limit(3));
        let bound = match login {
            Login::Required => enrol_by_ticket(&world).await,
            _ => world.enrolled().await.app,
        };
        world.lock_out(&bound).await;
        let LoginOutcome::Challenge(left) = world.login().await else { panic!("a recovery code is left") };
        assert_eq!(left.methods.len(), 1, "login offers what is still usable");
        assert_eq!(left.methods[0].method, Method::RecoveryCode);
        for _ in 0..3 {
            world.reply(&left, Reply::recovery_code("0000-0000-0000-0000")).await.unwrap_err();
        }
        let outcome = world.login().await;
        assert!(matches!(outcome, LoginOutcome::Blocked { throttled_for: None, .. }), "{outcome:?}");
        assert_eq!(outcome.into_json(), r#"{"status":"blocked","reason":"disabled","recovery":[]}"#);
    }
}

#[tokio::test]
async fn asvs_16_5_3_an_account_the_host_knows_and_the_store_does_not_is_unavailable() {
    let world = World::new();
    let known = || FirstFactor::password_checked_by_host(alice(), world.now()).known_enrolled(true);
    let refused = world.mfa.begin(known()).await.unwrap_err();
    assert!(matches!(refusal(refused), Refusal::Unavailable { .. }));
    assert_eq!(world.store.commits(), 0, "and no account without MFA is made in its place");

    let bound = world.enrolled().await;
    assert!(matches!(world.mfa.begin(known()).await.unwrap(), LoginOutcome::Challenge(_)));
    world.store.set(Some(Fault::Unavailable));
    assert!(matches!(refusal(world.mfa.begin(known()).await.unwrap_err()), Refusal::Unavailable { .. }));
    world.store.set(None);
    world.mfa.erase(&alice(), "root", "asked to").await.unwrap();
    assert!(matches!(refusal(world.mfa.begin(known()).await.unwrap_err()), Refusal::Unavailable { .. }));
    drop(bound);
}

#[tokio::test]
async fn a_suspended_account_is_blocked_until_an_operator_lifts_it() {
    let world = World::new();
    let bound = world.enrolled().await;
    let pending = world.challenge().await;
    world.mfa.suspend(&alice(), "root", "stolen laptop").await.unwrap();
    assert!(matches!(world.login().await, LoginOutcome::Blocked { throttled_for: None, .. }));
    let gone = world.answer(&pending, &bound.app.code(world.now())).await;
    assert_eq!(gone.unwrap_err(), Refusal::ChallengeGone);
    assert!(world.mfa.refresh(bound.tokens.refresh_token().unwrap()).await.is_err());
    world.mfa.unlock(&alice(), "root", "found again").await.unwrap();
    world.sign_in(&bound.app).await;
}

/// Two hosts that spell one name in two ways mean two subjects: the spelling is the host's word, and
/// what it gives is taken to the letter.
#[tokio::test]
async fn cve_2025_6013_a_subject_is_compared_to_the_letter_tenant_included() {
    let world = World::new();
    world.enrolled().await;
    let elsewhere = Subject::with_tenant("acme", "alice").unwrap();
    assert!(matches!(world.login_of(elsewhere).await, LoginOutcome::Complete(_)), "another tenant's alice is another");
    assert!(matches!(world.login().await, LoginOutcome::Challenge(_)));
}

#[tokio::test]
async fn cve_2022_30689_mfa_is_asked_for_after_a_restart_too() {
    let world = World::new();
    let bound = world.enrolled().await;
    let challenge = world.challenge().await;
    let again = World::over(builder(world.store.clone(), &world.clock, policy()), &world.clock);
    assert!(matches!(again.login().await, LoginOutcome::Challenge(_)));
    again.answer(&challenge, &bound.app.code(world.now())).await.unwrap();
}

/// Every list of the document has a maximum, however often the password's owner, or thief, signs in.
#[tokio::test]
async fn one_session_or_login_too_many_takes_the_place_of_the_oldest() {
    let world = World::with(policy().max_sessions(3).pending_challenges(2).login(Login::Optional));
    let bound = world.enrolled().await;
    let lengths = async || {
        let stored = world.store.load(&alice()).await.unwrap().unwrap();
        let document: serde_json::Value = serde_json::from_str(stored.document()).unwrap();
        ["sessions", "challenges", "authenticators"].map(|list| document[list].as_array().map_or(0, Vec::len))
    };
    let mut newest = None;
    for _ in 0..5 {
        world.clock.advance(1);
        let LoginOutcome::Complete(tokens) = world.login().await else { panic!("optional") };
        let session = world.session(&tokens);
        for _ in 0..5 {
            let _opened = world.mfa.open_challenge(&session, ChallengeRequest::new()).await.unwrap();
        }
        newest = Some(session);
        let [sessions, challenges, authenticators] = lengths().await;
        assert!(sessions <= 3 && challenges <= 2 && authenticators == 1, "{sessions} {challenges}");
    }
    assert!(has(&world.kinds(), EventKind::SessionEnded));
    let sessions = world.mfa.sessions(&newest.unwrap(), None, 200).await.unwrap().items;
    let levels: Vec<_> = sessions.iter().map(|session| &*session.acr).collect();
    assert_eq!(levels, ["aal2", "aal1", "aal1"], "passwords end each other");
    let session = world.sign_in_optional(&bound.app).await;
    for _ in 0..6 {
        let by = Enroller::Session(&session);
        world.mfa.enrol_totp(by, TotpEnrolment::new()).await.unwrap();
    }
    assert_eq!(lengths().await[2], 5, "four wait to be confirmed");
}

impl World {
    /// Signs in where login asks for a password alone, and steps up.
    async fn sign_in_optional(&self, app: &AuthenticatorApp) -> Authentication {
        let LoginOutcome::Complete(tokens) = self.login().await else { panic!("optional") };
        let reply = Reply::totp(app.code(self.now().plus(30)));
        let raised = self.step_up(&self.session(&tokens), ChallengeRequest::new(), reply).await.unwrap();
        self.session(&raised)
    }
}
