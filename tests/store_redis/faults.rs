//! Servers that are gone, full, read-only or cut off: what is certain and what is not.

use std::time::{Duration, Instant};

use tokio::time::timeout;
use tower_mfa::id::Subject;
use tower_mfa::store::{Commit, Committed, Feed, RedisStore, Store, StoreErrorKind};

use crate::server::{Cut, Own, Place, Proxy};
use crate::{alice, bob, bodies, create, event, revision, revision_of, story};

#[tokio::test(flavor = "multi_thread")]
async fn a_wire_that_is_cut_at_a_commit_leaves_it_unknown_and_it_is_found_by_its_revision() {
    if !Own::is_there("a wire that is cut") {
        return;
    }
    let server = Own::durable();
    for cut in [Cut::Before, Cut::After] {
        let place = Place::on(server.url());
        let proxy = Proxy::to(server.port, "EVALSHA", cut).await;
        let store = place.builder().connect(&proxy.url()).await.unwrap();
        let first = create(&store, alice()).await;
        proxy.arm(0);
        let (second, events) = (revision(), [event("second")]);
        let commit = Commit::new(alice(), Some(&first), second, "{}").with_events(&events);
        let error = store.commit(commit).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unknown, "{}", story(&error));
        proxy.mend();
        // The store connects again by itself.
        let happened = cut == Cut::After;
        assert_eq!(revision_of(&store, alice()).await, Some(if happened { second } else { first }));
        let again = if happened { Committed::Conflict } else { Committed::Done };
        assert_eq!(store.commit(commit).await.unwrap(), again, "what had happened does not happen twice");
        assert_eq!(bodies(&store, Feed::All).await, ["created", "second"]);
        assert_eq!(bodies(&store, Feed::Subject(alice())).await, ["created", "second"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_is_asked_again_where_its_connection_broke() {
    if !Own::is_there("a connection that broke") {
        return;
    }
    let server = Own::durable();
    let store = Place::on(server.url()).store().await;
    let first = create(&store, alice()).await;
    for _ in 0..3 {
        let _: i64 = server.run("CLIENT KILL TYPE normal SKIPME yes");
        assert_eq!(revision_of(&store, alice()).await, Some(first));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_gone_has_certainly_not_committed() {
    if !Own::is_there("a server that is gone") {
        return;
    }
    let server = Own::durable();
    let store = Place::on(server.url()).store().await;
    let first = create(&store, alice()).await;
    drop(server);
    assert_eq!(store.load(alice()).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
    let error = store.commit(Commit::new(alice(), Some(&first), revision(), "{}")).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::NotCommitted, "{}", story(&error));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_nothing_is_unknown_in_time() {
    if !Own::is_there("a server that says nothing") {
        return;
    }
    let server = Own::durable();
    let store = Place::on(server.url()).store().await;
    let first = create(&store, alice()).await;
    server.signal("-STOP");
    let second = revision();
    let commit = Commit::new(alice(), Some(&first), second, "{}");
    let error = store.commit(commit).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unknown, "{}", story(&error));
    server.signal("-CONT");
    // The server finds the commit in its socket and does it, late.
    assert_eq!(revision_of(&store, alice()).await, Some(second));
}

/// As the service does it whose deadline is shorter than any of the store's.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_says_nothing_is_given_up_though_nobody_waits_for_it_to_the_end() {
    if !Own::is_there("a connection that says nothing") {
        return;
    }
    let server = Own::durable();
    let place = Place::on(server.url());
    let proxy = Proxy::to(server.port, "GET", Cut::Hold).await;
    let store = place.builder().connect(&proxy.url()).await.unwrap();
    let first = create(&store, alice()).await;
    proxy.arm(0);
    let start = Instant::now();
    let mut gone = 0;
    let found = loop {
        match timeout(Duration::from_millis(200), store.load(alice())).await {
            Ok(found) => break found.unwrap(),
            Err(_) => gone += 1,
        }
        assert!(start.elapsed() < Duration::from_secs(4), "it is kept");
    };
    assert_eq!(found.map(|stored| *stored.revision()), Some(first));
    assert!(gone > 1, "whoever goes away at once gives up nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_made_a_replica_is_soon_read_no_more() {
    if !Own::is_there("a server that was made a replica") {
        return;
    }
    let server = Own::durable();
    let store = Place::on(server.url()).store().await;
    let first = create(&store, alice()).await;
    let () = server.run("REPLICAOF 127.0.0.1 1");
    let start = Instant::now();
    let error = loop {
        match store.load(alice()).await {
            Ok(_) => assert!(start.elapsed() < Duration::from_secs(8), "it answers from the past"),
            Err(error) => break error,
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(story(&error).contains("not a master"), "{}", story(&error));
    let () = server.run("REPLICAOF NO ONE");
    assert_eq!(revision_of(&store, alice()).await, Some(first));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_writes_has_certainly_not_committed() {
    if !Own::is_there("servers that refuse writes") {
        return;
    }
    let server = Own::durable();
    let store = Place::on(server.url()).store().await;
    let first = create(&store, alice()).await;
    for (break_it, mend_it, code) in [
        ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0", "OOM"),
        ("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE", "ReadOnly"),
        ("CONFIG SET min-replicas-to-write 3", "CONFIG SET min-replicas-to-write 0", "NOREPLICAS"),
    ] {
        let () = server.run(break_it);
        let events = [event("lost")];
        let new = Commit::new(bob(), None, revision(), "{}").with_events(&events);
        let on_top = Commit::new(alice(), Some(&first), revision(), "lost").with_events(&events);
        for commit in [new, on_top] {
            let error = store.commit(commit).await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::NotCommitted, "{code}: {}", story(&error));
            // After the first refusal it is asked what it is, and says it.
            let is_told =
                story(&error).contains(code) || (code == "ReadOnly" && story(&error).contains("not a master"));
            assert!(is_told, "{code}: {}", story(&error));
        }
        let () = server.run(mend_it);
        assert_eq!(revision_of(&store, bob()).await, None, "{code}");
        assert_eq!(revision_of(&store, alice()).await, Some(first), "{code}");
        assert_eq!(bodies(&store, Feed::All).await, ["created"], "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_has_forgotten_the_scripts_is_sent_them_again() {
    if !Own::is_there("scripts that were forgotten") {
        return;
    }
    let server = Own::durable();
    let store = Place::on(server.url()).store().await;
    for number in 0..3 {
        let () = server.run("SCRIPT FLUSH SYNC");
        create(&store, &Subject::new(number.to_string()).unwrap()).await;
    }
    let () = server.run("SCRIPT FLUSH SYNC");
    assert_eq!(bodies(&store, Feed::Subject(&Subject::new("1").unwrap())).await, ["created"]);
}

#[tokio::test]
async fn two_prefixes_on_one_server_know_nothing_of_each_other() {
    for place in Place::both("two prefixes on one server") {
        let (one, other): (RedisStore, RedisStore) = (place.fresh().await, place.fresh().await);
        create(&one, alice()).await;
        assert_eq!(revision_of(&other, alice()).await, None);
        assert_eq!(bodies(&other, Feed::All).await, Vec::<String>::new());
    }
}
