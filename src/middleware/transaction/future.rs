use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tower::Service;

use super::layer::Rule;
use super::parameters::{self, Values};
use super::whole_request;
use super::{Approved, SentUri};
use crate::assurance::{Authentication, StepUpGrant, decide_bound, decide_by};
use crate::error::BoxError;
use crate::middleware::refusal::Form;
use crate::middleware::require::response::refuse;
use crate::middleware::settings::{Examined, Settings};
use crate::middleware::{Body, Refusal, RefusalKind, log};
use crate::token::{Redeem, Redeemed, bind_digest};

/// The future of [`Transaction`](super::Transaction).
///
/// # Cancel safety
///
/// Dropped before the inner service runs, the approval may be spent all the same: the request needs a
/// new one.
pub struct ResponseFuture<B, E>(Running<B, E>);

type Running<B, E> = Pin<Box<dyn Future<Output = Result<Response<B>, E>> + Send>>;

impl<B, E> ResponseFuture<B, E> {
    pub(super) fn new(running: impl Future<Output = Result<Response<B>, E>> + Send + 'static) -> Self {
        Self(Box::pin(running))
    }
}

impl<B, E> Future for ResponseFuture<B, E> {
    type Output = Result<Response<B>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<B, E> fmt::Debug for ResponseFuture<B, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

/// Decides, and calls the inner service after that or never.
pub(super) async fn guarded<S, B, R>(
    mut inner: S,
    request: Request<B>,
    rule: Arc<Rule>,
) -> Result<Response<Body<R>>, S::Error>
where
    S: Service<Request<B>, Response = Response<R>>,
    B: http_body::Body<Data: Buf, Error: Into<BoxError>> + From<Bytes>,
{
    let (mut parts, body) = request.into_parts();
    match rule.admit(&parts, body).await {
        Ok((approved, bytes)) => {
            parts.extensions.insert(approved);
            Ok(inner.call(Request::from_parts(parts, bytes.into())).await?.map(Body::new))
        }
        Err(refusal) => Ok(rule.answer(&parts, refusal)),
    }
}

impl Rule {
    /// The way of a request: who, what is missing, the body, its parameters, their approval, its one
    /// use. The order matters: a stranger makes nobody read a body, and nothing is spent for a request
    /// that is refused.
    async fn admit<B>(&self, parts: &Parts, body: B) -> Result<(Approved, Bytes), Refusal>
    where
        B: http_body::Body<Data: Buf, Error: Into<BoxError>>,
    {
        let examined = Examined::of(&parts.extensions).ok_or(Refusal::new(RefusalKind::NotLayered))?;
        let is_bound = |grant: &StepUpGrant| grant.bind().is_some();
        let who = examined.decides(|who, now| decide_by(&self.requirement, who, now, is_bound))?;
        if !self.whole_request && !is_plain_json(&parts.headers) {
            return Err(Refusal::new(RefusalKind::MediaType));
        }
        let bytes = self.collect(body).await?;
        let values = self.values(parts, &bytes)?;
        let digest = self.digest(&values)?;
        // The clock is read again: reading the body may have taken its time.
        examined.decides(|who, now| decide_bound(&self.requirement, who, &digest, now))?;
        if let Some(redeem) = &self.redeem {
            self.spend(&**redeem, who).await?;
        }
        let step_up = who.step_up().ok_or_else(|| Refusal::not_approved(&self.requirement))?.id();
        let (subject, whole_request) = (who.subject().clone(), self.whole_request);
        Ok((Approved { subject, values: Arc::new(values), whole_request, step_up }, bytes))
    }

    async fn collect<B>(&self, body: B) -> Result<Bytes, Refusal>
    where
        B: http_body::Body<Data: Buf, Error: Into<BoxError>>,
    {
        let length = body.size_hint().exact().ok_or(Refusal::new(RefusalKind::Body))?;
        if usize::try_from(length).is_ok_and(|length| length <= self.body_limit) {
            // What says how long it is may lie.
            return match Limited::new(body, self.body_limit).collect().await {
                Ok(whole) => Ok(whole.to_bytes()),
                Err(error) if error.is::<LengthLimitError>() => Err(Refusal::new(RefusalKind::TooLarge)),
                Err(_) => Err(Refusal::new(RefusalKind::Body)),
            };
        }
        Err(Refusal::new(RefusalKind::TooLarge))
    }

    /// What of the request is to be approved.
    fn values(&self, parts: &Parts, body: &[u8]) -> Result<Values, Refusal> {
        let values = if self.whole_request {
            let found = self.original_uri.and_then(|find| find(&parts.extensions));
            let judged = || parts.extensions.get::<SentUri>().map(|sent| &sent.0);
            let sent = whole_request::sent(&parts.uri, found.or_else(judged));
            sent.and_then(|sent| whole_request::read(&parts.method, sent, body))
        } else {
            parameters::read(body, &self.names)
        };
        values.map_err(|broken| Refusal::parameter(&broken.name, broken.rule))
    }

    fn digest(&self, values: &Values) -> Result<String, Refusal> {
        let members = values.iter().map(|(name, value)| (&**name, value));
        bind_digest(&self.action, members).map_err(|error| Refusal::parameter("body", error.rule()))
    }

    async fn spend(&self, redeem: &dyn Redeem, who: &Authentication) -> Result<(), Refusal> {
        match redeem.redeem(who).await {
            Ok(Redeemed::Now) => Ok(()),
            Ok(Redeemed::Before | Redeemed::Void) => Err(Refusal::not_approved(&self.requirement)),
            Err(error) => {
                log::not_redeemed(&error);
                Err(Refusal::new(RefusalKind::Unavailable))
            }
        }
    }

    fn answer<R>(&self, parts: &Parts, refusal: Refusal) -> Response<Body<R>> {
        let settings: Option<&Settings> = Examined::of(&parts.extensions).map(|examined| examined.settings);
        let form = Form::of(&parts.method, &parts.headers);
        let refusal = refusal.bound_to(&self.names);
        let mut answer = refuse(&refusal, settings, form);
        answer.extensions_mut().insert(refusal);
        answer.map(Body::refusal)
    }
}

/// `application/json` in UTF-8, as it is: whoever reads the body after us must read what we have read.
fn is_plain_json(headers: &HeaderMap) -> bool {
    let one = |name| {
        let mut values = headers.get_all(name).iter();
        (values.next().map(|value| value.to_str().unwrap_or("?")), values.next().is_some())
    };
    let ((Some(kind), false), (coding, false)) = (one(CONTENT_TYPE), one(CONTENT_ENCODING)) else { return false };
    let mut parts = kind.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let is_utf8 = |parameter: &str| {
        parameter.is_empty()
            || parameter.split_once('=').is_some_and(|(name, value)| {
                name.eq_ignore_ascii_case("charset") && value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            })
    };
    essence.eq_ignore_ascii_case("application/json")
        && parts.all(is_utf8)
        && coding.is_none_or(|coding| coding.eq_ignore_ascii_case("identity"))
}
