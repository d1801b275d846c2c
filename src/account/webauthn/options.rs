//! What a browser is given to ask an authenticator: `PublicKeyCredentialCreationOptionsJSON` and
//! `PublicKeyCredentialRequestOptionsJSON` (WebAuthn §5.1.9, §5.1.10).

use serde::Serialize;

use super::key::{CredentialId, Transports};

/// The algorithms that can be checked, best first (WA-5.4-params): ES256, ES384, RS256. The library has
/// neither Ed25519 (-8) nor Ed448 nor P-521.
pub(crate) const ALGORITHMS: [i32; 3] = [-7, -35, -257];

/// How to make a credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Creation {
    pub(crate) rp: Rp,
    pub(crate) user: User,
    pub(crate) challenge: String,
    pub(crate) pub_key_cred_params: Vec<Params>,
    /// Milliseconds.
    pub(crate) timeout: u32,
    pub(crate) exclude_credentials: Vec<Descriptor>,
    pub(crate) authenticator_selection: Selection,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) hints: Vec<&'static str>,
    pub(crate) attestation: &'static str,
    pub(crate) extensions: CreationExtensions,
}

/// How to ask for an assertion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    pub(crate) challenge: String,
    /// Milliseconds.
    pub(crate) timeout: u32,
    pub(crate) rp_id: Box<str>,
    pub(crate) allow_credentials: Vec<Descriptor>,
    pub(crate) user_verification: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) hints: Vec<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Rp {
    pub(crate) id: Box<str>,
    pub(crate) name: Box<str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct User {
    /// The user handle: random, and nothing about the person (WA-5.4.3-id).
    pub(crate) id: String,
    pub(crate) name: Box<str>,
    pub(crate) display_name: Box<str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Params {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) alg: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Descriptor {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) id: String,
    #[serde(skip_serializing_if = "Transports::is_empty")]
    pub(crate) transports: Transports,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Selection {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) authenticator_attachment: Option<&'static str>,
    pub(crate) resident_key: &'static str,
    pub(crate) require_resident_key: bool,
    pub(crate) user_verification: &'static str,
}

/// Whether the credential became discoverable is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreationExtensions {
    pub(crate) cred_props: bool,
}

impl Descriptor {
    pub(crate) fn of(id: &CredentialId, transports: &Transports) -> Self {
        Self { kind: "public-key", id: id.to_text(), transports: transports.clone() }
    }
}
