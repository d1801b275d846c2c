use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

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
    /// Dropped before it was polled, the inner service was never called. A code that came with the request
    /// may have been used up, and an approval spent, if the rule takes one.
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
        Deciding { call: Option<Call<S, B>> },
        Inner { #[pin] future: S::Future },
        Requiring { #[pin] future: require::ResponseFuture<S, B>, asked: Asked },
        Transacting { #[pin] future: transaction::ResponseFuture<Body<R>, S::Error>, asked: Asked },
    }
}

struct Call<S, B> {
    service: S,
    request: Request<B>,
    shared: Arc<Shared>,
}

impl<S, B, R, W> ResponseFuture<S, B, R, W>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    pub(super) const fn new(service: S, request: Request<B>, shared: Arc<Shared>) -> Self {
        Self { state: State::Deciding { call: Some(Call { service, request, shared }) }, bodies: PhantomData }
    }
}

impl<S, B> Call<S, B> {
    /// Asks the policy, and begins what it says; or answers.
    fn decide<R, W>(mut self) -> Result<State<S, B, R>, Response<Body<R>>>
    where
        S: Service<Request<B>, Response = Response<R>>,
        R: 'static,
        W: Bodies<S, B>,
    {
        let policy = self.shared.source.current();
        let (uri, trick) = self.shared.uri(&self.request);
        let (method, path) = (self.request.method(), uri.path());
        self.shared.record(&policy, &self.request, path);
        let examined = Examined::of(self.request.extensions());
        let verdict = decide_route(&policy, method, path, trick, examined);
        let (at, rule) = verdict.rule.unzip();
        let reported = verdict.would_refuse.iter().any(Option::is_some);
        let [by_path, by_rule] = verdict.would_refuse;
        for (rule, refusal) in [(None, by_path), (rule, by_rule)] {
            let Some(refusal) = refusal else { continue };
            log::would_refuse(rule.map(Rule::name), method, path, &refusal);
            self.shared.report(|| Report::new(rule, Mode::ReportOnly, method.clone(), path, refusal));
        }
        match verdict.step {
            Step::Pass => {
                policy.counts().add(at, if reported { Counted::WouldRefuse } else { Counted::Allowed });
                // CVE-2025-12760: the inner service is called after the decision, or never.
                Ok(State::Inner { future: self.service.call(self.request) })
            }
            Step::Refuse(refusal) => {
                policy.counts().add(at, Counted::Refused);
                self.shared.report(|| Report::new(rule, Mode::Enforce, method.clone(), path, refusal.clone()));
                Err(answer(&self.request, refusal))
            }
            Step::Ask(rule) => {
                let access = rule.access().clone();
                let sent = self.shared.on_report.is_some().then(|| (method.clone(), uri.clone()));
                if matches!(access, Access::Transaction(_)) {
                    // What is approved is what was judged: inside of `nest` the layer sees the shorter path.
                    let uri = transaction::SentUri(uri.clone());
                    self.request.extensions_mut().insert(uri);
                }
                let asked = Asked { shared: self.shared, at, sent, policy };
                ask::<S, B, R, W>(self.service, self.request, access, asked)
            }
        }
    }
}

/// Hands the request to what its rule asks for, which decides, and calls the inner service or does not.
fn ask<S, B, R, W>(
    service: S,
    request: Request<B>,
    access: Access,
    asked: Asked,
) -> Result<State<S, B, R>, Response<Body<R>>>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: 'static,
    W: Bodies<S, B>,
{
    let request = match access {
        Access::Require(layer) => return Ok(State::Requiring { future: layer.run(service, request), asked }),
        Access::Transaction(layer) => match W::transact(&layer, service, request) {
            Ok(future) => return Ok(State::Transacting { future, asked }),
            Err(request) => request,
        },
        // Not handed on by the decision; and what nobody decides does not pass.
        Access::Public | Access::GuardedElsewhere => request,
    };
    log::no_bodies();
    Err(asked.judged(answer(&request, Refusal::new(RefusalKind::Misplaced))))
}

/// Says no, by the words of the `AuthenticateLayer` outside if there is one.
fn answer<B, R>(request: &Request<B>, refusal: Refusal) -> Response<Body<R>> {
    let settings = Examined::of(request.extensions()).map(|examined| examined.settings);
    let form = Form::of(request.method(), request.headers());
    let mut answer = refuse(&refusal, None, settings, form);
    answer.extensions_mut().insert(refusal);
    answer.map(Body::refusal)
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
    /// Notes what has become of the request, and names the rule in the refusal if it is one of ours.
    fn judged<R>(&self, mut response: Response<Body<R>>) -> Response<Body<R>> {
        if !response.body().is_refusal() {
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
        loop {
            match state.as_mut().project() {
                StateProj::Inner { future } => return Poll::Ready(Ok(ready!(future.poll(cx))?.map(Body::new))),
                StateProj::Requiring { future, asked } => {
                    return Poll::Ready(Ok(asked.judged(ready!(future.poll(cx))?)));
                }
                StateProj::Transacting { future, asked } => {
                    return Poll::Ready(Ok(asked.judged(ready!(future.poll(cx))?)));
                }
                StateProj::Deciding { call } => {
                    // Taken twice only after a refusal was returned: there is nothing more to come.
                    let Some(call) = call.take() else { return Poll::Pending };
                    match call.decide::<R, W>() {
                        Ok(begun) => state.set(begun),
                        Err(answer) => return Poll::Ready(Ok(answer)),
                    }
                }
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
