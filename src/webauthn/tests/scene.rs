//! A site, an authenticator, and the ceremonies between them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::account::webauthn::{
    Asserted, Assertion, Ceremonies as _, CeremonyError, Challenge, ExpectedAssertion, ExpectedRegistration,
    Registered, Registration,
};
use crate::testing::SoftAuthenticator;
use crate::webauthn::cbor::Item;
use crate::webauthn::{RelyingParty, RelyingPartyBuilder};

pub(super) const ORIGIN: &str = "https://example.com";

pub(super) fn site() -> RelyingPartyBuilder {
    RelyingParty::builder("example.com", ORIGIN)
}

pub(super) fn party() -> RelyingParty {
    site().build().unwrap()
}

pub(super) fn challenge(byte: u8) -> Challenge {
    serde_json::from_value(json!(b64(&[byte; 32]))).unwrap()
}

pub(super) fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn creation(challenge: Challenge) -> String {
    let user = json!({ "id": b64(&[9; 64]), "name": "alice", "displayName": "Alice" });
    json!({ "rp": { "id": "example.com" }, "user": user, "challenge": challenge.to_text() }).to_string()
}

pub(super) fn request(challenge: Challenge, id: &str) -> String {
    let allowed = json!([{ "type": "public-key", "id": id }]);
    json!({ "rpId": "example.com", "challenge": challenge.to_text(), "allowCredentials": allowed }).to_string()
}

pub(super) const ASKED: u8 = 1;

pub(super) fn expected() -> ExpectedRegistration {
    ExpectedRegistration { challenge: challenge(ASKED), user_verification: false, attested: false }
}

/// What an authenticator answers to a question for a new credential.
pub(super) fn registration(authenticator: &mut SoftAuthenticator, origin: &str) -> Registration {
    let answer = authenticator.register(&creation(challenge(ASKED)), origin).unwrap();
    Registration::parse(&answer).unwrap()
}

pub(super) fn register(party: &RelyingParty, registration: &Registration) -> Result<Registered, CeremonyError> {
    party.register(registration, &expected())
}

/// A credential that was registered, and the authenticator it is in.
pub(super) struct Bound {
    pub(super) authenticator: SoftAuthenticator,
    pub(super) registered: Registered,
}

pub(super) fn bind(mut authenticator: SoftAuthenticator) -> Bound {
    let answer = registration(&mut authenticator, ORIGIN);
    let registered = register(&party(), &answer).unwrap();
    Bound { authenticator, registered }
}

impl Bound {
    pub(super) fn with(self, change: impl FnOnce(SoftAuthenticator) -> SoftAuthenticator) -> Self {
        Self { authenticator: change(self.authenticator), ..self }
    }

    pub(super) fn assertion(&mut self, origin: &str) -> Assertion {
        let question = request(challenge(ASKED), &self.registered.id.to_text());
        Assertion::parse(&self.authenticator.assert(&question, origin).unwrap()).unwrap()
    }

    pub(super) fn expected(&self) -> ExpectedAssertion<'_> {
        ExpectedAssertion {
            challenge: challenge(ASKED),
            id: &self.registered.id,
            public_key: &self.registered.public_key,
            user_verification: false,
        }
    }

    pub(super) fn check(&self, party: &RelyingParty, assertion: &Assertion) -> Result<Asserted, CeremonyError> {
        party.assert(assertion, &self.expected())
    }
}

/// Changes the client data as a browser, or whoever is none, could write them.
pub(super) fn change_client_data(client_data: &mut Vec<u8>, change: impl FnOnce(&mut Value)) {
    let mut value = serde_json::from_slice(client_data).unwrap();
    change(&mut value);
    *client_data = value.to_string().into_bytes();
}

/// Where the parts of the authenticator data of a new credential begin, with an id of 32 bytes and a
/// key for ES256.
pub(super) mod at {
    pub(in super::super) const FLAGS: usize = 32;
    pub(in super::super) const ID_LENGTH: usize = 53;
    pub(in super::super) const ID: usize = 55;
    pub(in super::super) const ALGORITHM: usize = 91;
    pub(in super::super) const CURVE: usize = 93;
    pub(in super::super) const X: usize = 97;
}

/// The authenticator data in an attestation object.
pub(super) fn data_of(object: &[u8]) -> Vec<u8> {
    Item::read(object).unwrap().member("authData").unwrap().bytes().unwrap().to_vec()
}

/// An attestation object of the format `none`.
pub(super) fn none_object(data: &[u8]) -> Vec<u8> {
    object("none", &[0xa0], data)
}

/// An attestation object; the statement as it is encoded.
pub(super) fn object(format: &str, statement: &[u8], data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap().to_be_bytes();
    let format = [&[0x78, u8::try_from(format.len()).unwrap()], format.as_bytes()].concat();
    [b"\xa3\x63fmt", &*format, b"\x67attStmt", statement, b"\x68authData\x59", &length, data].concat()
}

/// Changes the authenticator data of a credential without an attestation: nothing signs them.
pub(super) fn change_data(registration: &mut Registration, change: impl FnOnce(&mut Vec<u8>)) {
    let mut data = data_of(&registration.attestation_object);
    change(&mut data);
    registration.attestation_object = none_object(&data);
}

/// The step that a ceremony failed at.
pub(super) fn rule<T>(result: Result<T, CeremonyError>) -> &'static str {
    result.err().map_or("none", |error| error.rule)
}
