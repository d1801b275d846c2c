//! Commits that wait for replicas.

use tower_mfa::id::Subject;
use tower_mfa::store::{Commit, Committed, RedisStore, Store, StoreErrorKind};

use crate::server::{Cut, Own, Place, Proxy};
use crate::{alice, create, revision, revision_of, story};

fn documents_on(server: &Own) -> usize {
    let keys: Vec<String> = server.run("KEYS *:account:*");
    keys.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_commit_is_on_a_replica_when_it_is_answered() {
    if !Own::is_there("a commit on a replica") {
        return;
    }
    let master = Own::durable();
    let replica = Own::replica_of(&master);
    let store = RedisStore::connect(&master.url()).await.unwrap();
    for number in 1..=20 {
        create(&store, &Subject::new(number.to_string()).unwrap()).await;
        assert_eq!(documents_on(&replica), number);
    }
    // Many at once wait together.
    let running: Vec<_> = (0..64)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move { create(&store, &Subject::new(format!("more {number}")).unwrap()).await })
        })
        .collect();
    for commit in running {
        commit.await.unwrap();
    }
    assert_eq!(documents_on(&replica), 84);
    // Where the server can, on the replica's disk and not in its memory alone.
    let known: Vec<redis::Value> = master.run("COMMAND INFO WAITAOF");
    let waited = if known[0] == redis::Value::Nil { "cmdstat_wait:" } else { "cmdstat_waitaof:" };
    assert!(master.info("commandstats").contains(waited), "{waited}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_commit_that_no_replica_has_is_unknown_and_not_read_until_one_has_it() {
    if !Own::is_there("a commit that no replica has") {
        return;
    }
    let master = Own::durable();
    let replica = Own::replica_of(&master);
    let store = RedisStore::connect(&master.url()).await.unwrap();
    let first = create(&store, alice()).await;
    replica.signal("-STOP");
    let second = revision();
    let error = store.commit(Commit::new(alice(), Some(&first), second, "{}")).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unknown, "{}", story(&error));
    assert!(story(&error).contains("fewer than 1 replicas"), "{}", story(&error));
    let error = store.load(alice()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{}", story(&error));
    replica.signal("-CONT");
    // It has to catch up first.
    let found = loop {
        match store.load(alice()).await {
            Ok(found) => break found,
            Err(error) => assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{}", story(&error)),
        }
    };
    assert_eq!(found.map(|stored| *stored.revision()), Some(second));
    assert_eq!(documents_on(&replica), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_wire_that_is_cut_while_a_commit_waits_leaves_it_unknown() {
    if !Own::is_there("a wire that is cut while a commit waits") {
        return;
    }
    let master = Own::durable();
    let _replica = Own::replica_of(&master);
    let proxy = Proxy::to(master.port, "WAIT", Cut::Before).await;
    // What is lost is accepted, so that every server waits in the same words.
    let place = Place::on(master.url());
    let store = place.builder().replicas(1).connect(&proxy.url()).await.unwrap();
    let first = create(&store, alice()).await;
    proxy.arm(0);
    let second = revision();
    let error = store.commit(Commit::new(alice(), Some(&first), second, "{}")).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unknown, "it was written: {}", story(&error));
    assert_eq!(store.load(alice()).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
    proxy.mend();
    assert_eq!(revision_of(&store, alice()).await, Some(second));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn where_replicas_are_demanded_a_server_without_them_takes_no_commit() {
    if !Own::is_there("replicas that are demanded") {
        return;
    }
    let master = Own::durable();
    let url = master.url();
    let demanding = || RedisStore::builder().replicas(1).connect(&url);
    let error = demanding().await.unwrap_err();
    assert!(story(&error).contains("wait for 1 replicas and 0 are connected"), "{}", story(&error));
    let replica = Own::replica_of(&master);
    let store = demanding().await.unwrap();
    let first = create(&store, alice()).await;
    drop(replica);
    let mut kinds = Vec::new();
    for _ in 0..2 {
        let error = store.commit(Commit::new(alice(), Some(&first), revision(), "{}")).await.unwrap_err();
        kinds.push(error.kind());
    }
    // The first may have been sent before it was known that the replica is gone.
    assert_eq!(kinds[1], StoreErrorKind::NotCommitted, "{kinds:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn where_none_are_demanded_commits_go_on_without_the_replica_that_is_gone() {
    if !Own::is_there("a replica that is gone") {
        return;
    }
    let master = Own::durable();
    let replica = Own::replica_of(&master);
    let store = RedisStore::connect(&master.url()).await.unwrap();
    let first = create(&store, alice()).await;
    drop(replica);
    let mut last = (first, None);
    // Unknown once at most, for whoever was waiting.
    for _ in 0..3 {
        let new = revision();
        match store.commit(Commit::new(alice(), Some(&last.0), new, "{}")).await {
            Ok(outcome) => {
                assert_eq!(outcome, Committed::Done);
                last = (new, Some(outcome));
            }
            Err(error) => {
                assert_eq!(error.kind(), StoreErrorKind::Unknown, "{}", story(&error));
                last.0 = revision_of(&store, alice()).await.unwrap();
            }
        }
    }
    assert_eq!(last.1, Some(Committed::Done));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_master_that_refuses_a_commit_as_a_replica_is_not_read_on_another_connection() {
    if !Own::is_there("a master that was made a replica") {
        return;
    }
    let master = Own::durable();
    let _replica = Own::replica_of(&master);
    let store = RedisStore::connect(&master.url()).await.unwrap();
    let first = create(&store, alice()).await;
    let () = master.run("REPLICAOF 127.0.0.1 1");
    let error = store.commit(Commit::new(alice(), Some(&first), revision(), "{}")).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::NotCommitted, "{}", story(&error));
    let error = store.load(alice()).await.unwrap_err();
    assert!(story(&error).contains("not a master"), "{}", story(&error));
}
