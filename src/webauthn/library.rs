//! The one place that speaks to the library about a registration: its types go no further.

use serde_json::json;
use webauthn_rs_core::proto::{
    AttestationFormat, AuthenticatorAttestationResponseRaw, COSEAlgorithm, COSEKey, Credential, ParsedAttestationData,
    RegisterPublicKeyCredential, RegistrationState,
};

use super::ceremony::{check, refused};
use super::register::AttestationObject;
use super::relying_party::RelyingParty;
use super::{cbor::Item, key};
use crate::account::webauthn::{CeremonyError, Challenge, Registered, Registration};

/// The library checks no certificate chain that is longer; each is a signature to verify, and the
/// sender chooses how many (leaf, three or four authorities, and the root at most).
const LONGEST_CHAIN: usize = 8;

/// Lets the library register the credential: it verifies the attestation statement and that the key
/// is a point on its curve, and reads everything once more.
pub(super) fn register(
    party: &RelyingParty,
    registration: &Registration,
    object: &AttestationObject<'_>,
    challenge: Challenge,
    origin: &str,
) -> Result<Credential, CeremonyError> {
    const RULE: &str = "WA-REG-22 attestation statement";
    let failed = |source| CeremonyError { rule: RULE, source: Some(source) };
    let chain = object.statement.member("x5c").and_then(Item::list).unwrap_or_default();
    check(RULE, chain.len() <= LONGEST_CHAIN)?;
    let client_data = if object.format == "none" {
        // Nothing is signed, so no hash is taken; and the library reads neither a byte-order mark nor a
        // frame that we allow. What was checked is said to it again, and nothing else.
        json!({ "type": "webauthn.create", "challenge": challenge.to_text(), "origin": origin }).to_string().into()
    } else {
        registration.client_data.clone()
    };
    let state = state(challenge).map_err(|source| failed(source.into()))?;
    let response = AuthenticatorAttestationResponseRaw {
        attestation_object: registration.attestation_object.clone(),
        client_data_json: client_data,
        transports: None,
    };
    let credential = RegisterPublicKeyCredential {
        id: registration.id.to_text(),
        raw_id: registration.id.as_bytes().to_vec(),
        response,
        type_: "public-key".to_owned(),
        extensions: Default::default(),
    };
    let credential = party.core().register_credential(&credential, &state, None);
    let credential = credential.map_err(|source| failed(source.into()))?;
    check(RULE, leaf_fits(&credential, object.statement))?;
    Ok(credential)
}

/// The library draws challenges itself and keeps them in a state of its own; this is that state with
/// our challenge. User verification is not its to judge: it is read from the flags.
fn state(challenge: Challenge) -> Result<RegistrationState, serde_json::Error> {
    serde_json::from_value(json!({
        "policy": "preferred",
        "exclude_credentials": [],
        "challenge": challenge.to_text(),
        "credential_algorithms": ["ES256", "ES384", "RS256"],
        "require_resident_key": false,
        "authenticator_attachment": null,
        "extensions": {},
        "allow_synchronised_authenticators": true,
    }))
}

/// What the library leaves out: that the signature of a `packed` statement is of the algorithm it
/// names (§8.2), and that a `fido-u2f` certificate is one over P-256 (§8.6).
fn leaf_fits(credential: &Credential, statement: &Item<'_>) -> bool {
    let ParsedAttestationData::Basic(chain) = &credential.attestation.data else { return true };
    let Some(leaf) = chain.first() else { return false };
    let is = |alg| COSEKey::try_from((alg, leaf)).is_ok();
    let algorithm = statement.member("alg").and_then(Item::integer).and_then(|alg| i32::try_from(alg).ok());
    match (&credential.attestation_format, algorithm) {
        (AttestationFormat::FIDOU2F, _) | (AttestationFormat::Packed, Some(key::ES256)) => is(COSEAlgorithm::ES256),
        (AttestationFormat::Packed, Some(key::ES384)) => is(COSEAlgorithm::ES384),
        // Of the three kinds it verifies with, the one that is left.
        (AttestationFormat::Packed, Some(key::RS256)) => !is(COSEAlgorithm::ES256) && !is(COSEAlgorithm::ES384),
        (AttestationFormat::Packed, _) => false,
        _ => true,
    }
}

/// Two readers, one credential: what the library has read is what we have read, or nothing is bound.
pub(super) fn agrees(credential: &Credential, registered: &Registered) -> Result<(), CeremonyError> {
    const RULE: &str = "WA-REG-13 read in two ways";
    let key = key::to_library(&registered.public_key).ok_or_else(|| refused(RULE))?;
    check(
        RULE,
        credential.cred == key
            && credential.cred_id.as_slice() == registered.id.as_bytes()
            && credential.counter == registered.counter
            && credential.user_verified == registered.user_verified
            && credential.backup_eligible == registered.backup_eligible
            && credential.backup_state == registered.backed_up,
    )
}
