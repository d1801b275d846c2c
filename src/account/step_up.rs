//! Opening a challenge from a session: step-up, re-authentication, approval of an action.

use super::asks::Asks;
use super::challenge::{Approval, Challenge, ChallengeView, Origin};
use super::event::{About, EventKind};
use super::refusal::Refusal;
use super::session::{Grant, Seed};
use super::turn::Turn;
use super::webauthn;
use super::{Access, Account, Standing};
use crate::assurance::{
    Assurance, Authentication, Circumstances, Evidence, Facts, Forbidden, Method, Requirement, StepUpGrant, assess,
    proved_at, unmet, way,
};
use crate::clock::Timestamp;
use crate::id::{ChallengeId, TokenId};
use crate::secret::SecretString;
use crate::vault::Purpose;

/// What a client asks for when it opens a challenge.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    /// The client's own `acr` and `max_age`: they can only make an action's requirement stricter.
    pub(crate) requirement: Requirement,
    pub(crate) action: Option<Box<str>>,
    pub(crate) bind: Option<Bind>,
    /// The host's state, JSON of at most 1 KiB.
    pub(crate) state: Option<SecretString>,
}

/// The data of one request, that an approval is to be bound to.
#[derive(Debug, Clone)]
pub(crate) struct Bind {
    pub(crate) names: Vec<Box<str>>,
    /// The digest of names and values ([`bind_digest`](crate::token::bind_digest)).
    pub(crate) digest: Box<str>,
}

/// What opening a challenge led to.
pub(crate) enum Opened {
    /// Nothing is missing: a token from the session's present evidence, which ends with the caller's,
    /// and the host's state.
    Complete {
        grant: Box<Grant>,
        state: Option<String>,
    },
    Pending(ChallengeView),
}

impl Account {
    /// Finds the live session a verified token belongs to, and notes that it is used.
    pub(super) fn caller(&mut self, turn: &mut Turn<'_>, by: &Authentication) -> Result<usize, Refusal> {
        let sid = by.session().and_then(|sid| sid.parse().ok()).ok_or(Refusal::InvalidToken)?;
        let at = self.session_index(sid).ok_or(Refusal::InvalidToken)?;
        let session = self.sessions.get_mut(at).ok_or(Refusal::InvalidToken)?;
        if self.standing != Standing::Normal || !session.is_live(turn.policy, turn.now) {
            return Err(Refusal::InvalidToken);
        }
        turn.touched |= session.touch(turn.policy, turn.now);
        Ok(at)
    }

    pub(super) fn session_at(&self, at: usize) -> Result<&super::session::Session, Refusal> {
        self.sessions.get(at).ok_or(Refusal::InvalidToken)
    }

    /// Requires of the caller's session what `requirement` asks for; returns where the session is.
    pub(super) fn require(
        &mut self,
        turn: &mut Turn<'_>,
        by: &Authentication,
        requirement: &Requirement,
    ) -> Result<usize, Refusal> {
        let at = self.caller(turn, by)?;
        let assurance = self.session_at(at)?.assurance(turn.policy).ok_or(Refusal::InvalidToken)?;
        insufficient(turn.now, &assurance, requirement)?;
        Ok(at)
    }

