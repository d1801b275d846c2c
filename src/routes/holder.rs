//! Who calls: a session, or the holder of a challenge or enrolment token.

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::assurance::Authentication;
use crate::extract::{Authenticated, Rejection};
use crate::middleware::source::{Presented, bearer};
use crate::secret::SecretString;
use crate::service::{Enroller, Responder};

/// How sealed tokens begin. They have no dots where a signed token has two, so neither can be taken
/// for the other; which kind it is, its seal says.
const CHALLENGE: &str = "mfac_";
const ENROLMENT: &str = "mfae_";

enum Holder {
    Token(SecretString),
    Session(Authentication),
}

/// Who may answer a challenge. A challenge token in `Authorization` is no session token: other
/// sources are then ignored.
pub(super) struct ChallengeHolder(Holder);

/// Who may bind an authenticator.
pub(super) struct EnrolmentHolder(Holder);

impl ChallengeHolder {
    pub(super) const fn responder(&self) -> Responder<'_> {
        match &self.0 {
            Holder::Token(token) => Responder::Token(token),
            Holder::Session(by) => Responder::Session(by),
        }
    }
}

impl EnrolmentHolder {
    pub(super) const fn enroller(&self) -> Enroller<'_> {
        match &self.0 {
            Holder::Token(token) => Enroller::Token(token),
            Holder::Session(by) => Enroller::Session(by),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for ChallengeHolder {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        holder(parts, state, CHALLENGE).await.map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for EnrolmentHolder {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        holder(parts, state, ENROLMENT).await.map(Self)
    }
}

async fn holder<S: Sync>(parts: &mut Parts, state: &S, prefix: &str) -> Result<Holder, Rejection> {
    if let Presented::Token(token) = bearer(&parts.headers)
        && token.starts_with(prefix)
    {
        return Ok(Holder::Token(SecretString::new(token)));
    }
    let session = <Authenticated as FromRequestParts<S>>::from_request_parts(parts, state).await?;
    Ok(Holder::Session(session.into_inner()))
}
