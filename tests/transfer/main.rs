//! What other systems hold, taken over.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a helper that fails is a test that fails"
)]

#[path = "../common/tools.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod tools;
#[path = "../common/vectors.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod vectors;

mod apps_csv;
mod apps_migration;
mod apps_otpauth;
mod apps_pskc;
mod apps_pskc_sealed;
mod apps_support;
mod apps_words;
