//! Sessions: refresh, end, log out.

use super::enrolment::LoginAsks;
use super::event::{About, EventKind};
use super::refusal::Refusal;
use super::sealed::RefreshClaims;
use super::session::{Grant, Refreshed};
use super::turn::Turn;
use super::{Account, Standing};
use crate::assurance::{Aal, Authentication};
use crate::id::SessionId;

impl Account {
    /// Takes a refresh token. `acr`, `amr` and `auth_time` never change by it.
    pub(crate) fn refresh(&mut self, turn: &mut Turn<'_>, claims: &RefreshClaims) -> Result<Grant, Refusal> {
        let at = self.session_index(claims.session).ok_or(Refusal::InvalidToken)?;
        let asks = self.login_asks(turn);
        let lacks = self.must_bind_first(turn);
        let bypassed = self.bypass_in_force(turn).is_some();
        let session = self.sessions.get_mut(at).ok_or(Refusal::InvalidToken)?;
        if self.standing != Standing::Normal || !session.is_live(turn.policy, turn.now) {
            return Err(Refusal::InvalidToken);
        }
        match session.refresh(turn, claims)? {
            // Begun in a grace that is over, in the office, by the first of two bindings or before the policy
            // was what it is: what no login would give now is not given on. Nothing is written, so where the
            // login would give it again, so does this token.
            Refreshed::Successor { .. }
                if asks != LoginAsks::Nothing
                    && (lacks || session.level(turn.policy) < Some(Aal::Two))
                    && !(bypassed && session.seed.bypass_until.is_some()) =>
            {
                Err(Refusal::InvalidToken)
            }
            Refreshed::Successor { token, rotated } => {
                // What is given again is not written down, so it lives no longer than what was; where
                // that is over already, it is a new one after all.
                let is_new = rotated || session.tokens_until() <= turn.clock;
                turn.touched |= is_new;
                let grant = if is_new {
                    session.grant(turn, &self.subject)?
                } else {
                    session.grant_within(turn, &self.subject, session.tokens_until(), self.latest)?
                };
                Ok(grant.with_refresh_token(token))
            }
            Refreshed::Replayed => {
                turn.record(EventKind::RefreshReplayed, About::session(claims.session))?;
                self.drop_session(turn, claims.session)?;
                Err(Refusal::InvalidToken)
            }
        }
    }

    pub(crate) fn log_out(&mut self, turn: &mut Turn<'_>, by: &Authentication) -> Result<(), Refusal> {
        let at = self.caller(turn, by)?;
        let id = self.session_at(at)?.id;
        self.drop_session(turn, id)
    }

    pub(crate) fn end_session(
        &mut self,
        turn: &mut Turn<'_>,
        by: &Authentication,
        id: SessionId,
    ) -> Result<(), Refusal> {
        self.caller(turn, by)?;
        self.session_index(id).ok_or(Refusal::NotFound)?;
        self.drop_session(turn, id)
    }

    pub(crate) fn end_other_sessions(&mut self, turn: &mut Turn<'_>, by: &Authentication) -> Result<(), Refusal> {
        let at = self.caller(turn, by)?;
        let keep = self.session_at(at)?.id;
        self.end_others(turn, keep)
    }

    /// A factor change ends the other sessions (CVE-2024-21722), and what is about to become one: an
    /// enrolment that another login has proved would bind all the same.
    pub(super) fn end_others(&mut self, turn: &mut Turn<'_>, keep: SessionId) -> Result<(), Refusal> {
        turn.touched |= self.enrolment.take().is_some();
        let others: Vec<SessionId> = self.sessions.iter().map(|s| s.id).filter(|id| *id != keep).collect();
        others.into_iter().try_for_each(|id| self.drop_session(turn, id))
    }

    pub(super) fn end_all(&mut self, turn: &mut Turn<'_>) -> Result<(), Refusal> {
        let all: Vec<SessionId> = self.sessions.iter().map(|s| s.id).collect();
        all.into_iter().try_for_each(|id| self.drop_session(turn, id))
    }

    pub(crate) fn is_current(&mut self, turn: &mut Turn<'_>, by: &Authentication) -> Result<(), Refusal> {
        self.caller(turn, by).map(|_| ())
    }
}
