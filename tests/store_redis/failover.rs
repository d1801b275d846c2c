//! A master that dies, and the replica that takes its place.

use std::process::Command;
use std::time::{Duration, Instant};

use tower_mfa::id::Subject;
use tower_mfa::store::{Commit, Committed, Feed, RedisStore, Store, StoreErrorKind};

use crate::server::{DURABLE, Own};
use crate::{bodies, create, event, revision, story};

/// Three masters, the first of them with a replica.
struct Cluster {
    servers: Vec<Option<Own>>,
    urls: String,
}

fn cli(arguments: &[&str]) -> String {
    let output = Command::new("redis-cli").args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    said
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

impl Cluster {
    fn start() -> Self {
        let settings = [DURABLE, &["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"]].concat();
        let servers: Vec<Own> = (0..4).map(|_| Own::start(&settings)).collect();
        let addresses: Vec<String> = servers.iter().map(|server| format!("127.0.0.1:{}", server.port)).collect();
        let masters: Vec<&str> = addresses.iter().take(3).map(String::as_str).collect();
        cli(&[&["--cluster", "create"], masters.as_slice(), &["--cluster-yes"]].concat());
        let id: String = servers[0].run("CLUSTER MYID");
        let add =
            ["--cluster", "add-node", &addresses[3], &addresses[0], "--cluster-slave", "--cluster-master-id", &id];
        cli(&add);
        until("the replica is there", || servers[0].info("replication").contains("state=online"));
        // Who is to vote must know of the replica.
        for server in &servers {
            until("all know all", || server.run::<String>("CLUSTER INFO").contains("cluster_known_nodes:4"));
        }
        let urls: Vec<String> = servers.iter().map(Own::url).collect();
        Self { servers: servers.into_iter().map(Some).collect(), urls: urls.join(",") }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_a_replica_takes_over_everything_that_was_answered_is_there() {
    if !Own::is_there("a replica that takes over") {
        return;
    }
    let mut cluster = Cluster::start();
    let store = RedisStore::connect(&cluster.urls).await.unwrap();
    let subjects: Vec<Subject> = (0..60).map(|number| Subject::new(number.to_string()).unwrap()).collect();
    let mut revisions = Vec::new();
    for subject in &subjects {
        revisions.push(create(&store, subject).await);
    }
    cluster.servers[0] = None;
    let start = Instant::now();
    for (subject, first) in subjects.iter().zip(&revisions) {
        let (second, events) = (revision(), [event("after")]);
        let commit = Commit::new(subject, Some(first), second, "{}").with_events(&events);
        // As long as nobody has the slot, every answer is an error, and none is a wrong one.
        loop {
            match store.commit(commit).await {
                Ok(outcome) => {
                    assert_eq!(outcome, Committed::Done, "what was answered before is there");
                    break;
                }
                Err(error) if error.kind() == StoreErrorKind::NotCommitted => {}
                Err(error) => {
                    assert_eq!(error.kind(), StoreErrorKind::Unknown, "{}", story(&error));
                    if store
                        .load(subject)
                        .await
                        .is_ok_and(|found| found.is_some_and(|found| *found.revision() == second))
                    {
                        break;
                    }
                }
            }
            assert!(start.elapsed() < Duration::from_secs(60), "nobody took over");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(bodies(&store, Feed::Subject(subject)).await, ["created", "after"]);
    }
}
