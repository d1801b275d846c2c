//! axum extractors: what a handler's signature asks for, the request has, or the handler never runs.
//!
//! All of them read what an [`AuthenticateLayer`](crate::middleware::AuthenticateLayer) outside has put
//! into the request, and refuse as [`RequireLayer`](crate::middleware::RequireLayer) does; without that
//! layer they answer `500`. [`original_uri`] is for a route policy inside of `nest`.
//!
//! | the handler takes | it runs for |
//! |---|---|
//! | [`Authenticated`] | whoever is signed in |
//! | `Option<Authenticated>` | everybody, and says who it is if that is known |
//! | [`Enforced<Aal2>`](Enforced), [`Enforced<Aal3>`](Enforced) | whoever reached that level |
//! | `Enforced<R>` with an `R` of your own | whoever meets `R` |
//!
//! ```
//! use std::sync::Arc;
//!
//! use axum::{Router, body::Body, routing};
//! use http::Request;
//! use tower::ServiceExt;
//! use tower_mfa::assurance::Requirement;
//! use tower_mfa::extract::{Aal3, Authenticated, Enforced, Require};
//! use tower_mfa::middleware::AuthenticateLayer;
//! use tower_mfa::testing::ManualClock;
//! use tower_mfa::token::Verifier;
//!
//! enum Transfer {}
//!
//! impl Require for Transfer {
//!     fn requirement() -> &'static Requirement {
//!         static TRANSFER: Requirement = Requirement::aal2().within(300);
//!         &TRANSFER
//!     }
//! }
//!
//! async fn me(who: Authenticated) -> String {
//!     who.subject().id().to_owned()
//! }
//!
//! // There is no way to mount these without the check.
//! async fn transfer(who: Enforced<Transfer>) -> String {
//!     format!("sent by {}", who.subject().id())
//! }
//!
//! async fn vault(_: Enforced<Aal3>) {}
//!
//! // `token` says: a password and a code, at 1,800,000,000.
//! async fn example(verifier: Verifier, token: &str) {
//!     let clock = ManualClock::at(1_800_000_100);
//!     let app = Router::new()
//!         .route("/me", routing::get(me))
//!         .route("/transfer", routing::get(transfer))
//!         .route("/vault", routing::get(vault))
//!         .layer(AuthenticateLayer::new(verifier).with_clock(Arc::new(clock.clone())));
//!     let status = async |path: &str| {
//!         let request = Request::get(path).header("authorization", format!("Bearer {token}"));
//!         app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status().as_u16()
//!     };
//!
//!     assert_eq!(status("/me").await, 200);
//!     assert_eq!(status("/transfer").await, 200);
//!     assert_eq!(status("/vault").await, 401, "a code is no hardware key");
//!
//!     clock.advance(201);
//!     assert_eq!(status("/transfer").await, 401, "the code was typed 301 seconds ago");
//! }
//! # mod scene { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scene/token.rs")); }
//! # let example = example(scene::verifier(), scene::TOKEN);
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example);
//! ```

mod authenticated;
mod enforced;
mod original_uri;
mod rejection;
#[cfg(test)]
mod tests;

pub use authenticated::Authenticated;
pub use enforced::{Aal2, Aal3, Enforced, Require};
pub use original_uri::original_uri;
pub use rejection::Rejection;
