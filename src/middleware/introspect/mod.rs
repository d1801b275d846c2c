//! Asks at every request whether the session is still there.

mod layer;
mod service;

pub use layer::IntrospectLayer;
pub use service::{Introspected, ResponseFuture};
