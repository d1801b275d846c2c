//! Approvals that are good once.

use serde::{Deserialize, Serialize};

use super::Account;
use super::event::{About, EventKind};
use super::operate::CLOCK_TOLERANCE;
use super::refusal::Refusal;
use super::turn::Turn;
use crate::assurance::Authentication;
use crate::clock::Timestamp;
use crate::id::TokenId;

/// Most approvals that are remembered as spent at a time: for ten minutes each, one in nine seconds without a
/// pause.
const SPENT_MAX: usize = 64;

/// An approval that was spent, and until when that has to be known.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Spent {
    id: TokenId,
    until: Timestamp,
}

impl Account {
    /// Spends the approval a token carries; `false` when it was spent before.
    pub(crate) fn redeem(&mut self, turn: &mut Turn<'_>, by: &Authentication) -> Result<bool, Refusal> {
        // Whoever has signed out meanwhile has approved nothing any more.
        let at = self.caller(turn, by)?;
        let grant = by.step_up().ok_or(Refusal::InvalidToken)?;
        let until = grant.expires_at().plus(CLOCK_TOLERANCE);
        if until <= turn.now {
            return Err(Refusal::InvalidToken);
        }
        if self.spent.iter().any(|spent| spent.id == grant.id()) {
            return Ok(false);
        }
        self.forget_spent(turn.now);
        if self.spent.len() >= SPENT_MAX {
            // To forget one would be to let it through again.
            return Err(Refusal::unavailable());
        }
        self.spent.push(Spent { id: grant.id(), until });
        let session = self.session_at(at)?.id;
        let action = Some(grant.action().into());
        turn.record(EventKind::ApprovalSpent, About { action, ..About::session(session) })?;
        Ok(true)
    }

    pub(super) fn forget_spent(&mut self, now: Timestamp) {
        self.spent.retain(|spent| now < spent.until);
    }
}
