//! An account as its owner, and the host, see it.

use std::sync::Arc;

use serde::Serialize;

use super::authenticator::{Authenticator, Status};
use super::refusal::Refusal;
use super::sealed::EnrolmentClaims;
use super::session::Session;
use super::turn::Turn;
use super::webauthn::{KeyKind, OptionsJson};
use super::{Account, Standing};
use crate::assurance::{AcrNames, Assurance, Authentication, Method, assess};
use crate::clock::Timestamp;
use crate::id::{Aaguid, AuthenticatorId, SessionId};
use crate::policy::Policy;
use crate::secret::SecretString;

/// An authenticator as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AuthenticatorView {
    /// Its id.
    pub id: AuthenticatorId,
    /// Its kind.
    #[serde(rename = "type")]
    pub method: Method,
    /// The label its owner gave it; may be empty.
    pub label: Box<str>,
    /// When its binding began.
    pub created_at: Timestamp,
    /// When it was last used; `None` before the first time.
    pub last_used_at: Option<Timestamp>,
    /// When it expires, where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// What state it is in.
    pub status: Status,
    /// Whether a look-alike site cannot pass its proof on.
    pub phishing_resistant: bool,
    /// Of a key: `passkey` or `security_key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// Of a key: whether it can be copied to other devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synced: Option<bool>,
    /// Of a key: its model, where it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aaguid: Option<Aaguid>,
    /// The model's name, where it is well known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<&'static str>,
    /// Of a key: how the browser can reach it, where it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transports: Option<Vec<Box<str>>>,
}

/// A set of recovery codes as its owner sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RecoveryCodesView {
    /// How many are left.
    pub remaining: usize,
    /// How many there were.
    pub total: usize,
    /// When they were made; `None` when there never were any.
    pub created_at: Option<Timestamp>,
}

/// A session as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SessionView {
    /// Its id.
    pub sid: SessionId,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last refreshed or used with the issuer.
    pub last_seen: Timestamp,
    /// Its level's name.
    pub acr: String,
    /// How it was authenticated.
    pub amr: Vec<Box<str>>,
    /// The client it belongs to.
    pub client: Box<str>,
    /// Where its login came from, where the host said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Box<str>>,
    /// Whether it is the session that asks.
    pub current: bool,
}

/// The answer to "how do I stand?".
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StatusView {
    /// Whose account it is.
    pub subject: Box<str>,
    /// The tenant, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Box<str>>,
    /// The level's name.
    pub acr: String,
    /// How the caller was authenticated.
    pub amr: Vec<Box<str>>,
    /// When.
    pub auth_time: Option<Timestamp>,
    /// `required`, `optional` or `complete`: whether as many authenticators are usable as must be.
    pub enrolment: &'static str,
    /// Until when the account may sign in without what is required; `None` where no date was set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_until: Option<Timestamp>,
    /// What is bound, and what waits to be confirmed.
    pub authenticators: Vec<AuthenticatorView>,
    /// Which passkeys and security keys are left, for `PublicKeyCredential.signalAllAcceptedCredentials`: it takes
    /// those that were removed out of the browser's list. `None` where no key was ever asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted_credentials: Option<OptionsJson>,
    /// The recovery codes.
    pub recovery_codes: RecoveryCodesView,
    /// How many sessions there are.
    pub sessions: usize,
}

/// A binding that has begun: what the owner needs to add the key to an app.
///
/// # Security
///
/// It holds the key. Show it to its owner over a protected channel and keep it nowhere.
#[derive(Debug)]
#[non_exhaustive]
pub struct Enrolment {
    /// The id to confirm.
    pub id: AuthenticatorId,
    /// The key in base 32, to type where a QR code cannot be read.
    pub secret: SecretString,
    /// The key URI, for a QR code.
    pub otpauth_uri: SecretString,
    /// Seconds until it lapses unconfirmed.
    pub expires_in: u32,
}

/// The binding of a key that has begun: what to ask the browser for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyEnrolment {
    /// The id to confirm.
    pub id: AuthenticatorId,
    /// `PublicKeyCredentialCreationOptionsJSON`, for `navigator.credentials.create`.
    pub public_key: OptionsJson,
    /// Seconds until it lapses unconfirmed.
    pub expires_in: u32,
}

/// What a session proves and holds.
pub(crate) struct Proved<'a> {
    pub(crate) assurance: Assurance,
    pub(crate) roles: &'a [Box<str>],
    pub(crate) scopes: &'a [Box<str>],
}

impl Account {
    pub(crate) fn status(
        &mut self,
        turn: &mut Turn<'_>,
        by: &Authentication,
        names: &AcrNames,
    ) -> Result<StatusView, Refusal> {
        let at = self.caller(turn, by)?;
        let assurance = self.session_at(at)?.assurance(turn.policy).ok_or(Refusal::InvalidToken)?;
        Ok(self.status_of(turn, &assurance, names))
    }

