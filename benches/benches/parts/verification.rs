//! A verification as a store sees it: a load and a commit with the events of a right answer.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tower_mfa::clock::{Clock as _, SystemClock, Timestamp};
use tower_mfa::entropy::SystemEntropy;
use tower_mfa::id::{EventId, Subject};
use tower_mfa::store::{Commit, Committed, Feed, MemoryStore, NewEvent, Revision, Store, StoredEvent};
use tower_mfa::token::Algorithm;
use tower_mfa_benches::scene::Scene;
use tower_mfa_benches::{Report, Turned};

const TASKS: usize = 32;
const ACCOUNTS: usize = 1_000;
const ROUNDS: usize = 7;
pub const ROUND: Duration = Duration::from_secs(1);

/// What an answer writes.
#[derive(Clone)]
pub struct Written {
    pub document: Arc<str>,
    pub events: Arc<[StoredEvent]>,
}

impl Written {
    pub async fn by_an_answer() -> Self {
        let store = MemoryStore::new();
        let scene = Scene::set(store.clone(), Algorithm::EdDsa, Turned::at(1_800_000_000)).await;
        let (id, token) = scene.challenged().await;
        let all = async || store.events(Feed::All, None, 200).await.unwrap().into_items();
        let before = all().await.len();
        scene.answer(id, &token).await;
        let document = store.load(&scene.subject).await.unwrap().unwrap().into_document();
        Self { document: document.into(), events: all().await.split_off(before).into() }
    }
}

/// Accounts with that document.
pub async fn accounts(store: &impl Store, written: &Written) -> Arc<[Subject]> {
    let subjects: Arc<[Subject]> = (0..ACCOUNTS).map(|n| Subject::new(format!("user-{n:08}")).unwrap()).collect();
    for subject in &*subjects {
        let create = Commit::new(subject, None, revision(), &written.document);
        assert_eq!(store.commit(create).await.unwrap(), Committed::Done);
    }
    subjects
}

/// How often a second all tasks together do it, each with a subject that no other has.
pub async fn rate<F>(subjects: &Arc<[Subject]>, written: &Written, once: impl Fn(Subject, Written) -> F) -> f64
where
    F: Future<Output = ()> + Send + 'static,
{
    let (start, mut done) = (Instant::now(), 0_u32);
    let mut idle: VecDeque<Subject> = subjects.iter().cloned().collect();
    let mut running = JoinSet::new();
    // A task for each, started when one has ended: the same for both.
    while start.elapsed() < ROUND || !running.is_empty() {
        while start.elapsed() < ROUND && running.len() < TASKS {
            let subject = idle.pop_front().unwrap();
            let work = once(subject.clone(), written.clone());
            running.spawn(async move {
                work.await;
                subject
            });
        }
        idle.push_back(running.join_next().await.unwrap().unwrap());
        done += 1;
    }
    f64::from(done) / start.elapsed().as_secs_f64()
}

/// Does it with each, as many at a time as there are tasks, and says how long all of them took.
pub async fn batch<T, F>(all: Vec<T>, once: impl Fn(T) -> F) -> (Duration, Vec<F::Output>)
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let (start, mut running, mut done) = (Instant::now(), JoinSet::new(), Vec::new());
    for one in all {
        if running.len() == TASKS {
            done.push(running.join_next().await.unwrap().unwrap());
        }
        running.spawn(once(one));
    }
    while let Some(one) = running.join_next().await {
        done.push(one.unwrap());
    }
    (start.elapsed(), done)
}

pub async fn ours_once(store: impl Store, subject: Subject, written: Written) {
    let stored = store.load(&subject).await.unwrap().unwrap();
    let new = |event: &StoredEvent| NewEvent::new(EventId::generate(&SystemEntropy).unwrap(), now(), event.body());
    let events: Vec<NewEvent> = written.events.iter().map(new).collect();
    let commit = Commit::new(&subject, Some(stored.revision()), revision(), &written.document).with_events(&events);
    assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
}

pub fn revision() -> Revision {
    Revision::generate(&SystemEntropy).unwrap()
}

pub fn now() -> Timestamp {
    SystemClock.now().unwrap()
}

/// Two rates in turns, and the first of them reported beside the second: how many times as long it takes.
pub async fn report_rates(
    what: &str,
    (ours, bare): (impl AsyncFn() -> f64, impl AsyncFn() -> f64),
    after_each: impl AsyncFn(),
    report: &mut Report,
    details: &str,
) {
    let (mut ours_all, mut bare_all, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let (ours, bare) = (ours().await, bare().await);
        after_each().await;
        // The first warms what is cached.
        if round > 0 {
            ours_all.push(ours);
            bare_all.push(bare);
            ratios.push(bare / ours);
        }
    }
    for figures in [&mut ours_all, &mut bare_all, &mut ratios] {
        figures.sort_by(f64::total_cmp);
    }
    let middle = ROUNDS / 2;
    let details = format!("  {:.0} of {:.0} a second{details}", ours_all[middle], bare_all[middle]);
    report.line(what, ratios[middle], 1.25, "", details);
}
