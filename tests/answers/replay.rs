//! A code is accepted once, however it is spelled and wherever it comes from.

use tower_mfa::account::{EventKind, Refusal};
use tower_mfa::service::{LoginOutcome, Reply, Responder, Tokens};
use tower_mfa::store::{MemoryStore, SqliteStore, Store};
use tower_mfa::testing::ManualClock;

use crate::folder::Folder;
use crate::postgres::Schema;
use crate::world::*;

/// Rows: CVE-2021-45331, CVE-2026-33473, CVE-2026-27855, N63B-3.1.4.2-d, ASVS-6.5.1, PCI-8.5.1-a, GHSA-6w4v-qr4m-97gg
#[tokio::test]
async fn cve_2015_7225_n63b_3_1_4_2_c_a_code_is_accepted_once() {
    let world = World::new();
    let bound = world.enrolled().await;
    let code = bound.app.code(world.now());
    world.answer(&world.challenge().await, &code).await.unwrap();
    world.events();
    let again = world.answer(&world.challenge().await, &code).await;
    assert_eq!(again.unwrap_err(), wrong_with(2), "a replay is a wrong code to whoever sends it");
    let kinds = world.kinds();
    assert!(has(&kinds, EventKind::OtpReplayed), "and news to the operator: {kinds:?}");
    world.clock.advance(30);
    world.answer(&world.challenge().await, &bound.app.code(world.now())).await.unwrap();
}

/// Rows: R6238-5.2-c
#[tokio::test]
async fn cve_2021_43177_a_used_code_stays_used_in_every_interval_that_would_accept_it() {
    let world = World::new();
    let bound = world.enrolled().await;
    // A phone that runs ahead: its code is good in this step and the two that follow.
    let ahead = bound.app.code(world.now().plus(30));
    world.answer(&world.challenge().await, &ahead).await.unwrap();
    let present = bound.app.code(world.now());
    assert!(is_wrong(&world.answer(&world.challenge().await, &present).await), "older than the newest used");
    for _ in 0..2 {
        world.clock.advance(30);
        assert!(is_wrong(&world.answer(&world.challenge().await, &ahead).await));
        world.mfa.unlock(&alice(), "root", "test").await.unwrap();
    }
}

#[tokio::test]
async fn the_code_that_confirmed_a_binding_is_used_up_by_it() {
    let world = World::new();
    let bound = world.enrolled().await;
    let confirming = bound.app.code(world.now().minus(30));
    assert!(is_wrong(&world.answer(&world.challenge().await, &confirming).await));
}

#[tokio::test]
async fn a_code_answers_one_challenge_and_not_another_of_the_same_subject() {
    let world = World::new();
    let bound = world.enrolled().await;
    let (first, second) = (world.challenge().await, world.challenge().await);
    let code = bound.app.code(world.now());
    world.answer(&first, &code).await.unwrap();
    assert!(is_wrong(&world.answer(&second, &code).await));
    assert_eq!(world.answer(&first, &code).await.unwrap_err(), Refusal::ChallengeGone, "an answered one is gone");
}

/// Rows: CVE-2025-55000, CVE-2025-6014
#[tokio::test]
async fn no_other_spelling_of_a_used_code_is_a_second_use() {
    let world = World::new();
    let bound = world.enrolled().await;
    let code = bound.app.code(world.now());
    world.answer(&world.challenge().await, &format!(" {} {} ", &code[..3], &code[3..])).await.unwrap();
    let wide: String = code.chars().map(|c| char::from_u32(u32::from(c) + 0xFEE0).unwrap()).collect();
    let spellings = [
        code.clone(),
        format!(" {code}"),
        format!("{code}\n"),
        format!("{}-{}", &code[..3], &code[3..]),
        format!("0{code}"),
        format!("{code}0"),
        format!("+{code}"),
        format!("{code}.0"),
        wide,
    ];
    for spelling in spellings {
        let answer = world.answer(&world.challenge().await, &spelling).await;
        assert!(matches!(answer, Err(Refusal::InvalidCode { .. } | Refusal::InvalidRequest { .. })), "{spelling:?}");
        world.mfa.unlock(&alice(), "root", "test").await.unwrap();
    }
}

