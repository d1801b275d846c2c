use std::ops::Deref;

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;

use super::Rejection;
use crate::assurance::Authentication;
use crate::middleware::settings::Examined;
use crate::middleware::{Refusal, RefusalKind};

/// Who the request comes from, or `401`.
///
/// `Option<Authenticated>` is `None` for a request that carries no token, or none that is believed.
/// Without an [`AuthenticateLayer`](crate::middleware::AuthenticateLayer) outside, both are `500`.
///
/// ```
/// use std::sync::Arc;
///
/// use axum::{Router, body::Body, routing};
/// use http::Request;
/// use tower::ServiceExt;
/// use tower_mfa::extract::Authenticated;
/// use tower_mfa::middleware::AuthenticateLayer;
/// use tower_mfa::testing::ManualClock;
/// use tower_mfa::token::Verifier;
///
/// async fn me(who: Authenticated) -> String {
///     who.subject().id().to_owned()
/// }
///
/// // `token` was issued to Alice, at 1,800,000,000.
/// async fn example(verifier: Verifier, token: &str) {
///     let layer = AuthenticateLayer::new(verifier).with_clock(Arc::new(ManualClock::at(1_800_000_100)));
///     let app = Router::new().route("/me", routing::get(me)).layer(layer);
///     let status = async |token: &str| {
///         let request = Request::get("/me").header("authorization", format!("Bearer {token}"));
///         app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status().as_u16()
///     };
///     assert_eq!(status(token).await, 200);
///     assert_eq!(status("made-up").await, 401);
/// }
/// # mod scene { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scene/token.rs")); }
/// # let example = example(scene::verifier(), scene::TOKEN);
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example);
/// ```
///
/// # Security
///
/// A valid token of any level is enough. Where a level matters, ask for
/// [`Enforced`](super::Enforced).
#[derive(Debug, Clone)]
pub struct Authenticated(Authentication);

impl Authenticated {
    /// Returns the authentication itself.
    #[must_use]
    pub fn into_inner(self) -> Authentication {
        self.0
    }
}

impl Deref for Authenticated {
    type Target = Authentication;

    fn deref(&self) -> &Authentication {
        &self.0
    }
}

impl<S: Sync> FromRequestParts<S> for Authenticated {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        let examined = examined(parts)?;
        match examined.outcome {
            Ok(authentication) => Ok(Self(authentication.clone())),
            Err(why) => Err(Rejection::new(why.clone(), Some(examined.settings), parts)),
        }
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Authenticated {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Rejection> {
        Ok(examined(parts)?.outcome.ok().cloned().map(Self))
    }
}

fn examined(parts: &Parts) -> Result<Examined<'_>, Rejection> {
    Examined::of(&parts.extensions).ok_or_else(|| Rejection::new(Refusal::new(RefusalKind::NotLayered), None, parts))
}
