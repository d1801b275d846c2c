//! Codes that come with a request: a proof for one token, and nothing the session keeps.

use super::Account;
use super::answer::{Given, Which};
use super::event::{About, EventKind};
use super::refusal::Refusal;
use super::session::Grant;
use super::step_up::{Ask, approve, asked, insufficient, to_be_proved};
use super::turn::Turn;
use crate::assurance::{Authentication, Evidence, Method, Requirement, assess, newest_of_each, unmet};
use crate::secret::SecretString;

impl Account {
    /// Checks a code of an authenticator app and grants a token that meets `requirement`.
    ///
    /// The session stays what it is: a script that holds an access token gets a better one for as long
    /// as a token lives, and no session at that level that could be refreshed.
    pub(crate) fn elevate(
        &mut self,
        turn: &mut Turn<'_>,
        by: &Authentication,
        code: &SecretString,
        requirement: &Requirement,
    ) -> Result<Grant, Refusal> {
        let at = self.caller(turn, by)?;
        let action = requirement.action().map(Into::into);
        let ask = Ask { requirement: requirement.clone(), action, bind: None, state: None };
        let session = self.session_at(at)?;
        let asks = to_be_proved(turn, &asked(turn, &ask)?, &session.seed)?;
        if !self.bound().any(|a| a.credential.method() == Method::Totp) {
            return Err(Refusal::NoEligibleAuthenticator { allowed: Vec::new() });
        }
        let (id, mut evidence) = (session.id, session.evidence.clone());
        // What a code cannot give is said before one is used up.
        let hopeful = [evidence.as_slice(), &[Evidence::new(Method::Totp, turn.now)]].concat();
        let reached = assess(&hopeful, turn.policy.registered_amr_only).ok_or(Refusal::InvalidToken)?;
        insufficient(turn.now, &reached, &asks)?;

        evidence.push(self.check(turn, &Given::Totp { which: Which::Any, code: code.clone() }, Some(id))?);
        newest_of_each(&mut evidence);
        let assurance = assess(&evidence, turn.policy.registered_amr_only).ok_or(Refusal::InvalidToken)?;
        if !unmet(&asks, &assurance, turn.now).is_empty() {
            return Err(Refusal::unavailable());
        }
        let step_up = ask.action.as_ref().map(|action| approve(turn, action, None, turn.now)).transpose()?;
        let at = self.session_index(id).ok_or(Refusal::InvalidToken)?;
        let session = self.sessions.get_mut(at).ok_or(Refusal::InvalidToken)?;
        let grant = session.grant_with(turn, &self.subject, evidence)?.with_step_up(step_up);
        let about = About { action: ask.action, detail: Some("inline code".into()), ..About::session(id) };
        turn.record(EventKind::SteppedUp, about)?;
        Ok(grant)
    }
}
