use super::event::{About, Event, EventKind};
use super::keys::Handle;
use super::refusal::Refusal;
use super::webauthn::{Ceremonies, CredentialId, Trust};
use crate::assurance::Method;
use crate::clock::Timestamp;
use crate::entropy::{Entropy, EntropyError};
use crate::id::{EventId, SessionId};
use crate::policy::{EffectiveLogin, Policy};
use crate::vault::{Vault, VaultError};

/// One turn of an account: what a transition is given, and what it leaves behind.
///
/// A transition that records an event has changed something and is committed, whether its answer
/// is a yes or a no. One that records nothing is not, so a flood of refusals writes nothing.
pub(crate) struct Turn<'a> {
    /// The later of the clock and the newest time the account has seen: for expiry, locks and ages.
    pub(crate) now: Timestamp,
    /// The clock as it was read: for TOTP steps and what goes into tokens.
    pub(crate) clock: Timestamp,
    pub(crate) policy: &'a Policy,
    /// What the policy asks of this login or session, its rules taken together.
    pub(crate) login: EffectiveLogin,
    pub(crate) vault: &'a Vault,
    pub(crate) entropy: &'a dyn Entropy,
    /// Where the request came from, for events.
    pub(crate) address: Option<&'a str>,
    pub(crate) events: Vec<Event>,
    /// Sessions that ended, and until when they have access tokens: those are withdrawn once the
    /// commit is through.
    pub(crate) ended: Vec<(SessionId, Timestamp)>,
    /// Who checks what authenticators sign, where WebAuthn is set up.
    pub(crate) ceremonies: Option<&'a dyn Ceremonies>,
    /// What the subject must hold alone, claimed with the commit.
    pub(crate) claims: Vec<Held>,
    /// Whether something changed that is worth no event.
    pub(crate) touched: bool,
}

impl<'a> Turn<'a> {
    pub(crate) fn record(&mut self, kind: EventKind, about: About) -> Result<(), Refusal> {
        self.events.push(Event {
            id: EventId::generate(self.entropy)?,
            at: self.now,
            kind,
            method: about.method,
            authenticator_id: about.authenticator,
            sid: about.session,
            client_id: about.client_id,
            address: self.address.map(Into::into),
            action: about.action,
            count: about.count,
            until: about.until,
            detail: about.detail,
            event_id: about.event,
            after: about.after,
            actor: about.actor,
            reason: about.reason,
        });
        Ok(())
    }

    /// Claims a credential for the subject, and the name authenticators call it by.
    pub(super) fn claim(&mut self, id: &CredentialId, handle: &Handle) {
        let held = [Held::CredentialId(id.as_bytes().into()), Held::UserHandle(handle.as_bytes().into())];
        self.claims.extend(held);
    }

    /// Whom a key's model is believed by.
    pub(crate) const fn trust(&self) -> Trust<'a> {
        Trust { policy: &self.policy.webauthn, ceremonies: self.ceremonies }
    }

    /// The kinds that can be bound here and now.
    pub(crate) fn bindable(&self) -> impl Iterator<Item = Method> {
        self.login.bindable().filter(|kind| *kind != Method::WebAuthn || self.ceremonies.is_some())
    }

    pub(crate) fn is_dirty(&self) -> bool {
        self.touched || !self.events.is_empty()
    }
}

/// What one subject alone may hold (WA-REG-26).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Held {
    CredentialId(Box<[u8]>),
    UserHandle(Box<[u8]>),
}

/// Without randomness nothing can be made that an attacker could not guess.
impl From<EntropyError> for Refusal {
    fn from(_failed: EntropyError) -> Self {
        Self::unavailable()
    }
}

/// What the account itself sealed does not open: the key is gone or the document was changed.
impl From<VaultError> for Refusal {
    fn from(_closed: VaultError) -> Self {
        Self::unavailable()
    }
}
