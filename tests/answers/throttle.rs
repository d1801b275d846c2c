//! How often one may be wrong before the temporary lock.

use tower_mfa::account::{EventKind, Refusal};
use tower_mfa::policy::LockSchedule;
use tower_mfa::service::{LoginOutcome, Reply, Responder};
use tower_mfa::store::MemoryStore;
use tower_mfa::testing::{Fault, ManualClock};

use crate::world::*;

/// Rows: CVE-2026-56450, CVE-2024-32868, N63B-3.1.4.2-f, ASVS-6.3.1
#[tokio::test]
async fn cve_2024_0227_the_third_wrong_code_locks_and_the_right_one_then_waits() {
    let world = World::new();
    let bound = world.enrolled().await;
    let challenge = world.challenge().await;
    world.events();
    for left in [2, 1, 0] {
        let answer = world.answer(&challenge, &world.wrong(&[&bound.app])).await;
        assert_eq!(answer.unwrap_err(), wrong_with(left));
    }
    let events = world.events();
    let locked = events.iter().find(|event| event.kind == EventKind::Locked).unwrap();
    assert_eq!(locked.until, Some(world.now().plus(30)));
    let right = bound.app.code(world.now());
    assert_eq!(world.answer(&challenge, &right).await.unwrap_err(), Refusal::Throttled { retry_after: 30 });
    world.clock.advance(29);
    assert_eq!(world.answer(&challenge, &right).await.unwrap_err(), Refusal::Throttled { retry_after: 1 });
    world.clock.advance(1);
    world.answer(&challenge, &bound.app.code(world.now())).await.unwrap();
}

/// Rows: R4226-7.3-c
#[tokio::test]
async fn n63b_3_2_2_d_r4226_7_3_a_each_lock_is_longer_than_the_one_before() {
    let world = World::new();
    let bound = world.enrolled().await;
    for wait in [30, 60, 120, 300, 1800, 1800] {
        world.lock_out(&bound.app).await;
        let LoginOutcome::Challenge(challenge) = world.login().await else { panic!("recovery codes are free") };
        let refused = world.answer(&challenge, "000000").await.unwrap_err();
        assert_eq!(refused, Refusal::Throttled { retry_after: wait });
        world.clock.advance(u64::from(wait));
    }
    world.sign_in(&bound.app).await;
    world.lock_out(&bound.app).await;
    let refused = world.answer(&world.challenge().await, "000000").await.unwrap_err();
    assert_eq!(refused, Refusal::Throttled { retry_after: 30 }, "a success begins the schedule anew");
}

#[tokio::test]
async fn the_host_sets_the_schedule() {
    let world = World::with(policy().lock(LockSchedule::new(2, 60, &[10, 20])));
    let bound = world.enrolled().await;
    let challenge = world.challenge().await;
    let fail = async || world.answer(&challenge, &world.wrong(&[&bound.app])).await.unwrap_err();
    assert_eq!(fail().await, wrong_with(1));
    world.clock.advance(60);
    assert_eq!(fail().await, wrong_with(1), "the first is a minute ago");
    world.clock.advance(59);
    assert_eq!(fail().await, Refusal::InvalidCode { attempts_remaining: 0, retry_after: Some(10) });
    assert_eq!(fail().await, Refusal::Throttled { retry_after: 10 });
}

#[tokio::test]
async fn a_wrong_answer_tells_of_a_pause_when_none_of_the_apps_it_was_tried_on_is_left() {
    let world = World::new();
    let first = world.enrolled().await;
    let second = world.enrol(&first.session).await;
    let challenge = world.challenge().await;
    let wrong = world.wrong(&[&first.app, &second.app]);
    let of = async |id: &str| world.reply(&challenge, Reply::totp_of(id, wrong.as_str())).await.unwrap_err();
    let told = |attempts_remaining, retry_after| Refusal::InvalidCode { attempts_remaining, retry_after };
    assert_eq!([of(&first.id).await, of(&first.id).await], [wrong_with(2), wrong_with(1)]);
    assert_eq!(world.answer(&challenge, &wrong).await.unwrap_err(), told(0, None), "the second app can still be used");
    assert_eq!(world.answer(&challenge, &wrong).await.unwrap_err(), wrong_with(1), "the first was left out");
    world.clock.advance(10);
    assert_eq!(world.answer(&challenge, &wrong).await.unwrap_err(), told(0, Some(20)), "the first is free sooner");
    assert_eq!(world.answer(&challenge, &wrong).await.unwrap_err(), Refusal::Throttled { retry_after: 20 });
    world.clock.advance(20);
    assert_eq!(of("nobody's").await, wrong_with(2), "an id of nobody is told what the apps of the account are");
}

#[tokio::test]
async fn a_throttled_answer_is_not_compared_not_counted_and_writes_nothing() {
    let world = World::new();
    let bound = world.enrolled().await;
    world.lock_out(&bound.app).await;
    let challenge = world.challenge().await;
    world.events();
    let written = world.store.commits();
    for _ in 0..200 {
        let answer = world.answer(&challenge, &bound.app.code(world.now())).await;
        assert_eq!(answer.unwrap_err(), Refusal::Throttled { retry_after: 30 });
    }
    assert_eq!((world.store.commits(), world.events().len()), (written, 0));
    world.clock.advance(30);
    let answer = world.answer(&challenge, &world.wrong(&[&bound.app])).await;
    assert_eq!(answer.unwrap_err(), wrong_with(2));
    assert_eq!(world.events().last().unwrap().count, Some(4), "three before the lock, one after");
}

