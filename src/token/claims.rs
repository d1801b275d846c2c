use std::ops::Range;

use serde::Serialize;

use crate::assurance::{AcrNames, Assurance, Evidence, StepUpGrant};
use crate::clock::Timestamp;
use crate::id::{SessionId, Subject, TokenId};

/// What a token is to say.
///
/// # Security
///
/// Level, methods and times come from an [`Assurance`], and that comes from evidence alone: a token
/// cannot claim what was not checked.
#[derive(Debug, Clone)]
#[must_use]
pub struct Claims<'a> {
    pub(super) subject: &'a Subject,
    pub(super) client_id: &'a str,
    pub(super) session: SessionId,
    pub(super) token_id: TokenId,
    pub(super) assurance: &'a Assurance,
    pub(super) valid: Range<Timestamp>,
    pub(super) step_up: Option<&'a StepUpGrant>,
    pub(super) roles: &'a [Box<str>],
    pub(super) scopes: &'a [Box<str>],
}

impl<'a> Claims<'a> {
    /// Says who (`subject`, in `session`, through `client_id`), how sure (`assurance`) and how long
    /// (`valid`: from when it is issued to when it expires).
    pub const fn new(
        subject: &'a Subject,
        client_id: &'a str,
        session: SessionId,
        token_id: TokenId,
        assurance: &'a Assurance,
        valid: Range<Timestamp>,
    ) -> Self {
        Self { subject, client_id, session, token_id, assurance, valid, step_up: None, roles: &[], scopes: &[] }
    }

    /// Adds the approval of one action.
    pub const fn with_step_up(self, grant: &'a StepUpGrant) -> Self {
        Self { step_up: Some(grant), ..self }
    }

    /// Adds the roles the host gave.
    pub const fn with_roles(self, roles: &'a [Box<str>]) -> Self {
        Self { roles, ..self }
    }

    /// Adds the scopes the host gave.
    pub const fn with_scopes(self, scopes: &'a [Box<str>]) -> Self {
        Self { scopes, ..self }
    }
}

/// The claims as JSON (RFC 9068 §2.2), in the order of `docs/HTTP.md`.
#[derive(Serialize)]
pub(super) struct Body<'a> {
    iss: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    sub: &'a str,
    aud: &'a str,
    client_id: &'a str,
    exp: Timestamp,
    iat: Timestamp,
    jti: TokenId,
    sid: SessionId,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<Timestamp>,
    acr: &'a str,
    amr: &'a [Box<str>],
    evidence: Vec<Proof>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step_up: Option<&'a StepUpGrant>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    roles: &'a [Box<str>],
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

#[derive(Serialize)]
struct Proof {
    r#type: &'static str,
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    phr: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uv: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hw: Option<bool>,
}

impl<'a> Body<'a> {
    pub(super) fn new(iss: &'a str, aud: &'a str, names: &'a AcrNames, claims: &Claims<'a>) -> Self {
        let assurance = claims.assurance;
        Self {
            iss,
            tenant: claims.subject.tenant(),
            sub: claims.subject.id(),
            aud,
            client_id: claims.client_id,
            exp: claims.valid.end,
            iat: claims.valid.start,
            jti: claims.token_id,
            sid: claims.session,
            auth_time: assurance.auth_time(),
            acr: names.of(assurance.level()),
            amr: assurance.amr(),
            evidence: assurance.evidence().iter().map(Proof::of).collect(),
            step_up: claims.step_up,
            roles: claims.roles,
            scope: (!claims.scopes.is_empty()).then(|| claims.scopes.join(" ")),
        }
    }
}

impl Proof {
    fn of(evidence: &Evidence) -> Self {
        let said = |property: bool| property.then_some(true);
        Self {
            r#type: evidence.method().name(),
            at: evidence.at(),
            phr: said(evidence.is_phishing_resistant()),
            uv: said(evidence.is_user_verified()),
            hw: said(evidence.is_hardware()),
        }
    }
}
