//! What stands around a route, over a real service: transactions, and codes that come with a request.

#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test fails loudly")]

mod bank;
mod bound_actions;
mod inline;
#[path = "../common/log.rs"]
mod log;
mod route_policy;
mod spent;
mod transaction;
mod whole_request;
