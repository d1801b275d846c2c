//! The other doors: what a password alone, a pending challenge, a wrong kind of token or a broken
//! part opens. Nothing.

use tower_mfa::account::{FirstFactor, Refusal};
use tower_mfa::assurance::{Aal, Authentication, Decision, Requirement, decide};
use tower_mfa::policy::Login;
use tower_mfa::secret::SecretString;
use tower_mfa::service::{
    ChallengeOutcome, ChallengeRequest, Enroller, LoginChallenge, LoginOutcome, Reply, Responder, TotpEnrolment,
};
use tower_mfa::store::{MemoryStore, Store};
use tower_mfa::testing::{AuthenticatorApp, FailingEntropy, Fault, ManualClock};

use crate::world::*;

async fn bound_and_challenged(world: &World) -> (Enrolled, LoginChallenge) {
    (world.enrolled().await, world.challenge().await)
}

/// A session of a bound account that has proved the password alone.
async fn password_only(world: &World) -> (Enrolled, Authentication) {
    let bound = world.enrolled().await;
    let LoginOutcome::Complete(tokens) = world.login().await else { panic!("login is optional here") };
    (bound, world.session(&tokens))
}

fn optional() -> World {
    World::with(policy().login(Login::Optional))
}

#[tokio::test]
async fn ghsa_xg6x_h9c9_2m83_there_is_no_session_before_the_level_is_reached() {
    let world = World::new();
    let (bound, challenge) = bound_and_challenged(&world).await;
    let before = world.mfa.sessions(&bound.session, None, 200).await.unwrap().items.len();
    let LoginOutcome::Challenge(_) = world.login().await else { panic!("no challenge") };
    assert_eq!(world.mfa.sessions(&bound.session, None, 200).await.unwrap().items.len(), before);
    let text = world.login().await.into_json();
    for artefact in ["access_token", "refresh_token", "acr", "amr"] {
        assert!(!text.contains(artefact), "{text}");
    }
    assert!(world.answer(&challenge, &world.wrong(&[&bound.app])).await.is_err());
    assert_eq!(world.mfa.sessions(&bound.session, None, 200).await.unwrap().items.len(), before);
}

/// Rows: CVE-2026-32246
#[tokio::test]
async fn cve_2026_32246_a_pending_challenge_opens_nothing_but_itself() {
    let world = World::new();
    let (_bound, challenge) = bound_and_challenged(&world).await;
    let token = &challenge.token;
    let refused = |e: tower_mfa::service::Error| assert_eq!(refusal(e), Refusal::InvalidToken);
    refused(world.mfa.authenticate(token.expose()).unwrap_err());
    refused(world.mfa.refresh(token).await.unwrap_err());
    refused(world.mfa.status(Enroller::Token(token)).await.unwrap_err());
    let id = world.challenge().await.id;
    refused(world.mfa.challenge(Responder::Token(token), id).await.unwrap_err());
    assert!(world.mfa.challenge(Responder::Token(token), challenge.id).await.is_ok());
}

#[tokio::test]
async fn cve_2019_16766_a_pending_login_cannot_enrol_past_the_factor_it_lacks() {
    let world = World::new();
    let (bound, challenge) = bound_and_challenged(&world).await;
    let by = Enroller::Token(&challenge.token);
    let refused = world.mfa.enrol_totp(by, TotpEnrolment::new()).await.unwrap_err();
    assert_eq!(refusal(refused), Refusal::InvalidToken);
    let world = optional();
    let (bound_here, password) = password_only(&world).await;
    let refused = world.mfa.enrol_totp(Enroller::Session(&password), TotpEnrolment::new()).await.unwrap_err();
    assert!(matches!(refusal(refused), Refusal::Insufficient { .. }), "however young the login is");
    drop((bound, bound_here));
}

/// Rows: CVE-2025-12760
#[tokio::test]
async fn cve_2025_12760_asking_is_not_proving() {
    let world = optional();
    let (bound, password) = password_only(&world).await;
    let route = Requirement::aal2();
    let ChallengeOutcome::Pending(asked) = world.mfa.open_challenge(&password, ChallengeRequest::new()).await.unwrap()
    else {
        panic!("a password is not enough")
    };
    let wrong = Reply::totp(world.wrong(&[&bound.app]));
    world.mfa.answer(Responder::Session(&password), asked.id, wrong).await.unwrap_err();
    assert!(matches!(decide(&route, &password, world.now()), Decision::StepUp(_)));
    let right = Reply::totp(bound.app.code(world.now()));
    let raised = complete(world.mfa.answer(Responder::Session(&password), asked.id, right).await).unwrap();
    assert_eq!(decide(&route, &world.session(&raised), world.now()), Decision::Allow);
}

