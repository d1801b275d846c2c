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
            Err(why) => Err(Rejection::new(why.clone(), None, Some(examined.settings), parts)),
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
    Examined::of(&parts.extensions)
        .ok_or_else(|| Rejection::new(Refusal::new(RefusalKind::NotLayered), None, None, parts))
}
