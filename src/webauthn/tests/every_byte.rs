//! Each byte of a good answer, turned over: nothing is accepted that was not said.

use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};

use super::scene::{
    ASKED, Bound, ORIGIN, at, b64, bind, challenge, creation, data_of, none_object, party, register, registration,
    request,
};
use crate::account::webauthn::{Assertion, Ceremonies as _, CredentialId, ExpectedAssertion, PublicKey, Registration};
use crate::testing::{KeyType, SoftAttestationCa, SoftAuthenticator};
use crate::webauthn::assert::what_was_signed;
use crate::webauthn::cbor::Item;

/// Every text that differs from `bytes` in one bit, with its place.
fn flips(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> + '_ {
    (0..bytes.len()).flat_map(move |at| {
        [0x01, 0x04, 0x20, 0x80].map(|bit| {
            let mut flipped = bytes.to_vec();
            flipped[at] ^= bit;
            (at, flipped)
        })
    })
}

#[test]
fn no_byte_of_an_assertion_can_be_changed() {
    for key_type in [KeyType::Es256, KeyType::Rs256] {
        let mut bound = bind(SoftAuthenticator::passkey().key_type(key_type));
        let good = bound.assertion(ORIGIN);
        let refused = |assertion: Assertion| assert!(bound.check(&party(), &assertion).is_err(), "{assertion:?}");
        for (_, client_data) in flips(&good.client_data) {
            refused(Assertion { client_data, ..good.clone() });
        }
        for (_, authenticator_data) in flips(&good.authenticator_data) {
            refused(Assertion { authenticator_data, ..good.clone() });
        }
        for (_, signature) in flips(&good.signature) {
            refused(Assertion { signature, ..good.clone() });
        }
        for (_, id) in flips(good.id.as_bytes()) {
            refused(Assertion { id: CredentialId::new(id).unwrap(), ..good.clone() });
        }
    }
}

#[test]
fn no_byte_of_a_registration_that_is_attested_can_be_changed() {
    let maker = SoftAttestationCa::generate().unwrap();
    let believing = super::scene::site().attestation_root(maker.root_der()).build().unwrap();
    let wanted = crate::account::webauthn::ExpectedRegistration { attested: true, ..super::scene::expected() };
    let itself = registration(&mut SoftAuthenticator::security_key(), ORIGIN);
    let rooted = registration(&mut SoftAuthenticator::security_key().attested_by(&maker), ORIGIN);
    for good in [&itself, &rooted] {
        let is_refused = |answer: &Registration| match good.id == itself.id {
            true => register(&party(), answer).is_err(),
            // A chain that breaks is no chain to our root, and one is wanted.
            false => believing.register(answer, &wanted).is_err(),
        };
        for (at, client_data) in flips(&good.client_data) {
            assert!(is_refused(&Registration { client_data, ..good.clone() }), "client data, {at}");
        }
        for (at, attestation_object) in flips(&good.attestation_object) {
            assert!(is_refused(&Registration { attestation_object, ..good.clone() }), "attestation object, {at}");
        }
        for (at, id) in flips(good.id.as_bytes()) {
            let id = CredentialId::new(id).unwrap();
            assert!(is_refused(&Registration { id, ..good.clone() }), "id, {at}");
        }
    }
}

/// Nobody signs these bytes. What can be changed is what the client could have said in the first place:
/// the flags, the counter and the model. The id and the key hold each other up: the id is said twice,
/// and another point is beside the curve.
#[test]
fn without_an_attestation_only_the_flags_the_counter_and_the_model_can_be_changed() {
    let good = registration(&mut SoftAuthenticator::passkey(), ORIGIN);
    for (at, data) in flips(&data_of(&good.attestation_object)) {
        let changed = Registration { attestation_object: none_object(&data), ..good.clone() };
        let may_change = (at::FLAGS..at::ID_LENGTH).contains(&at);
        assert!(register(&party(), &changed).is_err() || may_change, "{at}");
    }
    for (at, attestation_object) in flips(&good.attestation_object[..30]) {
        let changed = Registration { attestation_object, ..good.clone() };
        assert!(register(&party(), &changed).is_err(), "{at}");
    }
}

