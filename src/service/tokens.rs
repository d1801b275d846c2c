use std::time::Duration;

use serde::Serialize;

use super::Error;
use super::inner::Inner;
use crate::account::Grant;
use crate::assurance::StepUpGrant;
use crate::clock::Timestamp;
use crate::id::{SessionId, TokenId};
use crate::secret::SecretString;
use crate::token::Claims;

/// What a successful login, answer or refresh gives: an access token, and how it came about.
///
/// # Security
///
/// It holds tokens: no `Display`, no `Serialize`, and a `Debug` that leaves them out. It gives
/// itself up by [`into_json`](Tokens::into_json).
#[derive(Debug)]
pub struct Tokens {
    access_token: SecretString,
    refresh_token: Option<SecretString>,
    expires_in: u64,
    session: SessionId,
    acr: Box<str>,
    amr: Vec<Box<str>>,
    auth_time: Option<Timestamp>,
    step_up: Option<StepUpGrant>,
}

impl Tokens {
    /// Returns the signed access token (RFC 9068).
    #[must_use]
    pub const fn access_token(&self) -> &SecretString {
        &self.access_token
    }

    /// Returns the refresh token; `None` when the session keeps the one it has.
    #[must_use]
    pub const fn refresh_token(&self) -> Option<&SecretString> {
        self.refresh_token.as_ref()
    }

    /// Returns for how long the access token is good.
    #[must_use]
    pub const fn expires_in(&self) -> Duration {
        Duration::from_secs(self.expires_in)
    }

    /// Returns the session id.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// Returns the name of the level that was reached.
    #[must_use]
    pub fn acr(&self) -> &str {
        &self.acr
    }

    /// Returns how the subject was authenticated.
    #[must_use]
    pub fn amr(&self) -> &[Box<str>] {
        &self.amr
    }

    /// Returns when; `None` never happens for tokens of our own.
    #[must_use]
    pub const fn auth_time(&self) -> Option<Timestamp> {
        self.auth_time
    }

    /// Returns the step-up the access token carries.
    #[must_use]
    pub const fn step_up(&self) -> Option<&StepUpGrant> {
        self.step_up.as_ref()
    }

    /// Gives itself up as the `complete` answer of the HTTP contract, a JSON object.
    ///
    /// # Security
    ///
    /// The text holds the tokens: send it once, with `Cache-Control: no-store`.
    #[must_use]
    pub fn into_json(self) -> String {
        self.text(true)
    }

    pub(crate) fn text(&self, in_body: bool) -> String {
        to_text(&self.body(in_body))
    }

    /// `in_body` is whether the tokens travel here, and not in cookies that a page cannot read.
    pub(super) fn body(&self, in_body: bool) -> TokensBody<'_> {
        TokensBody {
            status: "complete",
            access_token: in_body.then(|| self.access_token.expose()),
            token_type: in_body.then_some("Bearer"),
            expires_in: self.expires_in,
            refresh_token: self.refresh_token.as_ref().filter(|_| in_body).map(SecretString::expose),
            acr: &self.acr,
            amr: &self.amr,
            auth_time: self.auth_time,
            step_up: self.step_up.as_ref(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct TokensBody<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    acr: &'a str,
    amr: &'a [Box<str>],
    auth_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step_up: Option<&'a StepUpGrant>,
}

/// Our own bodies have string keys and finite numbers alone, so they can always be written.
pub(super) fn to_text(body: &impl Serialize) -> String {
    serde_json::to_string(body).unwrap_or_default()
}

impl Inner {
    /// Signs what the account granted. It is committed already: a failure here grants nothing, and
    /// the subject signs in again.
    pub(super) async fn issue(&self, grant: Grant) -> Result<Tokens, Error> {
        let token_id = TokenId::generate(&*self.entropy).map_err(Error::unavailable)?;
        let (assurance, seed) = (&grant.assurance, &grant.seed);
        let valid = grant.issued_at..grant.expires_at;
        let claims = Claims::new(&grant.subject, &seed.client_id, grant.session, token_id, assurance, valid)
            .with_roles(&seed.roles)
            .with_scopes(&seed.scopes);
        let claims = match &grant.step_up {
            Some(step_up) => claims.with_step_up(step_up),
            None => claims,
        };
        let access_token = self.issuer.issue(&claims).await?;
        Ok(Tokens {
            access_token,
            refresh_token: grant.refresh_token,
            expires_in: grant.expires_at.since(grant.given_at),
            session: grant.session,
            acr: self.verifier.acr_names().of(assurance.level()).into(),
            amr: assurance.amr().to_vec(),
            auth_time: assurance.auth_time(),
            step_up: grant.step_up,
        })
    }
}
