//! A cluster that changes while it is used.

use tower_mfa::id::Subject;
use tower_mfa::store::{Commit, Committed, Feed, RedisStore, Store, StoreErrorKind};

use crate::server::Place;
use crate::{bodies, create, event, revision, revision_of, story};

fn ask<T: redis::FromRedisValue>(server: &mut redis::Connection, command: &[&str]) -> T {
    let (name, arguments) = command.split_first().unwrap();
    redis::cmd(name).arg(arguments).query(server).unwrap()
}

/// A slot on its way from one server to another.
struct Move {
    slot: String,
    servers: Vec<redis::Connection>,
    ports: Vec<String>,
    from: usize,
    to: usize,
    ids: Vec<String>,
}

impl Move {
    fn of(place: &Place, key: &str) -> Self {
        let mut servers = place.plain();
        let slot = ask::<u16>(&mut servers[0], &["CLUSTER", "KEYSLOT", key]).to_string();
        // Only the server that has a slot answers for a key in it.
        let has = |server: &mut redis::Connection| redis::cmd("EXISTS").arg(key).query::<i64>(server).is_ok();
        let from = servers.iter_mut().position(has).unwrap();
        let to = (from + 1) % servers.len();
        let ids = servers.iter_mut().map(|server| ask(server, &["CLUSTER", "MYID"])).collect();
        let ports = place.urls.split(',').map(|url| url.rsplit(':').next().unwrap().to_owned()).collect();
        Self { slot, servers, ports, from, to, ids }
    }

    fn begin(&mut self) {
        let Self { slot, from, to, .. } = self;
        let () = ask(&mut self.servers[*to], &["CLUSTER", "SETSLOT", slot, "IMPORTING", &self.ids[*from]]);
        let () = ask(&mut self.servers[*from], &["CLUSTER", "SETSLOT", slot, "MIGRATING", &self.ids[*to]]);
    }

    /// Moves at most so many keys, and says how many are left behind.
    fn step(&mut self, count: &str) -> usize {
        let keys: Vec<String> = ask(&mut self.servers[self.from], &["CLUSTER", "GETKEYSINSLOT", &self.slot, count]);
        for key in keys {
            let migrate = ["MIGRATE", "127.0.0.1", &self.ports[self.to], &key, "0", "5000"];
            let () = ask(&mut self.servers[self.from], &migrate);
        }
        ask(&mut self.servers[self.from], &["CLUSTER", "COUNTKEYSINSLOT", &self.slot])
    }

    fn end(&mut self) {
        let new = self.ids[self.to].clone();
        for at in [self.to, self.from] {
            let () = ask(&mut self.servers[at], &["CLUSTER", "SETSLOT", &self.slot, "NODE", &new]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_that_moves_to_another_server_loses_and_doubles_nothing() {
    let Some(place) = Place::cluster("a partition that moves") else { return };
    let store = place.builder().partitions(1).connect(&place.urls).await.unwrap();
    let alice = Subject::new("alice").unwrap();
    let mut last = create(&store, &alice).await;
    let mut written = vec!["created".to_owned()];
    let mut moving = Move::of(&place, &format!("{{{}:0}}:layout", place.prefix));
    moving.begin();
    let mut is_moving = true;
    for number in 0.. {
        let (new, body) = (revision(), number.to_string());
        let events = [event(&body)];
        match store.commit(Commit::new(&alice, Some(&last), new, "{}").with_events(&events)).await {
            Ok(outcome) => {
                assert_eq!(outcome, Committed::Done);
                last = new;
                written.push(body);
                if !is_moving {
                    break;
                }
            }
            // Keys of one script on two servers: try again later, says the server.
            Err(error) => assert_eq!(error.kind(), StoreErrorKind::NotCommitted, "{}", story(&error)),
        }
        if is_moving && moving.step("2") == 0 {
            moving.end();
            is_moving = false;
        }
    }
    assert_eq!(revision_of(&store, &alice).await, Some(last));
    assert_eq!(bodies(&store, Feed::All).await, written);
    assert_eq!(bodies(&place.store().await, Feed::Subject(&alice)).await, written, "a store that connects now");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_touches_only_what_is_there_does_not_wait_for_its_partition_to_arrive() {
    let Some(place) = Place::cluster("a commit into a partition that moves") else { return };
    let store = place.builder().partitions(1).connect(&place.urls).await.unwrap();
    let alice = Subject::new("alice").unwrap();
    let first = create(&store, &alice).await;
    let mut moving = Move::of(&place, &format!("{{{}:0}}:layout", place.prefix));
    moving.begin();
    let (second, third, events) = (revision(), revision(), [event("moving")]);
    let alone = store.commit(Commit::new(&alice, Some(&first), second, "{}")).await;
    let with_event = store.commit(Commit::new(&alice, Some(&second), third, "{}").with_events(&events)).await;
    let connects = RedisStore::builder().prefix(place.prefix.as_str()).connect(&place.urls).await;
    // Others need the cluster whole.
    moving.step("100");
    moving.end();
    assert_eq!((alone.unwrap(), with_event.unwrap()), (Committed::Done, Committed::Done));
    connects.unwrap();
    assert_eq!(bodies(&store, Feed::All).await, ["created", "moving"]);
}
