//! What a host writes by hand: a tower middleware on jsonwebtoken.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{SystemTime, UNIX_EPOCH};

use http::{Request, Response, StatusCode};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use tower::Service;

use crate::bare::Claims;

/// Verifies every token anew, around a service that answers at once, checks level and age, and puts the claims into the extensions.
#[derive(Clone)]
pub struct HandWritten<S> {
    inner: S,
    key: Arc<DecodingKey>,
    validation: Arc<Validation>,
}

impl<S> HandWritten<S> {
    pub fn new(inner: S, jwks: &str, issuer: &str, audience: &str) -> Self {
        let set: jsonwebtoken::jwk::JwkSet = serde_json::from_str(jwks).unwrap();
        let key = DecodingKey::from_jwk(&set.keys[0]).unwrap();
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        Self { inner, key: Arc::new(key), validation: Arc::new(validation) }
    }

    /// Returns the claims of a request that may pass.
    pub fn check<B>(&self, request: &Request<B>) -> Option<Claims> {
        let header = request.headers().get("authorization")?.to_str().ok()?;
        let claims = decode::<Claims>(header.strip_prefix("Bearer ")?, &self.key, &self.validation).ok()?.claims;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
        (claims.acr == "aal2" && claims.auth_time + 300 >= now).then_some(claims)
    }
}

impl<S, B> Service<Request<B>> for HandWritten<S>
where
    S: Service<
            Request<B>,
            Response = Response<()>,
            Error = Infallible,
            Future = Ready<Result<Response<()>, Infallible>>,
        >,
{
    type Response = Response<()>;
    type Error = Infallible;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        match self.check(&request) {
            Some(claims) => {
                request.extensions_mut().insert(Arc::new(claims));
                self.inner.call(request)
            }
            None => {
                let mut refusal = Response::new(());
                *refusal.status_mut() = StatusCode::UNAUTHORIZED;
                ready(Ok(refusal))
            }
        }
    }
}
