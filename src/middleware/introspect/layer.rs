use std::fmt;
use std::sync::Arc;

use tower::Layer;

use super::Introspected;
use crate::token::Introspect;

/// Believes a token only after it was asked whether its session is still there: the strict mode, a read of the store
/// for each request that brings one.
///
/// It goes right inside of the innermost [`AuthenticateLayer`](crate::middleware::AuthenticateLayer): one further inside
/// would believe the token anew. The other way round every route that asks for something answers `500`. What has ended
/// is `401 invalid_token` from that moment on, whichever replica ended it; where it cannot be known it is `503`. Requests
/// without a token pass: whether one is needed is said by what stands further inside.
///
/// ```
/// use std::convert::Infallible;
/// use std::sync::Arc;
///
/// use http::{Request, Response, StatusCode};
/// use tower::{Layer, ServiceExt, service_fn};
/// use tower_mfa::assurance::Requirement;
/// use tower_mfa::assurance::Authentication;
/// use tower_mfa::middleware::{AuthenticateLayer, IntrospectLayer, RequireLayer};
/// use tower_mfa::testing::ManualClock;
/// use tower_mfa::token::{Introspect, IntrospectFuture, Verifier};
///
/// /// Who keeps the sessions; `service::Mfa` is one.
/// struct Sessions(&'static [&'static str]);
///
/// impl Introspect for Sessions {
///     fn is_active<'a>(&'a self, who: &'a Authentication) -> IntrospectFuture<'a> {
///         Box::pin(async move { Ok(self.0.contains(&who.subject().id())) })
///     }
/// }
///
/// // `token` was issued to Alice.
/// async fn example(verifier: Arc<Verifier>, token: &str) {
///     let ask = async |sessions: Sessions| {
///         let service = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new("")));
///         let service = RequireLayer::new(Requirement::aal2()).layer(service);
///         let service = IntrospectLayer::new(Arc::new(sessions)).layer(service);
///         let clock = ManualClock::at(1_800_000_100);
///         let service = AuthenticateLayer::new(verifier.clone()).with_clock(Arc::new(clock)).layer(service);
///         let request = Request::get("/").header("authorization", format!("Bearer {token}"));
///         service.oneshot(request.body(()).unwrap()).await.unwrap().status()
///     };
///     assert_eq!(ask(Sessions(&["alice", "bob"])).await, StatusCode::OK);
///     assert_eq!(ask(Sessions(&["bob"])).await, StatusCode::UNAUTHORIZED);
/// }
/// # mod scene { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scene/token.rs")); }
/// # let example = example(Arc::new(scene::verifier()), scene::TOKEN);
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example);
/// ```
#[derive(Clone)]
#[must_use]
pub struct IntrospectLayer {
    sessions: Arc<dyn Introspect>,
}

impl IntrospectLayer {
    /// Makes the layer.
    pub fn new(sessions: Arc<dyn Introspect>) -> Self {
        Self { sessions }
    }
}

impl fmt::Debug for IntrospectLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntrospectLayer").finish_non_exhaustive()
    }
}

impl<S> Layer<S> for IntrospectLayer {
    type Service = Introspected<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Introspected::new(inner, Arc::clone(&self.sessions))
    }
}
