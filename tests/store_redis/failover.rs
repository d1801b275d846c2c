//! A master that dies, and the replica that takes its place.

use std::process::Command;
use std::time::{Duration, Instant};

use tower_mfa::id::Subject;
use tower_mfa::store::{Commit, Committed, Feed, RedisStore, Revision, Store, StoreError, StoreErrorKind};

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

/// A commit that waits for the replica, which is stopped, and its revision: written, and not answered.
async fn under_way(cluster: &Cluster, store: &RedisStore, subject: &Subject, first: &Revision) -> (Answer, Revision) {
    let (second, first) = (revision(), *first);
    let (store, subject) = (store.clone(), subject.clone());
    let key = format!(":account:{}", subject.storage_key());
    let answer = tokio::spawn(async move {
        let events = [event("under way")];
        store.commit(Commit::new(&subject, Some(&first), second, "{}").with_events(&events)).await
    });
    let master = cluster.servers[0].as_ref().unwrap();
    let keys: Vec<String> = master.run(&format!("KEYS *{key}"));
    let written = || master.run::<String>(&format!("GETRANGE {} 0 21", keys[0])) == second.to_string();
    tokio::task::block_in_place(|| until("the commit is written", written));
    (answer, second)
}

type Answer = tokio::task::JoinHandle<Result<Committed, StoreError>>;

/// Reads until it can be read again, which must not take a write to find out.
async fn read_again(store: &RedisStore, subject: &Subject, start: Instant) -> Revision {
    loop {
        match store.load(subject).await {
            Ok(found) => return *found.expect("what was answered before is there").revision(),
            Err(error) => assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{}", story(&error)),
        }
        assert!(start.elapsed() < Duration::from_secs(60), "nobody took over");
        tokio::time::sleep(Duration::from_millis(50)).await;
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
    let on_first: Vec<String> = cluster.servers[0].as_ref().unwrap().run("KEYS *:account:*");
    let is_on_first = |subject: &Subject| {
        let end = format!(":account:{}", subject.storage_key());
        on_first.iter().any(|key| key.ends_with(&end))
    };
    let struck = subjects.iter().position(is_on_first).unwrap();
    cluster.servers[3].as_ref().unwrap().signal("-STOP");
    let (answer, second) = under_way(&cluster, &store, &subjects[struck], &revisions[struck]).await;
    cluster.servers[0] = None;
    assert_eq!(answer.await.unwrap().unwrap_err().kind(), StoreErrorKind::Unknown);
    cluster.servers[3].as_ref().unwrap().signal("-CONT");
    let start = Instant::now();
    for (number, (subject, first)) in subjects.iter().zip(&revisions).enumerate() {
        let found = read_again(&store, subject, start).await;
        let mut wanted = vec!["created", "under way", "after"];
        // The replica may have heard of it, or not.
        if number != struck || found != second {
            assert_eq!(found, *first);
            wanted.remove(1);
        }
        let events = [event("after")];
        let commit = Commit::new(subject, Some(&found), revision(), "{}").with_events(&events);
        assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
        assert_eq!(bodies(&store, Feed::Subject(subject)).await, wanted);
    }
}
