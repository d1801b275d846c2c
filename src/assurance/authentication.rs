use std::any::Any;
use std::sync::Arc;

use serde::Serialize;

use super::Assurance;
use crate::clock::Timestamp;
use crate::id::{Subject, TokenId};

/// Who a request comes from, and how sure we are: what a verified token says.
///
/// The middleware puts it into the request's extensions; cloning it is cheap.
///
/// ```
/// use tower_mfa::assurance::{Aal, Authentication};
///
/// // A handler gets one from the request's extensions, or takes `extract::Authenticated`.
/// fn handler(who: &Authentication) {
///     assert_eq!(who.subject().id(), "alice");
///     assert_eq!(who.assurance().level(), Aal::Two);
///     assert!(who.step_up().is_none(), "signed in, but no action was approved");
/// }
/// # mod scene { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scene/token.rs")); }
/// # handler(&scene::verified());
/// ```
///
/// # Security
///
/// There is no public constructor: only a token verifier that has checked a signature makes one, so
/// having one is the proof.
#[derive(Debug, Clone)]
pub struct Authentication {
    parts: Arc<AuthenticationParts>,
    /// What the layer that read the token hands on to those inside it, so that a request carries
    /// one extension and not two. Opaque: this room knows no HTTP.
    handed_on: Option<Arc<dyn Any + Send + Sync>>,
}

/// The fields, for the one room that fills them in.
#[derive(Debug)]
pub(crate) struct AuthenticationParts {
    pub(crate) subject: Subject,
    pub(crate) session: Option<Box<str>>,
    pub(crate) client_id: Box<str>,
    pub(crate) token_id: Box<str>,
    pub(crate) issued_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) assurance: Assurance,
    pub(crate) step_up: Option<StepUpGrant>,
    pub(crate) roles: Vec<Box<str>>,
    pub(crate) scopes: Vec<Box<str>>,
}

impl Authentication {
    pub(crate) fn from_parts(parts: AuthenticationParts) -> Self {
        Self { parts: Arc::new(parts), handed_on: None }
    }

    pub(crate) fn handing_on(self, what: Arc<dyn Any + Send + Sync>) -> Self {
        Self { handed_on: Some(what), ..self }
    }

    pub(crate) fn handed_on<T: Any>(&self) -> Option<&T> {
        self.handed_on.as_deref()?.downcast_ref()
    }

    /// Hands on what `other` does: this authentication stands in its place.
    pub(crate) fn in_place_of(self, other: &Self) -> Self {
        Self { handed_on: other.handed_on.clone(), ..self }
    }

    /// Returns the subject: tenant and id.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.parts.subject
    }

    /// Returns the session id (`sid`), which a foreign issuer may leave out.
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        self.parts.session.as_deref()
    }

    /// Returns the client the token was issued to (`client_id`).
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.parts.client_id
    }

    /// Returns the token's own id (`jti`).
    #[must_use]
    pub fn token_id(&self) -> &str {
        &self.parts.token_id
    }

    /// Returns when the token was issued.
    #[must_use]
    pub fn issued_at(&self) -> Timestamp {
        self.parts.issued_at
    }

    /// Returns when the token stops being valid.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.parts.expires_at
    }

    /// Returns the assurance that was reached.
    #[must_use]
    pub fn assurance(&self) -> &Assurance {
        &self.parts.assurance
    }

    /// Returns the step-up the token answers, where it answers one.
    #[must_use]
    pub fn step_up(&self) -> Option<&StepUpGrant> {
        self.parts.step_up.as_ref()
    }

    /// Returns the roles the host passed when the session began.
    #[must_use]
    pub fn roles(&self) -> &[Box<str>] {
        &self.parts.roles
    }

    /// Returns the scopes of the token.
    #[must_use]
    pub fn scopes(&self) -> &[Box<str>] {
        &self.parts.scopes
    }
}

/// The claim `step_up`: the subject approved one action, with one set of parameters.
///
/// Written down, it is the claim of the token and the member of the answer, by `docs/HTTP.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepUpGrant {
    #[serde(rename = "jti")]
    pub(crate) id: TokenId,
    pub(crate) action: Box<str>,
    pub(crate) auth_time: Timestamp,
    #[serde(rename = "exp")]
    pub(crate) expires_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bind: Option<Box<str>>,
}

impl StepUpGrant {
    /// Returns the id by which a single-use step-up is spent (`step_up.jti`).
    #[must_use]
    pub const fn id(&self) -> TokenId {
        self.id
    }

    /// Returns the action that was approved.
    #[must_use]
    pub fn action(&self) -> &str {
        &self.action
    }

    /// Returns when the subject approved it.
    #[must_use]
    pub const fn auth_time(&self) -> Timestamp {
        self.auth_time
    }

    /// Returns when the approval lapses.
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Returns the digest of the parameters it is bound to (`sha-256:…`).
    #[must_use]
    pub fn bind(&self) -> Option<&str> {
        self.bind.as_deref()
    }
}
