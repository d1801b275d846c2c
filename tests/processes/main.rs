//! Several processes on one store: of any number who want the same thing at once one gets it, and a process that is
//! killed takes nothing with it.
//!
//! SQLite always; PostgreSQL, Redis and a Redis Cluster where `TEST_POSTGRES_URL`, `TEST_REDIS_URL` and
//! `TEST_REDIS_CLUSTER_URLS` say where one is. `PROCESSES_ROUNDS` and `PROCESSES_KILLS` set how often (2 and 5; `.ci/run` takes more).

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails loudly"
)]

#[path = "../folder/mod.rs"]
mod folder;

mod crashes;
mod engine;
mod gated;
mod job;
#[path = "../common/left_out.rs"]
mod left_out;
mod memory;
mod person;
#[path = "../common/postgres.rs"]
#[expect(dead_code, reason = "what other tests ask of it")]
mod postgres;
mod races;
#[path = "../store_redis/server/mod.rs"]
#[expect(dead_code, unused_imports, reason = "what other tests ask of it")]
mod server;
mod worker;

/// How often, as a variable says, or few times.
fn times(variable: &str, few: usize) -> usize {
    std::env::var(variable).ok().map_or(few, |text| text.parse().unwrap_or_else(|_| panic!("{variable}: {text}")))
}
