//! Which servers are taken, and what is said to those who bring another.

use std::sync::atomic::{AtomicUsize, Ordering};

use tower_mfa::clock::Timestamp;
use tower_mfa::rate_limit::{Budget, Quota, RateLimit as _, Taken};
use tower_mfa::store::{Commit, RedisStore, Store, StoreErrorKind, conformance};

use crate::server::{DURABLE, Own, Place};
use crate::{alice, create, revision, story};

/// Connects without accepting that anything is lost; what was said when that was refused.
async fn refused(urls: &str) -> Option<String> {
    match RedisStore::connect(urls).await {
        Ok(_) => None,
        Err(error) => {
            assert_eq!(error.kind(), StoreErrorKind::Unavailable);
            Some(story(&error))
        }
    }
}

#[tokio::test]
async fn a_server_that_loses_commits_is_refused_with_what_to_change() {
    if !Own::is_there("servers with other settings") {
        return;
    }
    assert_eq!(refused(&Own::durable().url()).await, None);
    for (settings, why) in [
        (&[][..], "appendonly is no, set `appendonly yes`"),
        (&["--appendonly", "yes"], "appendfsync is everysec, set `appendfsync always`"),
        (&["--appendonly", "yes", "--appendfsync", "no"], "appendfsync is no, set `appendfsync always`"),
        (
            &["--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "allkeys-lru"],
            "maxmemory-policy is allkeys-lru, set `maxmemory-policy noeviction`",
        ),
        (
            &["--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "volatile-ttl"],
            "maxmemory-policy is volatile-ttl",
        ),
        (
            &["--appendonly", "yes", "--appendfsync", "always", "--no-appendfsync-on-rewrite", "yes"],
            "no-appendfsync-on-rewrite is yes, set `no-appendfsync-on-rewrite no`",
        ),
    ] {
        let server = Own::start(settings);
        let said = refused(&server.url()).await.expect(why);
        assert!(said.contains(why) && said.contains("accept_data_loss(true)"), "{said}");
        let accepted = RedisStore::builder().accept_data_loss(true).connect(&server.url()).await.unwrap();
        create(&accepted, alice()).await;
    }
}

#[tokio::test]
async fn a_server_that_does_not_tell_its_settings_is_refused() {
    if !Own::is_there("a server that does not tell its settings") {
        return;
    }
    let server = Own::durable();
    let () = server.run("ACL SETUSER mfa on >s3cret ~* &* +@all -config");
    let url = format!("redis://mfa:s3cret@127.0.0.1:{}", server.port);
    let said = refused(&url).await.unwrap();
    assert!(said.contains("allow `CONFIG GET appendfsync`"), "{said}");
    assert!(RedisStore::builder().accept_data_loss(true).connect(&url).await.is_ok());
    let () = server.run("ACL SETUSER mfa +config|get");
    assert_eq!(refused(&url).await, None);
}

#[tokio::test]
async fn a_user_whose_rights_end_in_the_middle_of_a_commit_is_refused() {
    if !Own::is_there("a user without all rights") {
        return;
    }
    let server = Own::durable();
    let url = format!("redis://mfa:s3cret@127.0.0.1:{}", server.port);
    for (missing, name) in [("-set", "SET"), ("-xadd", "XADD"), ("-hset", "HSET")] {
        let () = server.run(&format!("ACL SETUSER mfa on >s3cret ~* &* +@all {missing}"));
        // The store is there already: what makes it needs a right of its own.
        assert_eq!(refused(&server.url()).await, None);
        let said = refused(&url).await.expect(name);
        assert!(said.contains(&format!("may not run {name}:")), "{said}");
    }
    let () = server.run("ACL SETUSER mfa +@all");
    assert_eq!(refused(&url).await, None);
}

/// What docs/OPERATIONS.md gives the service's user, for a prefix.
fn documented_user(prefix: &str) -> String {
    let text = include_str!("../../docs/OPERATIONS.md");
    let (_, after) = text.split_once("```text\nACL SETUSER").expect("a line for the user");
    let (line, _) = after.split_once("```").expect("its end");
    let words: Vec<&str> = line.split_whitespace().collect();
    format!("ACL SETUSER {}", words.join(" "))
        .replace(">PASSWORD", ">s3cret")
        .replace("~{tower-mfa*", &format!("~{{{prefix}*"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_user_with_the_rights_of_the_documentation_can_do_all_that_is_needed_and_nothing_else() {
    if !Own::is_there("a user with the documented rights") {
        return;
    }
    let server = Own::durable();
    let () = server.run(&documented_user("suite-"));
    let url = format!("redis://mfa:s3cret@127.0.0.1:{}", server.port);
    let made = AtomicUsize::new(0);
    let open = async |prefix: String| RedisStore::builder().prefix(prefix).connect(&url).await;
    let fresh = async || open(format!("suite-{}", made.fetch_add(1, Ordering::Relaxed))).await.unwrap();
    conformance::run(fresh).await.unwrap();
    assert!(made.load(Ordering::Relaxed) > 0);
    let (store, budget) = (fresh().await, Budget::global(Quota::new(2, 60).unwrap()));
    assert_eq!(store.take(&[budget], Timestamp::EPOCH).await.unwrap(), Taken::Granted);
    store.give_back(&[budget], Timestamp::EPOCH).await.unwrap();

    let error = open("another".to_owned()).await.expect_err("keys of somebody else's");
    assert!(story(&error).contains("NoPerm"), "{}", story(&error));
    let mut by_hand = redis::Client::open(url).unwrap().get_connection().unwrap();
    for command in ["FLUSHALL", "KEYS *", "CONFIG SET appendfsync no", "SHUTDOWN", "ACL LIST", "SCRIPT FLUSH"] {
        let (name, arguments) = command.split_once(' ').unwrap_or((command, ""));
        let refused = redis::cmd(name).arg(arguments.split_whitespace().collect::<Vec<_>>()).exec(&mut by_hand);
        assert!(refused.unwrap_err().to_string().contains("NoPerm"), "{command}");
    }
}

#[tokio::test]
async fn a_password_is_printed_nowhere() {
    if !Own::is_there("a server with a password") {
        return;
    }
    let server = Own::durable();
    let () = server.run("ACL SETUSER mfa on >s3cret ~* &* +@all");
    let wrong = format!("redis://mfa:hunter2@127.0.0.1:{}", server.port);
    let error = RedisStore::connect(&wrong).await.unwrap_err();
    assert!(!format!("{error:?} {}", story(&error)).contains("hunter2"));
    let right = format!("redis://mfa:s3cret@127.0.0.1:{}", server.port);
    let store = RedisStore::connect(&right).await.unwrap();
    assert!(!format!("{store:?}").contains("s3cret"));
}

#[tokio::test]
async fn a_replica_is_no_place_for_documents() {
    if !Own::is_there("a replica as a store") {
        return;
    }
    let master = Own::durable();
    let replica = Own::replica_of(&master);
    let said = refused(&replica.url()).await.unwrap();
    assert!(said.contains("the server is a slave, not a master"), "{said}");
}

#[tokio::test]
async fn a_server_that_was_set_to_something_else_meanwhile_takes_no_more_commits() {
    if !Own::is_there("a server whose settings change") {
        return;
    }
    let server = Own::durable();
    let store = RedisStore::connect(&server.url()).await.unwrap();
    let first = create(&store, alice()).await;
    let () = server.run("CONFIG SET appendfsync everysec");
    // A server that restarts with another file closes its connections, too.
    let _: i64 = server.run("CLIENT KILL TYPE normal SKIPME yes");
    let _ = store.load(alice()).await;
    let error = store.commit(Commit::new(alice(), Some(&first), revision(), "{}")).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::NotCommitted, "{}", story(&error));
    assert!(story(&error).contains("appendfsync is everysec"), "{}", story(&error));
    let () = server.run("CONFIG SET appendfsync always");
    assert_eq!(store.load(alice()).await.unwrap().unwrap().revision(), &first);
}

#[tokio::test]
async fn every_master_of_a_cluster_is_asked() {
    let Some(place) = Place::cluster("the settings of every master of a cluster") else { return };
    let strict = || RedisStore::builder().prefix(place.prefix.as_str()).connect(&place.urls);
    strict().await.unwrap();
    for master in &mut place.plain() {
        let set = |policy: &str| redis::cmd("CONFIG").arg("SET").arg("maxmemory-policy").arg(policy).clone();
        let () = set("allkeys-lru").query(master).unwrap();
        let found = strict().await;
        let () = set("noeviction").query(master).unwrap();
        let said = story(&found.unwrap_err());
        assert!(said.contains("maxmemory-policy is allkeys-lru"), "{said}");
    }
}

#[tokio::test]
async fn urls_that_lead_nowhere_are_refused() {
    for urls in
        ["", "http://127.0.0.1:6379", "redis://127.0.0.1:1", "redis://127.0.0.1:1,redis://127.0.0.1:2", "redis://"]
    {
        let error = RedisStore::builder().prefix("nowhere").replicas(9).connect(urls).await.expect_err(urls);
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{urls}: {}", story(&error));
    }
    if !Own::is_there("several URLs of what is no cluster") {
        return;
    }
    let servers = [Own::start(DURABLE), Own::start(DURABLE)];
    let said = refused(&format!("{},{}", servers[0].url(), servers[1].url())).await.unwrap();
    assert!(said.contains("this is none"), "{said}");
}
