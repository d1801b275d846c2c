//! The tower layers: who a request comes from, and whether that is enough for this route.
//!
//! [`AuthenticateLayer`] goes around everything and only looks: it finds the token, verifies it, and
//! puts an [`Authentication`](crate::assurance::Authentication) into the request's extensions.
//! [`RequireLayer`] goes around one route and decides. Neither needs a store, and both work over any
//! `Service<http::Request<B>>`: axum, hyper, tonic.
//!
//! ```
//! use std::sync::Arc;
//!
//! use axum::{Router, body::Body, routing};
//! use http::{Request, StatusCode};
//! use tower::ServiceExt;
//! use tower_mfa::assurance::Requirement;
//! use tower_mfa::middleware::{AuthenticateLayer, RequireLayer};
//! use tower_mfa::testing::ManualClock;
//! use tower_mfa::token::{KeySet, Verifier};
//!
//! // The issuer has published `jwks`. `token` says: a password and a code, at 1,800,000,000.
//! async fn example(jwks: &str, token: &str) {
//!     let verifier = Verifier::new("https://id.example", "api", KeySet::from_jwks(jwks).unwrap()).unwrap();
//!     let clock = ManualClock::at(1_800_000_100); // the system's, if nothing is said
//!     let app = Router::new()
//!         .route("/transfer", routing::get(|| async { "sent" }))
//!         .route_layer(RequireLayer::new(Requirement::aal2().within(300)))
//!         .layer(AuthenticateLayer::new(verifier).with_clock(Arc::new(clock)));
//!
//!     // A password and a code, 100 seconds old: enough.
//!     let request = Request::get("/transfer").header("authorization", format!("Bearer {token}"));
//!     let sent = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
//!     assert_eq!(sent.status(), StatusCode::OK);
//!
//!     // Nobody: refused, and told how to come back.
//!     let refused = app.oneshot(Request::get("/transfer").body(Body::empty()).unwrap()).await.unwrap();
//!     assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
//!     assert_eq!(refused.headers()["www-authenticate"], r#"Bearer realm="api""#);
//! }
//! # mod scene { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scene/token.rs")); }
//! # let example = example(scene::JWKS, scene::TOKEN);
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example);
//! ```
//!
//! # Where they go
//!
//! For a whole service, with a no for what was forgotten: a [`RoutePolicyLayer`] ([`route_policy`]). For
//! single routes:
//!
//! One [`AuthenticateLayer`] outside, one [`RequireLayer`] around each route that asks for something
//! (`route_layer` in axum). The other way round, or with the outer one forgotten, every such route
//! answers `500` and says so in the log; none is open by mistake. A route without a [`RequireLayer`]
//! is public: what must not be is better asked for in the handler's signature
//! (`extract::Enforced`).
//!
//! # Where the token stands
//!
//! In `Authorization: Bearer` unless [`AuthenticateLayer::sources`] says otherwise: `X-Session-Token`,
//! a cookie, another header. Never in the query. Two configured sources that both carry a token are
//! `400 invalid_request`; the cookie of an unsafe request counts only if our own pages caused it
//! ([`csrf`]).
//!
//! # What a refusal is
//!
//! | found | answer |
//! |---|---|
//! | no credentials | `401 unauthenticated`, and no `error` in `WWW-Authenticate` (RFC 6750 §3.1) |
//! | a token that is not believed | `401 invalid_token`; the log says why |
//! | too weak, too old, not for this action | `401 insufficient_user_authentication` (RFC 9470), with what is missing as data |
//! | a role or scope is missing | `403 insufficient_scope` |
//! | another network, or not at this time | `403 forbidden` |
//! | two tokens | `400 invalid_request` |
//! | a cookie, and another site behind it | `403 forbidden` |
//! | a path with a trick in it, before a route policy | `400 invalid_request` |
//! | what no rule of a route policy names | `403 forbidden` |
//! | the clock cannot be read, or not what was revoked elsewhere | `503 unavailable`, with `Retry-After` |
//! | no [`AuthenticateLayer`] outside | `500 internal` |
//!
//! Each is `application/problem+json` ([`problem`]) with `Cache-Control: no-store`; a gRPC call gets the
//! same as a trailers-only response. The [`Refusal`] stands in the extensions of the answer, and
//! [`RequireLayer::with_response`] replaces the answer.

pub mod authenticate;
mod body;
mod challenge_header;
mod client_address;
pub(crate) mod cookie;
pub mod csrf;
pub mod introspect;
#[cfg(feature = "tracing")]
mod log;
#[cfg(not(feature = "tracing"))]
#[path = "silent.rs"]
mod log;
mod original_uri;
pub mod problem;
pub(crate) mod refusal;
pub mod require;
pub mod route_policy;
pub(crate) mod settings;
pub(crate) mod source;
#[cfg(test)]
pub(crate) mod tests;
pub mod transaction;

pub use authenticate::AuthenticateLayer;
pub use body::Body;
pub use client_address::ClientAddress;
pub use introspect::IntrospectLayer;
pub use refusal::{Refusal, RefusalKind};
pub use require::RequireLayer;
pub use route_policy::RoutePolicyLayer;
pub use source::Source;
pub use transaction::{Approved, TransactionLayer};
