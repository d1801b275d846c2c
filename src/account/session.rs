use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::refusal::Refusal;
use super::sealed::RefreshClaims;
use super::throttle::Throttle;
use super::turn::Turn;
use crate::assurance::{Aal, Assurance, Evidence, StepUpGrant, assess};
use crate::clock::Timestamp;
use crate::id::{SessionId, Subject, TokenId};
use crate::policy::Policy;
use crate::secret::{SecretString, constant_time_eq};

/// For how long a replaced refresh token gives its successor again, in seconds (`HTTP.md`).
const REFRESH_GRACE: u64 = 30;

/// What the host says of a session when it begins; it is carried from one session id to the next.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seed {
    pub(crate) client_id: Box<str>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) roles: Vec<Box<str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) scopes: Vec<Box<str>>,
    /// The groups the host has put the subject into: for policy, and in no token.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) groups: Vec<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<Box<str>>,
    /// How the subject is called in an authenticator app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) account_name: Option<Box<str>>,
    /// When the login was.
    pub(crate) login_at: Timestamp,
    /// It began by a bypass of the second factor, and ends with that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bypass_until: Option<Timestamp>,
}

/// A session: evidence, and the right to be refreshed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) seed: Seed,
    pub(crate) created_at: Timestamp,
    pub(crate) last_seen: Timestamp,
    /// When it ends if it is not used again, by the policy it was last used under: that of its own
    /// client and roles, which another session's request does not know.
    pub(crate) until: Timestamp,
    #[serde(with = "super::stored_evidence")]
    pub(crate) evidence: Vec<Evidence>,
    /// SHA-256 of the refresh key, base64url: the document alone refreshes nothing.
    refresh_hash: Box<str>,
    /// The number of the newest refresh token.
    generation: u32,
    rotated_at: Timestamp,
    /// When the last of its access tokens expires: for so long it must be remembered that it ended.
    tokens_until: Timestamp,
    /// The budget of a session already at AAL2, so that a stranger cannot lock its owner out.
    #[serde(default, skip_serializing_if = "Throttle::is_untouched")]
    pub(crate) throttle: Throttle,
}

/// What tokens are made from: a snapshot of a session at the moment of an answer.
pub(crate) struct Grant {
    pub(crate) subject: Subject,
    pub(crate) session: SessionId,
    pub(crate) seed: Seed,
    pub(crate) assurance: Assurance,
    /// What the token says of when it was issued.
    pub(crate) issued_at: Timestamp,
    /// The clock, from which whoever gets the token counts how long it is good.
    pub(crate) given_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) step_up: Option<StepUpGrant>,
    pub(crate) refresh_token: Option<SecretString>,
}

impl Session {
    /// Begins a session and its first refresh token.
    pub(crate) fn begin(
        turn: &Turn<'_>,
        subject: &Subject,
        seed: Seed,
        evidence: Vec<Evidence>,
    ) -> Result<(Self, SecretString), Refusal> {
        // With a second factor proved, it owes nothing to a bypass any more.
        let level = assess(&evidence, turn.policy.registered_amr_only).map(|assurance| assurance.level());
        let seed = Seed { bypass_until: seed.bypass_until.filter(|_| level < Some(Aal::Two)), ..seed };
        let id = SessionId::generate(turn.entropy)?;
        let key = TokenId::generate(turn.entropy)?;
        let expires_at = outermost(&seed, turn.policy);
        let token =
            RefreshClaims { subject: subject.clone(), session: id, key, generation: 0, expires_at }.seal(turn)?;
        let mut session = Self {
            id,
            seed,
            created_at: turn.now,
            last_seen: turn.now,
            until: turn.now,
            evidence,
            refresh_hash: hash(key),
            generation: 0,
            rotated_at: turn.now,
            tokens_until: Timestamp::EPOCH,
            throttle: Throttle::default(),
        };
        session.until = session.ends_at(turn.policy);
        Ok((session, token))
    }

    pub(crate) fn assurance(&self, policy: &Policy) -> Option<Assurance> {
        assess(&self.evidence, policy.registered_amr_only)
    }

    /// The level it is at; a session that proves nothing is below every other.
    pub(crate) fn level(&self, policy: &Policy) -> Option<Aal> {
        self.assurance(policy).map(|assurance| assurance.level())
    }

    /// When the session ends if nothing happens: overall limit or idle limit, whichever is first.
    ///
    /// The overall time of AAL2 and AAL3 runs from the proof that reached the level, within that
    /// of AAL1, which runs from the login.
    pub(crate) fn ends_at(&self, policy: &Policy) -> Timestamp {
        let from_login = outermost(&self.seed, policy);
        let Some(assurance) = self.assurance(policy) else {
            return Timestamp::EPOCH;
        };
        let limits = policy.session_limits(assurance.level());
        let reached_at = assurance.auth_time().unwrap_or(self.seed.login_at);
        let overall = reached_at.plus(u64::from(limits.overall)).min(from_login);
        let idle = limits.idle.map(|idle| self.last_seen.plus(u64::from(idle)));
        idle.map_or(overall, |idle| idle.min(overall))
    }

    pub(crate) fn is_live(&self, policy: &Policy, now: Timestamp) -> bool {
        now < self.ends_at(policy)
    }

