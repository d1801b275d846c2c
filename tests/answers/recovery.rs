//! Recovery codes: counted before they are compared, used once, void when they should be.

use std::sync::Arc;
use std::time::Duration;

use tower_mfa::account::{EventKind, Refusal};
use tower_mfa::assurance::Aal;
use tower_mfa::id::Subject;
use tower_mfa::policy::{LockSchedule, Login};
use tower_mfa::recovery_code::Count;
use tower_mfa::service::{Enroller, LoginChallenge, LoginOutcome, Reply, Responder, Tokens, TotpEnrolment};
use tower_mfa::store::{MemoryStore, SqliteStore, Store};
use tower_mfa::testing::{AuthenticatorApp, Fault, ManualClock};

use crate::folder::Folder;
use crate::login::other_code;
use crate::postgres::Schema;
use crate::world::*;

/// Rows: CVE-2026-31875, N63B-3.1.2.2-a, ASVS-6.5.1
#[tokio::test]
async fn cve_2025_67507_a_recovery_code_is_accepted_once() {
    let world = World::new();
    let bound = world.enrolled().await;
    let code = bound.codes[0].as_str();
    let by_code = world.reply(&world.challenge().await, Reply::recovery_code(code)).await.unwrap();
    assert_eq!(world.session(&by_code).assurance().level(), Aal::Two);
    for spelling in [code.to_owned(), code.to_lowercase(), code.replace('-', ""), format!(" {code} ")] {
        let again = world.reply(&world.challenge().await, Reply::recovery_code(spelling.as_str())).await;
        assert!(is_wrong(&again), "{again:?}");
        world.mfa.unlock(&alice(), "root", "test").await.unwrap();
    }
    world.reply(&world.challenge().await, Reply::recovery_code(bound.codes[1].as_str())).await.unwrap();
}

