//! What an operator does, each with an actor and a reason.

use super::authenticator::Credential;
use super::event::{About, EventKind};
use super::refusal::Refusal;
use super::turn::Turn;
use super::{Account, Standing};
use crate::clock::Timestamp;
use crate::entropy::Entropy;
use crate::id::EventId;
use crate::vault::{Purpose, Vault, VaultError};

/// How far the clock may stand behind what an account has seen, in seconds.
pub(crate) const CLOCK_TOLERANCE: u64 = 300;
/// Longest name of an actor, and longest reason, in bytes.
const TEXT_MAX: usize = 1024;

/// An operator's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Reset,
    Unlock,
    Suspend,
    EndSessions,
    Erase,
}

impl Account {
    pub(crate) fn obey(&mut self, turn: &mut Turn<'_>, order: Order, actor: &str, reason: &str) -> Result<(), Refusal> {
        accountable(actor, reason)?;
        if self.standing == Standing::Erased {
            return Err(Refusal::NotFound);
        }
        let kind = match order {
            Order::Reset => {
                self.end_all(turn)?;
                self.clear();
                EventKind::Reset
            }
            Order::Unlock => {
                self.reset_clock(turn)?;
                self.unlock();
                EventKind::Unlocked
            }
            Order::Suspend => {
                self.end_all(turn)?;
                self.challenges.clear();
                self.enrolment = None;
                self.standing = Standing::Suspended;
                EventKind::Suspended
            }
            Order::EndSessions => {
                self.end_all(turn)?;
                self.challenges.clear();
                self.enrolment = None;
                EventKind::SessionsEnded
            }
            Order::Erase => {
                self.end_all(turn)?;
                self.clear();
                // What authenticators call the person goes with the person.
                self.user_handle = None;
                self.passkey_sign_ins.clear();
                self.origin = super::Origin::default();
                self.standing = Standing::Erased;
                EventKind::Erased
            }
        };
        let about = About { actor: Some(actor.into()), reason: Some(reason.into()), ..About::default() };
        turn.record(kind, about)
    }

    fn clear(&mut self) {
        self.authenticators.clear();
        self.recovery = None;
        self.recovery_throttle = super::Throttle::default();
        self.throttle = super::Throttle::default();
        self.challenges.clear();
        self.enrolment = None;
    }

    /// Ends every wait and the suspension. What the hard limit has disabled stays disabled: it must
    /// be bound again (N63B-3.2.2-c).
    fn unlock(&mut self) {
        self.standing = Standing::Normal;
        self.authenticators.iter_mut().for_each(|a| a.throttle.unlock());
        self.sessions.iter_mut().for_each(|s| s.throttle.unlock());
        self.recovery_throttle.unlock();
        self.throttle.unlock();
        self.clock_reported = false;
    }

    /// Whether all that it keeps is sealed with the newest key.
    pub(crate) fn is_sealed_newly(&self, vault: &Vault) -> bool {
        let sealed = self.authenticators.iter().filter_map(|a| match &a.credential {
            Credential::Totp { sealed, .. } => Some(&**sealed),
            _ => None,
        });
        sealed.chain(self.sealed_chain()).all(|sealed| vault.is_newest(sealed))
    }

    /// Seals with the newest key what is sealed with an older one.
    pub(crate) fn reseal(&mut self, turn: &mut Turn<'_>) -> Result<(), Refusal> {
        let vault = turn.vault;
        turn.touched |= self.reseal_apps(vault, vault, turn.entropy, |sealed| !vault.is_newest(sealed))?;
        self.reseal_chain(turn)
    }

    /// Seals by `to` what `from` has sealed for apps, where it is one `which` asks for; whether there was any.
    pub(super) fn reseal_apps(
        &mut self,
        from: &Vault,
        to: &Vault,
        entropy: &dyn Entropy,
        which: impl Fn(&str) -> bool,
    ) -> Result<bool, VaultError> {
        let mut any = false;
        for a in &mut self.authenticators {
            let Credential::Totp { sealed, .. } = &mut a.credential else { continue };
            if which(sealed) {
                let id = a.id.as_bytes();
                let secret = from.open(Purpose::OtpSecret, &self.subject, id, sealed)?;
                *sealed = to.seal(Purpose::OtpSecret, &self.subject, id, secret.expose(), entropy)?;
                any = true;
            }
        }
        Ok(any)
    }

    /// Notes that events from before a time are about to go.
    pub(crate) fn note_pruning(&mut self, turn: &mut Turn<'_>, before: Timestamp) -> Result<(), Refusal> {
        turn.record(EventKind::EventsPruned, About { until: Some(before), ..About::default() })
    }

    /// Notes that a sink of the outbox has given an event up.
    pub(crate) fn note_given_up(
        &mut self,
        turn: &mut Turn<'_>,
        event: EventId,
        after: Option<&str>,
        why: &str,
    ) -> Result<(), Refusal> {
        let (event, after) = (Some(event), after.map(Into::into));
        turn.record(EventKind::DeliveryGivenUp, About { event, after, detail: Some(why.into()), ..About::default() })
    }

    /// Takes the clock as it is now for the latest time, after it had jumped ahead.
    ///
    /// What began in the time that never was would outlive every limit, a challenge that had expired in
    /// it would open again, and an approval that was spent, and forgotten in it, would be good again, as would
    /// a sign-in by a passkey: all of it ends with the sessions.
    fn reset_clock(&mut self, turn: &mut Turn<'_>) -> Result<(), Refusal> {
        // A little is what replicas may differ by. Taken back by that much each time, the latest time would leave
        // behind it, a few unlocks later, what began far ahead of it.
        if self.latest.since(turn.clock) <= CLOCK_TOLERANCE {
            return Ok(());
        }
        self.latest = turn.clock;
        self.challenges.clear();
        self.enrolment = None;
        self.spent.clear();
        self.void_sign_ins(turn.clock);
        self.end_bypass(turn, About { detail: Some("the clock was set right".into()), ..About::default() })?;
        self.end_all(turn)
    }

    /// Notes, once, that the clock stands far behind this account.
    pub(crate) fn report_clock(&mut self, turn: &mut Turn<'_>) -> Result<(), Refusal> {
        if self.clock_reported {
            return Ok(());
        }
        self.clock_reported = true;
        turn.record(EventKind::ClockBehind, About { until: Some(self.latest), ..About::default() })
    }
}

pub(super) fn said(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= TEXT_MAX
}

/// PCI-8.5.1-b: an exception has somebody who made it, and why.
pub(super) fn accountable(actor: &str, reason: &str) -> Result<(), Refusal> {
    match (said(actor), said(reason)) {
        (false, _) => Err(Refusal::invalid("actor", "must be named, in at most 1024 bytes")),
        (_, false) => Err(Refusal::invalid("reason", "must be given, in at most 1024 bytes")),
        (true, true) => Ok(()),
    }
}