#[tokio::test]
async fn what_cannot_be_a_code_is_a_slip_and_no_guess() {
    let world = World::new();
    let bound = world.enrolled().await;
    let challenge = world.challenge().await;
    let written = world.store.commits();
    for slip in ["", "12345", "123456789", "abcdef", "12345\u{0660}", "-123456"] {
        let refused = world.answer(&challenge, slip).await.unwrap_err();
        assert!(matches!(refused, Refusal::InvalidRequest { field: "code", .. }), "{slip:?}: {refused:?}");
    }
    assert_eq!(world.store.commits(), written);
    world.answer(&challenge, &bound.app.code(world.now())).await.unwrap();
}

/// Rows: CVE-2025-55003, CVE-2025-24806, R4226-7.3-b
#[tokio::test]
async fn cve_2025_6015_the_budget_is_the_authenticators_and_not_the_challenges() {
    let world = World::new();
    let bound = world.enrolled().await;
    for left in [2, 1, 0] {
        let fresh = world.challenge().await;
        assert_eq!(world.answer(&fresh, &world.wrong(&[&bound.app])).await.unwrap_err(), wrong_with(left));
    }
    let fresh = world.challenge().await;
    let refused = world.answer(&fresh, &bound.app.code(world.now())).await.unwrap_err();
    assert_eq!(refused, Refusal::Throttled { retry_after: 30 }, "a new login is no new budget");
}

/// Rows: N63B-3.2.2-g
#[tokio::test]
async fn cve_2020_25827_the_budget_is_shared_by_all_nodes() {
    let clock = ManualClock::at(START);
    let store = MemoryStore::new();
    let nodes: Vec<World> = (0..3).map(|_| World::over(builder(store.clone(), &clock, policy()), &clock)).collect();
    let bound = nodes[0].enrolled().await;
    for (node, left) in nodes.iter().zip([2, 1, 0]) {
        let challenge = node.challenge().await;
        assert_eq!(node.answer(&challenge, &node.wrong(&[&bound.app])).await.unwrap_err(), wrong_with(left));
    }
    for node in &nodes {
        let refused = node.answer(&node.challenge().await, &bound.app.code(clock.time())).await.unwrap_err();
        assert_eq!(refused, Refusal::Throttled { retry_after: 30 });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn n63b_3_2_2_g_64_parallel_guesses_are_counted_exactly_and_no_more_than_the_budget_compared() {
    let clock = ManualClock::at(START);
    let store = MemoryStore::new();
    let nodes: Vec<World> = (0..4).map(|_| World::over(builder(store.clone(), &clock, policy()), &clock)).collect();
    let bound = nodes[0].enrolled().await;
    let challenge = std::sync::Arc::new(nodes[0].challenge().await);
    let wrong = nodes[0].wrong(&[&bound.app]);
    let guesses: Vec<_> = (0..64_usize)
        .map(|n| {
            let (mfa, challenge, code) = (nodes[n % 4].mfa.clone(), challenge.clone(), wrong.clone());
            tokio::spawn(async move {
                let by = Responder::Token(&challenge.token);
                complete(mfa.answer(by, challenge.id, Reply::totp(code)).await).unwrap_err()
            })
        })
        .collect();
    let mut compared = Vec::new();
    for guess in guesses {
        match guess.await.unwrap() {
            Refusal::InvalidCode { attempts_remaining, .. } => compared.push(attempts_remaining),
            Refusal::Throttled { .. } | Refusal::Unavailable { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    compared.sort_unstable();
    assert_eq!(compared, [0, 1, 2], "three were compared, each with a place of its own");
    let counts: Vec<_> = nodes
        .iter()
        .flat_map(World::events)
        .filter(|event| event.kind == EventKind::AnswerRefused)
        .filter_map(|event| event.count)
        .collect();
    assert_eq!(counts.len(), 3, "and three were counted: {counts:?}");
}

#[tokio::test]
async fn cve_2026_35597_a_lock_survives_refusals_errors_and_a_restart() {
    let world = World::new();
    let bound = world.enrolled().await;
    world.lock_out(&bound.app).await;
    let challenge = world.challenge().await;
    let right = || bound.app.code(world.now());
    for fault in [Fault::Unavailable, Fault::NotCommitted, Fault::WriteLost] {
        world.store.set(Some(fault));
        let _ = world.answer(&challenge, &right()).await.unwrap_err();
    }
    world.store.set(None);
    assert_eq!(world.answer(&challenge, &right()).await.unwrap_err(), Refusal::Throttled { retry_after: 30 });
    let again = World::over(builder(world.store.clone(), &world.clock, policy()), &world.clock);
    assert_eq!(again.answer(&challenge, &right()).await.unwrap_err(), Refusal::Throttled { retry_after: 30 });
}

/// Rows: N63B-3.2.2-g
#[tokio::test]
async fn a_guess_whose_commit_fails_is_told_nothing() {
    let world = World::new();
    let bound = world.enrolled().await;
    let challenge = world.challenge().await;
    for fault in [Fault::Unavailable, Fault::NotCommitted, Fault::WriteLost] {
        world.store.set(Some(fault));
        for code in [world.wrong(&[&bound.app]), bound.app.code(world.now())] {
            let refused = world.answer(&challenge, &code).await.unwrap_err();
            assert!(matches!(refused, Refusal::Unavailable { .. }), "right and wrong look alike: {refused:?}");
        }
    }
    world.store.set(None);
    world.answer(&challenge, &bound.app.code(world.now())).await.unwrap();
}
