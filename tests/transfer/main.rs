//! Accounts that move, through the public door: what goes along, what does not, and what no file can do.

#![expect(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a helper that fails is a test that fails; scene and bank are those of other tests"
)]

#[path = "../keys/bank.rs"]
mod bank;
#[path = "../accounts/scene.rs"]
mod scene;

mod accounts;
mod files;
mod format;
mod import;
mod places;

#[path = "../common/left_out.rs"]
mod left_out;
#[path = "../common/tools.rs"]
mod tools;
#[path = "../common/vectors.rs"]
mod vectors;

mod apps_csv;
mod apps_migration;
mod apps_otpauth;
mod apps_pskc;
mod apps_pskc_ends;
mod apps_pskc_mac;
mod apps_pskc_policy;
mod apps_pskc_sealed;
mod apps_support;
mod apps_words;
