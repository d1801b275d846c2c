use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower::Service;

use super::bodies::Bodies;
use super::future::ResponseFuture;
use super::layer::Shared;
use crate::middleware::Body;

/// The service of [`RoutePolicyLayer`](super::RoutePolicyLayer).
pub struct RoutePolicyService<S, W> {
    inner: S,
    shared: Arc<Shared>,
    bodies: PhantomData<fn() -> W>,
}

impl<S, W> RoutePolicyService<S, W> {
    pub(super) const fn new(inner: S, shared: Arc<Shared>) -> Self {
        Self { inner, shared, bodies: PhantomData }
    }
}

impl<S, B, R, W> Service<Request<B>> for RoutePolicyService<S, W>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: 'static,
    W: Bodies<S, B>,
{
    type Response = Response<Body<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B, R, W>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ResponseFuture::new(&mut self.inner, request, &self.shared)
    }
}

impl<S: Clone, W> Clone for RoutePolicyService<S, W> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), Arc::clone(&self.shared))
    }
}

impl<S: fmt::Debug, W> fmt::Debug for RoutePolicyService<S, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoutePolicyService").field("inner", &self.inner).field("shared", &self.shared).finish()
    }
}