    /// Notes that the session is used; tells whether that is worth writing down.
    pub(crate) fn touch(&mut self, policy: &Policy, now: Timestamp) -> bool {
        let idle = self.assurance(policy).and_then(|a| policy.session_limits(a.level()).idle).unwrap_or(3600);
        // A tenth of the idle time is as exact as it needs to be, and saves nine writes of ten.
        let worth = now.since(self.last_seen).saturating_mul(10) >= u64::from(idle);
        if worth {
            self.last_seen = now;
            self.until = self.ends_at(policy);
        }
        worth
    }

    /// When the last of its access tokens expires.
    pub(crate) const fn tokens_until(&self) -> Timestamp {
        self.tokens_until
    }

    /// Grants an access token and notes when it expires, which is to be committed.
    pub(crate) fn grant(&mut self, turn: &Turn<'_>, subject: &Subject) -> Result<Grant, Refusal> {
        let grant = self.present(turn, subject)?;
        self.tokens_until = self.tokens_until.max(grant.expires_at);
        Ok(grant)
    }

    /// Grants an access token that lives no longer than until `most`, and no longer than one that was
    /// granted before: nothing is to be committed.
    ///
    /// It says that it was issued at `latest`, the newest time that is written of the account, if not before: who ends
    /// the session at a replica whose clock is behind ends what was issued until then.
    pub(crate) fn grant_within(
        &self,
        turn: &Turn<'_>,
        subject: &Subject,
        most: Timestamp,
        latest: Timestamp,
    ) -> Result<Grant, Refusal> {
        let grant = self.present(turn, subject)?;
        let expires_at = grant.expires_at.min(most).min(self.tokens_until);
        if expires_at <= turn.clock {
            return Err(Refusal::InvalidToken);
        }
        Ok(Grant { issued_at: grant.issued_at.min(latest), expires_at, ..grant })
    }

    /// Grants an access token of more evidence than the session keeps.
    pub(crate) fn grant_with(
        &mut self,
        turn: &Turn<'_>,
        subject: &Subject,
        evidence: Vec<Evidence>,
    ) -> Result<Grant, Refusal> {
        let raised = Self { evidence, last_seen: turn.now, ..self.clone() };
        let grant = raised.present(turn, subject)?;
        let grant = Grant { expires_at: grant.expires_at.min(self.ends_at(turn.policy)), ..grant };
        self.tokens_until = self.tokens_until.max(grant.expires_at);
        Ok(grant)
    }

    fn present(&self, turn: &Turn<'_>, subject: &Subject) -> Result<Grant, Refusal> {
        // A replica whose clock runs ahead by less than is tolerated may have taken the proof; a token
        // that speaks of the future would be believed nowhere.
        let mut evidence = self.evidence.clone();
        evidence.iter_mut().for_each(|proof| proof.at = proof.at.min(turn.clock));
        let assurance = assess(&evidence, turn.policy.registered_amr_only).ok_or(Refusal::InvalidToken)?;
        let ttl = turn.policy.access_token_ttl(assurance.level());
        Ok(Grant {
            subject: subject.clone(),
            session: self.id,
            seed: self.seed.clone(),
            issued_at: turn.clock,
            given_at: turn.clock,
            expires_at: turn.clock.plus(u64::from(ttl)).min(self.ends_at(turn.policy)),
            assurance,
            step_up: None,
            refresh_token: None,
        })
    }

    /// Takes a refresh token of this session.
    pub(crate) fn refresh(&mut self, turn: &Turn<'_>, claims: &RefreshClaims) -> Result<Refreshed, Refusal> {
        if !constant_time_eq(hash(claims.key).as_bytes(), self.refresh_hash.as_bytes()) {
            return Err(Refusal::InvalidToken);
        }
        let is_newest = claims.generation == self.generation;
        let is_previous = claims.generation.checked_add(1) == Some(self.generation);
        if is_newest {
            self.generation = self.generation.checked_add(1).ok_or(Refusal::InvalidToken)?;
            self.rotated_at = turn.now;
            self.last_seen = turn.now;
            self.until = self.ends_at(turn.policy);
        } else if !is_previous || turn.now.since(self.rotated_at) > REFRESH_GRACE {
            // Two parties hold this session's tokens, and one of them is a thief.
            return Ok(Refreshed::Replayed);
        }
        let expires_at = outermost(&self.seed, turn.policy);
        let successor = RefreshClaims { generation: self.generation, expires_at, ..claims.clone() };
        Ok(Refreshed::Successor { token: successor.seal(turn)?, rotated: is_newest })
    }
}

/// When a session ends whatever is proved in it: the overall time of AAL1, from the login; by a bypass, its
/// end.
fn outermost(seed: &Seed, policy: &Policy) -> Timestamp {
    let overall = seed.login_at.plus(u64::from(policy.session_limits(Aal::One).overall));
    seed.bypass_until.map_or(overall, |until| until.min(overall))
}

impl Grant {
    /// With an approval, which ends with the token that carries it.
    pub(crate) fn with_step_up(self, step_up: Option<StepUpGrant>) -> Self {
        let within =
            |approval: StepUpGrant| StepUpGrant { expires_at: approval.expires_at.min(self.expires_at), ..approval };
        Self { step_up: step_up.map(within), ..self }
    }

    pub(crate) fn with_refresh_token(self, token: SecretString) -> Self {
        Self { refresh_token: Some(token), ..self }
    }
}

/// What a refresh token led to.
pub(crate) enum Refreshed {
    Successor { token: SecretString, rotated: bool },
    Replayed,
}

fn hash(key: TokenId) -> Box<str> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(Sha256::digest(key.as_bytes())).into()
}
