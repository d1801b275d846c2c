use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use tower::Layer;

use super::Require;
use crate::assurance::Requirement;
use crate::middleware::Refusal;

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
/// use http::{Request, Response, StatusCode};
/// use tower::{Layer, ServiceExt, service_fn};
/// use tower_mfa::assurance::Requirement;
/// use tower_mfa::middleware::{AuthenticateLayer, Refusal, RefusalKind, RequireLayer};
/// use tower_mfa::token::{KeySet, Verifier};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let jwks = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
/// # let token = concat!(
/// #     "eyJhbGciOiJFZERTQSIsImtpZCI6ImtQcktfcW14VldhWVZBOXd3QkY2SXVvM3ZWeno3VHhIQ1R3WEJ5Z3JTNGsiLC",
/// #     "J0eXAiOiJhdCtqd3QifQ.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJzdWIiOiJhbGljZSIsImF1ZCI6ImFwa",
/// #     "SIsImNsaWVudF9pZCI6IndlYiIsImV4cCI6MTgwMDAwMDkwMCwiaWF0IjoxODAwMDAwMDAwLCJqdGkiOiJkTVlvNlF",
/// #     "wSTR3UnBhRnVPQlVyRldRIiwic2lkIjoiZnNvaGt0SlN5QlFIMWJHWUFHeWNYZyIsImF1dGhfdGltZSI6MTgwMDAwM",
/// #     "DAwMCwiYWNyIjoiYWFsMiIsImFtciI6WyJwd2QiLCJvdHAiLCJtZmEiLCJ0b3RwIl0sImV2aWRlbmNlIjpbeyJ0eXB",
/// #     "lIjoidG90cCIsImF0IjoxODAwMDAwMDAwfSx7InR5cGUiOiJwd2QiLCJhdCI6MTgwMDAwMDAwMH1dfQ.nslVnuEsPj",
/// #     "x6su07GPl6QNt-0vA6P_6Wro9WdLeIbWBHzpwzmwtp4_5oWv7wM9W_ri3aCmkgGdarCGanwSzMAg",
/// # );
/// # struct At(u64);
/// # impl tower_mfa::clock::Clock for At {
/// #     fn now(&self) -> Result<tower_mfa::clock::Timestamp, tower_mfa::clock::ClockError> {
/// #         Ok(tower_mfa::clock::Timestamp::from_secs(self.0))
/// #     }
/// # }
/// # let (early, late) = (std::sync::Arc::new(At(1_800_000_100)), std::sync::Arc::new(At(1_800_000_301)));
/// # let keys = KeySet::from_jwks(jwks).unwrap();
/// let transfer = service_fn(|_: Request<()>| async {
///     Ok::<_, std::convert::Infallible>(Response::new(axum::body::Body::from("sent")))
/// });
/// let verifier = std::sync::Arc::new(Verifier::new("https://id.example", "api", keys).unwrap());
/// let require = RequireLayer::new(Requirement::aal2().within(300));
/// let at = |clock| AuthenticateLayer::new(verifier.clone()).with_clock(clock).layer(require.layer(transfer));
/// let request = || Request::get("/").header("authorization", format!("Bearer {token}")).body(()).unwrap();
///
/// // The code was typed 100 seconds ago.
/// assert_eq!(at(early).oneshot(request()).await.unwrap().status(), StatusCode::OK);
///
/// // And now 301 seconds ago: the same token is asked to step up.
/// let refused = at(late).oneshot(request()).await.unwrap();
/// assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
/// assert_eq!(refused.extensions().get::<Refusal>().unwrap().kind(), RefusalKind::StepUp);
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct RequireLayer {
    rule: Arc<Rule>,
}

pub(super) struct Rule {
    pub(super) requirement: Requirement,
    pub(super) replace: Option<Replace>,
}

type Replace = Box<dyn Fn(&Refusal, Response<Bytes>) -> Response<Bytes> + Send + Sync>;

impl RequireLayer {
    /// Makes the layer.
    pub fn new(requirement: Requirement) -> Self {
        Self { rule: Arc::new(Rule { requirement, replace: None }) }
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
        let requirement = self.rule.requirement.clone();
        Self { rule: Arc::new(Rule { requirement, replace: Some(Box::new(replace)) }) }
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
