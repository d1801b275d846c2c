use std::future::Future;
use std::pin::Pin;

use crate::assurance::Authentication;
use crate::error::BoxError;

/// Says whether the session of a token is still there, by whoever keeps the sessions (as in RFC 7662 §2.2, `active`).
///
/// `service::Mfa` is one, over its store. [`IntrospectLayer`](crate::middleware::IntrospectLayer) asks it at every
/// request.
pub trait Introspect: Send + Sync + 'static {
    /// Tells whether the token is still good.
    ///
    /// # Errors
    ///
    /// [`IntrospectError`] when that is not known: the request is answered `503` and does not run.
    ///
    /// # Cancel safety
    ///
    /// It changes nothing.
    fn is_active<'a>(&'a self, who: &'a Authentication) -> IntrospectFuture<'a>;
}

/// What [`Introspect::is_active`] returns.
pub type IntrospectFuture<'a> = Pin<Box<dyn Future<Output = Result<bool, IntrospectError>> + Send + 'a>>;

/// It is not known whether a session is still there.
#[derive(Debug, thiserror::Error)]
#[error("it is not known whether the session is still there")]
pub struct IntrospectError {
    source: BoxError,
}

impl IntrospectError {
    /// Says why, to the operator.
    pub fn new(source: impl Into<BoxError>) -> Self {
        Self { source: source.into() }
    }
}
