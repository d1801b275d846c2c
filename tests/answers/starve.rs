//! What one account costs the others: places of the slow hash, places in a line, looks at the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tower_mfa::account::{FirstFactor, Refusal};
use tower_mfa::id::Subject;
use tower_mfa::policy::Login;
use tower_mfa::service::{Enroller, LoginChallenge, LoginOutcome, Reply, Responder, TotpEnrolment};
use tower_mfa::testing::Fault;

use crate::world::{World, alice, policy, refusal};

const YEAR: u64 = 365 * 86_400;

fn mallory() -> Subject {
    Subject::new("mallory").unwrap()
}

/// More than there are places, whatever the machine.
const MANY: usize = 600;

async fn used(world: &World) -> LoginChallenge {
    let enrolled = world.enrol_first(mallory()).await;
    let LoginOutcome::Challenge(asked) = world.login_of(mallory()).await else { panic!("one is bound") };
    world.answer(&asked, &enrolled.app.code(world.now())).await.unwrap();
    asked
}

/// Attempts that are refused anyway hold no place while the store hangs: a malformed code, a challenge
/// that was used a minute ago.
#[tokio::test]
async fn what_is_refused_unhashed_keeps_nobody_from_a_recovery_code() {
    let world = World::new();
    let owner = world.enrolled().await;
    let dead = used(&world).await;
    let asked = world.challenge().await;
    world.store.set(Some(Fault::Hangs));
    for code in ["nonsense", "0000-0000-0000-0000"].into_iter().cycle().take(MANY) {
        let (mfa, token, id) = (world.mfa.clone(), dead.token.clone(), dead.id);
        drop(tokio::spawn(async move {
            let _ = mfa.answer(Responder::Token(&token), id, Reply::recovery_code(code)).await;
        }));
    }
    for _ in 0..MANY {
        tokio::task::yield_now().await;
    }
    world.store.set(None);
    assert!(world.reply(&asked, Reply::recovery_code(owner.codes[0].clone())).await.is_ok());
}

/// Making codes is ten hashes a time, and whoever does nothing else keeps nobody out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_account_that_makes_codes_without_a_pause_leaves_others_their_recovery() {
    let world = World::new();
    let owner = world.enrolled().await;
    let busy = world.enrol_first(mallory()).await;
    let asked = world.challenge().await;
    let (done, made) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let loops: Vec<_> = (0..12)
        .map(|_| {
            let (mfa, by) = (world.mfa.clone(), busy.session.clone());
            let (done, made) = (Arc::clone(&done), Arc::clone(&made));
            tokio::spawn(async move {
                while !done.load(Ordering::SeqCst) {
                    if mfa.regenerate_recovery_codes(&by).await.is_ok() {
                        made.store(true, Ordering::SeqCst);
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    while !made.load(Ordering::SeqCst) {
        tokio::task::yield_now().await;
    }
    let answer = world.reply(&asked, Reply::recovery_code(owner.codes[0].clone())).await;
    done.store(true, Ordering::SeqCst);
    for task in loops {
        task.await.unwrap();
    }
    assert!(answer.is_ok(), "{answer:?}");
}

/// A token that has outlived what it was for is refused unseen: it takes no place in its subject's
/// line, and the store hears nothing of it.
#[tokio::test]
async fn a_dead_token_of_whatever_kind_costs_no_look_at_the_store() {
    let world = World::with(policy().login(Login::Required));
    let LoginOutcome::EnrolmentRequired { enrolment_token, .. } = world.login().await else { panic!("required") };
    let started = world.mfa.enrol_totp(Enroller::Token(&enrolment_token), TotpEnrolment::new()).await.unwrap();
    let app = tower_mfa::testing::AuthenticatorApp::scan(started.otpauth_uri.expose()).unwrap();
    let by = Enroller::Token(&enrolment_token);
    let bound = world.mfa.confirm(by, started.id, app.code(world.now())).await.unwrap();
    let asked = world.challenge().await;

    world.clock.advance(YEAR);
    let loads = world.store.loads();
    world.store.set(Some(Fault::Hangs));
    for _ in 0..17 {
        let shown = world.mfa.challenge(Responder::Token(&asked.token), asked.id).await;
        assert_eq!(refusal(shown.unwrap_err()), Refusal::ChallengeGone);
        let answer = world.reply(&asked, Reply::totp("000000")).await;
        assert_eq!(answer.unwrap_err(), Refusal::ChallengeGone);
        let status = world.mfa.status(Enroller::Token(&enrolment_token)).await;
        assert_eq!(refusal(status.unwrap_err()), Refusal::InvalidToken);
        let refreshed = world.mfa.refresh(bound.tokens.refresh_token().unwrap()).await;
        assert_eq!(refusal(refreshed.unwrap_err()), Refusal::InvalidToken);
    }
    assert_eq!(world.store.loads(), loads);
    world.store.set(None);
    assert!(world.mfa.begin(FirstFactor::password_checked_by_host(alice(), world.now())).await.is_ok());
}

/// The time a token is sealed with is the challenge's own: a second before it, it still opens.
#[tokio::test]
async fn a_token_is_good_to_the_last_second_of_its_challenge() {
    let world = World::new();
    let owner = world.enrolled().await;
    let asked = world.challenge().await;
    world.clock.advance(u64::from(asked.expires_in) - 1);
    assert!(world.answer(&asked, &owner.app.code(world.now())).await.is_ok());
    let asked = world.challenge().await;
    world.clock.advance(u64::from(asked.expires_in));
    assert_eq!(world.answer(&asked, &owner.app.code(world.now())).await.unwrap_err(), Refusal::ChallengeGone);
}

#[tokio::test]
async fn a_set_is_made_for_each_subject_once_at_a_time() {
    let world = World::new();
    let owner = world.enrolled().await;
    let making = async || world.mfa.regenerate_recovery_codes(&owner.session).await.map(|_| ()).map_err(refusal);
    let (a, b) = tokio::join!(making(), making());
    let mut outcomes = [a, b];
    outcomes.sort_by_key(Result::is_err);
    assert!(matches!(outcomes, [Ok(()), Err(Refusal::Unavailable { .. })]), "{outcomes:?}");
    assert_eq!(making().await, Ok(()), "and the next one may");
}
