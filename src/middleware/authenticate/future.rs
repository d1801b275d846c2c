use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Request;
use pin_project_lite::pin_project;
use tower::Service;

use crate::middleware::ClientAddress;
use crate::middleware::settings::{Settings, record};

pin_project! {
    /// The future of [`Authenticate`](super::Authenticate).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it was polled, the inner service was never called.
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        // The token is looked at in the first poll; a state, so that looking may take longer one day.
        Deciding { call: Option<Call<S, B>> },
        Inner { #[pin] future: S::Future },
    }
}

struct Call<S, B> {
    service: S,
    request: Request<B>,
    settings: Arc<Settings>,
}

impl<S: Service<Request<B>>, B> ResponseFuture<S, B> {
    pub(super) const fn new(service: S, request: Request<B>, settings: Arc<Settings>) -> Self {
        Self { state: State::Deciding { call: Some(Call { service, request, settings }) } }
    }
}

impl<S: Service<Request<B>>, B> Call<S, B> {
    fn make(mut self) -> S::Future {
        // Where none is found, what the host has written itself stands.
        if let Some(find) = &self.settings.client_address
            && let Some(address) = find(self.request.extensions(), self.request.headers())
        {
            self.request.extensions_mut().insert(ClientAddress::new(address));
        }
        let found = self.settings.authenticate((&self.request).into(), self.settings.clock.now());
        record(self.request.extensions_mut(), &self.settings, found);
        self.service.call(self.request)
    }
}

impl<S: Service<Request<B>>, B> Future for ResponseFuture<S, B> {
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProj::Inner { future } => return future.poll(cx),
                StateProj::Deciding { call } => {
                    // Taken twice only after a panic in the inner service's `call`.
                    let Some(call) = call.take() else { return Poll::Pending };
                    let future = call.make();
                    state.set(State::Inner { future });
                }
            }
        }
    }
}

impl<S: Service<Request<B>>, B> fmt::Debug for ResponseFuture<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
