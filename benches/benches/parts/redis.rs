use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo as _};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tower_mfa::clock::{Clock as _, SystemClock, Timestamp};
use tower_mfa::entropy::SystemEntropy;
use tower_mfa::id::{EventId, Subject};
use tower_mfa::store::{Commit, Committed, Feed, MemoryStore, NewEvent, RedisStore, Revision, Store, StoredEvent};
use tower_mfa::token::Algorithm;
use tower_mfa_benches::scene::Scene;
use tower_mfa_benches::{Report, Turned};

const TASKS: usize = 32;
const ACCOUNTS: usize = 1_000;
const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_secs(1);

/// Loads and commits a second through the store, against the same script and bytes sent by the
/// library alone on one connection, to the same keys, in turns. A document and its events, as a
/// right answer writes them.
pub fn measure(runtime: &Runtime, report: &mut Report) {
    let Ok(url) = std::env::var("TEST_REDIS_URL") else {
        println!("left out: TEST_REDIS_URL is not set, so no Redis was measured");
        return;
    };
    runtime.block_on(async {
        let prefix = format!("tower-mfa-bench-{}", std::process::id());
        // With one partition the names of all keys are known.
        let store = RedisStore::builder().prefix(prefix.as_str()).partitions(1).accept_data_loss(true);
        let store = store.connect(&url).await.unwrap();
        let bare = Bare::connect(&url, &prefix).await;
        compare(&store, &bare, &Written::by_an_answer().await, report).await;
        bare.clear().await;
    });
}

async fn compare(store: &RedisStore, bare: &Bare, written: &Written, report: &mut Report) {
    let subjects: Arc<[Subject]> = (0..ACCOUNTS).map(|n| Subject::new(format!("user-{n:08}")).unwrap()).collect();
    for subject in &*subjects {
        let create = Commit::new(subject, None, revision(), &written.document);
        assert_eq!(store.commit(create).await.unwrap(), Committed::Done);
    }
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let ours_now = rate(&subjects, written, |subject, written| ours_once(store.clone(), subject, written)).await;
        let bare_now = rate(&subjects, written, |subject, written| bare.clone().once(subject, written)).await;
        // What piles up is the same for both, and no part of the question.
        store.prune(now().plus(60)).await.unwrap();
        if round > 0 {
            ours.push(ours_now);
            theirs.push(bare_now);
            ratios.push(bare_now / ours_now);
        }
    }
    for figures in [&mut ours, &mut theirs, &mut ratios] {
        figures.sort_by(f64::total_cmp);
    }
    let middle = ROUNDS / 2;
    let (bytes, ours, theirs) = (written.document.len(), ours[middle], theirs[middle]);
    let details = format!("  {ours:.0} of {theirs:.0} a second, document of {bytes} bytes");
    report.line("load and commit, Redis (bare redis = 1)", ratios[middle], 1.25, "", details);
}

/// How often a second all tasks together do it, each with subjects that no other has.
async fn rate<F>(subjects: &Arc<[Subject]>, written: &Written, once: impl Fn(Subject, Written) -> F) -> f64
where
    F: Future<Output = ()> + Send + 'static,
{
    let (start, done) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let mut turn = 0;
    let mut running = JoinSet::new();
    // A task for each, started when one has ended: the same for both.
    while start.elapsed() < ROUND || !running.is_empty() {
        while start.elapsed() < ROUND && running.len() < TASKS {
            turn = (turn + 1) % subjects.len();
            let (work, done) = (once(subjects[turn].clone(), written.clone()), Arc::clone(&done));
            running.spawn(async move {
                work.await;
                done.fetch_add(1, Ordering::Relaxed);
            });
        }
        running.join_next().await.unwrap().unwrap();
    }
    done.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64()
}

async fn ours_once(store: RedisStore, subject: Subject, written: Written) {
    let stored = store.load(&subject).await.unwrap().unwrap();
    let new = |event: &StoredEvent| NewEvent::new(EventId::generate(&SystemEntropy).unwrap(), now(), event.body());
    let events: Vec<NewEvent> = written.events.iter().map(new).collect();
    let commit = Commit::new(&subject, Some(stored.revision()), revision(), &written.document).with_events(&events);
    assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
}

/// What an answer writes.
#[derive(Clone)]
struct Written {
    document: Arc<str>,
    events: Arc<[StoredEvent]>,
}

impl Written {
    async fn by_an_answer() -> Self {
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

/// The library and nothing else.
#[derive(Clone)]
struct Bare {
    connection: MultiplexedConnection,
    script: Arc<str>,
    prefix: Arc<str>,
}

impl Bare {
    async fn connect(url: &str, prefix: &str) -> Self {
        let info = url.into_connection_info().unwrap().set_tcp_settings(TcpSettings::default().set_nodelay(true));
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(4)));
        let client = Client::open(info).unwrap();
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await.unwrap();
        let script = include_str!("../../../src/store/redis/commit.lua");
        let script: String = redis::cmd("SCRIPT").arg("LOAD").arg(script).query_async(&mut connection).await.unwrap();
        Self { connection, script: script.into(), prefix: prefix.into() }
    }

    async fn once(mut self, subject: Subject, written: Written) {
        let tag = format!("{{{}:0}}", self.prefix);
        let (document, id) = (format!("{tag}:account:{}", subject.id()), subject.id());
        let stored: String = redis::cmd("GET").arg(&document).query_async(&mut self.connection).await.unwrap();
        let (old, text) = stored.split_once('\n').unwrap();
        assert!(!text.is_empty());
        let mut commit = redis::cmd("EVALSHA");
        commit.arg(&*self.script).arg(6).arg(&document).arg(format!("{tag}:claims:{id}"));
        commit.arg(format!("{tag}:events")).arg(format!("{tag}:events:{id}")).arg(format!("{tag}:subjects"));
        commit.arg(format!("{tag}:revocations"));
        commit.arg(old).arg(revision().to_string()).arg(&*written.document).arg(id).arg("").arg("0");
        for event in &*written.events {
            let new = EventId::generate(&SystemEntropy).unwrap();
            commit.arg(new.to_string()).arg(now().as_secs().to_string()).arg(event.body()).arg("");
        }
        let said: String = commit.query_async(&mut self.connection).await.unwrap();
        assert_eq!(said, "done");
    }

    async fn clear(mut self) {
        let pattern = format!("{{{}*", self.prefix);
        let keys: Vec<String> = redis::cmd("KEYS").arg(pattern).query_async(&mut self.connection).await.unwrap();
        for keys in keys.chunks(500) {
            redis::cmd("UNLINK").arg(keys).exec_async(&mut self.connection).await.unwrap();
        }
    }
}

fn revision() -> Revision {
    Revision::generate(&SystemEntropy).unwrap()
}

fn now() -> Timestamp {
    SystemClock.now().unwrap()
}
