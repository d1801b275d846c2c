use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, Request, Response};
use pin_project_lite::pin_project;
use tower::Service;

use super::decide::{Elevating, HEADER, Step, answer, decide, elevated};
use super::layer::Rule;
use crate::middleware::Body;
use crate::secret::SecretString;

pin_project! {
    /// The future of [`Require`](super::Require).
    ///
    /// # Cancel safety
    ///
    /// It was decided before the future was made, and the inner service called if the answer was yes.
    /// Dropped while a code that came with the request is checked, that code may have been counted and
    /// used up, and the inner service is not called.
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
        Inner { #[pin] future: S::Future, better: Option<SecretString> },
        // What is rare is boxed: every request carries a future of this size.
        Elevating { waiting: Option<Box<Waiting<S, B>>> },
        Refused { answer: Option<Box<Response<Bytes>>> },
    }
}

/// A request that waits for the code that came with it.
struct Waiting<S, B> {
    service: S,
    request: Request<B>,
    rule: Arc<Rule>,
    elevating: Elevating,
}

impl<S: Service<Request<B>> + Clone, B> ResponseFuture<S, B> {
    /// Decides, and calls the inner service after that or never (CVE-2025-12760).
    ///
    /// `ready` was polled ready. A clone of it is not, so where the request has to wait it is `ready` that
    /// waits with it, and the clone that stays
    /// (<https://docs.rs/tower/0.5/tower/trait.Service.html#be-careful-when-cloning-inner-services>).
    pub(super) fn new(ready: &mut S, request: Request<B>, rule: &Arc<Rule>) -> Self {
        let state = match decide(rule, &request) {
            Step::Pass => State::Inner { future: ready.call(without_code(rule, request)), better: None },
            Step::Refuse(refusal) => State::Refused { answer: Some(Box::new(answer(rule, &request, refusal))) },
            Step::Elevate(elevating) => {
                let clone = ready.clone();
                let service = mem::replace(ready, clone);
                let waiting = Waiting { service, request, rule: Arc::clone(rule), elevating };
                State::Elevating { waiting: Some(Box::new(waiting)) }
            }
        };
        Self { state }
    }
}

/// Takes the code out, used or not: it may still be good, and is nobody's business inside.
fn without_code<B>(rule: &Rule, mut request: Request<B>) -> Request<B> {
    if rule.elevate.is_some() {
        request.headers_mut().remove(HEADER);
    }
    request
}

/// What makes a cache keep an answer whatever `Cache-Control` says (RFC 9213), or merge its headers into
/// one that it has (RFC 9111 §4.3.4).
const CACHED_BY: [&str; 5] =
    ["cdn-cache-control", "cloudflare-cdn-cache-control", "surrogate-control", "expires", "etag"];

/// Hands the better token back, to the one who sent the code and to nobody's cache.
fn with_token<R>(mut response: Response<R>, better: Option<SecretString>) -> Response<R> {
    let value = better.and_then(|token| HeaderValue::try_from(token.expose()).ok());
    if let Some(mut value) = value {
        value.set_sensitive(true);
        let headers = response.headers_mut();
        headers.insert("x-session-token", value);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for name in CACHED_BY {
            headers.remove(name);
        }
    }
    response
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
                StateProj::Inner { future, better } => {
                    let response = ready!(future.poll(cx))?.map(Body::new);
                    return Poll::Ready(Ok(with_token(response, better.take())));
                }
                // Taken twice only if polled after it was done: there is nothing more to come.
                StateProj::Refused { answer } => {
                    let Some(answer) = answer.take() else { return Poll::Pending };
                    return Poll::Ready(Ok(answer.map(Body::refusal)));
                }
                StateProj::Elevating { waiting } => {
                    let Some(asked) = waiting.as_mut() else { return Poll::Pending };
                    let outcome = ready!(asked.elevating.as_mut().poll(cx));
                    let Some(asked) = waiting.take() else { return Poll::Pending };
                    let Waiting { mut service, mut request, rule, .. } = *asked;
                    match elevated(&rule, &mut request, outcome) {
                        Ok(token) => {
                            let future = service.call(without_code(&rule, request));
                            state.set(State::Inner { future, better: Some(token) });
                        }
                        Err(refusal) => {
                            return Poll::Ready(Ok(answer(&rule, &request, refusal).map(Body::refusal)));
                        }
                    }
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
