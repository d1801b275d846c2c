//! §7.2: an assertion.

use sha2::{Digest as _, Sha256};

use super::authenticator_data::AuthenticatorData;
use super::ceremony::{Ceremony, Step, check, refused};
use super::client_data::ClientData;
use super::key;
use super::relying_party::RelyingParty;
use crate::account::webauthn::{Asserted, Assertion, CeremonyError, ExpectedAssertion};

/// Checks an assertion. Everything in `assertion` is the client's, and the signature says which of it
/// the authenticator has seen.
///
/// The signature comes first, though the standard has it last: whoever cannot make one gets no further, so how
/// soon he is refused tells him nothing of what else is right, or of whether there is such a key (WA-14.6.2).
///
/// The library checks the signature and no more: its own ceremony refuses, beside what the standard
/// asks, what is the account's to judge (counters, a backup flag that changed, user verification by
/// what was so at registration), and cannot read a byte-order mark.
pub(super) fn assert(
    party: &RelyingParty,
    assertion: &Assertion,
    expected: &ExpectedAssertion<'_>,
) -> Result<Asserted, CeremonyError> {
    check("WA-AUTH-5 credential id", assertion.id == *expected.id)?;
    signature(assertion, expected)?;
    what_was_signed(party, assertion, expected)
}

fn signature(assertion: &Assertion, expected: &ExpectedAssertion<'_>) -> Result<(), CeremonyError> {
    const RULE: &str = "WA-AUTH-21 signature";
    let key = key::to_library(expected.public_key).ok_or_else(|| refused("WA-AUTH-21 stored key"))?;
    let mut signed = assertion.authenticator_data.clone();
    signed.extend_from_slice(&Sha256::digest(&assertion.client_data));
    let verified = key.verify_signature(&assertion.signature, &signed);
    check(RULE, verified.map_err(|source| CeremonyError { rule: RULE, source: Some(source.into()) })?)
}

/// Reads what was signed, and checks all that it says. Whoever has a key can sign anything.
pub(super) fn what_was_signed(
    party: &RelyingParty,
    assertion: &Assertion,
    expected: &ExpectedAssertion<'_>,
) -> Result<Asserted, CeremonyError> {
    const HERE: Ceremony = Ceremony::Assert;
    ClientData::check(&assertion.client_data, HERE, expected.challenge, party.expected_origins())?;
    let data = HERE.need(Step::AuthenticatorData, AuthenticatorData::read(&assertion.authenticator_data))?;
    data.check(HERE, party.id_hash(), expected.user_verification)?;
    Ok(Asserted {
        counter: data.counter,
        user_verified: data.flags.user_verified(),
        backup_eligible: data.flags.backup_eligible(),
        backed_up: data.flags.backed_up(),
    })
}
