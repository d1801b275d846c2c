use serde::{Deserialize, Serialize};

use super::assess::{MAX_EVIDENCE, carried_by};
use crate::clock::Timestamp;
use crate::id::AuthenticatorId;

/// What kind of thing a factor is (NIST SP 800-63-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "know, have, are: there is no fourth")]
pub enum Factor {
    /// Something you know.
    Knowledge,
    /// Something you have.
    Possession,
    /// Something you are.
    Inherence,
}

/// How a subject proved itself: the kind of authenticator that was used.
///
/// Kinds that no room of this crate checks yet stand here all the same, so that the rules of
/// [`assess`](super::assess) are complete and a new checker cannot invent its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Method {
    /// A password, checked by the host.
    #[serde(rename = "pwd")]
    Password,
    /// A time-based one-time password (RFC 6238).
    Totp,
    /// A counter-based one-time password (RFC 4226).
    Hotp,
    /// A saved recovery code, used as a look-up secret.
    RecoveryCode,
    /// A code sent as a text message: a restricted authenticator.
    Sms,
    /// A code spoken in a telephone call: a restricted authenticator.
    Voice,
    /// A code sent by e-mail: no authenticator at all (NIST SP 800-63B-4 §3.1.3.1).
    Email,
    /// An approval in an app, with a number carried over by hand.
    Push,
    /// A WebAuthn assertion: passkey or security key.
    #[serde(rename = "webauthn")]
    WebAuthn,
    /// What another identity provider asserted.
    Federated,
    /// A device remembered from an earlier login: a convenience, never a factor.
    TrustedDevice,
}

impl Method {
    /// Every kind there is.
    pub const ALL: &'static [Self] = &[
        Self::Password,
        Self::Totp,
        Self::Hotp,
        Self::RecoveryCode,
        Self::Sms,
        Self::Voice,
        Self::Email,
        Self::Push,
        Self::WebAuthn,
        Self::Federated,
        Self::TrustedDevice,
    ];

    /// Returns the name used in tokens and on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Password => "pwd",
            Self::Totp => "totp",
            Self::Hotp => "hotp",
            Self::RecoveryCode => "recovery_code",
            Self::Sms => "sms",
            Self::Voice => "voice",
            Self::Email => "email",
            Self::Push => "push",
            Self::WebAuthn => "webauthn",
            Self::Federated => "federated",
            Self::TrustedDevice => "trusted_device",
        }
    }

    /// Returns the kind that has this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|method| method.name() == name)
    }

    /// Returns the factor a bare use of this kind proves; `None` for what proves none by itself.
    ///
    /// A user-verified WebAuthn assertion proves a second one besides.
    #[must_use]
    pub const fn factor(self) -> Option<Factor> {
        match self {
            Self::Password => Some(Factor::Knowledge),
            Self::Totp | Self::Hotp | Self::RecoveryCode | Self::Sms | Self::Voice | Self::Push | Self::WebAuthn => {
                Some(Factor::Possession)
            }
            // E-mail proves access to a mailbox, not a device (N63B-3.1.3.1-a); a remembered device
            // is no authentication (N63B-5.1-f); of a federated login its own claims decide.
            Self::Email | Self::TrustedDevice | Self::Federated => None,
        }
    }
}

/// What a single use of an authenticator showed beside its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Properties {
    /// The verifier's name was part of what was signed (N63B §3.2.5).
    #[serde(default, rename = "phr", skip_serializing_if = "is_false")]
    pub(crate) phishing_resistant: bool,
    /// The authenticator verified its user, now and when it was bound.
    #[serde(default, rename = "uv", skip_serializing_if = "is_false")]
    pub(crate) user_verified: bool,
    /// The key is held in attested hardware and cannot be exported.
    #[serde(default, rename = "hw", skip_serializing_if = "is_false")]
    pub(crate) hardware: bool,
    /// The key is copied between devices.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) synced: bool,
    /// What another identity provider vouches for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) federated: Option<FederatedLevel>,
}

/// The level another identity provider vouches for, after the host's mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FederatedLevel {
    /// One factor of unknown kind.
    Aal1,
    /// One factor, and it was a password.
    Knowledge,
    /// Two distinct factors.
    Aal2,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn is_false(value: &bool) -> bool {
    !*value
}

/// Proof that one authenticator was used successfully at one time.
///
/// ```
/// use tower_mfa::assurance::{Evidence, Method};
///
/// // What stands in a verified token of somebody who has typed a code.
/// fn example(evidence: &[Evidence]) {
///     let code = evidence.iter().find(|proof| proof.method() == Method::Totp).unwrap();
///     assert_eq!(code.at().as_secs(), 1_800_000_000);
///     assert!(!code.is_phishing_resistant(), "what can be typed can be typed at a look-alike site");
/// }
/// # mod scene { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scene/token.rs")); }
/// # example(scene::verified().assurance().evidence());
/// ```
///
/// # Security
///
/// There is no public constructor. Inside this crate one is made only where a check has just
/// succeeded; the single thing a host may assert itself is named so,
/// `FirstFactor::password_checked_by_host`. So a forgotten check does not compile.
///
/// ```compile_fail
/// use tower_mfa::assurance::Evidence;
/// use tower_mfa::clock::Timestamp;
///
/// // A host that would like to skip the second factor finds no way to say so.
/// let forged = Evidence::totp(Timestamp::from_secs(0));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    pub(crate) method: Method,
    pub(crate) at: Timestamp,
    pub(crate) authenticator: Option<AuthenticatorId>,
    pub(crate) properties: Properties,
}

