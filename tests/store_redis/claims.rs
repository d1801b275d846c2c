//! Claims, where a process stops, or is only slow, between any two steps.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tower_mfa::id::Subject;
use tower_mfa::store::{Claim, Commit, Committed, RedisStore, Revision, Store, StoreErrorKind, UserHandle};

use crate::server::{Cut, Own, Place, Proxy};
use crate::{alice, bob, create, revision, revision_of};

fn handle() -> UserHandle {
    UserHandle::new(*b"a handle").unwrap()
}

fn claims() -> [Claim; 2] {
    [Claim::credential_id(*b"a credential"), Claim::user_handle(&handle())]
}

async fn claim(
    store: &RedisStore,
    subject: &Subject,
    expected: Option<&Revision>,
) -> Result<Committed, (StoreErrorKind, String)> {
    let claims = claims();
    let commit = Commit::new(subject, expected, revision(), "{}").with_claims(&claims);
    store.commit(commit).await.map_err(|error| (error.kind(), crate::story(&error)))
}

/// The scripts that a commit with two new claims runs, in their order.
const PERMIT: usize = 0;
const COMMIT: usize = 3;
const STEPS: usize = 6;

/// A store whose wire is cut at one of the steps of alice's commit, and what she was told.
async fn stopped(server: &Own, place: &Place, step: usize, cut: Cut) -> Result<Committed, StoreErrorKind> {
    // The scripts are known to the server, so that each step is one request.
    let warm = place.store().await;
    let other = [Claim::credential_id(*b"another")];
    let commit = Commit::new(bob(), None, revision(), "{}").with_claims(&other);
    assert_eq!(warm.commit(commit).await.unwrap(), Committed::Done);
    let proxy = Proxy::to(server.port, "EVALSHA", cut).await;
    let store = place.builder().connect(&proxy.url()).await.unwrap();
    proxy.arm(step);
    let told = claim(&store, alice(), None).await.map_err(|(kind, _)| kind);
    assert!(proxy.is_cut(), "there was no step {step}");
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_process_that_stops_between_two_steps_leaves_the_claim_to_whoever_has_the_document() {
    if !Own::is_there("a crash at every step of a commit with claims") {
        return;
    }
    let server = Arc::new(Own::durable());
    let mut cases = tokio::task::JoinSet::new();
    for step in 0..STEPS {
        for cut in [Cut::Before, Cut::After] {
            let server = Arc::clone(&server);
            cases.spawn(async move { crash(&server, step, cut).await });
        }
    }
    cases.join_all().await;
}

async fn crash(server: &Own, step: usize, cut: Cut) {
    let place = Place::on(server.url());
    let told = stopped(server, &place, step, cut).await;
    let store = place.store().await;
    let happened = revision_of(&store, alice()).await.is_some();
    assert_eq!(happened, step > COMMIT || (step == COMMIT && cut == Cut::After), "{step} {cut:?}");
    match told {
        Ok(told) => assert!(told == Committed::Done && step > COMMIT, "{step} {cut:?}: {told:?}"),
        Err(StoreErrorKind::NotCommitted) => assert!(!happened && step < COMMIT, "{step} {cut:?}"),
        Err(kind) => {
            assert_eq!(kind, StoreErrorKind::Unknown, "{step} {cut:?}");
            assert!(step == PERMIT || step == COMMIT, "{step} {cut:?}: before and behind the commit it is known");
        }
    }
    let owner = store.subject_of(&handle()).await.unwrap();
    assert_eq!(owner.as_ref(), happened.then(alice), "{step} {cut:?}");

    // Somebody else claims the same, with a document of her own.
    let carol = Subject::new("carol").unwrap();
    let first = create(&store, &carol).await;
    let wanted = if happened { Committed::Claimed } else { Committed::Done };
    assert_eq!(claim(&store, &carol, Some(&first)).await, Ok(wanted), "{step} {cut:?}");
    let winner = if happened { alice() } else { &carol };
    assert_eq!(store.subject_of(&handle()).await.unwrap().as_ref(), Some(winner), "{step} {cut:?}");
    // And so it stays, for everybody.
    let of_alice = revision_of(&store, alice()).await;
    let wanted = if happened { Committed::Done } else { Committed::Claimed };
    assert_eq!(claim(&store, alice(), of_alice.as_ref()).await, Ok(wanted), "{step} {cut:?}");
    let dave = Subject::new("dave").unwrap();
    assert_eq!(claim(&store, &dave, None).await, Ok(Committed::Claimed), "{step} {cut:?}");
    assert_eq!(store.subject_of(&handle()).await.unwrap().as_ref(), Some(winner), "{step} {cut:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_subject_goes_on_where_its_own_process_stopped_without_waiting() {
    if !Own::is_there("a subject whose own process stopped") {
        return;
    }
    let server = Own::durable();
    for step in 0..STEPS {
        let place = Place::on(server.url());
        let _ = stopped(&server, &place, step, Cut::After).await;
        let store = place.store().await;
        let first = revision_of(&store, alice()).await;
        assert_eq!(claim(&store, alice(), first.as_ref()).await, Ok(Committed::Done), "{step}");
        assert_eq!(store.subject_of(&handle()).await.unwrap().as_ref(), Some(alice()), "{step}");
        assert_eq!(claim(&store, &Subject::new("carol").unwrap(), None).await, Ok(Committed::Claimed), "{step}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_commit_that_comes_after_its_reservation_was_taken_over_writes_nothing() {
    if !Own::is_there("a commit that comes late") {
        return;
    }
    let server = Own::durable();
    let place = Place::on(server.url());
    let direct = place.store().await;
    let proxy = Proxy::to(server.port, "EVALSHA", Cut::Hold).await;
    let slow = place.builder().connect(&proxy.url()).await.unwrap();
    let other = [Claim::credential_id(*b"another")];
    let carol = Subject::new("carol").unwrap();
    let warm = Commit::new(&carol, None, revision(), "{}").with_claims(&other);
    assert_eq!(direct.commit(warm).await.unwrap(), Committed::Done);

    proxy.arm(COMMIT);
    let late = tokio::spawn(async move { claim(&slow, alice(), None).await });
    proxy.holds().await;
    assert_eq!(direct.subject_of(&handle()).await.unwrap(), None, "reserved is not held");
    assert_eq!(claim(&direct, bob(), None).await, Ok(Committed::Done), "it waits, and takes over");
    proxy.mend();
    let told = late.await.unwrap();
    assert!(matches!(told, Ok(Committed::Claimed) | Err((StoreErrorKind::Unknown, _))), "{told:?}");
    assert_eq!(revision_of(&direct, alice()).await, None);
    assert_eq!(direct.subject_of(&handle()).await.unwrap().as_ref(), Some(bob()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_commit_that_comes_late_and_was_not_taken_over_is_done() {
    if !Own::is_there("a commit that comes late, and in time") {
        return;
    }
    let server = Own::durable();
    let place = Place::on(server.url());
    let direct = place.store().await;
    let proxy = Proxy::to(server.port, "EVALSHA", Cut::Hold).await;
    let slow = place.builder().connect(&proxy.url()).await.unwrap();
    let other = [Claim::credential_id(*b"another")];
    let carol = Subject::new("carol").unwrap();
    let warm = Commit::new(&carol, None, revision(), "{}").with_claims(&other);
    assert_eq!(direct.commit(warm).await.unwrap(), Committed::Done);

    proxy.arm(COMMIT);
    let late = tokio::spawn(async move { claim(&slow, alice(), None).await });
    proxy.holds().await;
    let waits = {
        let direct = direct.clone();
        tokio::spawn(async move { claim(&direct, bob(), None).await })
    };
    proxy.mend();
    assert_eq!(late.await.unwrap(), Ok(Committed::Done));
    assert_eq!(waits.await.unwrap(), Ok(Committed::Claimed), "whoever waits hears what became of it");
    assert_eq!(revision_of(&direct, bob()).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn attempts_of_one_subject_at_once_end_with_one_commit_and_its_claims() {
    for place in Place::both("attempts of one subject at once") {
        for round in 0..8 {
            let store = place.fresh().await;
            let running: Vec<_> = (0..16)
                .map(|_| {
                    let store = store.clone();
                    tokio::spawn(async move { claim(&store, alice(), None).await })
                })
                .collect();
            let mut done = 0;
            for attempt in running {
                match attempt.await.unwrap() {
                    Ok(Committed::Done) => done += 1,
                    Ok(Committed::Conflict) | Err((StoreErrorKind::NotCommitted, _)) => {}
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(done, 1, "round {round}");
            assert_eq!(store.subject_of(&handle()).await.unwrap().as_ref(), Some(alice()));
            assert_eq!(claim(&store, bob(), None).await, Ok(Committed::Claimed));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn claims_in_another_order_wait_for_each_other_in_no_circle() {
    for place in Place::both("claims in another order") {
        let store = place.fresh().await;
        for round in 0..10_u8 {
            let one = [Claim::credential_id([round, 1]), Claim::credential_id([round, 2])];
            let other = [one[1].clone(), one[0].clone()];
            let running: Vec<_> = (0..8)
                .map(|number| {
                    let (store, claims) = (store.clone(), if number % 2 == 0 { one.clone() } else { other.clone() });
                    tokio::spawn(async move {
                        let subject = Subject::new(format!("{round} {number}")).unwrap();
                        let commit = Commit::new(&subject, None, revision(), "{}").with_claims(&claims);
                        store.commit(commit).await.unwrap()
                    })
                })
                .collect();
            let mut outcomes = Vec::new();
            for attempt in running {
                outcomes.push(attempt.await.unwrap());
            }
            let done = outcomes.iter().filter(|outcome| **outcome == Committed::Done).count();
            let claimed = outcomes.iter().filter(|outcome| **outcome == Committed::Claimed).count();
            assert_eq!((done, claimed), (1, 7), "round {round}");
        }
    }
}

#[tokio::test]
async fn a_refused_commit_gives_its_reservations_back() {
    for place in Place::both("reservations that are given back") {
        let store = place.store().await;
        let taken = [Claim::credential_id(*b"z taken")];
        let commit = Commit::new(alice(), None, revision(), "{}").with_claims(&taken);
        assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
        let before = place.keys().into_iter().filter(|key| key.contains(":claim:")).count();
        let both = [Claim::credential_id(*b"a free"), taken[0].clone()];
        let commit = Commit::new(bob(), None, revision(), "{}").with_claims(&both);
        assert_eq!(store.commit(commit).await.unwrap(), Committed::Claimed);
        assert_eq!(place.keys().into_iter().filter(|key| key.contains(":claim:")).count(), before);
    }
}

/// Goes away when it has been polled so often.
async fn abandoned<F: Future>(work: F, polls: u32) -> Option<F::Output> {
    let (mut work, mut left) = (pin!(work), polls);
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

/// The subjects whose own lists have a handle.
fn holders(place: &Place, subjects: &[Subject], handle: &UserHandle) -> Vec<Subject> {
    let claim = [b"user_handle:".as_slice(), handle.as_bytes()].concat();
    let holds = |subject: &&Subject| {
        let key = format!("{{{}:0}}:claims:{}", place.prefix, subject.storage_key());
        let asked = |server: &mut redis::Connection| redis::cmd("HEXISTS").arg(&key).arg(&claim).query::<i64>(server);
        place.plain().iter_mut().any(|server| asked(server) == Ok(1))
    };
    subjects.iter().filter(holds).cloned().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_commits_that_are_dropped_anywhere_no_two_hold_one_claim() {
    for place in Place::both("commits that are dropped anywhere") {
        let store = place.builder().partitions(1).connect(&place.urls).await.unwrap();
        let subjects: Vec<Subject> = (0..5).map(|number| Subject::new(number.to_string()).unwrap()).collect();
        let handles: Vec<UserHandle> = (0..24_u8).map(|number| UserHandle::new([number]).unwrap()).collect();
        let mut running = tokio::task::JoinSet::new();
        for task in 0..24_usize {
            let (store, subjects, handles) = (store.clone(), subjects.clone(), handles.clone());
            running.spawn(async move {
                let mut done = Vec::new();
                for round in 0..12 {
                    let subject = &subjects[(task * 7 + round * 3) % subjects.len()];
                    let wanted = [(task + round * 5) % handles.len(), (task * 5 + round * 7) % handles.len()];
                    let claims = wanted.map(|at| Claim::user_handle(&handles[at]));
                    let expected = revision_of(&store, subject).await;
                    let commit = Commit::new(subject, expected.as_ref(), revision(), "{}").with_claims(&claims);
                    // Some stay to the end.
                    let polls =
                        if round % 4 == 3 { u32::MAX } else { u32::try_from((task * 5 + round * 11) % 14).unwrap() };
                    if let Some(Ok(Committed::Done)) = abandoned(store.commit(commit), polls).await {
                        done.extend(wanted.map(|at| (at, subject.clone())));
                    }
                }
                done
            });
        }
        let done: Vec<_> = running.join_all().await.into_iter().flatten().collect();
        assert!(!done.is_empty(), "nobody got anything");
        let stranger = Subject::new("stranger").unwrap();
        let (mut held, mut last) = (0, create(&store, &stranger).await);
        for (at, handle) in handles.iter().enumerate() {
            let claims = [Claim::user_handle(handle)];
            let new = revision();
            let commit = Commit::new(&stranger, Some(&last), new, "{}").with_claims(&claims);
            let outcome = store.commit(commit).await.unwrap();
            let holders = holders(&place, &[subjects.as_slice(), std::slice::from_ref(&stranger)].concat(), handle);
            assert_eq!(holders.len(), 1, "{handle:?}: {holders:?}");
            assert_eq!(store.subject_of(handle).await.unwrap().as_ref(), holders.first());
            assert!(done.iter().filter(|(of, _)| *of == at).all(|(_, subject)| *subject == holders[0]), "{handle:?}");
            assert_eq!(outcome == Committed::Done, holders[0] == stranger);
            if outcome == Committed::Done {
                last = new;
            } else {
                held += 1;
            }
        }
        assert!(held > 0, "nobody held anything");
    }
}