#[tokio::test]
async fn cve_2026_22594_nothing_the_login_says_of_itself_skips_the_second_factor() {
    let world = World::new();
    world.enrolled().await;
    let first = || FirstFactor::password_checked_by_host(alice(), world.now());
    for claimed in [
        first().known_enrolled(false),
        first().roles(["admin", "mfa", "aal3"]).scopes(["skip_mfa"]),
        first().client("trusted").address("127.0.0.1").account_name("root"),
    ] {
        assert!(matches!(world.mfa.begin(claimed).await.unwrap(), LoginOutcome::Challenge(_)));
    }
}

#[tokio::test]
async fn cve_2026_0723_whatever_breaks_while_a_code_is_checked_is_a_refusal() {
    let world = World::new();
    let (bound, challenge) = bound_and_challenged(&world).await;
    let right = bound.app.code(world.now());
    for fault in [Fault::Unavailable, Fault::NotCommitted, Fault::WriteLost] {
        world.store.set(Some(fault));
        let refused = world.answer(&challenge, &right).await.unwrap_err();
        assert!(matches!(refused, Refusal::Unavailable { .. }), "{fault:?}: {refused:?}");
    }
    world.store.set(None);
    world.clock.fail(true);
    assert!(matches!(world.answer(&challenge, &right).await, Err(Refusal::Unavailable { .. })), "no clock");
    world.clock.fail(false);
    let blind = builder(world.store.clone(), &world.clock, policy()).with_entropy(FailingEntropy);
    let blind = World::over(blind, &world.clock);
    for code in [right.clone(), world.wrong(&[&bound.app])] {
        let refused = blind.answer(&challenge, &code).await.unwrap_err();
        assert!(matches!(refused, Refusal::Unavailable { .. }), "no randomness: {refused:?}");
    }
    world.answer(&challenge, &right).await.unwrap();
}

/// Rows: N63B-3.2.2-g
#[tokio::test]
async fn cve_2026_0723_nothing_is_compared_while_one_of_the_keys_it_needs_is_gone() {
    let (clock, store) = (ManualClock::at(START), MemoryStore::new());
    let of = |names: &[&str]| World::over(builder(store.clone(), &clock, policy()).keys(keys(names)), &clock);
    let (both, turned, later) = (of(&["newer", "old"]), of(&["old", "newer"]), of(&["newer"]));
    let first = both.enrolled().await;
    let LoginOutcome::Challenge(challenge) = turned.login().await else { panic!("no challenge") };
    let session = turned.answer(&challenge, &first.app.code(clock.time())).await.unwrap();
    let second = turned.enrol(&session).await;
    let challenge = later.challenge().await;
    let (wrong, right) = (later.wrong(&[&first.app, &second.app]), first.app.code(clock.time()));
    for code in [&wrong, &right, &wrong, &right, &wrong] {
        let refused = later.answer(&challenge, code).await.unwrap_err();
        assert!(matches!(refused, Refusal::Unavailable { .. }), "a guess would not be counted: {refused:?}");
    }
    let named = Reply::totp_of(&first.id, right);
    later.reply(&challenge, named).await.unwrap();
}

/// Rows: CVE-2026-3429
#[tokio::test]
async fn cve_2026_3429_a_session_below_the_accounts_level_changes_no_factor() {
    let world = optional();
    let (bound, password) = password_only(&world).await;
    let insufficient = |e: tower_mfa::service::Error| assert!(matches!(refusal(e), Refusal::Insufficient { .. }));
    let id = bound.id.parse().unwrap();
    insufficient(world.mfa.remove(&password, id).await.unwrap_err());
    insufficient(world.mfa.rename(&password, id, "mine now").await.unwrap_err());
    insufficient(world.mfa.disable(&password, None, None).await.unwrap_err());
    insufficient(world.mfa.regenerate_recovery_codes(&password).await.unwrap_err());
    insufficient(world.mfa.enrol_totp(Enroller::Session(&password), TotpEnrolment::new()).await.unwrap_err());
    assert!(world.mfa.remove(&bound.session, id).await.is_ok());
}

#[tokio::test]
async fn ghsa_hp74_gm6m_2qm5_a_new_password_does_not_freshen_an_old_code() {
    let world = World::new();
    let bound = world.enrolled().await;
    let session = world.sign_in(&bound.app).await;
    world.clock.advance(301);
    let _again = world.login().await;
    let fresh = ChallengeRequest::new().max_age(300);
    let outcome = world.mfa.open_challenge(&session, fresh).await.unwrap();
    assert!(matches!(outcome, ChallengeOutcome::Pending(_)), "{outcome:?}");
    let route = Requirement::aal2().within(300);
    assert!(matches!(decide(&route, &session, world.now()), Decision::StepUp(_)));
}

