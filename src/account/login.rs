//! Login: the first step-up. The host checks the password; this says what is missing.

use std::cmp::Reverse;

use super::asks::Asks;
use super::challenge::{Challenge, Offer, Origin};
use super::enrolment::{Enrolling, LoginAsks};
use super::event::{About, EventKind};
use super::first_factor::FirstFactor;
use super::refusal::Refusal;
use super::sealed::ChallengeClaims;
use super::session::{Grant, Seed, Session};
use super::turn::Turn;
use super::{Account, Standing};
use crate::assurance::{Evidence, Method, Requirement};
use crate::clock::Timestamp;
use crate::id::{ChallengeId, SessionId};
use crate::secret::SecretString;

/// What a login led to.
pub(crate) enum LoginStep {
    Complete(Box<Grant>),
    Challenge { id: ChallengeId, token: SecretString, expires_in: u32, methods: Vec<Offer> },
    EnrolmentRequired(Enrolling),
    Blocked { throttled: Option<u32>, recovery: Vec<Method> },
}

impl Account {
    /// Takes a first factor the host has checked.
    pub(crate) fn begin(
        &mut self,
        turn: &mut Turn<'_>,
        first: &FirstFactor,
        audience: &str,
    ) -> Result<LoginStep, Refusal> {
        first.check()?;
        if self.standing == Standing::Erased {
            if first.known_enrolled {
                // The host says there is MFA and the account says there is nobody: that is no "no MFA".
                return Err(Refusal::unavailable());
            }
            // What is told of the new account follows what was told of the old one: with a chain of its own, whoever
            // verifies the trail could not tell it from one that somebody has cut.
            let (chain, is_stored) = (self.chain.take(), self.is_stored);
            *self = Self { chain, is_stored, ..Self::new(self.subject.clone(), turn.now) };
        }
        if self.standing == Standing::Suspended {
            turn.record(EventKind::LoginBlocked, About { detail: Some("suspended".into()), ..About::default() })?;
            return Ok(LoginStep::Blocked { throttled: None, recovery: Vec::new() });
        }
        let seed = first.seed(audience, turn.now);
        let evidence = vec![Evidence::new(Method::Password, first.at.min(turn.now))];
        match self.login_asks(turn) {
            LoginAsks::Nothing => self.complete_login(turn, seed, evidence),
            LoginAsks::Answer => self.challenge_login(turn, seed, evidence),
            LoginAsks::Enrolment => self.enrol_at_login(turn, seed, evidence),
        }
    }

    pub(super) fn complete_login(
        &mut self,
        turn: &mut Turn<'_>,
        seed: Seed,
        evidence: Vec<Evidence>,
    ) -> Result<LoginStep, Refusal> {
        let grant = self.open_session(turn, seed, evidence, None)?;
        let about = About { client_id: Some(grant.seed.client_id.clone()), ..About::session(grant.session) };
        turn.record(EventKind::SignedIn, about)?;
        self.count_sign_in(turn, grant.session)?;
        Ok(LoginStep::Complete(Box::new(grant)))
    }

    pub(super) fn enrol_at_login(
        &mut self,
        turn: &mut Turn<'_>,
        seed: Seed,
        evidence: Vec<Evidence>,
    ) -> Result<LoginStep, Refusal> {
        if let Some(step) = self.login_by_bypass(turn, &seed, &evidence)? {
            return Ok(step);
        }
        Ok(LoginStep::EnrolmentRequired(self.require_enrolment(turn, seed, evidence)?))
    }

    fn challenge_login(
        &mut self,
        turn: &mut Turn<'_>,
        seed: Seed,
        evidence: Vec<Evidence>,
    ) -> Result<LoginStep, Refusal> {
        match self.login_by_bypass(turn, &seed, &evidence)? {
            Some(step) => Ok(step),
            None => self.ask_at_login(turn, seed, evidence),
        }
    }

