use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Request;
use tower::Service;

use super::ResponseFuture;
use crate::middleware::settings::Settings;

/// The service of [`AuthenticateLayer`](super::AuthenticateLayer).
#[derive(Debug, Clone)]
pub struct Authenticate<S> {
    inner: S,
    settings: Arc<Settings>,
}

impl<S> Authenticate<S> {
    pub(super) const fn new(inner: S, settings: Arc<Settings>) -> Self {
        Self { inner, settings }
    }
}

impl<S, B> Service<Request<B>> for Authenticate<S>
where
    S: Service<Request<B>> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The clone was not polled ready; the one that was is called
        // (https://docs.rs/tower/0.5/tower/trait.Service.html#be-careful-when-cloning-inner-services).
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
        ResponseFuture::new(ready, request, self.settings.clone())
    }
}
