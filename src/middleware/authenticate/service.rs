use std::sync::Arc;
use std::task::{Context, Poll};

use http::Request;
use tower::Service;

use crate::middleware::ClientAddress;
use crate::middleware::settings::{Settings, record};

/// The service of [`AuthenticateLayer`](super::AuthenticateLayer).
///
/// The token is looked at in `call`, before the inner service's: there is nothing to wait for, so the
/// future is the inner service's own.
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

impl<S: Service<Request<B>>, B> Service<Request<B>> for Authenticate<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // Where none is found, what the host has written itself stands.
        if let Some(find) = &self.settings.client_address
            && let Some(address) = find(request.extensions(), request.headers())
        {
            request.extensions_mut().insert(ClientAddress::new(address));
        }
        let found = self.settings.authenticate((&request).into(), self.settings.clock.now());
        record(request.extensions_mut(), &self.settings, found);
        self.inner.call(request)
    }
}
