//! The tower layers: who a request comes from, and whether that is enough for this route.
//!
//! [`AuthenticateLayer`] goes around everything and only looks: it finds the token, verifies it,
//! and puts an [`Authentication`](crate::assurance::Authentication) into the request's extensions.
//! [`RequireLayer`] goes around one route and decides. Neither needs a store, and both work over any
//! `Service<http::Request<B>>`: axum, hyper, tonic.
//!
//! ```
//! # use tower::{Layer, ServiceExt, service_fn};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! use http::{Request, Response, StatusCode};
//! use tower_mfa::assurance::Requirement;
//! use tower_mfa::middleware::{AuthenticateLayer, RequireLayer};
//! use tower_mfa::token::{KeySet, Verifier};
//!
//! # let jwks = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
//! let verifier = Verifier::new("https://id.example", "api", KeySet::from_jwks(jwks).unwrap()).unwrap();
//! let transfer = service_fn(|_: Request<()>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(axum::body::Body::from("done")))
//! });
//! let service = RequireLayer::new(Requirement::aal2().within(300)).layer(transfer);
//! let service = AuthenticateLayer::new(verifier).layer(service);
//!
//! let answer = service.oneshot(Request::new(())).await.unwrap();
//! assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
//! assert_eq!(answer.headers()["www-authenticate"], r#"Bearer realm="api""#);
//! # }
//! ```

pub mod authenticate;
mod body;
mod challenge_header;
pub(crate) mod cookie;
pub mod csrf;
#[cfg(feature = "tracing")]
mod log;
#[cfg(not(feature = "tracing"))]
#[path = "silent.rs"]
mod log;
pub mod problem;
mod refusal;
pub mod require;
mod settings;
mod source;

pub use authenticate::AuthenticateLayer;
pub use body::Body;
pub use refusal::{Refusal, RefusalKind};
pub use require::RequireLayer;
pub use source::Source;

pub(crate) use refusal::Form;
pub(crate) use require::refuse;
pub(crate) use settings::{Examined, Settings, verdict};
pub(crate) use source::{Credential, Head, Presented, bearer, find};