    /// How the holder of an enrolment token stands.
    pub(crate) fn enrolment_status(
        &self,
        turn: &Turn<'_>,
        claims: &EnrolmentClaims,
        names: &AcrNames,
    ) -> Result<StatusView, Refusal> {
        let ticket = self.enrolment.as_ref().filter(|t| t.id == claims.ticket && t.expires_at > turn.now);
        let ticket = ticket.filter(|_| self.standing == Standing::Normal).ok_or(Refusal::InvalidToken)?;
        let assurance = assess(&ticket.evidence, turn.policy.registered_amr_only).ok_or(Refusal::InvalidToken)?;
        Ok(self.status_of(turn, &assurance, names))
    }

    fn status_of(&self, turn: &Turn<'_>, assurance: &Assurance, names: &AcrNames) -> StatusView {
        let set = self.recovery.as_ref().map(|r| &r.set);
        StatusView {
            subject: self.subject.id().into(),
            tenant: self.subject.tenant().map(Into::into),
            acr: names.of(assurance.level()).into(),
            amr: assurance.amr().to_vec(),
            auth_time: assurance.auth_time(),
            enrolment: match (self.active(turn.now).next(), self.has_usable_enough(turn)) {
                (_, false) => "required",
                (Some(_), true) => "complete",
                (None, true) => "optional",
            },
            grace_until: self.grace_until(turn),
            authenticators: self
                .authenticators
                .iter()
                .filter(|a| !a.is_stale(turn.now))
                .map(|a| AuthenticatorView::of(a, turn))
                .collect(),
            accepted_credentials: self.accepted_credentials(turn),
            recovery_codes: RecoveryCodesView {
                remaining: self.recovery_remaining(),
                total: set.map_or(0, |set| set.total()),
                created_at: set.map(|set| set.created_at()),
            },
            sessions: self.sessions.iter().filter(|s| turn.now < s.until).count(),
        }
    }

    /// What a live session proves and holds: the named one, or the one used last.
    pub(crate) fn session_known(
        &self,
        now: Timestamp,
        named: Option<SessionId>,
        policy_of: impl Fn(&str) -> Arc<Policy>,
    ) -> Option<Proved<'_>> {
        let live = self.sessions.iter().filter(|s| self.standing == Standing::Normal && now < s.until);
        let session = live.filter(|s| named.is_none_or(|id| s.id == id)).max_by_key(|s| s.last_seen)?;
        let policy = policy_of(&session.id.to_string());
        let assurance = session.assurance(&policy).filter(|_| session.is_live(&policy, now))?;
        Some(Proved { assurance, roles: &session.seed.roles, scopes: &session.seed.scopes })
    }

    pub(super) fn authenticator_view(
        &self,
        turn: &Turn<'_>,
        id: AuthenticatorId,
    ) -> Result<AuthenticatorView, Refusal> {
        let found = self.authenticators.iter().find(|a| a.id == id).ok_or(Refusal::NotFound)?;
        Ok(AuthenticatorView::of(found, turn))
    }

    pub(crate) fn session_views(
        &mut self,
        turn: &mut Turn<'_>,
        by: &Authentication,
        names: &AcrNames,
    ) -> Result<Vec<SessionView>, Refusal> {
        let at = self.caller(turn, by)?;
        let current = self.session_at(at)?.id;
        let live = self.sessions.iter().filter(|s| turn.now < s.until);
        Ok(live.filter_map(|s| SessionView::of(s, current, turn, names)).collect())
    }
}

impl AuthenticatorView {
    fn of(a: &Authenticator, turn: &Turn<'_>) -> Self {
        let now = turn.now;
        let key = a.credential.key();
        let aaguid = key.map(|key| key.aaguid).filter(|aaguid| aaguid.is_known());
        Self {
            kind: a.credential.key_kind().map(KeyKind::name),
            synced: key.map(|key| key.backup_eligible),
            aaguid,
            model: aaguid.zip(turn.ceremonies).and_then(|(aaguid, ceremonies)| ceremonies.model(aaguid)),
            transports: key.map(|key| key.transports.words().to_vec()).filter(|words| !words.is_empty()),
            id: a.id,
            method: a.credential.method(),
            label: a.label.clone(),
            created_at: a.created_at,
            last_used_at: a.last_used_at,
            expires_at: a.expires_at,
            status: a.status_at(now),
            phishing_resistant: a.credential.is_phishing_resistant(),
        }
    }
}

impl SessionView {
    fn of(session: &Session, current: SessionId, turn: &Turn<'_>, names: &AcrNames) -> Option<Self> {
        let assurance = session.assurance(turn.policy)?;
        Some(Self {
            sid: session.id,
            created_at: session.created_at,
            last_seen: session.last_seen,
            acr: names.of(assurance.level()).into(),
            amr: assurance.amr().to_vec(),
            client: session.seed.client_id.clone(),
            address: session.seed.address.clone(),
            current: session.id == current,
        })
    }
}
