//! The rules of a file for passkeys and security keys.

use schemars::JsonSchema;
use serde::Deserialize;

use super::scalar::{AaguidName, AtLeastOne, Span};
use crate::id::Aaguid;
use crate::policy::{Attachment, Conveyance, Hint, Reaction, ResidentKey, UserVerification, WebAuthnPolicy};

/// What passkeys and security keys must be. What is left out is as the program says.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WebAuthn")]
pub(super) struct WebAuthnTable {
    /// Whether an authenticator must verify its user.
    user_verification: Option<VerificationName>,
    /// Whether a passkey must be found without a username.
    resident_key: Option<ResidentName>,
    /// Where an authenticator has to be.
    attachment: Option<AttachmentName>,
    /// What the browser offers first, in this order.
    hints: Option<AtLeastOne<HintName>>,
    /// Whether an authenticator is asked to prove its model.
    attestation: Option<ConveyanceName>,
    /// Whether its model must be vouched for by a root that the program knows.
    must_be_attested: Option<bool>,
    /// Whether keys that can be copied to other devices are refused.
    deny_synced: Option<bool>,
    /// The models that are taken. Left out here and in the program, every one is.
    allow_aaguids: Option<AtLeastOne<AaguidName>>,
    /// The models that are not taken.
    deny_aaguids: Option<Vec<AaguidName>>,
    /// The models that are hardware, and make AAL3, where they cannot be copied.
    trust_aaguids: Option<Vec<AaguidName>>,
    /// When a signature counter has not grown.
    on_counter_regression: Option<ReactionName>,
    /// When a key can be copied all of a sudden, or cannot any more.
    on_eligibility_change: Option<ReactionName>,
    /// When a key is not backed up any more.
    on_backup_lost: Option<ReactionName>,
    /// For how long a passkey is good once it is bound.
    passkey_valid_for: Option<Span>,
    /// For how long a security key is good once it is bound.
    security_key_valid_for: Option<Span>,
}

impl WebAuthnTable {
    /// What the program says, and over it what the file does.
    pub(super) fn over(&self, base: WebAuthnPolicy) -> WebAuthnPolicy {
        let table = self.clone();
        let models = |list: Vec<AaguidName>| -> Vec<Aaguid> { list.into_iter().map(|model| model.0).collect() };
        let mut rules = base;
        rules = opt(rules, table.user_verification, |rules, wanted| rules.user_verification(wanted.into()));
        rules = opt(rules, table.resident_key, |rules, wanted| rules.resident_key(wanted.into()));
        rules = opt(rules, table.attachment, |rules, wanted| rules.attachment(wanted.into()));
        rules = opt(rules, table.hints, |rules, list| rules.hints(list.0.into_iter().map(Hint::from)));
        rules = opt(rules, table.attestation, |rules, wanted| rules.attestation(wanted.into()));
        rules = opt(rules, table.must_be_attested, WebAuthnPolicy::must_be_attested);
        rules = opt(rules, table.deny_synced, WebAuthnPolicy::deny_synced);
        rules = opt(rules, table.allow_aaguids, |rules, list| rules.allow_aaguids(models(list.0)));
        rules = opt(rules, table.deny_aaguids, |rules, list| rules.deny_aaguids(models(list)));
        rules = opt(rules, table.trust_aaguids, |rules, list| rules.trust_aaguids(models(list)));
        rules = opt(rules, table.on_counter_regression, |rules, what| rules.on_counter_regression(what.into()));
        rules = opt(rules, table.on_eligibility_change, |rules, what| rules.on_eligibility_change(what.into()));
        rules = opt(rules, table.on_backup_lost, |rules, what| rules.on_backup_lost(what.into()));
        rules = opt(rules, table.passkey_valid_for, |rules, span| rules.passkey_valid_for(span.0));
        opt(rules, table.security_key_valid_for, |rules, span| rules.security_key_valid_for(span.0))
    }
}

fn opt<T>(
    rules: WebAuthnPolicy,
    value: Option<T>,
    set: impl FnOnce(WebAuthnPolicy, T) -> WebAuthnPolicy,
) -> WebAuthnPolicy {
    match value {
        Some(value) => set(rules, value),
        None => rules,
    }
}

/// A word of the file for each word of the policy.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident => $of:ident { $($(#[$word_doc:meta])* $word:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
        #[serde(rename_all = "kebab-case")]
        enum $name {
            $($(#[$word_doc])* $word),+
        }

        impl From<$name> for $of {
            fn from(name: $name) -> Self {
                match name {
                    $($name::$word => Self::$word),+
                }
            }
        }
    };
}

words! {
    /// Whether an authenticator must verify its user.
    VerificationName => UserVerification {
        /// Where it can.
        Preferred,
        /// Always.
        Required,
    }
}

words! {
    /// Whether a passkey must be found without a username.
    ResidentName => ResidentKey {
        /// Where the authenticator can.
        Preferred,
        /// Always.
        Required,
    }
}

words! {
    /// Where an authenticator has to be.
    AttachmentName => Attachment {
        /// Part of the device.
        Platform,
        /// Something that is plugged in or held to it, or a telephone.
        CrossPlatform,
    }
}

words! {
    /// What the browser offers first.
    HintName => Hint {
        /// A security key.
        SecurityKey,
        /// This device.
        ClientDevice,
        /// A telephone, by QR code.
        Hybrid,
    }
}

words! {
    /// Whether an authenticator is asked to prove its model.
    ConveyanceName => Conveyance {
        /// No.
        None,
        /// Yes.
        Direct,
    }
}

words! {
    /// What is done about an answer whose signature is right and which is odd all the same.
    ReactionName => Reaction {
        /// It is refused.
        Reject,
        /// It counts as a single factor, and as no hardware key.
        StepDown,
        /// It counts; the event is all there is.
        Alert,
    }
}
