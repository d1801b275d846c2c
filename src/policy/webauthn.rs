use std::collections::BTreeSet;

use super::builder::range;
use crate::error::ConfigError;
use crate::id::Aaguid;

/// What is done about an assertion whose signature is right and which is odd all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reaction {
    /// It is refused.
    Reject,
    /// It counts as a single factor, and as no hardware key, and so does every answer after it for as long as it
    /// is odd.
    StepDown,
    /// It counts; the event is all there is.
    Alert,
}

/// Whether an authenticator is asked to verify its user (WebAuthn §5.8.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UserVerification {
    /// Where it can. Without it a key is one factor (NIST SP 800-63B-4 App. B.3).
    Preferred,
    /// Always: without it neither binding nor answer is taken.
    Required,
}

/// Whether a passkey is kept where it can be found without a username (WebAuthn §5.4.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResidentKey {
    /// Where the authenticator can.
    Preferred,
    /// Always: an authenticator that cannot is refused by the browser.
    Required,
}

/// Where an authenticator has to be (WebAuthn §5.4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Attachment {
    /// Part of the device.
    Platform,
    /// Something that is plugged in or held to it, or a telephone.
    CrossPlatform,
}

/// Which kind of authenticator the browser offers first (WebAuthn §5.8.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hint {
    /// A security key.
    SecurityKey,
    /// This device.
    ClientDevice,
    /// A telephone, by QR code.
    Hybrid,
}

/// Whether an authenticator is asked to prove its model (WebAuthn §5.4.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Conveyance {
    /// No: nobody is asked for consent, and no model is known for sure.
    None,
    /// Yes. Without roots at the relying party nothing that is said is believed.
    Direct,
}

/// The rules for passkeys and security keys.
///
/// ```
/// use tower_mfa::policy::{Policy, WebAuthnPolicy};
///
/// // Keys of this model are trusted to hold what cannot be copied.
/// let keys = WebAuthnPolicy::default().trust_aaguids(["2fc0579f-8113-47ea-b116-bb5a8db9202a".parse().unwrap()]);
/// assert!(Policy::builder().webauthn(keys.clone()).build().is_ok());
///
/// // A model that is both trusted and denied is a slip.
/// let both = keys.deny_aaguids(["2fc0579f-8113-47ea-b116-bb5a8db9202a".parse().unwrap()]);
/// assert_eq!(Policy::builder().webauthn(both).build().unwrap_err().field(), "webauthn");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct WebAuthnPolicy {
    pub(crate) user_verification: UserVerification,
    pub(crate) resident_key: ResidentKey,
    pub(crate) attachment: Option<Attachment>,
    pub(crate) hints: Vec<Hint>,
    pub(crate) conveyance: Option<Conveyance>,
    pub(crate) must_be_attested: bool,
    pub(crate) deny_synced: bool,
    pub(crate) allowed: Option<BTreeSet<Aaguid>>,
    pub(crate) denied: BTreeSet<Aaguid>,
    pub(crate) trusted: BTreeSet<Aaguid>,
    pub(crate) on_counter: Reaction,
    pub(crate) on_eligibility: Reaction,
    pub(crate) on_backup_lost: Reaction,
    pub(crate) passkey_valid_for: Option<u32>,
    pub(crate) security_key_valid_for: Option<u32>,
}

impl Default for WebAuthnPolicy {
    fn default() -> Self {
        Self {
            user_verification: UserVerification::Preferred,
            resident_key: ResidentKey::Preferred,
            attachment: None,
            hints: Vec::new(),
            conveyance: None,
            must_be_attested: false,
            deny_synced: false,
            allowed: None,
            denied: BTreeSet::new(),
            trusted: BTreeSet::new(),
            on_counter: Reaction::Reject,
            on_eligibility: Reaction::Reject,
            on_backup_lost: Reaction::Alert,
            passkey_valid_for: None,
            security_key_valid_for: None,
        }
    }
}

const DAY: u32 = 24 * 60 * 60;
const TEN_YEARS: u32 = 3653 * DAY;

impl WebAuthnPolicy {
    /// Says whether authenticators are to verify their user. Default: where they can; where nothing else
    /// makes up two factors it is required whatever stands here.
    pub const fn user_verification(mut self, wanted: UserVerification) -> Self {
        self.user_verification = wanted;
        self
    }

    /// Says whether passkeys must be discoverable. Default: where the authenticator can. Security keys are
    /// asked not to be.
    pub const fn resident_key(mut self, wanted: ResidentKey) -> Self {
        self.resident_key = wanted;
        self
    }

    /// Says where authenticators have to be. Default: anywhere.
    pub const fn attachment(mut self, wanted: Attachment) -> Self {
        self.attachment = Some(wanted);
        self
    }

