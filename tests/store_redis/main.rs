//! The store in Redis: the suite, on one server and on a cluster, and what only it can be asked.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a helper of a test may panic like the test"
)]

mod budgets;
mod claims;
mod clocks;
mod cluster;
mod doors;
#[path = "../common/elsewhere.rs"]
mod elsewhere;
mod failover;
mod faults;
#[path = "../common/house.rs"]
mod house;
mod layout;
#[path = "../common/left_out.rs"]
mod left_out;
#[path = "../common/log.rs"]
mod log;
mod pruning;
mod replicas;
mod server;
mod settings;

use std::error::Error as _;
use std::sync::LazyLock;

use elsewhere::what_ends_at_one_is_over_at_the_other;
use server::Place;
use tower_mfa::clock::Timestamp;
use tower_mfa::entropy::SystemEntropy;
use tower_mfa::id::{EventId, Subject};
use tower_mfa::store::{Commit, Committed, Feed, NewEvent, RedisStore, Revision, Store, StoreError, conformance};

fn alice() -> &'static Subject {
    static ALICE: LazyLock<Subject> = LazyLock::new(|| Subject::with_tenant("acme", "alice").unwrap());
    &ALICE
}

fn bob() -> &'static Subject {
    static BOB: LazyLock<Subject> = LazyLock::new(|| Subject::new("bob").unwrap());
    &BOB
}

fn revision() -> Revision {
    Revision::generate(&SystemEntropy).unwrap()
}

fn event(body: &str) -> NewEvent {
    NewEvent::new(EventId::generate(&SystemEntropy).unwrap(), Timestamp::from_secs(7), body)
}

fn story(error: &StoreError) -> String {
    format!("{error}: {}", error.source().expect("a store error has a source"))
}

/// Creates a document with one event, and returns its revision.
async fn create(store: &RedisStore, subject: &Subject) -> Revision {
    let (revision, events) = (revision(), [event("created")]);
    let commit = Commit::new(subject, None, revision, "{}").with_events(&events);
    assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
    revision
}

async fn bodies(store: &RedisStore, of: Feed<'_>) -> Vec<String> {
    let page = store.events(of, None, 200).await.unwrap();
    page.items().iter().map(|event| event.body().to_owned()).collect()
}

async fn revision_of(store: &RedisStore, subject: &Subject) -> Option<Revision> {
    store.load(subject).await.unwrap().map(|stored| *stored.revision())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_redis_store_conforms_on_one_server() {
    let Some(place) = Place::single("the suite on one server") else { return };
    conformance::run(async || place.fresh().await).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_redis_store_conforms_on_a_cluster() {
    let Some(place) = Place::cluster("the suite on a cluster") else { return };
    conformance::run(async || place.fresh().await).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_at_one_service_is_over_at_another_on_the_same_servers() {
    for place in Place::both("what ended at another service") {
        what_ends_at_one_is_over_at_the_other(place.store().await, place.store().await).await;
    }
}
