use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower::Service;

use super::layer::Rule;
use super::response::refuse;
use crate::middleware::settings::verdict;
use crate::middleware::{Body, Form};

pin_project! {
    /// The future of [`Require`](super::Require).
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
        // It is decided in the first poll; a state, so that deciding may take longer one day.
        Deciding { call: Option<Call<S, B>> },
        Inner { #[pin] future: S::Future },
    }
}

struct Call<S, B> {
    service: S,
    request: Request<B>,
    rule: Arc<Rule>,
}

impl<S: Service<Request<B>>, B> ResponseFuture<S, B> {
    pub(super) const fn new(service: S, request: Request<B>, rule: Arc<Rule>) -> Self {
        Self { state: State::Deciding { call: Some(Call { service, request, rule }) } }
    }
}

impl<S, B, R> Call<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    /// Advisory 38 (CVE-2025-12760): the inner service is called after the decision, or never.
    fn make(mut self) -> Result<S::Future, Response<Body<R>>> {
        match verdict(&self.rule.requirement, self.request.extensions()) {
            Ok(_) => Ok(self.service.call(self.request)),
            Err((refusal, settings)) => {
                let form = Form::of(self.request.method(), self.request.headers());
                let mut answer = refuse(&refusal, Some(&self.rule.requirement), settings, form);
                if let Some(replace) = &self.rule.replace {
                    answer = form.bare(replace(&refusal, answer));
                }
                answer.extensions_mut().insert(refusal);
                Err(answer.map(Body::refusal))
            }
        }
    }
}

impl<S, B, R> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Output = Result<Response<Body<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProj::Inner { future } => return Poll::Ready(Ok(ready!(future.poll(cx))?.map(Body::new))),
                StateProj::Deciding { call } => match call.take().map(Call::make) {
                    Some(Ok(future)) => state.set(State::Inner { future }),
                    Some(Err(refusal)) => return Poll::Ready(Ok(refusal)),
                    // Only after the refusal was returned: there is nothing more to come.
                    None => return Poll::Pending,
                },
            }
        }
    }
}

impl<S: Service<Request<B>>, B> fmt::Debug for ResponseFuture<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
