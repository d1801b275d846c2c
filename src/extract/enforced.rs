use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use axum_core::extract::FromRequestParts;
use http::request::Parts;

use super::Rejection;
use crate::assurance::{Authentication, Requirement};
use crate::middleware::settings::verdict;

/// A [`Requirement`] with a name, for [`Enforced`].
pub trait Require: Send + Sync + 'static {
    /// Returns what is asked for. It is called at every request, so keep it in a `static`.
    fn requirement() -> &'static Requirement;
}

/// Two distinct factors.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_enums, reason = "a name for a requirement; it has no values")]
pub enum Aal2 {}

/// Two distinct factors, one a hardware key that cannot be phished.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_enums, reason = "a name for a requirement; it has no values")]
pub enum Aal3 {}

impl Require for Aal2 {
    fn requirement() -> &'static Requirement {
        static AAL2: Requirement = Requirement::aal2();
        &AAL2
    }
}

impl Require for Aal3 {
    fn requirement() -> &'static Requirement {
        static AAL3: Requirement = Requirement::aal3();
        &AAL3
    }
}

/// An authentication that meets `R`.
///
/// A handler that takes one cannot be mounted unprotected: what is not met is answered as
/// [`RequireLayer`](crate::middleware::RequireLayer) answers it, and the handler never runs.
///
/// ```
/// use std::sync::Arc;
///
/// use axum::{Router, body::Body, routing};
/// use http::Request;
/// use tower::ServiceExt;
/// use tower_mfa::extract::{Aal2, Aal3, Enforced};
/// use tower_mfa::middleware::AuthenticateLayer;
/// use tower_mfa::testing::ManualClock;
/// use tower_mfa::token::Verifier;
///
/// async fn transfer(who: Enforced<Aal2>) -> String {
///     format!("sent by {}", who.subject().id())
/// }
///
/// async fn vault(_: Enforced<Aal3>) {}
///
/// // `token` says: a password and a code.
/// async fn example(verifier: Verifier, token: &str) {
///     let layer = AuthenticateLayer::new(verifier).with_clock(Arc::new(ManualClock::at(1_800_000_100)));
///     let app = Router::new().route("/transfer", routing::get(transfer)).route("/vault", routing::get(vault));
///     let app = app.layer(layer);
///     let status = async |path: &str| {
///         let request = Request::get(path).header("authorization", format!("Bearer {token}"));
///         app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status().as_u16()
///     };
///     assert_eq!(status("/transfer").await, 200);
///     assert_eq!(status("/vault").await, 401, "a code is no hardware key");
/// }
/// # mod scene { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scene/token.rs")); }
/// # let example = example(scene::verifier(), scene::TOKEN);
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example);
/// ```
pub struct Enforced<R> {
    authentication: Authentication,
    requirement: PhantomData<fn() -> R>,
}

impl<R> Enforced<R> {
    /// Returns the authentication itself.
    #[must_use]
    pub fn into_inner(self) -> Authentication {
        self.authentication
    }
}

impl<R> Deref for Enforced<R> {
    type Target = Authentication;

    fn deref(&self) -> &Authentication {
        &self.authentication
    }
}

impl<R> fmt::Debug for Enforced<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Enforced").field(&self.authentication).finish()
    }
}

impl<R: Require, S: Sync> FromRequestParts<S> for Enforced<R> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        match verdict(R::requirement(), &parts.extensions) {
            Ok(authentication) => Ok(Self { authentication: authentication.clone(), requirement: PhantomData }),
            Err((refusal, settings)) => Err(Rejection::new(refusal, settings, parts)),
        }
    }
}
