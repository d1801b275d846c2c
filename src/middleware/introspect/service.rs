use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::Request;
use pin_project_lite::pin_project;
use tower::Service;

use crate::assurance::Authentication;
use crate::middleware::settings::{Examined, NotAsked, Settings, record};
use crate::middleware::{Refusal, RefusalKind, log};
use crate::token::{Introspect, IntrospectError, TokenError, TokenErrorKind};

/// The service of [`IntrospectLayer`](super::IntrospectLayer).
#[derive(Clone)]
pub struct Introspected<S> {
    inner: S,
    sessions: Arc<dyn Introspect>,
}

impl<S> Introspected<S> {
    pub(super) fn new(inner: S, sessions: Arc<dyn Introspect>) -> Self {
        Self { inner, sessions }
    }
}

impl<S: fmt::Debug> fmt::Debug for Introspected<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspected").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<S: Service<Request<B>> + Clone, B> Service<Request<B>> for Introspected<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if Examined::of(request.extensions()).is_none() {
            log::not_asked();
            request.extensions_mut().insert(NotAsked);
        }
        let Some(who) = request.extensions().get::<Authentication>().cloned() else {
            return ResponseFuture { state: State::Inner { future: self.inner.call(request) } };
        };
        // `self.inner` was polled ready; the clone that stays was not.
        let clone = self.inner.clone();
        let service = mem::replace(&mut self.inner, clone);
        let sessions = Arc::clone(&self.sessions);
        let asking: Asking = Box::pin(async move { sessions.is_active(&who).await });
        ResponseFuture { state: State::Asking { waiting: Some(Box::new(Waiting { service, request, asking })) } }
    }
}

type Asking = Pin<Box<dyn Future<Output = Result<bool, IntrospectError>> + Send>>;

/// A request that waits for what is known of its session.
struct Waiting<S, B> {
    service: S,
    request: Request<B>,
    asking: Asking,
}

pin_project! {
    /// The future of [`Introspected`].
    ///
    /// # Cancel safety
    ///
    /// Dropped while it asks, the inner service is not called.
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
        Asking { waiting: Option<Box<Waiting<S, B>>> },
        Inner { #[pin] future: S::Future },
    }
}

impl<S: Service<Request<B>>, B> Future for ResponseFuture<S, B> {
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProj::Inner { future } => return future.poll(cx),
                StateProj::Asking { waiting } => {
                    let Some(asked) = waiting.as_mut() else { return Poll::Pending };
                    let active = ready!(asked.asking.as_mut().poll(cx));
                    let Some(asked) = waiting.take() else { return Poll::Pending };
                    let Waiting { mut service, mut request, .. } = *asked;
                    judge(&mut request, active);
                    let future = service.call(request);
                    state.set(State::Inner { future });
                }
            }
        }
    }
}

/// Takes the authentication away from a request whose session is over, or not known to be there.
fn judge<B>(request: &mut Request<B>, active: Result<bool, IntrospectError>) {
    let why = match active {
        Ok(true) => return,
        Ok(false) => Refusal::from(TokenError::from(TokenErrorKind::Revoked)),
        Err(error) => {
            log::not_introspected(&error);
            Refusal::new(RefusalKind::Unavailable)
        }
    };
    let extensions = request.extensions_mut();
    match extensions.get::<Authentication>().and_then(Authentication::handed_on::<Settings>).cloned() {
        Some(settings) => record(extensions, &Arc::new(settings), Err(why)),
        // It came through no layer of ours: whoever asks for one finds none.
        None => drop(extensions.remove::<Authentication>()),
    }
}

impl<S: Service<Request<B>>, B> fmt::Debug for ResponseFuture<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