    /// Asks for what makes two factors, whether or not there is a bypass.
    pub(super) fn ask_at_login(
        &mut self,
        turn: &mut Turn<'_>,
        seed: Seed,
        evidence: Vec<Evidence>,
    ) -> Result<LoginStep, Refusal> {
        let asks = Requirement::aal2();
        let to_sign = self.to_sign(turn)?;
        let methods = self.offers(turn, &evidence, &asks, to_sign);
        if methods.is_empty() {
            turn.record(EventKind::LoginBlocked, About { detail: Some("disabled".into()), ..About::default() })?;
            return Ok(LoginStep::Blocked { throttled: None, recovery: Vec::new() });
        }
        if let Some(retry_after) = self.wide_lock(turn).or_else(|| self.all_locked_for(turn.now, &methods)) {
            // Nothing is opened and nothing is written: a flood of logins is no amplifier.
            return Ok(LoginStep::Blocked { throttled: Some(retry_after), recovery: Vec::new() });
        }
        let expires_in = turn.policy.challenge_ttl;
        let id = ChallengeId::generate(turn.entropy)?;
        let expires_at = turn.now.plus(u64::from(expires_in));
        let token = ChallengeClaims { subject: self.subject.clone(), challenge: id, expires_at }.seal(turn)?;
        self.push_challenge(
            turn,
            Challenge {
                id,
                created_at: turn.now,
                expires_at,
                asks: Asks::of(&asks),
                origin: Origin::Login(seed),
                evidence,
                approval: None,
                to_sign,
            },
        );
        turn.record(EventKind::LoginChallenged, About::default())?;
        Ok(LoginStep::Challenge { id, token, expires_in, methods })
    }

    /// The wait until the first of the offered ways is free again, when all of them are locked.
    fn all_locked_for(&self, now: Timestamp, methods: &[Offer]) -> Option<u32> {
        let waits = methods.iter().map(|offer| match (offer.authenticator_id, offer.method) {
            (Some(id), _) => self.authenticators.iter().find(|a| a.id == id).and_then(|a| a.throttle.locked_for(now)),
            // A key is locked by nothing: whoever knows its id must not lock its owner out.
            (None, Method::WebAuthn) => None,
            (None, _) => self.recovery_throttle.locked_for(now),
        });
        waits.collect::<Option<Vec<u32>>>()?.into_iter().min()
    }

    /// Adds a challenge; the ninth supersedes an older one.
    pub(super) fn push_challenge(&mut self, turn: &Turn<'_>, challenge: Challenge) {
        while self.challenges.len() >= turn.policy.pending_challenges {
            self.challenges.remove(self.superseded(turn.now, challenge.session()));
        }
        self.challenges.push(challenge);
    }

    /// Which challenge makes room: an expired one, else the oldest of whoever has opened the most,
    /// all logins being one. So whoever has the password and signs in again and again supersedes
    /// other logins, and not the step-up of a session.
    fn superseded(&self, now: Timestamp, by: Option<SessionId>) -> usize {
        let crowd = |c: &Challenge| self.challenges.iter().filter(|other| other.session() == c.session()).count();
        let expired = self.challenges.iter().position(|c| !c.is_live(now));
        let most =
            || self.challenges.iter().enumerate().max_by_key(|(at, c)| (crowd(c), c.session() == by, Reverse(*at)));
        expired.or_else(|| most().map(|(at, _)| at)).unwrap_or_default()
    }

    /// Begins a session; one more than the policy allows ends, of those at the lowest level, the one
    /// unused for longest.
    pub(super) fn open_session(
        &mut self,
        turn: &mut Turn<'_>,
        seed: Seed,
        evidence: Vec<Evidence>,
        step_up: Option<crate::assurance::StepUpGrant>,
    ) -> Result<Grant, Refusal> {
        self.sessions.retain(|s| turn.now < s.until);
        while self.sessions.len() >= turn.policy.max_sessions
            // Whoever has the password alone makes sessions at will: they go before those that took more.
            && let Some(oldest) = self.sessions.iter().min_by_key(|s| (s.level(turn.policy), s.last_seen)).map(|s| s.id)
        {
            self.drop_session(turn, oldest)?;
        }
        let (mut session, refresh_token) = Session::begin(turn, &self.subject, seed, evidence)?;
        let grant = session.grant(turn, &self.subject)?;
        self.sessions.push(session);
        Ok(grant.with_step_up(step_up).with_refresh_token(refresh_token))
    }

    /// Ends a session, and what it had opened, with an event.
    pub(super) fn drop_session(&mut self, turn: &mut Turn<'_>, id: SessionId) -> Result<(), Refusal> {
        self.replace_session(turn, id);
        turn.record(EventKind::SessionEnded, About::session(id))
    }

    /// Ends a session because another follows it.
    pub(super) fn replace_session(&mut self, turn: &mut Turn<'_>, id: SessionId) {
        turn.ended.extend(self.sessions.iter().filter(|s| s.id == id).map(|s| (s.id, s.tokens_until())));
        self.sessions.retain(|s| s.id != id);
        self.challenges.retain(|c| c.session() != Some(id));
    }
}
