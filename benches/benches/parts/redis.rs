use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo as _};
use tokio::runtime::Runtime;
use tower_mfa::entropy::SystemEntropy;
use tower_mfa::id::{EventId, Subject};
use tower_mfa::store::{RedisStore, Store as _};
use tower_mfa_benches::Report;

use super::answers::People;
use super::verification::{Written, accounts, now, ours_once, rate, report_rates, revision};

/// The clock of those who are answered is turned, and runs ahead by days.
const MONTH: u64 = 30 * 86_400;

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
        let (store, bare) = (store.connect(&url).await.unwrap(), Bare::connect(&url, &prefix).await);
        compare(&store, &bare, &Written::by_an_answer().await, report).await;
        bare.clear().await;
    });
}

async fn compare(store: &RedisStore, bare: &Bare, written: &Written, report: &mut Report) {
    let subjects = accounts(store, written).await;
    let ours = async || rate(&subjects, written, |subject, written| ours_once(store.clone(), subject, written)).await;
    let alone = async || rate(&subjects, written, |subject, written| bare.clone().once(subject, written)).await;
    // What piles up is the same for both, and no part of the question.
    let prune = async || while store.prune(now().plus(MONTH)).await.unwrap() > 0 {};
    let details = format!(", document of {} bytes", written.document.len());
    let engine = bare.clone().engine().await;
    let what = format!("load and commit, {engine} (bare redis = 1)");
    report_rates(&what, (ours, alone), &prune, report, &details).await;
    let once = |subject, written| bare.clone().once(subject, written);
    People::enrolled().await.compare((engine, store.clone()), (&subjects, written), once, prune, report).await;
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

    /// What a write has to wait for.
    async fn engine(mut self) -> &'static str {
        let mut config = redis::cmd("CONFIG");
        config.arg("GET").arg("appendonly").arg("appendfsync");
        let said: HashMap<String, String> = config.query_async(&mut self.connection).await.unwrap();
        let durable = said["appendonly"] == "yes" && said["appendfsync"] == "always";
        if durable { "Redis, each write on disk" } else { "Redis, writes in memory" }
    }

    async fn once(mut self, subject: Subject, written: Written) {
        let tag = format!("{{{}:0}}", self.prefix);
        let (document, id) = (format!("{tag}:account:{}", subject.id()), subject.id());
        let stored: String = redis::cmd("GET").arg(&document).query_async(&mut self.connection).await.unwrap();
        let (old, text) = stored.split_once('\n').unwrap();
        assert!(!text.is_empty());
        let mut commit = redis::cmd("EVALSHA");
        commit.arg(&*self.script).arg(3).arg(&document);
        commit.arg(format!("{tag}:events")).arg(format!("{tag}:events:{id}"));
        commit.arg(old).arg(revision().to_string()).arg(&*written.document).arg(id).arg("").arg("0");
        for event in &*written.events {
            let new = EventId::generate(&SystemEntropy).unwrap();
            commit.arg(new.to_string()).arg(now().as_secs().to_string()).arg(event.body()).arg("");
        }
        let said: String = commit.query_async(&mut self.connection).await.unwrap();
        // And the server's time.
        assert!(said.starts_with("done "), "{said}");
    }

    async fn clear(mut self) {
        let pattern = format!("{{{}*", self.prefix);
        let keys: Vec<String> = redis::cmd("KEYS").arg(pattern).query_async(&mut self.connection).await.unwrap();
        for keys in keys.chunks(500) {
            redis::cmd("UNLINK").arg(keys).exec_async(&mut self.connection).await.unwrap();
        }
    }
}
