use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::header::{CACHE_CONTROL, ORIGIN};
use http::{HeaderValue, Request, Response};
use pin_project_lite::pin_project;
use tower::Service;

use super::layer::Rule;
use super::response::refuse;
use crate::assurance::Authentication;
use crate::middleware::refusal::Form;
use crate::middleware::settings::{Examined, verdict};
use crate::middleware::{Body, ClientAddress, Refusal, RefusalKind, log};
use crate::secret::SecretString;
use crate::token::{ElevateError, Elevated, InlineCode};

/// Where a code stands that came with the request (`docs/HTTP.md`).
const HEADER: &str = "x-mfa-token";

pin_project! {
    /// The future of [`Require`](super::Require).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it was polled, the inner service was never called. A code that came with the
    /// request may have been counted and used up.
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
        Deciding { call: Option<Call<S, B>> },
        // The request waits for a code that came with it.
        Elevating { elevating: Elevating, call: Option<Call<S, B>> },
        Inner { #[pin] future: S::Future, better: Option<SecretString> },
    }
}

type Elevating = Pin<Box<dyn Future<Output = Result<Elevated, ElevateError>> + Send>>;

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
    /// The plain decision, and what a code that came with the request may make of a "not yet".
    fn decide(&self) -> Step<R> {
        let requirement = &self.rule.requirement;
        match verdict(requirement, self.request.extensions()) {
            Ok(_) => Step::Pass,
            Err((refusal, _)) if refusal.kind() == RefusalKind::StepUp => match self.elevating() {
                Ok(Some(elevating)) => Step::Elevate(elevating),
                Ok(None) => Step::Refuse(self.answer(refusal)),
                Err(twice) => Step::Refuse(self.answer(twice)),
            },
            Err((refusal, _)) => Step::Refuse(self.answer(refusal)),
        }
    }

    /// Begins to check the code of `X-MFA-Token`, where codes are taken and one can help.
    fn elevating(&self) -> Result<Option<Elevating>, Refusal> {
        let requirement = &self.rule.requirement;
        let mut codes = self.request.headers().get_all(HEADER).iter();
        let (Some(elevate), Some(code)) = (&self.rule.elevate, codes.next()) else { return Ok(None) };
        if requirement.wants_phishing_resistance() || requirement.actions().nth(1).is_some() || self.is_browser() {
            return Ok(None);
        }
        let code = code.to_str().ok().filter(|_| codes.next().is_none());
        let code = code.ok_or_else(|| Refusal::parameter("X-MFA-Token", "must be one code of an authenticator app"))?;
        let Some(who) = self.request.extensions().get::<Authentication>() else { return Ok(None) };
        let (elevate, rule) = (Arc::clone(elevate), Arc::clone(&self.rule));
        let (who, code, address) = (who.clone(), SecretString::new(code), self.address());
        Ok(Some(Box::pin(async move {
            elevate.elevate(InlineCode::new(&who, &code, &rule.requirement).from_address(address)).await
        })))
    }

    /// Where the request came from, as far as the host has said how to find out.
    fn address(&self) -> Option<IpAddr> {
        self.request.extensions().get().copied().map(ClientAddress::ip)
    }

    /// Whether a browser sends it, by headers that no page can remove. A page whose tokens stand in
    /// cookies it cannot read is to get none in a header it can.
    fn is_browser(&self) -> bool {
        let headers = self.request.headers();
        headers.contains_key("sec-fetch-site") || headers.contains_key(ORIGIN)
    }

    /// Takes the code out, used or not: it may still be good, and is nobody's business inside.
    fn without_code(mut self) -> Self {
        if self.rule.elevate.is_some() {
            self.request.headers_mut().remove(HEADER);
        }
        self
    }

    /// Goes on with the better token, or says why there is none.
    fn elevated(&mut self, outcome: Result<Elevated, ElevateError>) -> Result<SecretString, Response<Body<R>>> {
        let (authentication, token) = match outcome {
            Ok(elevated) => elevated.into_parts(),
            Err(error) => {
                log::not_elevated(&error);
                let not_enough = || verdict(&self.rule.requirement, self.request.extensions()).err();
                let refusal = Refusal::inline(error.kind()).or_else(|| Some(not_enough()?.0));
                return Err(self.answer(refusal.unwrap_or(Refusal::new(RefusalKind::Unavailable))));
            }
        };
        let extensions = self.request.extensions_mut();
        if let Some(before) = extensions.get::<Authentication>() {
            let better = authentication.in_place_of(before);
            extensions.insert(better);
        }
        match verdict(&self.rule.requirement, self.request.extensions()) {
            Ok(_) => Ok(token),
            Err((refusal, _)) => Err(self.answer(refusal)),
        }
    }

    fn answer(&self, refusal: Refusal) -> Response<Body<R>> {
        let requirement = &self.rule.requirement;
        let settings = Examined::of(self.request.extensions()).map(|examined| examined.settings);
        let form = Form::of(self.request.method(), self.request.headers());
        let mut answer = refuse(&refusal, Some(requirement), settings, form);
        if let Some(replace) = &self.rule.replace {
            answer = form.bare(replace(&refusal, answer));
        }
        answer.extensions_mut().insert(refusal);
        answer.map(Body::refusal)
    }
}

/// Where a request goes on.
enum Step<R> {
    Pass,
    Elevate(Elevating),
    Refuse(Response<Body<R>>),
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
            let (passed, better) = match state.as_mut().project() {
                StateProj::Inner { future, better } => {
                    let response = ready!(future.poll(cx))?.map(Body::new);
                    return Poll::Ready(Ok(with_token(response, better.take())));
                }
                StateProj::Deciding { call } => {
                    // Taken twice only after a refusal was returned: there is nothing more to come.
                    let Some(decided) = call.take() else { return Poll::Pending };
                    match decided.decide() {
                        Step::Pass => (decided, None),
                        Step::Refuse(answer) => return Poll::Ready(Ok(answer)),
                        Step::Elevate(elevating) => {
                            state.set(State::Elevating { elevating, call: Some(decided) });
                            continue;
                        }
                    }
                }
                StateProj::Elevating { elevating, call } => {
                    let outcome = ready!(elevating.as_mut().poll(cx));
                    let Some(mut decided) = call.take() else { return Poll::Pending };
                    match decided.elevated(outcome) {
                        Ok(token) => (decided, Some(token)),
                        Err(answer) => return Poll::Ready(Ok(answer)),
                    }
                }
            };
            // CVE-2025-12760: the inner service is called after the decision, or never.
            let mut passed = passed.without_code();
            let future = passed.service.call(passed.request);
            state.set(State::Inner { future, better });
        }
    }
}

impl<S: Service<Request<B>>, B> fmt::Debug for ResponseFuture<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
