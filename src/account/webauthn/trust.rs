//! What a key counts for, and what its policy makes of an odd answer.

use super::ceremonies::{Asserted, Attestation, Ceremonies};
use super::key::Key;
use crate::account::event::EventKind;
use crate::assurance::{Aal, Method, Properties};
use crate::policy::{Policy, Reaction, WebAuthnPolicy};

/// Whom a key's model is believed by: the policy's list of models, and the relying party's roots.
#[derive(Clone, Copy)]
pub(crate) struct Trust<'a> {
    pub(crate) policy: &'a WebAuthnPolicy,
    pub(crate) ceremonies: Option<&'a dyn Ceremonies>,
}

impl Key {
    /// Whether it is hardware that policy trusts: it cannot be copied (N63B-2.3.2), and its model is
    /// vouched for by a root of ours or listed.
    fn is_trusted(&self, trust: Trust<'_>) -> bool {
        !self.backup_eligible && (self.is_rooted(trust) || trust.policy.trusted.contains(&self.aaguid))
    }

    /// Asked anew each time: a root that was taken out vouches for nothing any more (WA-13.5.5).
    fn is_rooted(&self, trust: Trust<'_>) -> bool {
        match &self.attestation {
            Attestation::Rooted(root) => trust.ceremonies.is_some_and(|ceremonies| ceremonies.trusts_root(root)),
            Attestation::None | Attestation::Itself => false,
        }
    }

    /// Whether policy takes it at all, now: what was bound under another policy is asked again.
    pub(crate) fn is_allowed(&self, trust: Trust<'_>) -> bool {
        let policy = trust.policy;
        policy.allows_model(self.aaguid)
            && !(policy.deny_synced && self.backup_eligible)
            && (!policy.must_be_attested || self.is_rooted(trust))
    }

    /// The highest level it can help to reach, beside a password.
    pub(crate) fn reaches(&self, trust: Trust<'_>) -> Aal {
        if self.is_trusted(trust) { Aal::Three } else { Aal::Two }
    }

    /// What an answer of it shows, its user verified or not.
    pub(crate) fn properties(&self, trust: Trust<'_>, verified: bool) -> Properties {
        Properties {
            phishing_resistant: true,
            // WA-4-uvInit: a user who was not verified at the binding may be anybody's finger.
            user_verified: verified && self.uv_initialized,
            hardware: self.is_trusted(trust),
            synced: self.backup_eligible,
            federated: None,
        }
    }

    /// What is odd about an answer whose signature is right, and what policy makes of it.
    pub(crate) fn oddities(&self, policy: &WebAuthnPolicy, asserted: &Asserted) -> Vec<(EventKind, Reaction)> {
        // WA-AUTH-22: a counter that is not kept stays at zero, and says nothing.
        let counts = asserted.counter > 0 || self.counter > 0;
        let all = [
            (counts && asserted.counter <= self.counter, EventKind::SignatureCounterRegressed, policy.on_counter),
            (
                asserted.backup_eligible != self.backup_eligible,
                EventKind::BackupEligibilityChanged,
                policy.on_eligibility,
            ),
            (self.backed_up && !asserted.backed_up, EventKind::BackupLost, policy.on_backup_lost),
        ];
        all.into_iter().filter(|(is_odd, ..)| *is_odd).map(|(_, kind, reaction)| (kind, reaction)).collect()
    }

    /// Keeps what an answer says of the key (WA-AUTH-24). Of one that is stepped down nothing but the counter is
    /// believed: what was odd about it is so at the next answer, too, and no repetition makes up for it.
    pub(crate) fn update(&mut self, asserted: &Asserted, stepped_down: bool) {
        // A counter that went back stays where it was: a copy is told of at every answer, not once.
        self.counter = self.counter.max(asserted.counter);
        if stepped_down {
            return;
        }
        self.backed_up = asserted.backed_up;
        // What could once be copied may have been.
        self.backup_eligible |= asserted.backup_eligible;
    }
}

/// The most an authenticator of this kind could prove, were one bound.
pub(crate) fn best_proof(method: Method, policy: &Policy) -> Properties {
    let is_key = method == Method::WebAuthn;
    // Whether any key would be trusted is told by the models; by roots it depends on the relying party.
    Properties {
        phishing_resistant: is_key,
        user_verified: is_key,
        hardware: is_key && policy.webauthn.asks_for_attestation(),
        synced: false,
        federated: None,
    }
}