#[tokio::test]
async fn cve_2026_32879_a_step_up_comes_from_a_finished_answer_alone() {
    let world = World::new();
    let bound = world.enrolled().await;
    let session = world.sign_in(&bound.app).await;
    let wanted = ChallengeRequest::new().action("pay").bind([("to", "bob")]).unwrap();
    let ChallengeOutcome::Pending(_) = world.mfa.open_challenge(&session, wanted).await.unwrap() else {
        panic!("a bound action is always asked for")
    };
    assert!(session.step_up().is_none());
    let plain = world.mfa.open_challenge(&session, ChallengeRequest::new()).await.unwrap();
    let ChallengeOutcome::Complete(answer) = plain else { panic!("the session is at AAL2") };
    let tokens = answer.tokens;
    assert!(tokens.step_up().is_none(), "what was approved is named");
    let route = Requirement::aal2().for_action("pay");
    assert!(matches!(decide(&route, &world.session(&tokens), world.now()), Decision::StepUp(_)));
}

#[tokio::test]
async fn cve_2020_15105_a_pending_login_keeps_no_secret() {
    let world = World::new();
    let (bound, challenge) = bound_and_challenged(&world).await;
    let document = world.store.load(&alice()).await.unwrap().unwrap().into_document();
    let code = bound.app.code(world.now());
    for secret in [code.as_str(), challenge.token.expose(), bound.codes[0].as_str()] {
        assert!(!document.contains(secret));
    }
    assert!(document.contains(&challenge.id.to_string()), "the challenge is there, by an id without power");
    assert!(!format!("{challenge:?}").contains(challenge.token.expose()));
}

/// Every beginning of a token, and the token with a byte changed, is refused before the store is
/// asked.
#[tokio::test]
async fn cve_2026_27840_a_truncated_or_changed_token_is_none() {
    let world = World::new();
    let (bound, challenge) = bound_and_challenged(&world).await;
    let asked = (world.store.loads(), world.store.commits());
    let mangled = |token: &str| -> Vec<SecretString> {
        let cut = (0..token.len()).map(|end| token[..end].to_owned());
        let turned = (0..token.len()).map(|at| {
            let mut bytes = token.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            String::from_utf8(bytes).unwrap()
        });
        let longer = [format!("{token}A"), format!("{token}="), format!(" {token}")];
        cut.chain(turned).chain(longer).map(SecretString::new).collect()
    };
    for token in mangled(challenge.token.expose()) {
        let refused = world.mfa.challenge(Responder::Token(&token), challenge.id).await.unwrap_err();
        assert_eq!(refusal(refused), Refusal::InvalidToken);
    }
    for token in mangled(bound.tokens.refresh_token().unwrap().expose()) {
        assert_eq!(refusal(world.mfa.refresh(&token).await.unwrap_err()), Refusal::InvalidToken);
    }
    assert_eq!((world.store.loads(), world.store.commits()), asked, "garbage is no call of the store");
}

#[tokio::test]
async fn a_token_of_one_kind_passes_for_no_other() {
    let world = World::with(policy().login(Login::Required));
    let LoginOutcome::EnrolmentRequired { enrolment_token, .. } = world.login().await else { panic!("bound") };
    let by = Enroller::Token(&enrolment_token);
    let started = world.mfa.enrol_totp(by, TotpEnrolment::new()).await.unwrap();
    let app = AuthenticatorApp::scan(started.otpauth_uri.expose()).unwrap();
    let invalid = |e: tower_mfa::service::Error| assert_eq!(refusal(e), Refusal::InvalidToken);
    invalid(world.mfa.refresh(&enrolment_token).await.unwrap_err());
    invalid(world.mfa.authenticate(enrolment_token.expose()).unwrap_err());
    let tokens = world.mfa.confirm(by, started.id, app.code(world.now())).await.unwrap().tokens;
    invalid(world.mfa.status(by).await.unwrap_err());
    world.clock.advance(30);
    let challenge = world.challenge().await;
    for other in [&enrolment_token, tokens.access_token(), tokens.refresh_token().unwrap()] {
        invalid(world.mfa.challenge(Responder::Token(other), challenge.id).await.unwrap_err());
    }
    for other in [tokens.access_token(), tokens.refresh_token().unwrap(), &challenge.token] {
        invalid(world.mfa.status(Enroller::Token(other)).await.unwrap_err());
    }
    invalid(world.mfa.refresh(tokens.access_token()).await.unwrap_err());
    invalid(world.mfa.authenticate(tokens.refresh_token().unwrap().expose()).unwrap_err());
    assert_eq!(world.session(&tokens).assurance().level(), Aal::Two);
}
