//! One policy for a whole service: method and path to what is asked for, and no for the rest.
//!
//! A [`RequireLayer`](crate::middleware::RequireLayer) goes around one route, and a route that was
//! forgotten is open. A [`RoutePolicyLayer`] goes around everything, and a route that was forgotten is
//! denied.
//!
//! ```
//! use axum::{Router, body::Body, routing};
//! use http::{Method, Request, StatusCode};
//! use tower::{Layer, ServiceExt};
//! use tower_mfa::assurance::Requirement;
//! use tower_mfa::middleware::{AuthenticateLayer, RoutePolicyLayer};
//! use tower_mfa::middleware::route_policy::{Mode, RoutePolicy, Rule};
//! use tower_mfa::testing::ManualClock;
//! use tower_mfa::token::Verifier;
//!
//! // `token` says: a password and a code, at 1,800,000,000.
//! async fn example(verifier: Verifier, token: &str) {
//!     let policy = RoutePolicy::builder()
//!         .rule(Rule::on("landing", [Method::GET], "/").public())
//!         .rule(Rule::on("accounts", [Method::GET], "/accounts/{id}").require(Requirement::aal2()))
//!         .rule(Rule::on("vault", [Method::GET], "/vault").require(Requirement::aal3()).with_mode(Mode::ReportOnly))
//!         .build()
//!         .unwrap();
//!     let router: Router = Router::new()
//!         .route("/", routing::get(async || "welcome"))
//!         .route("/accounts/{id}", routing::get(async || "an account"))
//!         .route("/vault", routing::get(async || "gold"))
//!         .route("/debug", routing::get(async || "forgotten"));
//!     // Around the router, not `.layer(…)` on it: what is routed later would be left out.
//!     let app = RoutePolicyLayer::new(policy.clone()).layer(router);
//!     let clock = ManualClock::at(1_800_000_100);
//!     let app = AuthenticateLayer::new(verifier).with_clock(std::sync::Arc::new(clock)).layer(app);
//!     let status = async |path: &str, token: Option<&str>| {
//!         let request = Request::get(path).header("authorization", format!("Bearer {}", token.unwrap_or("none")));
//!         app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status()
//!     };
//!
//!     assert_eq!(status("/", None).await, StatusCode::OK);
//!     assert_eq!(status("/accounts/7", None).await, StatusCode::UNAUTHORIZED);
//!     assert_eq!(status("/accounts/7", Some(token)).await, StatusCode::OK);
//!     assert_eq!(status("/debug", Some(token)).await, StatusCode::FORBIDDEN, "no rule names it");
//!     // A code is no hardware key; that is written down, and nobody is refused for it yet.
//!     assert_eq!(status("/vault", Some(token)).await, StatusCode::OK);
//!     let vault = policy.tally().into_iter().find(|(rule, _)| rule.is_some_and(|rule| rule.name() == "vault"));
//!     assert_eq!(vault.unwrap().1.would_refuse, 1);
//! }
//! # mod scene { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scene/token.rs")); }
//! # let example = example(scene::verifier(), scene::TOKEN);
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example);
//! ```
//!
//! # Which rule it is
//!
//! Patterns are written as axum writes routes, and fitted by the same trie: text before a `{name}`
//! before a `{*rest}`; the order of the rules does not matter. The pattern that fits best decides alone:
//! if it names POST and the request is a GET, the request is denied, whatever a wider pattern says.
//!
//! - HEAD is judged as GET.
//! - OPTIONS is denied unless a rule names it, [`Rule::on_any_method`] included: a CORS layer, which
//!   answers it before anybody is asked who he is, goes outside.
//! - An upgrade is a GET, or over HTTP/2 a CONNECT with a path, and is judged as one. CONNECT to a host, and
//!   `OPTIONS *`, have no path, and nothing names them.
//! - No header changes the method or the path. What rewrites either (a method override, a normalised
//!   path, a stripped prefix) stands outside of the layer, so that the layer sees what is routed.
//!
//! # Paths with a trick in them
//!
//! What is judged must be what is served. A path that two programs read in two ways is answered `400`
//! before any rule is looked for: [`PathTrick`] lists what that is, in short `//`, dot segments, `;`,
//! and whatever is percent-encoded without need.
//!
//! # Where it goes
//!
//! | in axum | what it sees |
//! |---|---|
//! | `layer.layer(router)`, the best place | every request |
//! | `Router::layer` | every request to what was added before it, the fallback included |
//! | `Router::route_layer` | the routes that are there; an unknown address is a `404` and no `403` |
//! | inside of `nest` or `nest_service` | the shortened path, unless [`RoutePolicyLayer::original_uri`] finds the whole |
//!
//! # From no policy to a policy
//!
//! Begin with [`RoutePolicyBuilder::report_only`]: not a byte of an answer changes, and the log, the
//! host ([`RoutePolicyLayer::on_report`]) and [`RoutePolicy::tally`] say what would have been refused, by
//! rule. A rule that reports looks at the head of a request: a code in `X-MFA-Token` is not looked at, no
//! body is read, and no approval is spent. Then switch rules to [`Mode::Enforce`] one by one, and what no
//! rule names at last.
//!
//! [`RoutePolicyLayer::on_decision`] records each request as it was decided; [`replay`] decides the records by
//! another policy, before that is switched on. [`RoutePolicy::explain`] says why a request is refused.

mod bodies;
pub(crate) mod decide;
mod explain;
mod future;
mod layer;
mod methods;
mod path;
mod pattern;
mod policy;
mod record;
mod report;
mod rule;
mod service;
mod table;

pub use bodies::{Bodies, Read, Untouched};
pub use explain::RouteExplanation;
pub use future::ResponseFuture;
pub use layer::RoutePolicyLayer;
pub use path::PathTrick;
pub use policy::{Found, RoutePolicy, RoutePolicyBuilder, RoutePolicySource};
pub use record::{Changed, Outcome, Recorded, replay};
pub use report::{Report, Tally};
pub use rule::{Access, Address, Mode, Rule};
pub use service::RoutePolicyService;
