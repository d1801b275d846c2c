//! What a browser is given to ask an authenticator: `PublicKeyCredentialCreationOptionsJSON` and
//! `PublicKeyCredentialRequestOptionsJSON` (WebAuthn §5.1.9, §5.1.10).

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::ceremonies::Relying;
use super::key::{Challenge, CredentialId, KeyKind, Transports};
use crate::policy::{Attachment, Hint, Policy, ResidentKey, UserVerification};

/// The algorithms that can be checked, best first (WA-5.4-params): ES256, ES384, RS256. The library has
/// neither Ed25519 (-8) nor Ed448 nor P-521.
pub(crate) const ALGORITHMS: [i32; 3] = [-7, -35, -257];

/// Options for the browser's `navigator.credentials`, as JSON.
#[derive(Clone, PartialEq, Eq)]
pub struct OptionsJson(Box<str>);

impl OptionsJson {
    pub(crate) fn of(options: &impl Serialize) -> Option<Self> {
        serde_json::to_string(options).ok().map(|text| Self(text.into()))
    }

    /// Returns the text: an object that `PublicKeyCredential.parseRequestOptionsFromJSON` or
    /// `parseCreationOptionsFromJSON` takes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Serialize for OptionsJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl fmt::Debug for OptionsJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How to make a credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Creation {
    rp: Rp,
    user: User,
    challenge: String,
    pub_key_cred_params: [Params; 3],
    /// Milliseconds.
    timeout: u32,
    exclude_credentials: Vec<Descriptor>,
    authenticator_selection: Selection,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hints: Vec<&'static str>,
    attestation: &'static str,
    extensions: CreationExtensions,
}

/// Whose credential it will be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct User {
    /// The user handle: random, and nothing about the person (WA-5.4.3-id).
    pub(crate) id: String,
    pub(crate) name: Box<str>,
    pub(crate) display_name: Box<str>,
}

/// How to ask for an assertion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    challenge: String,
    /// Milliseconds.
    timeout: u32,
    rp_id: Box<str>,
    allow_credentials: Vec<Descriptor>,
    user_verification: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hints: Vec<&'static str>,
}

/// Which credentials are an account's: `AllAcceptedCredentialsOptions` (WebAuthn §5.1.10.2), for
/// `PublicKeyCredential.signalAllAcceptedCredentials`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Accepted {
    rp_id: Box<str>,
    user_id: String,
    all_accepted_credential_ids: Vec<String>,
}

impl Accepted {
    /// `user_id` in base64url.
    pub(crate) fn new<'a>(rp: Relying<'_>, user_id: String, ids: impl Iterator<Item = &'a CredentialId>) -> Self {
        let all_accepted_credential_ids = ids.map(CredentialId::to_text).collect();
        Self { rp_id: rp.id.into(), user_id, all_accepted_credential_ids }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Rp {
    id: Box<str>,
    name: Box<str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Params {
    #[serde(rename = "type")]
    kind: &'static str,
    alg: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Descriptor {
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
    #[serde(skip_serializing_if = "Transports::is_empty")]
    transports: Transports,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Selection {
    #[serde(skip_serializing_if = "Option::is_none")]
    authenticator_attachment: Option<&'static str>,
    resident_key: &'static str,
    require_resident_key: bool,
    user_verification: &'static str,
}

/// Whether the credential became discoverable is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct CreationExtensions {
    cred_props: bool,
}

impl Creation {
    pub(crate) fn new(rp: Relying<'_>, user: User, challenge: Challenge, kind: KeyKind, policy: &Policy) -> Self {
        let rules = &policy.webauthn;
        let must_be_resident = kind == KeyKind::Passkey && rules.resident_key == ResidentKey::Required;
        Self {
            rp: Rp { id: rp.id.into(), name: rp.name.into() },
            user,
            challenge: challenge.to_text(),
            pub_key_cred_params: ALGORITHMS.map(|alg| Params { kind: "public-key", alg }),
            timeout: policy.enrolment_ttl.saturating_mul(1000).min(TIMEOUT_MAX),
            exclude_credentials: Vec::new(),
            authenticator_selection: Selection {
                authenticator_attachment: attachment(kind, rules.attachment),
                resident_key: match (kind, must_be_resident) {
                    (KeyKind::SecurityKey, _) => "discouraged",
                    (KeyKind::Passkey, true) => "required",
                    (KeyKind::Passkey, false) => "preferred",
                },
                require_resident_key: must_be_resident,
                user_verification: verification(rules.user_verification == UserVerification::Required),
            },
            hints: hints(&rules.hints, kind),
            attestation: if rules.asks_for_attestation() { "direct" } else { "none" },
            extensions: CreationExtensions { cred_props: true },
        }
    }

    /// Leaves out authenticators that have one of these credentials (WA-5.4-excl).
    pub(crate) fn excluding<'a>(mut self, keys: impl Iterator<Item = (&'a CredentialId, &'a Transports)>) -> Self {
        self.exclude_credentials = keys.map(|(id, transports)| Descriptor::of(id, transports)).collect();
        self
    }
}

/// Longest timeout a browser is told, in milliseconds (WA-15.1).
const TIMEOUT_MAX: u32 = 600_000;

impl Request {
    pub(crate) fn new(challenge: Challenge, policy: &Policy, rp_id: &str, user_verification: bool) -> Self {
        Self {
            challenge: challenge.to_text(),
            timeout: policy.challenge_ttl.saturating_mul(1000).min(TIMEOUT_MAX),
            rp_id: rp_id.into(),
            allow_credentials: Vec::new(),
            user_verification: verification(user_verification),
            hints: policy.webauthn.hints.iter().map(|hint| name(*hint)).collect(),
        }
    }

    /// Takes these credentials alone, reached as they said (WA-5.5-allow).
    pub(crate) fn listing<'a>(mut self, keys: impl Iterator<Item = (&'a CredentialId, &'a Transports)>) -> Self {
        self.allow_credentials = keys.map(|(id, transports)| Descriptor::of(id, transports)).collect();
        self
    }
}

impl Descriptor {
    fn of(id: &CredentialId, transports: &Transports) -> Self {
        Self { kind: "public-key", id: id.to_text(), transports: transports.clone() }
    }
}

const fn verification(required: bool) -> &'static str {
    if required { "required" } else { "preferred" }
}

const fn name(hint: Hint) -> &'static str {
    match hint {
        Hint::SecurityKey => "security-key",
        Hint::ClientDevice => "client-device",
        Hint::Hybrid => "hybrid",
    }
}

/// WA-5.8.8-hints: they come first, and old browsers read the attachment.
fn hints(of: &[Hint], kind: KeyKind) -> Vec<&'static str> {
    match (of, kind) {
        ([], KeyKind::SecurityKey) => vec![name(Hint::SecurityKey)],
        (hints, _) => hints.iter().map(|hint| name(*hint)).collect(),
    }
}

const fn attachment(kind: KeyKind, wanted: Option<Attachment>) -> Option<&'static str> {
    match (wanted, kind) {
        (Some(Attachment::Platform), KeyKind::Passkey) => Some("platform"),
        (Some(Attachment::CrossPlatform), _) | (_, KeyKind::SecurityKey) => Some("cross-platform"),
        (None, KeyKind::Passkey) => None,
    }
}
