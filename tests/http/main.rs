//! The JSON API over HTTP, as a client meets it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails loudly"
)]

mod addresses;
mod admin;
mod answers;
mod authenticators;
mod challenges;
mod client;
mod contract;
mod conventions;
mod cookies;
mod document;
mod errors;
mod jwks;
mod keys;
mod kinds;
mod limits;
mod login;
mod login_policy;
mod openapi;
mod sessions;
mod store;
mod story;
mod unavailable;
