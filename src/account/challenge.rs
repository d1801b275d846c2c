use serde::{Deserialize, Serialize};

use super::asks::Asks;
use super::refusal::Refusal;
use super::session::Seed;
use super::webauthn::{self, OptionsJson};
use crate::assurance::{Evidence, Method};
use crate::clock::Timestamp;
use crate::id::{AuthenticatorId, ChallengeId, SessionId};

/// A pending, expiring, single-use question. It has no power but to be answered.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Challenge {
    pub(crate) id: ChallengeId,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) asks: Asks,
    pub(crate) origin: Origin,
    /// What has been proved since it was opened; for a login, the first factor too.
    #[serde(with = "super::stored_evidence")]
    pub(crate) evidence: Vec<Evidence>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) approval: Option<Approval>,
    /// What a key must sign to answer it; another one after each right answer (WA-AUTH-11).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) to_sign: Option<webauthn::Challenge>,
}

/// Where a challenge comes from, which is who may answer it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Origin {
    /// A login, answered with the challenge's own token.
    Login(Seed),
    /// A session, answered with a token of that session.
    Session(SessionId),
}

/// The action a challenge approves.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Approval {
    pub(crate) action: Box<str>,
    /// The digest of the parameters; a bound action is always asked for anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bind: Option<Box<str>>,
    /// The host's state, sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<String>,
}

/// One way to answer a challenge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Offer {
    /// The kind of answer.
    #[serde(rename = "type")]
    pub method: Method,
    /// The authenticator to use; recovery codes and keys have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authenticator_id: Option<AuthenticatorId>,
    /// The label its owner gave it, which may be empty; recovery codes and keys have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<Box<str>>,
    /// How many recovery codes are left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining: Option<usize>,
    /// What to ask the browser for: `PublicKeyCredentialRequestOptionsJSON`, for all keys that may answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_key: Option<OptionsJson>,
}

/// A question as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChallengeView {
    /// The id, which has no power of its own.
    pub id: ChallengeId,
    /// Seconds until it lapses.
    pub expires_in: u64,
    /// The ways to answer it.
    pub methods: Vec<Offer>,
}

impl Challenge {
    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }

    pub(crate) fn session(&self) -> Option<SessionId> {
        match self.origin {
            Origin::Session(sid) => Some(sid),
            Origin::Login(_) => None,
        }
    }
}

/// Who wants to answer: whoever passed the first factor, or a session.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Access {
    /// The challenge's own token was opened, and names this challenge.
    Token(ChallengeId),
    /// A token of this session was verified.
    Session(SessionId),
}

impl Access {
    /// Finds the challenge that `id` names, if this access reaches it.
    ///
    /// A genuine token of a challenge that is expired, used or superseded is `410`, a session's
    /// unknown id `404`, and a token is worthless anywhere but at its own challenge.
    pub(crate) fn find(self, challenges: &[Challenge], id: ChallengeId, now: Timestamp) -> Result<usize, Refusal> {
        let found = challenges.iter().position(|c| c.id == id);
        let live = |at: usize| challenges.get(at).is_some_and(|c| c.is_live(now));
        match self {
            Self::Token(own) if own != id => Err(Refusal::InvalidToken),
            Self::Token(_) => found.filter(|at| live(*at)).ok_or(Refusal::ChallengeGone),
            Self::Session(sid) => {
                let own = found.filter(|at| challenges.get(*at).and_then(Challenge::session) == Some(sid));
                let own = own.ok_or(Refusal::NotFound)?;
                if live(own) { Ok(own) } else { Err(Refusal::ChallengeGone) }
            }
        }
    }
}
