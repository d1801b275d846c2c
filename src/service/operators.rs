use super::shell::{IfMissing, Matter};
use super::{Error, Mfa};
use crate::account::{Bypass, Order};
use crate::clock::Timestamp;
use crate::id::Subject;

/// What operators do. Each is committed with an event that names the actor and the reason.
///
/// # Security
///
/// These calls ask for no token: whoever can reach them is an operator. Guard what calls them with
/// a role and AAL2, and mind rank: an operator who resets a superior takes the superior's account.
impl Mfa {
    /// Removes every authenticator and recovery code and ends all sessions: the subject begins
    /// anew, as the login policy says.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`](crate::account::Refusal::NotFound) for a subject without an account,
    /// [`Refusal::InvalidRequest`](crate::account::Refusal::InvalidRequest) without an actor and a
    /// reason, or with one of more than 1024 bytes.
    ///
    /// # Cancel safety
    ///
    /// Safe: it was done or not.
    pub async fn reset(&self, subject: &Subject, actor: &str, reason: &str) -> Result<(), Error> {
        self.order(subject, Order::Reset, actor, reason).await
    }

    /// Lifts temporary locks and a suspension, and takes the clock as it is now. What the hard
    /// limit has disabled must be bound again all the same.
    ///
    /// # Errors
    ///
    /// As [`Mfa::reset`].
    ///
    /// # Cancel safety
    ///
    /// Safe: it was done or not.
    pub async fn unlock(&self, subject: &Subject, actor: &str, reason: &str) -> Result<(), Error> {
        self.order(subject, Order::Unlock, actor, reason).await
    }

    /// Suspends the account: its sessions end and logins are blocked until it is unlocked.
    ///
    /// # Errors
    ///
    /// As [`Mfa::reset`].
    ///
    /// # Cancel safety
    ///
    /// Safe: it was done or not.
    pub async fn suspend(&self, subject: &Subject, actor: &str, reason: &str) -> Result<(), Error> {
        self.order(subject, Order::Suspend, actor, reason).await
    }

    /// Ends all sessions of the subject.
    ///
    /// # Errors
    ///
    /// As [`Mfa::reset`].
    ///
    /// # Cancel safety
    ///
    /// Safe: it was done or not.
    pub async fn end_sessions(&self, subject: &Subject, actor: &str, reason: &str) -> Result<(), Error> {
        self.order(subject, Order::EndSessions, actor, reason).await
    }

    /// Erases the account; a tombstone and the audit trail stay.
    ///
    /// # Errors
    ///
    /// As [`Mfa::reset`].
    ///
    /// # Cancel safety
    ///
    /// Safe: it was done or not.
    pub async fn erase(&self, subject: &Subject, actor: &str, reason: &str) -> Result<(), Error> {
        self.order(subject, Order::Erase, actor, reason).await
    }

    /// Lets the subject's logins complete with the first factor alone until a date, at AAL1: for somebody
    /// who has lost what is bound and must work today.
    ///
    /// The evidence stays what it is, so what asks for AAL2 refuses. It takes the place of one that was granted
    /// before. It ends at its date, when an authenticator is bound or removed, when the account is reset or
    /// suspended, and by [`Mfa::revoke_bypass`]; the sessions that began by it end with it. An event tells of
    /// the grant, of each login by it, and of its end before its time. See [`Bypass`] for an example.
    ///
    /// # Errors
    ///
    /// [`Refusal::Forbidden`](crate::account::Refusal::Forbidden) where the policy allows none,
    /// [`Refusal::InvalidRequest`](crate::account::Refusal::InvalidRequest) without an operator, a reason, an
    /// end that the policy allows, or an approver who is somebody else,
    /// [`Refusal::NotFound`](crate::account::Refusal::NotFound) for a subject without an account.
    ///
    /// # Security
    ///
    /// Who approved it is the operator's word. Where that must be proved, ask the approver for a step-up
    /// before you call this.
    ///
    /// # Cancel safety
    ///
    /// Safe: it was granted or not.
    pub async fn grant_bypass(&self, subject: &Subject, bypass: Bypass) -> Result<(), Error> {
        let matter = Matter { if_missing: IfMissing::NotFound, ..self.matter(subject) };
        self.inner.turn(matter, |account, turn| account.grant_bypass(turn, &bypass)).await
    }

    /// Tells until when a bypass lasts; `None` when there is none that the policy in force honours.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`](crate::account::Refusal::NotFound) for a subject without an account.
    ///
    /// # Cancel safety
    ///
    /// Safe: it changes nothing.
    pub async fn bypass_until(&self, subject: &Subject) -> Result<Option<Timestamp>, Error> {
        let matter = Matter { if_missing: IfMissing::NotFound, ..self.matter(subject) };
        self.inner.turn(matter, |account, turn| Ok(account.bypass_in_force(turn))).await
    }

    /// Ends a bypass before its time, and the sessions that began by it.
    ///
    /// # Errors
    ///
    /// As [`Mfa::reset`]; [`Refusal::NotFound`](crate::account::Refusal::NotFound), too, when there is none.
    ///
    /// # Cancel safety
    ///
    /// Safe: it was done or not.
    pub async fn revoke_bypass(&self, subject: &Subject, operator: &str, reason: &str) -> Result<(), Error> {
        let matter = Matter { if_missing: IfMissing::NotFound, ..self.matter(subject) };
        self.inner.turn(matter, |account, turn| account.revoke_bypass(turn, operator, reason)).await
    }

    async fn order(&self, subject: &Subject, order: Order, actor: &str, reason: &str) -> Result<(), Error> {
        let matter =
            Matter { if_missing: IfMissing::NotFound, resets_clock: order == Order::Unlock, ..self.matter(subject) };
        self.inner.turn(matter, |account, turn| account.obey(turn, order, actor, reason)).await
    }
}
