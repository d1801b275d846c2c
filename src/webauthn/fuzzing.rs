//! Doors for the fuzzer: they are there when it builds (`cfg(fuzzing)`) and never otherwise.

use std::sync::LazyLock;

use super::assert::what_was_signed;
use super::authenticator_data::AuthenticatorData;
use super::cbor::Item;
use super::{RelyingParty, key};
use crate::account::webauthn::{
    Assertion, Ceremonies as _, Challenge, CredentialId, ExpectedAssertion, ExpectedRegistration, Key, PublicKey,
    Registration, Transports,
};

/// The site that every seed was made for; the challenge is 32 bytes of 1.
pub const ORIGIN: &str = "https://example.com";

/// The challenge, as the browser writes it.
pub const CHALLENGE: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";

static PARTY: LazyLock<Option<RelyingParty>> =
    LazyLock::new(|| RelyingParty::builder("example.com", ORIGIN).build().ok());

fn challenge() -> Option<Challenge> {
    serde_json::from_value(CHALLENGE.into()).ok()
}

/// Reads and checks `RegistrationResponseJSON`; what is accepted can be kept, and used again.
pub fn registers(json: &str) -> bool {
    Registration::parse(json).is_ok_and(|registration| check(&registration))
}

/// The same with nothing of the browser's left to get right: authenticator data, without an attestation.
pub fn registers_data(data: &[u8]) -> bool {
    let Some(made) = AuthenticatorData::read(data).and_then(|data| data.credential) else { return false };
    let Some(id) = CredentialId::new(made.id.to_vec()) else { return false };
    let length = u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes();
    let attestation_object = [b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59", length.as_slice(), data].concat();
    registers_object(&attestation_object, id)
}

/// The same with an attestation object of any format.
fn registers_object(object: &[u8], id: CredentialId) -> bool {
    let client_data = format!(r#"{{"type":"webauthn.create","challenge":"{CHALLENGE}","origin":"{ORIGIN}"}}"#);
    let (client_data, transports) = (client_data.into_bytes(), Transports::default());
    check(&Registration { id, client_data, attestation_object: object.to_vec(), transports })
}

/// An attestation object as a whole, under the id that stands in it.
pub fn registers_whole(object: &[u8]) -> bool {
    let id = Item::read(object).and_then(|item| {
        let made = AuthenticatorData::read(item.member("authData")?.bytes()?)?.credential?;
        CredentialId::new(made.id.to_vec())
    });
    id.is_some_and(|id| registers_object(object, id))
}

fn check(registration: &Registration) -> bool {
    let (Some(party), Some(challenge)) = (&*PARTY, challenge()) else { return false };
    let expected = ExpectedRegistration { challenge, user_verification: false, attested: false };
    let Ok(registered) = party.register(registration, &expected) else { return false };
    let stored = serde_json::to_string(&registered.public_key).unwrap_or_default();
    let read = serde_json::from_str::<PublicKey>(&stored);
    assert!(read.is_ok_and(|read| read == registered.public_key && key::to_library(&read).is_some()));
    assert!(registered.id == registration.id && (registered.backup_eligible || !registered.backed_up));
    true
}

/// Reads and checks `AuthenticationResponseJSON` with a key as it stands in a document.
pub fn asserts(json: &str, document: &str) -> bool {
    let (Some(party), Some(challenge)) = (&*PARTY, challenge()) else { return false };
    let Ok(key) = serde_json::from_str::<Key>(document) else { return false };
    let again = serde_json::to_string(&key).unwrap_or_default();
    assert!(serde_json::from_str::<Key>(&again).is_ok_and(|again| again == key), "{again}");
    let Ok(assertion) = Assertion::parse(json) else { return false };
    let public_key = &key.public_key;
    let expected = ExpectedAssertion { challenge, id: &key.id, public_key, user_verification: false };
    // Whoever has a key can sign what he likes, and what he signed is read.
    let can_be_read = what_was_signed(party, &assertion, &expected).is_ok();
    let is_signed = party.assert(&assertion, &expected).is_ok();
    assert!(can_be_read || !is_signed);
    is_signed
}