    pub(crate) fn open(&mut self, turn: &mut Turn<'_>, by: &Authentication, ask: &Ask) -> Result<Opened, Refusal> {
        let at = self.caller(turn, by)?;
        let asks = to_be_proved(turn, &asked(turn, ask)?, &self.session_at(at)?.seed)?;
        let evidence = self.session_at(at)?.evidence.clone();
        let assurance = assess(&evidence, turn.policy.registered_amr_only).ok_or(Refusal::InvalidToken)?;
        if ask.bind.is_none() && unmet(&asks, &assurance, turn.now).is_empty() {
            let step_up = ask.action.as_ref().map(|action| {
                // A fresh factor is as good as a new answer; its age is its own. The newest that counts for the
                // session's level may be older than the one the action is content with.
                let proved = turn.policy.action(action).and_then(|needs| proved_at(needs, &assurance));
                approve(turn, action, None, proved.unwrap_or(Timestamp::EPOCH))
            });
            let session = self.session_at(at)?;
            // Nothing was proved, so the caller has no longer than before: else whoever finds an access
            // token would have it for as long as the session lives.
            let grant = session.grant_within(turn, &self.subject, by.expires_at(), self.latest)?;
            let grant = grant.with_step_up(step_up.transpose()?);
            if ask.action.is_some() {
                // No code was asked for, but an action was approved: the trail must show it.
                turn.record(EventKind::SteppedUp, About { action: ask.action.clone(), ..About::session(session.id) })?;
            }
            let state = ask.state.as_ref().map(|state| state.expose().to_owned());
            return Ok(Opened::Complete { grant: Box::new(grant), state });
        }
        let weighed = if ask.bind.is_some() { known(evidence) } else { evidence };
        let to_sign = self.to_sign(turn)?;
        let methods = self.offers(turn, &weighed, &asks, to_sign);
        if methods.is_empty() {
            return Err(Refusal::NoEligibleAuthenticator { allowed: bindable(turn, &weighed, &asks) });
        }
        let id = ChallengeId::generate(turn.entropy)?;
        let challenge = Challenge {
            id,
            created_at: turn.now,
            expires_at: turn.now.plus(u64::from(turn.policy.challenge_ttl)),
            asks: Asks::of(&asks),
            origin: Origin::Session(self.session_at(at)?.id),
            evidence: Vec::new(),
            approval: self.approval(turn, id, ask)?,
            to_sign,
        };
        self.push_challenge(turn, challenge);
        turn.touched = true;
        Ok(Opened::Pending(ChallengeView { id, expires_in: u64::from(turn.policy.challenge_ttl), methods }))
    }

    /// Finds the challenge an access reaches; a session whose time is over reaches none, however
    /// young its challenge is.
    pub(super) fn reached(&self, turn: &Turn<'_>, access: Access, id: ChallengeId) -> Result<usize, Refusal> {
        if let Access::Session(sid) = access {
            let session = self.session_index(sid).and_then(|at| self.sessions.get(at));
            session.filter(|s| s.is_live(turn.policy, turn.now)).ok_or(Refusal::InvalidToken)?;
        }
        access.find(&self.challenges, id, turn.now)
    }

    fn approval(&self, turn: &Turn<'_>, id: ChallengeId, ask: &Ask) -> Result<Option<Approval>, Refusal> {
        let seal = |state: &SecretString| {
            let state = state.expose().as_bytes();
            turn.vault.seal(Purpose::ChallengeState, &self.subject, id.as_bytes(), state, turn.entropy)
        };
        let state = ask.state.as_ref().map(seal).transpose()?;
        let Some(action) = ask.action.clone() else {
            // State without an action has nothing to approve, but the host gets it back all the same.
            return Ok(state.map(|state| Approval { action: "".into(), bind: None, state: Some(state) }));
        };
        Ok(Some(Approval { action, bind: ask.bind.as_ref().map(|bind| bind.digest.clone()), state }))
    }

    /// Shows a pending challenge to whoever may answer it.
    pub(crate) fn challenge_view(
        &self,
        turn: &Turn<'_>,
        access: Access,
        id: ChallengeId,
    ) -> Result<ChallengeView, Refusal> {
        let at = self.reached(turn, access, id)?;
        let challenge = self.challenges.get(at).ok_or(Refusal::ChallengeGone)?;
        Ok(self.view_of(turn, challenge))
    }

    pub(super) fn view_of(&self, turn: &Turn<'_>, challenge: &Challenge) -> ChallengeView {
        let evidence = self.weighed_for(challenge);
        ChallengeView {
            id: challenge.id,
            expires_in: challenge.expires_at.since(turn.now),
            methods: self.offers(turn, &evidence, &challenge.asks.requirement(), challenge.to_sign),
        }
    }

    /// The challenge's own evidence and that of the session it was opened from.
    pub(super) fn evidence_for(&self, challenge: &Challenge) -> Vec<Evidence> {
        let session = challenge.session().and_then(|sid| self.session_index(sid)).and_then(|at| self.sessions.get(at));
        let before = session.map(|s| s.evidence.as_slice()).unwrap_or_default();
        before.iter().chain(&challenge.evidence).cloned().collect()
    }

