//! Logins, challenges and answers through the public door: what a code is worth, how often one may
//! be wrong, and what a stranger with half of the factors gets.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a helper of a test may panic like the test"
)]

#[path = "../folder/mod.rs"]
mod folder;
#[path = "../common/left_out.rs"]
mod left_out;
#[path = "../common/postgres.rs"]
#[expect(dead_code, reason = "what other tests ask of it")]
mod postgres;
mod world;

mod doors;
mod elevated;
mod every_door;
mod hard_limit;
mod login;
mod model;
mod recovery;
mod replay;
mod replicas;
mod starve;
mod step_up;
mod throttle;
