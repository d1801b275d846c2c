//! Passkeys and security keys through the public door: bound, used, refused, raced; what they count for,
//! and what nobody learns or locks by trying.

#![expect(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a helper that fails is a test that fails; the scene is that of the accounts' tests"
)]

#[path = "../accounts/scene.rs"]
mod scene;

mod bank;
#[path = "../common/left_out.rs"]
mod left_out;
#[path = "../common/postgres.rs"]
mod postgres;

mod binding;
mod levels;
#[path = "../common/log.rs"]
mod log;
mod names;
mod odd;
mod races;
mod refused;
mod signing_in;
mod stored;
mod tickets;
mod told;
mod whole;
