//! What holds when nothing is wrong.

use super::scene::{ASKED, ORIGIN, bind, challenge, creation, expected, party, registration, site};
use crate::account::webauthn::{Attestation, Ceremonies as _, PublicKey, Registration};
use crate::testing::{KeyType, SoftAttestationCa, SoftAuthenticator};

#[test]
fn wa_reg_18_19_the_flags_and_the_counter_that_were_signed_are_what_is_told() {
    let mut passkey = bind(SoftAuthenticator::passkey());
    let made = &passkey.registered;
    assert_eq!((made.counter, made.user_verified, made.backup_eligible, made.backed_up), (0, true, true, true));
    let told = passkey.assertion(ORIGIN);
    let told = passkey.check(&party(), &told).unwrap();
    assert_eq!((told.counter, told.user_verified, told.backup_eligible, told.backed_up), (0, true, true, true));

    let mut stick = bind(SoftAuthenticator::security_key().counter(7));
    let made = &stick.registered;
    assert_eq!((made.counter, made.user_verified, made.backup_eligible, made.backed_up), (7, false, false, false));
    let told = stick.assertion(ORIGIN);
    let told = stick.check(&party(), &told).unwrap();
    assert_eq!((told.counter, told.user_verified, told.backup_eligible, told.backed_up), (8, false, false, false));
}

#[test]
fn every_kind_of_key_that_is_offered_registers_and_signs() {
    for key_type in [KeyType::Es256, KeyType::Es384, KeyType::Rs256] {
        let mut bound = bind(SoftAuthenticator::passkey().key_type(key_type));
        let stored = serde_json::to_string(&bound.registered.public_key).unwrap();
        bound.registered.public_key = serde_json::from_str::<PublicKey>(&stored).unwrap();
        let assertion = bound.assertion(ORIGIN);
        assert!(bound.check(&party(), &assertion).is_ok(), "{key_type:?}");
        let attested = bind(SoftAuthenticator::security_key().key_type(key_type));
        assert_eq!(attested.registered.attestation, Attestation::Itself, "{key_type:?}");
    }
}

#[test]
fn wa_reg_24_a_chain_to_a_root_of_ours_is_rooted_in_it_and_to_another_is_nothing() {
    let (ours, theirs) = (SoftAttestationCa::generate().unwrap(), SoftAttestationCa::generate().unwrap());
    // Both roots bear one name: each is looked at.
    let roots = site().attestation_root(theirs.root_der()).attestation_root(ours.root_pem().into_bytes());
    let party_of_both = roots.build().unwrap();
    let party_of_none = site().build().unwrap();
    let mut stick = SoftAuthenticator::security_key().aaguid([5; 16]).attested_by(&ours);
    let answer = stick.register(&creation(challenge(ASKED)), ORIGIN).unwrap();
    let answer = Registration::parse(&answer).unwrap();
    let found = party_of_both.register(&answer, &expected()).unwrap();
    let digest = <sha2::Sha256 as sha2::Digest>::digest(ours.root_der());
    assert_eq!(found.attestation, Attestation::Rooted(digest.into()));
    assert_eq!(found.aaguid.as_bytes(), &[5; 16]);
    assert_eq!(party_of_none.register(&answer, &expected()).unwrap().attestation, Attestation::None);
    assert_eq!(registration(&mut stick, ORIGIN).transports.words().len(), 2);
}
