use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http::{Request, Response};
use tower::Service;

use super::future::{ResponseFuture, guarded};
use super::layer::Rule;
use crate::error::BoxError;
use crate::middleware::Body;

/// The service of [`TransactionLayer`](super::TransactionLayer).
#[derive(Debug, Clone)]
pub struct Transaction<S> {
    inner: S,
    rule: Arc<Rule>,
}

impl<S> Transaction<S> {
    pub(super) const fn new(inner: S, rule: Arc<Rule>) -> Self {
        Self { inner, rule }
    }
}

impl<S, B, R: 'static> Service<Request<B>> for Transaction<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: http_body::Body<Data: Buf + Send, Error: Into<BoxError>> + From<Bytes> + Send + 'static,
{
    type Response = Response<Body<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<Body<R>, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The clone was not polled ready; the one that was is called.
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
        ResponseFuture::new(guarded(ready, request, Arc::clone(&self.rule)))
    }
}
