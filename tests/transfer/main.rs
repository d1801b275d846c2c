//! What other systems hold, taken over.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a helper that fails is a test that fails"
)]


mod apps_csv;
mod apps_migration;
mod apps_otpauth;
mod apps_support;