#[tokio::test]
async fn a_code_is_read_as_people_type_it() {
    let world = World::new();
    let bound = world.enrolled().await;
    let typed = format!("  {} ", bound.codes[0].to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l"));
    world.reply(&world.challenge().await, Reply::recovery_code(typed)).await.unwrap();
}

async fn race<S: Store + Clone>(store: S) -> Vec<Result<Tokens, Refusal>> {
    let clock = ManualClock::at(START);
    let policy = || policy().lock(LockSchedule::new(100, 300, &[1]));
    let nodes: Vec<World> = (0..4).map(|_| World::over(builder(store.clone(), &clock, policy()), &clock)).collect();
    let bound = nodes[0].enrolled().await;
    let challenges = [Arc::new(nodes[0].challenge().await), Arc::new(nodes[0].challenge().await)];
    let answers: Vec<_> = (0..64_usize)
        .map(|n| {
            let (mfa, challenge) = (nodes[n % 4].mfa.clone(), challenges[n / 4 % 2].clone());
            let code = bound.codes[0].clone();
            tokio::spawn(async move {
                let by = Responder::Token(&challenge.token);
                complete(mfa.answer(by, challenge.id, Reply::recovery_code(code)).await)
            })
        })
        .collect();
    let mut outcomes = Vec::new();
    for answer in answers {
        outcomes.push(answer.await.unwrap());
    }
    outcomes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn cve_2026_48505_64_parallel_requests_redeem_one_code_once_in_memory() {
    let outcomes = race(MemoryStore::new()).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn cve_2026_48505_64_parallel_requests_redeem_one_code_once_on_sqlite() {
    let folder = Folder::new("recovery_race");
    let outcomes = race(SqliteStore::open(folder.path().join("mfa.db")).await.unwrap()).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn cve_2026_48505_64_parallel_requests_redeem_one_code_once_on_postgres() {
    let Some(schema) = Schema::new("recovery_race") else { return };
    let outcomes = race(schema.store().await).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
}

#[tokio::test]
async fn cve_2025_64175_somebody_elses_recovery_code_is_wrong() {
    let world = World::new();
    world.enrolled().await;
    let bobs = world.enrol_first(Subject::new("bob").unwrap()).await;
    for code in bobs.codes.iter().take(3) {
        let answer = world.reply(&world.challenge().await, Reply::recovery_code(code.as_str())).await;
        assert!(is_wrong(&answer), "{answer:?}");
    }
    let LoginOutcome::Challenge(challenge) = world.login_of(Subject::new("bob").unwrap()).await else { panic!() };
    world.reply(&challenge, Reply::recovery_code(bobs.codes[0].as_str())).await.unwrap();
}

#[tokio::test]
async fn cve_2022_36071_there_are_no_codes_before_there_is_a_factor() {
    let world = World::new();
    let LoginOutcome::Complete(tokens) = world.login().await else { panic!("something is bound") };
    let session = world.session(&tokens);
    let refused = refusal(world.mfa.regenerate_recovery_codes(&session).await.unwrap_err());
    assert!(matches!(refused, Refusal::Conflict(_)), "{refused:?}");
    world.mfa.enrol_totp(Enroller::Session(&session), TotpEnrolment::new()).await.unwrap();
    let refused = refusal(world.mfa.regenerate_recovery_codes(&session).await.unwrap_err());
    assert!(matches!(refused, Refusal::Conflict(_)), "a pending app is no factor: {refused:?}");
}

/// Rows: CVE-2022-36071
#[tokio::test]
async fn switching_mfa_off_and_on_again_resets_the_codes() {
    let world = World::new();
    let bound = world.enrolled().await;
    world.mfa.disable(&bound.session, None, None).await.unwrap();
    let again = world.enrolled().await;
    assert_eq!(again.codes.len(), 2);
    for old in bound.codes.iter().take(3) {
        let answer = world.reply(&world.challenge().await, Reply::recovery_code(old.as_str())).await;
        assert!(is_wrong(&answer), "{answer:?}");
    }
}

/// Rows: N63B-3.1.2.1-c
#[tokio::test]
async fn n63b_3_1_2_1_c_codes_are_issued_at_aal2_alone() {
    let world = World::with(policy().login(Login::Optional));
    world.enrolled().await;
    let LoginOutcome::Complete(tokens) = world.login().await else { panic!("optional") };
    let refused = refusal(world.mfa.regenerate_recovery_codes(&world.session(&tokens)).await.unwrap_err());
    assert!(matches!(refused, Refusal::Insufficient { .. }), "{refused:?}");
}

/// Rows: N63B-4.2.1.1-d
#[tokio::test]
async fn n63b_4_2_1_1_b_a_new_set_voids_the_old_and_its_owner_is_told() {
    let world = World::new();
    let bound = world.enrolled().await;
    let by_code = world.reply(&world.challenge().await, Reply::recovery_code(bound.codes[0].as_str())).await.unwrap();
    world.events();
    let fresh = world.mfa.regenerate_recovery_codes(&world.session(&by_code)).await.unwrap();
    assert!(has(&world.kinds(), EventKind::RecoveryCodesIssued));
    let old = world.reply(&world.challenge().await, Reply::recovery_code(bound.codes[1].as_str())).await;
    assert!(is_wrong(&old), "{old:?}");
    world.reply(&world.challenge().await, Reply::recovery_code(fresh[0].expose())).await.unwrap();
}

#[tokio::test]
async fn the_owner_is_told_when_three_codes_are_left() {
    let world = World::with(policy().recovery_codes(Count::new(5).unwrap()));
    let bound = world.enrolled().await;
    let mut told = Vec::new();
    for code in &bound.codes {
        let challenge = world.challenge().await;
        world.events();
        let by = Responder::Token(&challenge.token);
        let outcome = world.mfa.answer(by, challenge.id, Reply::recovery_code(code.as_str())).await.unwrap();
        let tower_mfa::service::AnswerOutcome::Complete(answer) = outcome else { panic!("more is wanted") };
        let low = world.events().into_iter().find(|event| event.kind == EventKind::RecoveryCodesLow);
        told.push((answer.recovery_codes_remaining.unwrap(), low.and_then(|event| event.count)));
    }
    assert_eq!(told, [(4, None), (3, Some(3)), (2, Some(2)), (1, Some(1)), (0, Some(0))]);
    let left = world.challenge().await.methods;
    assert_eq!(left.len(), 1, "what is used up is not offered: {left:?}");
}

/// Rows: N63B-4.2.1.1-c
#[tokio::test]
async fn n63b_3_1_2_2_d_wrong_recovery_codes_lock_recovery_codes_and_nothing_else() {
    let world = World::new();
    let bound = world.enrolled().await;
    let challenge = world.challenge().await;
    for left in [2, 1, 0] {
        let answer = world.reply(&challenge, Reply::recovery_code(other_code(&bound.codes[0]))).await;
        assert_eq!(answer.unwrap_err(), wrong_with(left));
    }
    let right = || Reply::recovery_code(bound.codes[0].as_str());
    assert_eq!(world.reply(&challenge, right()).await.unwrap_err(), Refusal::Throttled { retry_after: 30 });
    world.answer(&challenge, &bound.app.code(world.now())).await.unwrap();
    let challenge = world.challenge().await;
    assert_eq!(world.reply(&challenge, right()).await.unwrap_err(), Refusal::Throttled { retry_after: 30 });
    world.clock.advance(30);
    world.reply(&challenge, right()).await.unwrap();
}

/// Rows: N63B-3.1.2.2-b, N63B-3.1.2.2-c, ASVS-6.5.2
#[tokio::test]
async fn n63b_4_2_1_1_c_the_document_holds_no_recovery_code() {
    let world = World::new();
    let bound = world.enrolled().await;
    world.challenge().await;
    let stored = world.store.load(&alice()).await.unwrap().unwrap();
    for code in &bound.codes {
        assert!(!stored.document().contains(code.as_str()));
        assert!(!stored.document().contains(&code.replace('-', "")));
    }
    assert!(stored.document().contains("argon2id"), "what it holds was hashed slowly");
}

/// Answers with a recovery code and goes away before the slow hash is done.
async fn walk_away(world: &World, challenge: &LoginChallenge, code: &str) {
    let by = Responder::Token(&challenge.token);
    let committed = world.store.commits();
    let answer = world.mfa.answer(by, challenge.id, Reply::recovery_code(code));
    let gone = async {
        while world.store.commits() == committed {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        () = gone => {}
        outcome = answer => panic!("it was answered: {outcome:?}"),
    }
}

#[tokio::test]
async fn cve_2026_27801_a_request_that_is_dropped_before_its_answer_stays_counted() {
    let world = World::with(policy());
    let bound = world.enrolled().await;
    let challenge = world.challenge().await;
    for _ in 0..3 {
        walk_away(&world, &challenge, &bound.codes[0]).await;
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    let refused = world.reply(&challenge, Reply::recovery_code(bound.codes[0].as_str())).await.unwrap_err();
    assert_eq!(refused, Refusal::Throttled { retry_after: 30 });
}

#[tokio::test]
async fn dropping_every_request_does_not_get_past_the_hard_limit_of_recovery_codes() {
    let world = World::with(policy().hard_limit(4).lock(LockSchedule::new(4, 1, &[1])));
    let bound = world.enrolled().await;
    let challenge = world.challenge().await;
    world.events();
    for _ in 0..4 {
        walk_away(&world, &challenge, &other_code(&bound.codes[0])).await;
        tokio::time::sleep(Duration::from_millis(60)).await;
        world.clock.advance(2);
    }
    assert!(has(&world.kinds(), EventKind::HardLimitNear), "told at half, answered or not");
    let refused = world.reply(&challenge, Reply::recovery_code(bound.codes[0].as_str())).await.unwrap_err();
    assert_eq!(refused, Refusal::AuthenticatorDisabled);
    assert!(has(&world.kinds(), EventKind::AuthenticatorDisabled));
}

/// One of the flood is held at its commit: so the line behind it, sixteen long, is full before anybody else comes.
#[tokio::test]
async fn a_flood_of_recovery_codes_is_turned_away_unwritten_and_apps_go_on_working() {
    let world = World::with(policy().lock(LockSchedule::new(100, 300, &[1])));
    let bound = world.enrolled().await;
    let challenge = Arc::new(world.challenge().await);
    let other = world.challenge().await;
    world.events();
    world.store.set(Some(Fault::CommitWaits));
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    for _ in 0..64 {
        let (mfa, challenge, code) = (world.mfa.clone(), challenge.clone(), other_code(&bound.codes[0]));
        let tell = tell.clone();
        tokio::spawn(async move {
            let by = Responder::Token(&challenge.token);
            tell.send(complete(mfa.answer(by, challenge.id, Reply::recovery_code(code)).await).unwrap_err()).unwrap();
        });
    }
    drop(tell);
    let mut turned_away = 0;
    while turned_away < 48 {
        let outcome = told.recv().await.unwrap();
        assert!(is_busy(&outcome), "the others wait: {outcome:?}");
        turned_away += 1;
    }
    world.store.set(None);
    let code = bound.app.code(world.now());
    while let Err(refused) = world.answer(&other, &code).await {
        assert!(is_busy(&refused), "there is no place in the line yet: {refused:?}");
        tokio::task::yield_now().await;
    }
    // Of the sixteen some may find no place to hash.
    while let Some(outcome) = told.recv().await {
        turned_away += usize::from(is_busy(&outcome));
    }
    let refused = world.events().into_iter().filter(|event| event.kind == EventKind::AnswerRefused).count();
    assert_eq!(refused, 64 - turned_away, "who was turned away was not counted");
}

const fn is_busy(refused: &Refusal) -> bool {
    matches!(refused, Refusal::Unavailable { .. })
}

#[tokio::test]
async fn the_hard_limit_disables_the_set_and_a_new_set_heals_it() {
    let world = World::with(policy().hard_limit(3));
    let bound = world.enrolled().await;
    let challenge = world.challenge().await;
    for _ in 0..3 {
        world.reply(&challenge, Reply::recovery_code(other_code(&bound.codes[0]))).await.unwrap_err();
    }
    assert!(has(&world.kinds(), EventKind::AuthenticatorDisabled));
    world.clock.advance(86_400);
    world.mfa.unlock(&alice(), "root", "asked to").await.unwrap();
    let challenge = world.challenge().await;
    assert_eq!(challenge.methods.len(), 1, "a disabled set is not offered");
    let answer = world.reply(&challenge, Reply::recovery_code(bound.codes[0].as_str())).await;
    assert_eq!(answer.unwrap_err(), Refusal::AuthenticatorDisabled);
    let session = world.sign_in(&bound.app).await;
    let fresh = world.mfa.regenerate_recovery_codes(&session).await.unwrap();
    world.reply(&world.challenge().await, Reply::recovery_code(fresh[0].expose())).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_a_recovery_code_is_a_slip_and_costs_nothing() {
    let world = World::new();
    let bound = world.enrolled().await;
    let challenge = world.challenge().await;
    let written = world.store.commits();
    let app_code = bound.app.code(world.now());
    for slip in ["", "ABCD", &app_code, &format!("{}0", bound.codes[0]), "!!!!-!!!!-!!!!-!!!!"] {
        let refused = world.reply(&challenge, Reply::recovery_code(slip)).await.unwrap_err();
        assert!(matches!(refused, Refusal::InvalidRequest { field: "code", .. }), "{slip:?}: {refused:?}");
    }
    assert_eq!(world.store.commits(), written);
}

#[tokio::test]
async fn n63b_4_2_1_1_d_a_lost_phone_is_replaced_with_a_code_and_both_are_void_afterwards() {
    let world = World::new();
    let bound = world.enrolled().await;
    let by_code = world.reply(&world.challenge().await, Reply::recovery_code(bound.codes[0].as_str())).await.unwrap();
    let session = world.session(&by_code);
    let new: AuthenticatorApp = world.enrol(&session).await.app;
    let session = world.sign_in(&new).await;
    world.mfa.remove(&session, bound.id.parse().unwrap()).await.unwrap();
    world.clock.advance(30);
    assert!(is_wrong(&world.answer(&world.challenge().await, &bound.app.code(world.now())).await));
    let used = world.reply(&world.challenge().await, Reply::recovery_code(bound.codes[0].as_str())).await;
    assert!(is_wrong(&used), "{used:?}");
    world.sign_in(&new).await;
}
