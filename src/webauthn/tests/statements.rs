//! §7.1 steps 22 to 24: what is said of a new credential, and how far it is believed.

use super::scene::{ORIGIN, data_of, expected, object, party, register, registration, rule, site};
use crate::account::webauthn::{Attestation, Ceremonies as _, ExpectedRegistration, Registration};
use crate::testing::{KeyType, SoftAttestationCa, SoftAuthenticator};
use crate::webauthn::RelyingParty;

const STATEMENT: &str = "WA-REG-22 attestation statement";

fn maker() -> SoftAttestationCa {
    SoftAttestationCa::generate().unwrap()
}

fn believing(maker: &SoftAttestationCa) -> RelyingParty {
    site().attestation_root(maker.root_der()).build().unwrap()
}

/// Replaces the first occurrence of some bytes.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
    let (before, rest) = bytes.split_at(at);
    [before, to, &rest[from.len()..]].concat()
}

#[test]
fn wa_reg_12_the_client_data_are_hashed_as_they_came() {
    let mut answer = registration(&mut SoftAuthenticator::security_key(), ORIGIN);
    assert_eq!(rule(register(&party(), &answer)), "none");
    // The same JSON, with a space in it.
    let at = answer.client_data.iter().position(|byte| *byte == b',').unwrap();
    answer.client_data.insert(at, b' ');
    assert_eq!(rule(register(&party(), &answer)), STATEMENT);
}

#[test]
fn wa_8_7_the_statement_of_none_is_empty() {
    let answer = registration(&mut SoftAuthenticator::passkey(), ORIGIN);
    let data = data_of(&answer.attestation_object);
    let answer = Registration { attestation_object: object("none", b"\xa1\x63sig\x40", &data), ..answer };
    assert_eq!(rule(register(&party(), &answer)), STATEMENT);
}

/// Rows: WA-8.2
#[test]
fn wa_reg_22_a_signature_of_another_key_or_another_algorithm_is_refused() {
    let good = registration(&mut SoftAuthenticator::security_key(), ORIGIN);
    let with =
        |attestation_object: Vec<u8>| rule(register(&party(), &Registration { attestation_object, ..good.clone() }));
    let object = &good.attestation_object;
    assert_eq!(with(object.clone()), "none");
    assert_eq!(with(replaced(object, b"\x63alg\x26", b"\x63alg\x27")), STATEMENT, "EdDSA, by the name");
    assert_eq!(with(replaced(object, b"\x63alg\x26", b"\x63alh\x26")), STATEMENT, "none named");
    assert_eq!(with(replaced(object, b"\x63sig", b"\x63sih")), STATEMENT, "no signature");
    let foreign = registration(&mut SoftAuthenticator::security_key(), ORIGIN);
    let swapped = Registration { attestation_object: foreign.attestation_object, ..good.clone() };
    assert_eq!(rule(register(&party(), &swapped)), "WA-REG-25 credential id");
    let data = data_of(object);
    let unsigned = super::scene::object("packed", b"\xa2\x63alg\x26\x63sig\x40", &data);
    assert_eq!(with(unsigned), STATEMENT);
}

#[test]
fn wa_8_2_the_certificate_is_of_the_algorithm_and_of_the_model_it_is_for() {
    let maker = maker();
    let mut stick = SoftAuthenticator::security_key().aaguid([5; 16]).attested_by(&maker);
    let good = registration(&mut stick, ORIGIN);
    let party = believing(&maker);
    let with =
        |attestation_object: Vec<u8>| rule(register(&party, &Registration { attestation_object, ..good.clone() }));
    let object = &good.attestation_object;
    assert_eq!(with(object.clone()), "none");
    // ES384 and RS256, of a key that is P-256: the library looks at the certificate alone.
    assert_eq!(with(replaced(object, b"\x63alg\x26", b"\x63alg\x38\x22")), STATEMENT);
    assert_eq!(with(replaced(object, b"\x63alg\x26", b"\x63alg\x39\x01\x00")), STATEMENT);
    assert_eq!(with(replaced(object, &[5; 16], &[6; 16])), STATEMENT, "another model");
}

/// Rows: WA-REG-23
#[test]
fn wa_reg_24_where_an_attestation_is_wanted_only_a_chain_to_a_root_of_ours_will_do() {
    let (ours, theirs) = (maker(), maker());
    let party = believing(&ours);
    let wanted = ExpectedRegistration { attested: true, ..expected() };
    let by = |authenticator: SoftAuthenticator| registration(&mut { authenticator }, ORIGIN);
    let stick = SoftAuthenticator::security_key;
    let cases = [
        (by(stick().unattested()), Some(Attestation::None), false),
        (by(stick().self_attested()), Some(Attestation::Itself), false),
        (by(stick().attested_by(&theirs)), Some(Attestation::None), false),
        (by(stick().attested_by(&ours)), None, true),
        (by(stick().attested_by(&ours).key_type(KeyType::Es384)), None, true),
    ];
    for (answer, unwanted, will_do) in cases {
        let found = party.register(&answer, &expected()).unwrap().attestation;
        assert!(unwanted.map_or(matches!(found, Attestation::Rooted(_)), |attestation| attestation == found));
        let result = party.register(&answer, &wanted);
        assert_eq!(rule(result), if will_do { "none" } else { "WA-REG-24 attestation" });
    }
    // No root, no attestation.
    let answer = by(stick().attested_by(&ours));
    assert_eq!(rule(super::scene::party().register(&answer, &wanted)), "WA-REG-24 attestation");
}

#[test]
fn a_root_that_is_sent_along_is_still_the_root() {
    let maker = maker();
    let good = registration(&mut SoftAuthenticator::security_key().attested_by(&maker), ORIGIN);
    // One more in the list of certificates: its head, then the root behind the leaf.
    let root = maker.root_der();
    let length = u16::try_from(root.len()).unwrap().to_be_bytes();
    let object = replaced(&good.attestation_object, b"\x63x5c\x81", b"\x63x5c\x82");
    let data = replaced(&object, b"\x68authData", &[b"\x59", length.as_slice(), &root, b"\x68authData"].concat());
    let answer = Registration { attestation_object: data, ..good };
    let found = register(&believing(&maker), &answer).unwrap().attestation;
    assert!(matches!(found, Attestation::Rooted(_)), "{found:?}");
}

#[test]
fn a_chain_longer_than_any_maker_has_is_refused_before_it_is_read() {
    let good = registration(&mut SoftAuthenticator::passkey(), ORIGIN);
    let data = data_of(&good.attestation_object);
    let chain = [b"\xa3\x63alg\x26\x63sig\x40\x63x5c\x89".as_slice(), &[0x40; 9]].concat();
    let answer = Registration { attestation_object: object("packed", &chain, &data), ..good };
    assert_eq!(rule(register(&party(), &answer)), STATEMENT);
}
