//! §7.1: a new credential.

use super::authenticator_data::AuthenticatorData;
use super::cbor::Item;
use super::ceremony::{Ceremony, Step, check, refused};
use super::client_data::ClientData;
use super::relying_party::RelyingParty;
use super::{key, library};
use crate::account::webauthn::{Attestation, CeremonyError, ExpectedRegistration, Registered, Registration};

/// The formats whose statements can be verified, to the letter (WA-REG-21, WA-8.x-id).
const FORMATS: [&str; 5] = ["none", "packed", "fido-u2f", "apple", "android-key"];

/// What an authenticator answers with: the data, and a statement about them (§6.5.4).
pub(super) struct AttestationObject<'a> {
    pub(super) format: &'a str,
    pub(super) statement: &'a Item<'a>,
    authenticator_data: &'a [u8],
}

impl<'a> AttestationObject<'a> {
    fn of(item: &'a Item<'a>) -> Option<Self> {
        let statement = item.member("attStmt")?;
        let format = item.member("fmt")?.text()?;
        let authenticator_data = item.member("authData")?.bytes()?;
        statement.is_map().then_some(Self { format, statement, authenticator_data })
    }
}

/// Checks a new credential. Everything in `registration` is the client's: it may be no browser.
pub(super) fn register(
    party: &RelyingParty,
    registration: &Registration,
    expected: &ExpectedRegistration,
) -> Result<Registered, CeremonyError> {
    const HERE: Ceremony = Ceremony::Register;
    const OBJECT: &str = "WA-REG-13 attestation object";
    let origins = party.expected_origins();
    let said = ClientData::check(&registration.client_data, HERE, expected.challenge, origins)?;

    let item = Item::read(&registration.attestation_object).ok_or_else(|| refused(OBJECT))?;
    let object = AttestationObject::of(&item).ok_or_else(|| refused(OBJECT))?;
    let data = HERE.need(Step::AuthenticatorData, AuthenticatorData::read(object.authenticator_data))?;
    data.check(HERE, party.id_hash(), expected.user_verification)?;
    let made = HERE.need(Step::AuthenticatorData, data.credential.as_ref())?;
    // The id beside the object is unsigned, and what the account is looked up by (WA-13.1). That it has
    // at most 1,023 bytes follows: no longer one can be written (WA-REG-25).
    check("WA-REG-25 credential id", made.id == registration.id.as_bytes())?;

    let public_key = key::from_cose(&made.key).ok_or_else(|| refused("WA-REG-20 key"))?;
    check("WA-REG-21 format", FORMATS.contains(&object.format))?;
    check("WA-REG-22 attestation statement", object.format != "none" || object.statement.is_empty_map())?;
    let mut registered = Registered {
        id: registration.id.clone(),
        public_key,
        counter: data.counter,
        user_verified: data.flags.user_verified(),
        backup_eligible: data.flags.backup_eligible(),
        backed_up: data.flags.backed_up(),
        aaguid: made.aaguid,
        attestation: Attestation::None,
    };
    let credential = library::register(party, registration, &object, expected.challenge, said.origin())?;
    library::agrees(&credential, &registered)?;
    registered.attestation = party.roots().assess(&credential.attestation.data);
    let rooted = matches!(registered.attestation, Attestation::Rooted(_));
    check("WA-REG-24 attestation", rooted || !expected.attested)?;
    Ok(registered)
}
