use bytes::{Buf, Bytes};
use http::{Request, Response};
use tower::{Layer as _, Service};

use crate::error::BoxError;
use crate::middleware::transaction::ResponseFuture;
use crate::middleware::{Body, TransactionLayer};

/// What a [`RoutePolicyLayer`](super::RoutePolicyLayer) does with the bodies of requests: [`Untouched`] or
/// [`Read`]. Nobody else implements it.
pub trait Bodies<S, B>: sealed::Sealed
where
    S: Service<Request<B>>,
{
    /// Sends a request through a transaction; it comes back where no body is read.
    #[doc(hidden)]
    fn transact<R>(layer: &TransactionLayer, service: S, request: Request<B>) -> Transacting<S, B, R>
    where
        S: Service<Request<B>, Response = Response<R>>,
        R: 'static;
}

type Transacting<S, B, R> = Result<ResponseFuture<Body<R>, <S as Service<Request<B>>>::Error>, Request<B>>;

/// Bodies pass as they are, whatever they are: for every service, and policies without transactions.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_enums, reason = "a name for a way; it has no values")]
pub enum Untouched {}

/// The body of a request is read where its rule is a transaction, and there alone.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_enums, reason = "a name for a way; it has no values")]
pub enum Read {}

impl<S: Service<Request<B>>, B> Bodies<S, B> for Untouched {
    fn transact<R>(_: &TransactionLayer, _: S, request: Request<B>) -> Transacting<S, B, R>
    where
        S: Service<Request<B>, Response = Response<R>>,
        R: 'static,
    {
        Err(request)
    }
}

impl<S, B> Bodies<S, B> for Read
where
    S: Service<Request<B>> + Clone + Send + 'static,
    S::Future: Send,
    B: http_body::Body<Data: Buf + Send, Error: Into<BoxError>> + From<Bytes> + Send + 'static,
{
    fn transact<R>(layer: &TransactionLayer, service: S, request: Request<B>) -> Transacting<S, B, R>
    where
        S: Service<Request<B>, Response = Response<R>>,
        R: 'static,
    {
        // `service` was polled ready, and the layer's own calls the one it was given.
        Ok(layer.layer(service).call(request))
    }
}

mod sealed {
    #[expect(unnameable_types, reason = "whoever cannot name it cannot implement it")]
    pub trait Sealed {}

    impl Sealed for super::Untouched {}
    impl Sealed for super::Read {}
}
