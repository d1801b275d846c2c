use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Method, Request, Response, Uri};
use pin_project_lite::pin_project;
use tower::Service;

use super::bodies::Bodies;
use super::decide::{Step, decide_route};
use super::layer::Shared;
use super::policy::RoutePolicy;
use super::report::{Counted, Report};
use super::rule::{Access, Mode, Rule};
use crate::middleware::refusal::Form;
use crate::middleware::require::response::refuse;
use crate::middleware::settings::Examined;
use crate::middleware::{Body, Refusal, RefusalKind, log, require, transaction};

pin_project! {
    /// The future of [`RoutePolicyService`](super::RoutePolicyService).
    ///
    /// # Cancel safety
    ///
    /// What the head of a request says was decided before the future was made, and the inner service
    /// called if the answer was yes. Dropped while a code or a body is read, the code may have been used
    /// up, and an approval spent, and the inner service is not called.
    pub struct ResponseFuture<S, B, R, W>
    where
        S: Service<Request<B>, Response = Response<R>>,
    {
        #[pin]
        state: State<S, B, R>,
        bodies: PhantomData<fn() -> W>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, B, R>
    where
        S: Service<Request<B>, Response = Response<R>>,
    {
        Inner { #[pin] future: S::Future },
        Requiring { #[pin] future: require::ResponseFuture<S, B>, asked: Asked },
        Transacting { #[pin] future: transaction::ResponseFuture<Body<R>, S::Error>, asked: Asked },
        // What is rare is boxed: every request carries a future of this size.
        Refused { answer: Option<Box<Response<Bytes>>> },
    }
}

impl<S, B, R, W> ResponseFuture<S, B, R, W>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: 'static,
    W: Bodies<S, B>,
{
    /// Decides, and calls the inner service, which was polled ready, after that or never (CVE-2025-12760).
    pub(super) fn new(ready: &mut S, request: Request<B>, shared: &Arc<Shared>) -> Self {
        Self { state: decide::<S, B, R, W>(ready, request, shared), bodies: PhantomData }
    }
}

/// Asks the policy, and begins what it says; or answers.
fn decide<S, B, R, W>(ready: &mut S, mut request: Request<B>, shared: &Arc<Shared>) -> State<S, B, R>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: 'static,
    W: Bodies<S, B>,
{
    let policy = shared.source.current();
    let (uri, trick) = shared.uri(&request);
    let (method, path) = (request.method(), uri.path());
    shared.record(&policy, &request, path);
    let examined = Examined::of(request.extensions());
    let verdict = decide_route(&policy, method, path, trick, examined);
    let (at, rule) = verdict.rule.unzip();
    let reported = verdict.would_refuse.iter().any(Option::is_some);
    let [by_path, by_rule] = verdict.would_refuse;
    for (rule, refusal) in [(None, by_path), (rule, by_rule)] {
        let Some(refusal) = refusal else { continue };
        log::would_refuse(rule.map(Rule::name), method, path, &refusal);
        shared.report(|| Report::new(rule, Mode::ReportOnly, method.clone(), path, refusal));
    }
    match verdict.step {
        Step::Pass => {
            policy.counts().add(at, if reported { Counted::WouldRefuse } else { Counted::Allowed });
            State::Inner { future: ready.call(request) }
        }
        Step::Refuse(refusal) => {
            policy.counts().add(at, Counted::Refused);
            shared.report(|| Report::new(rule, Mode::Enforce, method.clone(), path, refusal.clone()));
            State::Refused { answer: Some(Box::new(answer(&request, refusal))) }
        }
        Step::Ask(rule) => {
            let access = rule.access().clone();
            let sent = shared.on_report.is_some().then(|| (method.clone(), uri.clone()));
            if matches!(access, Access::Transaction(_)) {
                // What is approved is what was judged: inside of `nest` the layer sees the shorter path.
                let uri = transaction::SentUri(uri.clone());
                request.extensions_mut().insert(uri);
            }
            let asked = Asked { shared: Arc::clone(shared), at, sent, policy };
            ask::<S, B, R, W>(ready, request, access, asked)
        }
    }
}

/// Hands the request to what its rule asks for, which decides, and calls the inner service or does not.
fn ask<S, B, R, W>(ready: &mut S, request: Request<B>, access: Access, asked: Asked) -> State<S, B, R>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: 'static,
    W: Bodies<S, B>,
{
    let request = match access {
        Access::Require(layer) => return State::Requiring { future: layer.run(ready, request), asked },
        Access::Transaction(layer) => {
            // The clone was not polled ready; the one that was goes with the request
            // (https://docs.rs/tower/0.5/tower/trait.Service.html#be-careful-when-cloning-inner-services).
            let clone = ready.clone();
            match W::transact(&layer, mem::replace(ready, clone), request) {
                Ok(future) => return State::Transacting { future, asked },
                Err(request) => request,
            }
        }
        // Not handed on by the decision; and what nobody decides does not pass.
        Access::Public | Access::GuardedElsewhere => request,
    };
    log::no_bodies();
    let refused = asked.judged(answer(&request, Refusal::new(RefusalKind::Misplaced)), true);
    State::Refused { answer: Some(Box::new(refused)) }
}

/// Says no, by the words of the `AuthenticateLayer` outside if there is one.
fn answer<B>(request: &Request<B>, refusal: Refusal) -> Response<Bytes> {
    let settings = Examined::of(request.extensions()).map(|examined| examined.settings);
    let form = Form::of(request.method(), request.headers());
    let mut answer = refuse(&refusal, settings, form);
    answer.extensions_mut().insert(refusal);
    answer
}

/// What has to be remembered of a request while its rule decides.
struct Asked {
    shared: Arc<Shared>,
    policy: RoutePolicy,
    at: Option<usize>,
    /// Method and URI, where somebody wants to hear of refusals.
    sent: Option<(Method, Uri)>,
}

impl Asked {
    fn of<R>(&self, response: Response<Body<R>>) -> Response<Body<R>> {
        let refused = response.body().is_refusal();
        self.judged(response, refused)
    }

    /// Notes what has become of the request, and names the rule in the refusal if it is one of ours.
    fn judged<R>(&self, mut response: Response<R>, refused: bool) -> Response<R> {
        if !refused {
            self.policy.counts().add(self.at, Counted::Allowed);
            return response;
        }
        self.policy.counts().add(self.at, Counted::Refused);
        let Some(rule) = self.at.and_then(|at| self.policy.rule_at(at)) else { return response };
        if let Some(refusal) = response.extensions_mut().get_mut::<Refusal>() {
            *refusal = refusal.clone().by_rule(rule.shared_name());
            log::refused_by(rule.name(), refusal);
            if let Some((method, uri)) = &self.sent {
                let (method, refusal) = (method.clone(), refusal.clone());
                self.shared.report(|| Report::new(Some(rule), Mode::Enforce, method, uri.path(), refusal));
            }
        }
        response
    }
}

impl<S, B, R, W> Future for ResponseFuture<S, B, R, W>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: 'static,
    W: Bodies<S, B>,
{
    type Output = Result<Response<Body<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        match state.as_mut().project() {
            StateProj::Inner { future } => Poll::Ready(Ok(ready!(future.poll(cx))?.map(Body::new))),
            StateProj::Requiring { future, asked } => Poll::Ready(Ok(asked.of(ready!(future.poll(cx))?))),
            StateProj::Transacting { future, asked } => Poll::Ready(Ok(asked.of(ready!(future.poll(cx))?))),
            // Taken twice only if polled after it was done: there is nothing more to come.
            StateProj::Refused { answer } => {
                answer.take().map_or(Poll::Pending, |answer| Poll::Ready(Ok(answer.map(Body::refusal))))
            }
        }
    }
}

impl<S, B, R, W> fmt::Debug for ResponseFuture<S, B, R, W>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