fn bytes(most: usize) -> impl proptest::strategy::Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..most)
}

/// Good client data, for bytes that are to get further than them.
fn client_data(kind: &str) -> Vec<u8> {
    let challenge = challenge(ASKED).to_text();
    format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{ORIGIN}"}}"#).into_bytes()
}

proptest! {
    #[test]
    fn whatever_is_registered_nothing_panics(client in bytes(300), object in bytes(300), data in bytes(300), id in bytes(40)) {
        let id = CredentialId::new([vec![1], id].concat()).unwrap();
        let transports = Default::default();
        let mut answer = Registration { id, client_data: client, attestation_object: object, transports };
        prop_assert!(register(&party(), &answer).is_err());
        answer.client_data = client_data("webauthn.create");
        prop_assert!(register(&party(), &answer).is_err());
        answer.attestation_object = none_object(&data);
        prop_assert!(register(&party(), &answer).is_err());
    }

    #[test]
    fn whatever_is_asserted_nothing_panics(client in bytes(300), data in bytes(100), signature in bytes(300), x in bytes(60), n in bytes(300)) {
        let id = CredentialId::new(vec![1; 32]).unwrap();
        let mut assertion = Assertion {
            id: id.clone(), client_data: client, authenticator_data: data, signature, user_handle: None,
        };
        let keys = [
            PublicKey::Ec { alg: -7, x: x.clone(), y: x.clone() },
            PublicKey::Ec { alg: -35, x: x.clone(), y: x },
            PublicKey::Rsa { alg: -257, n, e: vec![1, 0, 1] },
        ];
        for public_key in &keys {
            let expected = ExpectedAssertion { challenge: challenge(ASKED), id: &id, public_key, user_verification: false };
            prop_assert!(party().assert(&assertion, &expected).is_err());
            prop_assert!(what_was_signed(&party(), &assertion, &expected).is_err());
            assertion.client_data = client_data("webauthn.get");
            prop_assert!(party().assert(&assertion, &expected).is_err());
            prop_assert!(what_was_signed(&party(), &assertion, &expected).is_err());
        }
    }

    /// The end of a good one, cut off or replaced.
    #[test]
    fn a_registration_that_goes_wrong_somewhere_does_not_panic(cut in 0_usize..400, tail in bytes(100)) {
        let mut stick = SoftAuthenticator::security_key();
        let good = registration(&mut stick, ORIGIN);
        let kept = good.attestation_object.get(..cut).unwrap_or(&good.attestation_object);
        let attestation_object = [kept, &tail].concat();
        let same = attestation_object == good.attestation_object;
        let result = register(&party(), &Registration { attestation_object, ..good });
        prop_assert_eq!(result.is_ok(), same);
    }

    #[test]
    fn whatever_is_read_as_cbor_nothing_panics(bytes in bytes(2000)) {
        let _ = Item::read(&bytes);
        if let Some((_, rest)) = Item::read_first(&bytes) {
            prop_assert!(rest.len() < bytes.len());
        }
    }
}

#[test]
fn an_answer_in_json_can_be_cut_anywhere() {
    let mut bound: Bound = bind(SoftAuthenticator::passkey());
    let question = request(challenge(ASKED), &b64(bound.registered.id.as_bytes()));
    let assertion = bound.authenticator.assert(&question, ORIGIN).unwrap();
    let registration = SoftAuthenticator::passkey().register(&creation(challenge(ASKED)), ORIGIN).unwrap();
    assert!((0..assertion.len()).all(|at| Assertion::parse(&assertion[..at]).is_err()));
    assert!((0..registration.len()).all(|at| Registration::parse(&registration[..at]).is_err()));
}