    /// Says what the browser offers first, in this order. Default: the browser's choice.
    pub fn hints(mut self, hints: impl IntoIterator<Item = Hint>) -> Self {
        self.hints = hints.into_iter().collect();
        self
    }

    /// Says whether authenticators are asked to prove their model. Default: where a model is allowed,
    /// denied, trusted, or must be attested; else not (N63B-B.3-att).
    pub const fn attestation(mut self, wanted: Conveyance) -> Self {
        self.conveyance = Some(wanted);
        self
    }

    /// Refuses keys without a certificate chain to a root of the relying party, when they are bound and when
    /// they are used. Default: they are taken.
    pub const fn must_be_attested(mut self, must: bool) -> Self {
        self.must_be_attested = must;
        self
    }

    /// Refuses keys that can be copied to other devices, when they are bound and when they are used.
    /// Default: they are taken, and never make AAL3.
    pub const fn deny_synced(mut self, deny: bool) -> Self {
        self.deny_synced = deny;
        self
    }

    /// Takes keys of these models alone. Default: of every model.
    pub fn allow_aaguids(mut self, models: impl IntoIterator<Item = Aaguid>) -> Self {
        self.allowed = Some(models.into_iter().collect());
        self
    }

    /// Takes no keys of these models, when they are bound and when they are used.
    pub fn deny_aaguids(mut self, models: impl IntoIterator<Item = Aaguid>) -> Self {
        self.denied = models.into_iter().collect();
        self
    }

    /// Trusts keys of these models, if they cannot be copied, to be hardware: they make AAL3.
    ///
    /// # Security
    ///
    /// Without an attestation the model is the client's word. Trust by roots (`attestation_root` of the
    /// relying party) where a client must not be able to call itself a key.
    pub fn trust_aaguids(mut self, models: impl IntoIterator<Item = Aaguid>) -> Self {
        self.trusted = models.into_iter().collect();
        self
    }

    /// Says what is done when a signature counter has not grown: a copy of the key may be in use
    /// (WA-AUTH-22). Default: [`Reaction::Reject`].
    pub const fn on_counter_regression(mut self, reaction: Reaction) -> Self {
        self.on_counter = reaction;
        self
    }

    /// Says what is done when a key that could not be copied says that it can, or the other way round: a
    /// genuine one never does (WA-6.1.3-a). Default: [`Reaction::Reject`].
    pub const fn on_eligibility_change(mut self, reaction: Reaction) -> Self {
        self.on_eligibility = reaction;
        self
    }

    /// Says what is done when a key is not backed up any more (WA-6.1.3-b). Default: [`Reaction::Alert`].
    pub const fn on_backup_lost(mut self, reaction: Reaction) -> Self {
        self.on_backup_lost = reaction;
        self
    }

    /// Lets passkeys expire, in seconds after their binding. Default: never.
    pub const fn passkey_valid_for(mut self, secs: u32) -> Self {
        self.passkey_valid_for = Some(secs);
        self
    }

    /// Lets security keys expire, in seconds after their binding. Default: never.
    pub const fn security_key_valid_for(mut self, secs: u32) -> Self {
        self.security_key_valid_for = Some(secs);
        self
    }

    /// Whether authenticators are asked to prove their model.
    pub(crate) fn asks_for_attestation(&self) -> bool {
        let needs_model =
            self.must_be_attested || self.allowed.is_some() || !self.denied.is_empty() || !self.trusted.is_empty();
        self.conveyance.map_or(needs_model, |conveyance| conveyance == Conveyance::Direct)
    }

    /// Whether policy takes keys of this model.
    pub(crate) fn allows_model(&self, aaguid: Aaguid) -> bool {
        !self.denied.contains(&aaguid) && self.allowed.as_ref().is_none_or(|allowed| allowed.contains(&aaguid))
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let refused = |rule: &'static str| Err(ConfigError::new("webauthn", rule));
        if self.allowed.as_ref().is_some_and(BTreeSet::is_empty) {
            return refused(
                "allow_aaguids allows no model; leave it out, or take webauthn out of the kinds of the login",
            );
        }
        if self.trusted.iter().any(|model| !model.is_known()) {
            return refused("trust_aaguids has the model of all zeros, which every key may claim");
        }
        if self.trusted.iter().any(|model| !self.allows_model(*model)) {
            return refused("trust_aaguids has a model that is not allowed; drop it from one of the two");
        }
        if self.must_be_attested && self.conveyance == Some(Conveyance::None) {
            return refused("keys must be attested and are not asked to be; drop attestation");
        }
        for (field, secs) in
            [("passkey_valid_for", self.passkey_valid_for), ("security_key_valid_for", self.security_key_valid_for)]
        {
            secs.map_or(Ok(()), |secs| range(field, secs, DAY..=TEN_YEARS))?;
        }
        Ok(())
    }
}
