//! The account and its service through the public door: binding, sessions, operators, policy, keys,
//! clocks, failing stores, documents, and what must never be printed.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    reason = "a helper that fails is a test that fails"
)]

#[path = "../folder/mod.rs"]
mod folder;
mod scene;
mod turnstile;

mod binding;
mod bypass;
mod canary;
mod chain;
mod clocks;
mod clocks_apart;
mod documents;
mod doors;
mod elsewhere;
mod enrolment;
mod events;
mod faults;
mod grace;
mod late;
mod login_modes;
mod login_rules;
mod model;
mod operators;
mod policy;
mod presets;
mod replacement;
mod revocations;
mod rotating;
mod rotation;
mod sessions;
mod two;
mod wide_lock;
