use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use tower::{Layer, Service};

use super::{Require, ResponseFuture};
use crate::assurance::Requirement;
use crate::middleware::Refusal;
use crate::token::Elevate;

/// Lets a request through only if it meets a [`Requirement`].
///
/// One goes around each route that asks for something (`route_layer` in axum), inside of one
/// [`AuthenticateLayer`](crate::middleware::AuthenticateLayer). Without that one outside, every
/// request is refused with `500`.
///
/// The inner service's response and error pass untouched. A refusal is `application/problem+json`
/// with `WWW-Authenticate` (RFC 6750, RFC 9470), for gRPC the same as metadata, and has the
/// [`Refusal`] in its extensions.
///
/// ```
/// use std::convert::Infallible;
/// use std::sync::Arc;
///
/// use axum::body::Body;
/// use http::{Request, Response, StatusCode};
/// use tower::{Layer, ServiceExt, service_fn};
/// use tower_mfa::assurance::Requirement;
/// use tower_mfa::middleware::{AuthenticateLayer, Refusal, RefusalKind, RequireLayer};
/// use tower_mfa::testing::ManualClock;
/// use tower_mfa::token::Verifier;
///
/// // `token` says: a password and a code, at 1,800,000,000.
/// async fn example(verifier: Verifier, token: &str) {
///     let clock = ManualClock::at(1_800_000_300);
///     let send = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(Body::from("sent"))));
///     let send = RequireLayer::new(Requirement::aal2().within(300)).layer(send);
///     let send = AuthenticateLayer::new(verifier).with_clock(Arc::new(clock.clone())).layer(send);
///     let request = || Request::get("/").header("authorization", format!("Bearer {token}")).body(()).unwrap();
///
///     let sent = send.clone().oneshot(request()).await.unwrap();
///     assert_eq!(sent.status(), StatusCode::OK);
///
///     // One second later the code is too old: the same token is asked to step up.
///     clock.advance(1);
///     let refused = send.oneshot(request()).await.unwrap();
///     assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
///     assert_eq!(refused.extensions().get::<Refusal>().unwrap().kind(), RefusalKind::StepUp);
/// }
/// # mod scene { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scene/token.rs")); }
/// # let example = example(scene::verifier(), scene::TOKEN);
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example);
/// ```
#[derive(Clone)]
#[must_use]
pub struct RequireLayer {
    rule: Arc<Rule>,
}

#[derive(Clone)]
pub(super) struct Rule {
    pub(super) requirement: Requirement,
    pub(super) replace: Option<Replace>,
    pub(super) elevate: Option<Arc<dyn Elevate>>,
}

type Replace = Arc<dyn Fn(&Refusal, Response<Bytes>) -> Response<Bytes> + Send + Sync>;

impl RequireLayer {
    /// Makes the layer.
    pub fn new(requirement: Requirement) -> Self {
        Self { rule: Arc::new(Rule { requirement, replace: None, elevate: None }) }
    }

    /// Takes a code of an authenticator app from `X-MFA-Token`, beside a token that is not enough: for
    /// scripts and command lines, which cannot open a challenge and answer it.
    ///
    /// The request then runs, and the better token comes back in `X-Session-Token`: use that until it
    /// expires. A code that is not needed is not looked at, and none is handed on to the service inside.
    /// Where phishing resistance is asked for no code helps, a
    /// [`TransactionLayer`](crate::middleware::TransactionLayer) takes none, and none is taken from a
    /// browser (`Sec-Fetch-Site`, `Origin`): a page can open a challenge.
    ///
    /// # Security
    ///
    /// The code is checked as any other: throttled, charged, used once, and committed before the request
    /// runs. It is charged to the address that [`AuthenticateLayer::client_address`](super::super::AuthenticateLayer)
    /// finds; where nothing says it, to the one budget of all who have none.
    pub fn inline_codes(self, elevate: Arc<dyn Elevate>) -> Self {
        self.with(|rule| rule.elevate = Some(elevate))
    }

    /// Answers with what `replace` makes of the refusal and of the answer it would get.
    ///
    /// # Security
    ///
    /// The inner service is not called, whatever `replace` returns.
    pub fn with_response(
        self,
        replace: impl Fn(&Refusal, Response<Bytes>) -> Response<Bytes> + Send + Sync + 'static,
    ) -> Self {
        self.with(|rule| rule.replace = Some(Arc::new(replace)))
    }

    /// Returns what it asks for.
    pub fn requirement(&self) -> &Requirement {
        &self.rule.requirement
    }

    /// Sends one request through to a service that was polled ready.
    pub(in crate::middleware) fn run<S, B>(&self, ready: &mut S, request: Request<B>) -> ResponseFuture<S, B>
    where
        S: Service<Request<B>> + Clone,
    {
        ResponseFuture::new(ready, request, &self.rule)
    }

    fn with(self, change: impl FnOnce(&mut Rule)) -> Self {
        let mut rule = Arc::unwrap_or_clone(self.rule);
        change(&mut rule);
        Self { rule: Arc::new(rule) }
    }
}

impl From<Requirement> for RequireLayer {
    fn from(requirement: Requirement) -> Self {
        Self::new(requirement)
    }
}

impl<S> Layer<S> for RequireLayer {
    type Service = Require<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Require::new(inner, self.rule.clone())
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule").field("requirement", &self.requirement).finish_non_exhaustive()
    }
}

impl fmt::Debug for RequireLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireLayer").field("requirement", &self.rule.requirement).finish_non_exhaustive()
    }
}
