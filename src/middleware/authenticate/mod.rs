//! Finds out who a request comes from.
//!
//! [`AuthenticateLayer`] never answers a request itself, so there is no `response.rs` here: public
//! routes behind it work with any token or none. What it could not believe it marks, and
//! [`RequireLayer`](super::RequireLayer) and the extractors refuse by that mark.

mod layer;
mod service;

pub use layer::AuthenticateLayer;
pub use service::Authenticate;
