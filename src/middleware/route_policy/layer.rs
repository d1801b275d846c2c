use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use http::{Extensions, Request, Uri};
use tower::Layer;

use super::bodies::{Read, Untouched};
use super::path::PathTrick;
use super::policy::{RoutePolicy, RoutePolicySource};
use super::record::Recorded;
use super::report::Report;
use super::service::RoutePolicyService;
use crate::assurance::Circumstances;
use crate::clock::{Clock, SystemClock};
use crate::middleware::original_uri::{OriginalUri, is_shortened};
use crate::middleware::settings::Examined;

/// Lets a request through as the rule of its method and path says, and denies what no rule names.
///
/// It goes around a whole service, inside of one
/// [`AuthenticateLayer`](crate::middleware::AuthenticateLayer) where a rule asks for an authentication.
/// An `Mfa` gives one that is set up for axum: `Mfa::route_policy_layer`.
///
/// ```
/// use std::convert::Infallible;
///
/// use axum::body::Body;
/// use http::{Method, Request, Response, StatusCode};
/// use tower::{Layer, ServiceExt, service_fn};
/// use tower_mfa::assurance::Requirement;
/// use tower_mfa::middleware::RoutePolicyLayer;
/// use tower_mfa::middleware::route_policy::{RoutePolicy, Rule};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let policy = RoutePolicy::builder()
///     .rule(Rule::on("news", [Method::GET], "/news/{id}").public())
///     .rule(Rule::on_any_method("rest", "/{*rest}").require(Requirement::aal2()))
///     .build()
///     .unwrap();
/// let serve = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(Body::from("served"))));
/// let app = RoutePolicyLayer::new(policy).layer(serve);
/// let status = async |request: http::request::Builder| {
///     app.clone().oneshot(request.body(()).unwrap()).await.unwrap().status()
/// };
///
/// assert_eq!(status(Request::get("/news/7")).await, StatusCode::OK);
/// // No rule names it.
/// assert_eq!(status(Request::post("/news/7")).await, StatusCode::FORBIDDEN);
/// // What it means depends on who reads it.
/// assert_eq!(status(Request::get("/news/..%2fadmin")).await, StatusCode::BAD_REQUEST);
/// // Somebody has forgotten the `AuthenticateLayer`.
/// assert_eq!(status(Request::get("/accounts")).await, StatusCode::INTERNAL_SERVER_ERROR);
/// # });
/// ```
///
/// # Security
///
/// A client controls method, path and headers. Only the method and the path are looked at: no header
/// makes a request another one (`X-HTTP-Method-Override`, `X-Original-URL`), so what obeys such a header
/// has to stand outside.
#[must_use]
pub struct RoutePolicyLayer<W = Untouched> {
    shared: Arc<Shared>,
    bodies: PhantomData<fn() -> W>,
}

/// All that a request needs, behind one `Arc`.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) source: Arc<dyn RoutePolicySource>,
    original_uri: Option<OriginalUri>,
    clock: Arc<dyn Clock>,
    pub(super) on_report: Option<OnReport>,
    pub(super) on_decision: Option<OnDecision>,
}

type OnDecision = Arc<dyn Fn(&Recorded) + Send + Sync>;

type OnReport = Arc<dyn Fn(&Report) + Send + Sync>;

impl RoutePolicyLayer {
    /// Makes the layer, over a [`RoutePolicy`](super::RoutePolicy) or something that gives the one in
    /// force.
    pub fn new(source: impl RoutePolicySource) -> Self {
        let shared = Shared {
            source: Arc::new(source),
            original_uri: None,
            clock: Arc::new(SystemClock),
            on_report: None,
            on_decision: None,
        };
        Self { shared: Arc::new(shared), bodies: PhantomData }
    }
}

