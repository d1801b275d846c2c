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
        let requirement = R::requirement();
        match verdict(requirement, &parts.extensions) {
            Ok(authentication) => Ok(Self { authentication: authentication.clone(), requirement: PhantomData }),
            Err((refusal, settings)) => Err(Rejection::new(refusal, Some(requirement), settings, parts)),
        }
    }
}
