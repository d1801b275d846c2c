//! axum extractors: what a handler's signature asks for, the request has, or the handler never runs.
//!
//! Both read what an [`AuthenticateLayer`](crate::middleware::AuthenticateLayer) outside has put into
//! the request, and refuse as [`RequireLayer`](crate::middleware::RequireLayer) does.

mod authenticated;
mod enforced;
mod rejection;
#[cfg(test)]
mod tests;

pub use authenticated::Authenticated;
pub use enforced::{Aal2, Aal3, Enforced, Require};
pub use rejection::Rejection;