impl<W> RoutePolicyLayer<W> {
    /// Says where the URI is kept that the client has sent, if a router outside shortens it:
    /// `extract::original_uri` for axum's `nest`.
    ///
    /// Without it, a layer inside of `nest("/admin", …)` would judge `/admin/users` as `/users`.
    pub fn original_uri(self, find: fn(&Extensions) -> Option<&Uri>) -> Self {
        self.with(|shared| shared.original_uri = Some(find))
    }

    /// Reads the time of what is recorded from another clock, where no
    /// [`AuthenticateLayer`](crate::middleware::AuthenticateLayer) is outside; else that one's clock says it.
    ///
    /// Nothing is decided by this one: without that layer whatever asks for a proof is refused.
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        self.with(|shared| shared.clock = clock)
    }

    /// Hands a [`Report`] of each request that was refused, or would have been, to the host.
    ///
    /// `report` is called on the way of the request: it must not wait, nor panic.
    pub fn on_report(self, report: impl Fn(&Report) + Send + Sync + 'static) -> Self {
        self.with(|shared| shared.on_report = Some(Arc::new(report)))
    }

    /// Hands every request as it was decided, by its head, to the host: to be written down, and decided again by
    /// another policy before that is switched on ([`replay`](super::replay)). Default: nothing is recorded, and
    /// nothing is spent on it.
    ///
    /// `record` is called on the way of the request: it must not wait, nor panic.
    pub fn on_decision(self, record: impl Fn(&Recorded) + Send + Sync + 'static) -> Self {
        self.with(|shared| shared.on_decision = Some(Arc::new(record)))
    }

    /// Lets rules be transactions: the body of a request is read where its rule is one.
    ///
    /// The body must then be one that can be made of bytes, as axum's is. Without it, such a rule answers
    /// `500` and says so in the log.
    pub fn with_bodies(self) -> RoutePolicyLayer<Read> {
        RoutePolicyLayer { shared: self.shared, bodies: PhantomData }
    }

    fn with(self, change: impl FnOnce(&mut Shared)) -> Self {
        let mut shared = Arc::unwrap_or_clone(self.shared);
        change(&mut shared);
        Self { shared: Arc::new(shared), bodies: PhantomData }
    }
}

impl Shared {
    /// Hands a report to the host, if it wants any.
    pub(super) fn report(&self, report: impl FnOnce() -> Report) {
        if let Some(on_report) = &self.on_report {
            on_report(&report());
        }
    }

    /// Hands what became of a request to the host, if it wants to know.
    pub(super) fn record<B>(&self, policy: &RoutePolicy, request: &Request<B>, path: &str) {
        let Some(record) = &self.on_decision else { return };
        let examined = Examined::of(request.extensions());
        let at =
            examined.as_ref().map_or_else(|| self.clock.now().ok().map(Circumstances::at), Examined::circumstances);
        // Without a time nothing was decided that could be decided again.
        let Some(at) = at else { return };
        let who = examined.and_then(|examined| examined.outcome.ok());
        record(&Recorded::of(policy, request.method(), path, who, at));
    }

    /// Returns the URI that is judged, and what makes it doubtful.
    pub(super) fn uri<'a, B>(&self, request: &'a Request<B>) -> (&'a Uri, Option<PathTrick>) {
        let own = request.uri();
        match self.original_uri.and_then(|find| find(request.extensions())) {
            None => (own, None),
            Some(original) if is_shortened(own, original) => (original, None),
            Some(original) => (original, Some(PathTrick::Rewritten)),
        }
    }
}

impl<S, W> Layer<S> for RoutePolicyLayer<W> {
    type Service = RoutePolicyService<S, W>;

    fn layer(&self, inner: S) -> Self::Service {
        RoutePolicyService::new(inner, Arc::clone(&self.shared))
    }
}

impl<W> Clone for RoutePolicyLayer<W> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), bodies: PhantomData }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("policy", &self.source.current()).finish_non_exhaustive()
    }
}

impl<W> fmt::Debug for RoutePolicyLayer<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoutePolicyLayer").field("policy", &self.shared.source.current()).finish_non_exhaustive()
    }
}
