//! The store on PostgreSQL: the suite every store runs, and what only this one can be asked.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a helper of a test may panic like the test"
)]

mod abandoned;
mod clocks;
mod doors;
#[path = "../common/elsewhere.rs"]
mod elsewhere;
mod failures;
#[path = "../folder/mod.rs"]
mod folder;
#[cfg(unix)]
mod full;
mod grants;
#[path = "../common/house.rs"]
mod house;
mod isolation;
#[path = "../common/left_out.rs"]
mod left_out;
#[path = "../common/log.rs"]
mod log;
mod order;
#[path = "../common/postgres.rs"]
#[expect(dead_code, reason = "what other tests ask of it")]
mod postgres;
mod revocations;
mod schemas;
#[cfg(unix)]
#[path = "../common/small_disk.rs"]
mod small_disk;
mod standby;
mod suite;
#[path = "../common/tools.rs"]
#[expect(dead_code, reason = "what other tests ask of it")]
mod tools;
#[path = "../toy_store/mod.rs"]
#[expect(dead_code, reason = "what other tests ask of it")]
mod toy_store;
mod views;
mod wire;

use std::sync::LazyLock;

use tower_mfa::clock::Timestamp;
use tower_mfa::entropy::SystemEntropy;
use tower_mfa::id::{EventId, Subject};
use tower_mfa::store::{NewEvent, Revision, StoreError};

fn alice() -> &'static Subject {
    static ALICE: LazyLock<Subject> = LazyLock::new(|| Subject::with_tenant("acme", "alice").unwrap());
    &ALICE
}

fn revision() -> Revision {
    Revision::generate(&SystemEntropy).unwrap()
}

fn event(body: &str) -> NewEvent {
    NewEvent::new(EventId::generate(&SystemEntropy).unwrap(), Timestamp::from_secs(7), body)
}

fn story(error: &StoreError) -> String {
    format!("{error}: {}", std::error::Error::source(error).expect("a store error has a source"))
}
