//! axum extractors: what a handler's signature asks for, the request has, or the handler never runs.
//!
//! All of them read what an [`AuthenticateLayer`](crate::middleware::AuthenticateLayer) outside has put
//! into the request, and refuse as [`RequireLayer`](crate::middleware::RequireLayer) does; without that
//! layer they answer `500`.
//!
//! | the handler takes | it runs for |
//! |---|---|
//! | [`Authenticated`] | whoever is signed in |
//! | `Option<Authenticated>` | everybody, and says who it is if that is known |
//! | [`Enforced<Aal2>`](Enforced), [`Enforced<Aal3>`](Enforced) | whoever reached that level |
//! | `Enforced<R>` with an `R` of your own | whoever meets `R` |
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! use axum::{Router, routing};
//! use http::{Request, StatusCode};
//! use tower::ServiceExt;
//! use tower_mfa::assurance::Requirement;
//! use tower_mfa::extract::{Aal3, Authenticated, Enforced, Require};
//! use tower_mfa::middleware::AuthenticateLayer;
//! use tower_mfa::token::{KeySet, Verifier};
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
//! # let jwks = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
//! # let token = concat!(
//! #     "eyJhbGciOiJFZERTQSIsImtpZCI6ImtQcktfcW14VldhWVZBOXd3QkY2SXVvM3ZWeno3VHhIQ1R3WEJ5Z3JTNGsiLC",
//! #     "J0eXAiOiJhdCtqd3QifQ.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJzdWIiOiJhbGljZSIsImF1ZCI6ImFwa",
//! #     "SIsImNsaWVudF9pZCI6IndlYiIsImV4cCI6MTgwMDAwMDkwMCwiaWF0IjoxODAwMDAwMDAwLCJqdGkiOiJkTVlvNlF",
//! #     "wSTR3UnBhRnVPQlVyRldRIiwic2lkIjoiZnNvaGt0SlN5QlFIMWJHWUFHeWNYZyIsImF1dGhfdGltZSI6MTgwMDAwM",
//! #     "DAwMCwiYWNyIjoiYWFsMiIsImFtciI6WyJwd2QiLCJvdHAiLCJtZmEiLCJ0b3RwIl0sImV2aWRlbmNlIjpbeyJ0eXB",
//! #     "lIjoidG90cCIsImF0IjoxODAwMDAwMDAwfSx7InR5cGUiOiJwd2QiLCJhdCI6MTgwMDAwMDAwMH1dfQ.nslVnuEsPj",
//! #     "x6su07GPl6QNt-0vA6P_6Wro9WdLeIbWBHzpwzmwtp4_5oWv7wM9W_ri3aCmkgGdarCGanwSzMAg",
//! # );
//! # struct At(u64);
//! # impl tower_mfa::clock::Clock for At {
//! #     fn now(&self) -> Result<tower_mfa::clock::Timestamp, tower_mfa::clock::ClockError> {
//! #         Ok(tower_mfa::clock::Timestamp::from_secs(self.0))
//! #     }
//! # }
//! # let (early, late) = (std::sync::Arc::new(At(1_800_000_100)), std::sync::Arc::new(At(1_800_000_301)));
//! # let keys = KeySet::from_jwks(jwks).unwrap();
//! # let _ = late;
//! let verifier = Verifier::new("https://id.example", "api", keys).unwrap();
//! let app = Router::new()
//!     .route("/me", routing::get(me))
//!     .route("/transfer", routing::get(transfer))
//!     .route("/vault", routing::get(vault))
//!     .layer(AuthenticateLayer::new(verifier).with_clock(early));
//!
//! // The token says: a password and a code, 100 seconds ago.
//! for (path, status) in [("/me", 200), ("/transfer", 200), ("/vault", 401)] {
//!     let request = Request::get(path).header("authorization", format!("Bearer {token}"));
//!     let answer = app.clone().oneshot(request.body(axum::body::Body::empty()).unwrap()).await.unwrap();
//!     assert_eq!(answer.status().as_u16(), status, "{path}");
//! }
//! # }
//! ```

mod authenticated;
mod enforced;
mod rejection;
#[cfg(test)]
mod tests;

pub use authenticated::Authenticated;
pub use enforced::{Aal2, Aal3, Enforced, Require};
pub use rejection::Rejection;
