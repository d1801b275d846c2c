use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower::Service;

use super::layer::Rule;
use super::response::refuse;
use crate::middleware::Body;
use crate::middleware::refusal::Form;
use crate::middleware::settings::verdict;

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
    /// The plain decision: the answer to a request that may not pass, `None` for one that may.
    fn refused(&self) -> Option<Response<Body<R>>> {
        let requirement = &self.rule.requirement;
        let (refusal, settings) = verdict(requirement, self.request.extensions()).err()?;
        let form = Form::of(self.request.method(), self.request.headers());
        let mut answer = refuse(&refusal, Some(requirement), settings, form);
        if let Some(replace) = &self.rule.replace {
            answer = form.bare(replace(&refusal, answer));
        }
        answer.extensions_mut().insert(refusal);
        Some(answer.map(Body::refusal))
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
                StateProj::Deciding { call } => {
                    // Taken twice only after a refusal was returned: there is nothing more to come.
                    let Some(mut call) = call.take() else { return Poll::Pending };
                    if let Some(refusal) = call.refused() {
                        return Poll::Ready(Ok(refusal));
                    }
                    // CVE-2025-12760: the inner service is called after the decision, or never.
                    let future = call.service.call(call.request);
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
