//! What a browser sends back: `RegistrationResponseJSON` and `AuthenticationResponseJSON` (WebAuthn
//! §5.1), read strictly where we look and not at all where we do not.

use serde::Deserialize;

use super::base64url;
use super::key::{CredentialId, Transports};
use crate::account::refusal::Refusal;

/// Longest credential as JSON, in bytes: attestations with certificate chains are some 8 KiB.
const LONGEST: usize = 48 * 1024;

/// A new credential, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Registration {
    pub(crate) id: CredentialId,
    pub(crate) client_data: Vec<u8>,
    pub(crate) attestation_object: Vec<u8>,
    pub(crate) transports: Transports,
}

/// A signed answer, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Assertion {
    pub(crate) id: CredentialId,
    pub(crate) client_data: Vec<u8>,
    pub(crate) authenticator_data: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    pub(crate) user_handle: Option<Vec<u8>>,
}

/// Unknown members are passed over: browsers add some (WA-REG-6).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<R> {
    id: Box<str>,
    raw_id: Box<str>,
    #[serde(rename = "type")]
    kind: Box<str>,
    response: R,
}

#[derive(Deserialize)]
struct AttestationResponse {
    #[serde(rename = "clientDataJSON")]
    client_data: Box<str>,
    #[serde(rename = "attestationObject")]
    attestation_object: Box<str>,
    #[serde(default)]
    transports: Vec<Box<str>>,
}

#[derive(Deserialize)]
struct AssertionResponse {
    #[serde(rename = "clientDataJSON")]
    client_data: Box<str>,
    #[serde(rename = "authenticatorData")]
    authenticator_data: Box<str>,
    signature: Box<str>,
    #[serde(rename = "userHandle", default)]
    user_handle: Option<Box<str>>,
}

impl Registration {
    /// Reads `RegistrationResponseJSON`.
    pub(crate) fn parse(json: &str) -> Result<Self, Refusal> {
        let (id, response) = envelope::<AttestationResponse>(json)?;
        Ok(Self {
            id,
            client_data: bytes(&response.client_data)?,
            attestation_object: bytes(&response.attestation_object)?,
            transports: Transports::new(response.transports).ok_or_else(malformed)?,
        })
    }
}

impl Assertion {
    /// Reads `AuthenticationResponseJSON`.
    pub(crate) fn parse(json: &str) -> Result<Self, Refusal> {
        let (id, response) = envelope::<AssertionResponse>(json)?;
        Ok(Self {
            id,
            client_data: bytes(&response.client_data)?,
            authenticator_data: bytes(&response.authenticator_data)?,
            signature: bytes(&response.signature)?,
            user_handle: response.user_handle.as_deref().map(bytes).transpose()?,
        })
    }
}

fn envelope<'de, R: Deserialize<'de>>(json: &'de str) -> Result<(CredentialId, R), Refusal> {
    if json.len() > LONGEST {
        return Err(malformed());
    }
    let envelope: Envelope<R> = serde_json::from_str(json).map_err(|_| malformed())?;
    // Both name the credential; two names would be two credentials to two readers.
    if &*envelope.kind != "public-key" || envelope.id != envelope.raw_id {
        return Err(malformed());
    }
    let id = CredentialId::new(bytes(&envelope.raw_id)?).ok_or_else(malformed)?;
    Ok((id, envelope.response))
}

fn bytes(text: &str) -> Result<Vec<u8>, Refusal> {
    base64url::decode(text).ok_or_else(malformed)
}

fn malformed() -> Refusal {
    Refusal::invalid("credential", "must be what the browser's credential gives by toJSON()")
}