impl Evidence {
    pub(crate) const fn new(method: Method, at: Timestamp) -> Self {
        let properties = Properties {
            phishing_resistant: false,
            user_verified: false,
            hardware: false,
            synced: false,
            federated: None,
        };
        Self { method, at, authenticator: None, properties }
    }

    pub(crate) const fn by(mut self, authenticator: AuthenticatorId) -> Self {
        self.authenticator = Some(authenticator);
        self
    }

    pub(crate) const fn with(mut self, properties: Properties) -> Self {
        self.properties = properties;
        self
    }

    /// Returns how the subject proved itself.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    /// Returns when.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// Returns the authenticator that was used; `None` for a password.
    #[must_use]
    pub const fn authenticator(&self) -> Option<AuthenticatorId> {
        self.authenticator
    }

    /// Tells whether the proof was bound to the verifier's name.
    #[must_use]
    pub const fn is_phishing_resistant(&self) -> bool {
        // N63B-3.2.5-a: what a person reads and types can be read and typed to a look-alike site.
        matches!(self.method, Method::WebAuthn | Method::Federated) && self.properties.phishing_resistant
    }

    /// Tells whether the authenticator verified its user.
    #[must_use]
    pub const fn is_user_verified(&self) -> bool {
        self.properties.user_verified
    }

    /// Tells whether the key cannot leave its hardware.
    #[must_use]
    pub const fn is_hardware(&self) -> bool {
        matches!(self.method, Method::WebAuthn) && self.properties.hardware && !self.properties.synced
    }

    pub(crate) const fn properties(&self) -> Properties {
        self.properties
    }

    pub(crate) const fn proves_knowledge(&self) -> bool {
        match self.method {
            Method::Password => true,
            // Two distinct factors have one among them that is known or inherent.
            Method::Federated => {
                matches!(self.properties.federated, Some(FederatedLevel::Knowledge | FederatedLevel::Aal2))
            }
            _ => false,
        }
    }

    /// Whether this one proof is two factors: a multi-factor authenticator, or a provider's word.
    pub(crate) const fn is_multi_factor(&self) -> bool {
        match self.method {
            // N63B-B.3-UV: user verification missing makes it a single factor.
            Method::WebAuthn => self.properties.user_verified,
            Method::Federated => matches!(self.properties.federated, Some(FederatedLevel::Aal2)),
            _ => false,
        }
    }

    pub(crate) const fn proves_possession(&self) -> bool {
        matches!(self.method.factor(), Some(Factor::Possession)) || self.is_multi_factor()
    }

    /// Whether this proof can carry AAL3 (N63B-2.3.2): public key, phishing resistant, not exportable.
    pub(crate) const fn is_aal3_key(&self) -> bool {
        self.is_phishing_resistant() && self.is_hardware()
    }

    /// Whether this proof counts as an authentication at all.
    pub(crate) const fn counts(&self) -> bool {
        match self.method {
            Method::Email | Method::TrustedDevice => false,
            Method::Federated => self.properties.federated.is_some(),
            _ => true,
        }
    }
}

/// Keeps the newest proof of each kind, oldest first: what a session holds and a token carries.
///
/// Proofs of one kind with different properties are kept side by side, so that touching a key
/// without a PIN does not take away the level a PIN has given. Of more than eight, the oldest that
/// carries nothing is dropped: the level and every freshness rule are met as before. A password
/// stays, for the proofs to come that will stand beside it.
pub(crate) fn newest_of_each(evidence: &mut Vec<Evidence>) {
    evidence.sort_by_key(|proof| std::cmp::Reverse(proof.at));
    let mut seen: Vec<(Method, Properties)> = Vec::new();
    evidence.retain(|proof| {
        let class = (proof.method, proof.properties);
        let first = !seen.contains(&class);
        if first {
            seen.push(class);
        }
        first
    });
    while evidence.len() > MAX_EVIDENCE {
        let carried = carried_by(evidence);
        let idle = (0..evidence.len()).rev().find(|at| {
            let mut rest = evidence.clone();
            rest.remove(*at).method != Method::Password && carried_by(&rest) == carried
        });
        // Each rule stands on one proof and on one password beside it, so that one of nine is idle.
        match idle {
            Some(at) => drop(evidence.remove(at)),
            None => evidence.truncate(MAX_EVIDENCE),
        }
    }
    // Proofs of one second in the order of their kinds, so that a password comes before its code.
    evidence.sort_by_key(|proof| (proof.at, proof.method));
}