    /// What of it counts for the challenge: of what is approved with its data, what was proved since it
    /// was shown. A passkey of this morning has not seen the amount, however fresh it is.
    pub(super) fn weighed_for(&self, challenge: &Challenge) -> Vec<Evidence> {
        let is_bound = challenge.approval.as_ref().is_some_and(|approval| approval.bind.is_some());
        let evidence = self.evidence_for(challenge);
        if is_bound { [known(evidence), challenge.evidence.clone()].concat() } else { evidence }
    }
}

/// What of it is a password, which nobody types again for each approval.
fn known(evidence: Vec<Evidence>) -> Vec<Evidence> {
    evidence.into_iter().filter(Evidence::proves_knowledge).collect()
}

pub(super) fn asked(turn: &Turn<'_>, ask: &Ask) -> Result<Requirement, Refusal> {
    let Some(action) = &ask.action else {
        if ask.bind.is_some() {
            return Err(Refusal::invalid("bind", "needs an action"));
        }
        return Ok(ask.requirement.clone());
    };
    // What an action needs is the policy's word; an unknown one is no action at all.
    let named = turn.policy.action(action).ok_or(Refusal::invalid("action", "is not an action of this service"))?;
    if let Some(bound) = turn.policy.bound_to(action)
        && !bound.is_met_by(ask.bind.as_ref().map_or(&[], |bind| &bind.names))
    {
        // An approval at large would open nothing, and a code would have been used up for it.
        return Err(Refusal::Unbound { names: bound.names().into_iter().map(Into::into).collect() });
    }
    Ok(named.and(&ask.requirement))
}

/// What of `asks` a session can meet by proving more. The rest is looked at here: a step-up says that the
/// action's requirement was met, and a route that only asks for the action believes it.
pub(super) fn to_be_proved(turn: &Turn<'_>, asks: &Requirement, seed: &Seed) -> Result<Requirement, Refusal> {
    let address = turn.address.and_then(|address| address.parse().ok());
    let at = Circumstances::at(turn.now).if_known_from(address);
    asks.reduced(&Facts { roles: &seed.roles, scopes: &seed.scopes, at }).map_err(|forbidden| {
        Refusal::Forbidden(match forbidden {
            Forbidden::Role(_) | Forbidden::Scope(_) => {
                "the action needs a role or scope that the session does not have"
            }
            Forbidden::Network => "the action may not be approved from this network",
            Forbidden::Hours => "the action may not be approved at this time",
            Forbidden::Never => "nobody may approve the action",
        })
    })
}

/// Refuses when `assurance` lacks something of `requirement`, and says what.
pub(super) fn insufficient(now: Timestamp, assurance: &Assurance, requirement: &Requirement) -> Result<(), Refusal> {
    way(requirement, assurance, now).map_or(Ok(()), |step_up| Err(Refusal::Insufficient(Box::new(step_up))))
}

/// The kinds that policy lets be bound and that would then meet `asks`.
fn bindable(turn: &Turn<'_>, evidence: &[Evidence], asks: &Requirement) -> Vec<Method> {
    let now = turn.now;
    let leads = |method: &Method| {
        let best = webauthn::best_proof(*method, turn.policy);
        let all: Vec<Evidence> = evidence.iter().cloned().chain([Evidence::new(*method, now).with(best)]).collect();
        assess(&all, true).is_some_and(|assurance| unmet(asks, &assurance, now).is_empty())
    };
    turn.bindable().filter(leads).collect()
}

/// Makes the claim that says an action was approved.
pub(super) fn approve(
    turn: &Turn<'_>,
    action: &str,
    bind: Option<Box<str>>,
    auth_time: Timestamp,
) -> Result<StepUpGrant, Refusal> {
    Ok(StepUpGrant {
        id: TokenId::generate(turn.entropy)?,
        action: action.into(),
        auth_time: auth_time.min(turn.clock),
        expires_at: turn.clock.plus(u64::from(turn.policy.step_up_ttl)),
        bind,
    })
}