/// Sixty-four answers with one code, spread over eight challenges and two services.
async fn race<S: Store + Clone>(store: S) -> Vec<Result<Tokens, Refusal>> {
    let clock = ManualClock::at(START);
    let world = World::over(builder(store.clone(), &clock, policy()), &clock);
    let replica = World::over(builder(store, &clock, policy()), &clock);
    let bound = world.enrolled().await;
    let code = bound.app.code(world.now());
    let mut challenges = Vec::new();
    for _ in 0..8 {
        let LoginOutcome::Challenge(challenge) = world.login().await else { panic!("no challenge") };
        challenges.push(std::sync::Arc::new(challenge));
    }
    let answers: Vec<_> = (0..64_usize)
        .map(|n| {
            let (mfa, challenge, code) =
                (if n % 2 == 0 { &world } else { &replica }.mfa.clone(), challenges[n / 2 % 8].clone(), code.clone());
            tokio::spawn(async move {
                complete(mfa.answer(Responder::Token(&challenge.token), challenge.id, Reply::totp(code)).await)
            })
        })
        .collect();
    let mut outcomes = Vec::new();
    for answer in answers {
        outcomes.push(answer.await.unwrap());
    }
    outcomes
}

fn exactly_one(outcomes: &[Result<Tokens, Refusal>]) {
    assert_eq!(outcomes.len(), 64);
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
    for refused in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        use Refusal::{ChallengeGone, InvalidCode, Throttled, Unavailable};
        let known = matches!(refused, ChallengeGone | InvalidCode { .. } | Throttled { .. } | Unavailable { .. });
        assert!(known, "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn cve_2026_20779_of_64_parallel_answers_with_one_code_one_succeeds_in_memory() {
    for _ in 0..8 {
        exactly_one(&race(MemoryStore::new()).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn cve_2026_20779_of_64_parallel_answers_with_one_code_one_succeeds_on_sqlite() {
    let folder = Folder::new("answers_race");
    let store = SqliteStore::open(folder.path().join("mfa.db")).await.unwrap();
    exactly_one(&race(store).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn cve_2026_20779_of_64_parallel_answers_with_one_code_one_succeeds_on_postgres() {
    let Some(schema) = Schema::new("answers_race") else { return };
    for _ in 0..4 {
        exactly_one(&race(schema.fresh().connect(schema.url()).await.unwrap()).await);
    }
}

/// Rows: N63B-3.1.4.2-c
#[tokio::test]
async fn wrong_replayed_unknown_and_foreign_get_one_answer_for_the_same_store_calls() {
    let world = World::new();
    let bound = world.enrolled().await;
    let bobs = world.enrol_first(tower_mfa::id::Subject::new("bob").unwrap()).await;
    let used = bound.app.code(world.now());
    world.answer(&world.challenge().await, &used).await.unwrap();
    let wrong = world.wrong(&[&bound.app, &bobs.app]);
    let fresh = || bound.app.code(world.now().plus(30));
    let replies = [
        ("wrong", Reply::totp(wrong.clone())),
        ("replayed", Reply::totp(used)),
        ("of another's app", Reply::totp(bobs.app.code(world.now()))),
        ("another's id", Reply::totp_of(&bobs.id, fresh())),
        ("no id at all", Reply::totp_of("nonsense", fresh())),
        ("an id nobody has", Reply::totp_of("AAAAAAAAAAAAAAAAAAAAAA", fresh())),
        ("wrong, by id", Reply::totp_of(&bound.id, wrong)),
    ];
    for (what, reply) in replies {
        let challenge = world.challenge().await;
        let before = (world.store.loads(), world.store.commits());
        let answer = world.reply(&challenge, reply).await;
        assert_eq!(answer.unwrap_err(), wrong_with(2), "{what}");
        assert_eq!((world.store.loads() - before.0, world.store.commits() - before.1), (1, 1), "{what}");
        world.mfa.unlock(&alice(), "root", "test").await.unwrap();
    }
}
