//! Decides whether a request may reach a route.
//!
//! [`RequireLayer`] takes one [`Requirement`](crate::assurance::Requirement), asks
//! [`decide`](crate::assurance::decide), and calls the inner service only if the answer is yes.

mod decide;
mod future;
mod layer;
pub(crate) mod response;
mod service;

pub use future::ResponseFuture;
pub use layer::RequireLayer;
pub use service::Require;
