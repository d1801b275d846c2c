//! §7.2, step by step. What is signed cannot be changed afterwards, so it is the authenticator that lies.

use serde_json::json;

use super::scene::{ASKED, Bound, ORIGIN, bind, challenge, change_client_data, creation, party, request, rule, site};
use crate::account::webauthn::{Assertion, Ceremonies as _, CredentialId, ExpectedAssertion, PublicKey};
use crate::testing::{KeyType, Lie, SoftAuthenticator};
use crate::webauthn::assert::what_was_signed;

/// What becomes of an assertion when the authenticator changes after it was bound.
fn changed(change: impl FnOnce(SoftAuthenticator) -> SoftAuthenticator) -> &'static str {
    let mut bound = bind(SoftAuthenticator::passkey()).with(change);
    let assertion = bound.assertion(ORIGIN);
    rule(bound.check(&party(), &assertion))
}

fn good() -> (Bound, Assertion) {
    let mut bound = bind(SoftAuthenticator::passkey());
    let assertion = bound.assertion(ORIGIN);
    (bound, assertion)
}

/// Rows: WA-AUTH-1..4
#[test]
fn a_registration_is_no_assertion() {
    let registration = SoftAuthenticator::passkey().register(&creation(challenge(ASKED)), ORIGIN).unwrap();
    assert!(Assertion::parse(&registration).is_err());
}

#[test]
fn wa_auth_5_a_credential_that_was_not_asked_for_is_refused() {
    let (bound, mut assertion) = good();
    assertion.id = CredentialId::new(vec![1; 32]).unwrap();
    assert_eq!(rule(bound.check(&party(), &assertion)), "WA-AUTH-5 credential id");
}

/// Rows: WA-AUTH-7..9
#[test]
fn what_cannot_be_read_is_refused() {
    let (bound, good) = good();
    let signed = |assertion| rule(what_was_signed(&party(), &assertion, &bound.expected()));
    assert_eq!(signed(good.clone()), "none");
    for broken in ["", "null", "{}", "\u{feff}\u{feff}{}"] {
        let assertion = Assertion { client_data: broken.into(), ..good.clone() };
        assert_eq!(signed(assertion), "WA-AUTH-7..9 client data", "{broken}");
    }
    let data = &good.authenticator_data;
    for broken in [&data[..36], &[], &[data.as_slice(), b"\0"].concat(), &[data.as_slice(), b"\xa0"].concat()] {
        let assertion = Assertion { authenticator_data: broken.to_vec(), ..good.clone() };
        assert_eq!(signed(assertion), "WA-AUTH-7..9 authenticator data");
    }
}

/// WA-14.6.2: whoever cannot sign hears of the signature, whatever else is wrong, and as late.
#[test]
fn the_signature_is_looked_at_before_what_anybody_can_write() {
    let (bound, good) = good();
    let good = Assertion { signature: bind(SoftAuthenticator::passkey()).assertion(ORIGIN).signature, ..good };
    let mut of_another_site = good.authenticator_data.clone();
    of_another_site[0] ^= 1;
    let [client_data, authenticator_data] = [good.client_data.clone(), good.authenticator_data.clone()];
    for (client_data, authenticator_data) in [
        (b"{}".to_vec(), authenticator_data.clone()),
        (br#"{"type":"webauthn.get","challenge":"","origin":""}"#.to_vec(), authenticator_data),
        (client_data.clone(), of_another_site),
        (client_data, Vec::new()),
    ] {
        let assertion = Assertion { client_data, authenticator_data, ..good.clone() };
        assert_eq!(rule(bound.check(&party(), &assertion)), "WA-AUTH-21 signature");
    }
}

#[test]
fn wa_auth_10_the_type_of_a_registration_is_refused() {
    assert_eq!(changed(|key| key.lying(Lie::Type("webauthn.create".into()))), "WA-AUTH-10 type");
    assert_eq!(changed(|key| key.lying(Lie::Type("payment.get".into()))), "WA-AUTH-10 type");
}

/// Rows: WA-13.5.3-a
#[test]
fn wa_auth_11_the_answer_to_another_question_is_refused() {
    let (bound, assertion) = good();
    let expected = ExpectedAssertion { challenge: challenge(2), ..bound.expected() };
    assert_eq!(rule(party().assert(&assertion, &expected)), "WA-AUTH-11 challenge");
    let padded = challenge(ASKED).to_text() + "=";
    assert_eq!(changed(|key| key.lying(Lie::Challenge(padded))), "WA-AUTH-11 challenge");
}

#[test]
fn wa_auth_12_an_origin_that_is_not_ours_is_refused() {
    for wrong in [
        "https://example.org",
        "https://example.com.evil.example",
        "https://evilexample.com",
        "https://login.example.com",
        "http://example.com",
        "https://example.com:8443",
        "https://example.com/",
        "null",
    ] {
        let mut bound = bind(SoftAuthenticator::passkey());
        let assertion = bound.assertion(wrong);
        assert_eq!(rule(bound.check(&party(), &assertion)), "WA-AUTH-12 origin", "{wrong}");
    }
}

#[test]
fn wa_auth_13_a_frame_of_another_site_is_refused_unless_it_is_expected() {
    assert_eq!(changed(|key| key.lying(Lie::CrossOrigin)), "WA-AUTH-13 cross origin");
    let framed = site().allow_cross_origin_from(["https://example.org"]).build().unwrap();
    let mut bound = bind(SoftAuthenticator::passkey()).with(|key| key.lying(Lie::CrossOrigin));
    let assertion = bound.assertion(ORIGIN);
    assert_eq!(rule(bound.check(&framed, &assertion)), "none");
}

#[test]
fn wa_auth_14_a_page_around_the_frame_is_refused_unless_it_is_that_one() {
    let framed = site().allow_cross_origin_from(["https://example.org"]).build().unwrap();
    let around = |page: &str| {
        let lies = |key: SoftAuthenticator| key.lying(Lie::CrossOrigin).lying(Lie::TopOrigin(page.into()));
        let mut bound = bind(SoftAuthenticator::passkey()).with(lies);
        let assertion = bound.assertion(ORIGIN);
        (rule(bound.check(&framed, &assertion)), rule(bound.check(&party(), &assertion)))
    };
    assert_eq!(around("https://example.org"), ("none", "WA-AUTH-13 cross origin"));
    assert_eq!(around("https://evil.example").0, "WA-AUTH-14 top origin");
    assert_eq!(changed(|key| key.lying(Lie::TopOrigin("https://example.org".into()))), "WA-AUTH-14 top origin");
}

#[test]
fn wa_auth_15_the_rp_id_of_another_site_is_refused() {
    assert_eq!(changed(|key| key.lying(Lie::RpId("example.org".into()))), "WA-AUTH-15 RP id hash");
    assert_eq!(changed(|key| key.lying(Lie::RpId("https://example.com".into()))), "WA-AUTH-15 RP id hash", "an appid");
}

/// Rows: N63B-B.3-UP, N63B-3.2.8-a
#[test]
fn wa_auth_16_a_user_who_was_not_there_is_refused() {
    assert_eq!(changed(|key| key.user_present(false)), "WA-AUTH-16 user present");
}

#[test]
fn wa_auth_17_user_verification_is_asked_if_and_only_if_it_was_required() {
    let mut bound = bind(SoftAuthenticator::passkey()).with(|key| key.user_verified(false));
    let assertion = bound.assertion(ORIGIN);
    let required = ExpectedAssertion { user_verification: true, ..bound.expected() };
    assert_eq!(rule(party().assert(&assertion, &required)), "WA-AUTH-17 user verified");
    // Though it was verified when it was bound: what that means is the account's to say.
    assert!(!bound.check(&party(), &assertion).unwrap().user_verified);
}

/// Rows: WA-6.1.3-a
#[test]
fn wa_auth_18_what_cannot_be_backed_up_is_not_backed_up() {
    assert_eq!(changed(|key| key.backup(false, true)), "WA-AUTH-18 backup state");
    // A flag that changed is told, and judged by the account (WA-AUTH-19).
    let mut bound = bind(SoftAuthenticator::passkey()).with(|key| key.backup(false, false));
    let assertion = bound.assertion(ORIGIN);
    assert!(!bound.check(&party(), &assertion).unwrap().backup_eligible);
}

#[test]
fn wa_auth_20_the_client_data_are_hashed_as_they_came() {
    let (bound, mut assertion) = good();
    let at = assertion.client_data.iter().position(|byte| *byte == b',').unwrap();
    assertion.client_data.insert(at, b' ');
    assert_eq!(rule(bound.check(&party(), &assertion)), "WA-AUTH-21 signature");
    let (bound, mut assertion) = good();
    assertion.client_data.splice(0..0, *b"\xEF\xBB\xBF");
    assert_eq!(rule(bound.check(&party(), &assertion)), "WA-AUTH-21 signature", "read without, hashed with");
    let (bound, mut assertion) = good();
    change_client_data(&mut assertion.client_data, |data| data["extra"] = json!(1));
    assert_eq!(rule(bound.check(&party(), &assertion)), "WA-AUTH-21 signature");
}

/// Rows: CVE-2023-42818
#[test]
fn wa_auth_21_a_signature_of_another_key_is_refused() {
    let (bound, assertion) = good();
    let other = bind(SoftAuthenticator::passkey()).registered.public_key;
    let expected = ExpectedAssertion { public_key: &other, ..bound.expected() };
    assert_eq!(rule(party().assert(&assertion, &expected)), "WA-AUTH-21 signature");
    for key_type in [KeyType::Es384, KeyType::Rs256] {
        let other = bind(SoftAuthenticator::passkey().key_type(key_type)).registered.public_key;
        let expected = ExpectedAssertion { public_key: &other, ..bound.expected() };
        assert_eq!(rule(party().assert(&assertion, &expected)), "WA-AUTH-21 signature", "{key_type:?}");
    }
}

#[test]
fn wa_auth_21_a_signature_in_another_form_is_refused() {
    let (bound, good) = good();
    let with = |signature: Vec<u8>| rule(bound.check(&party(), &Assertion { signature, ..good.clone() }));
    // The two numbers of the DER, as JOSE writes them.
    let r_length = usize::from(good.signature[3]);
    let number = |bytes: &[u8]| [vec![0; 33], bytes.to_vec()].concat().split_off(bytes.len() + 1);
    let (r, s) = (&good.signature[4..4 + r_length], &good.signature[6 + r_length..]);
    let raw = [number(r), number(s)].concat();
    assert_eq!(raw.len(), 64);
    assert_eq!(with(raw), "WA-AUTH-21 signature");
    assert_eq!(with(good.signature[..good.signature.len() - 1].to_vec()), "WA-AUTH-21 signature");
    assert_eq!(with([good.signature.as_slice(), b"\0"].concat()), "WA-AUTH-21 signature");
    assert_eq!(with(vec![]), "WA-AUTH-21 signature");
    assert_eq!(with(vec![0; 64]), "WA-AUTH-21 signature");
    assert_eq!(with(vec![0x30, 6, 2, 1, 0, 2, 1, 0]), "WA-AUTH-21 signature", "two zeros");
    assert_eq!(with(good.signature.clone()), "none");
}

/// Rows: WA-5.8.5-a, WA-5.8.5-b, N63B-3.1.6.2-b
#[test]
fn a_stored_key_that_is_none_is_refused() {
    let (bound, assertion) = good();
    let PublicKey::Ec { alg, x, y } = bound.registered.public_key.clone() else { panic!("ES256") };
    let rsa = |n: Vec<u8>, e: &[u8]| PublicKey::Rsa { alg: -257, n, e: e.to_vec() };
    let keys = [
        PublicKey::Ec { alg: -35, x: x.clone(), y: y.clone() },
        PublicKey::Ec { alg: -8, x: x.clone(), y: y.clone() },
        PublicKey::Ec { alg: -257, x: x.clone(), y: y.clone() },
        PublicKey::Ec { alg, x: vec![], y: vec![] },
        PublicKey::Ec { alg, x: [vec![0], x.clone()].concat(), y: y.clone() },
        PublicKey::Rsa { alg: -7, n: vec![0xff; 256], e: vec![1, 0, 1] },
        rsa(vec![0xff; 128], &[1, 0, 1]),
        rsa([vec![0; 128], vec![0xff; 128]].concat(), &[1, 0, 1]),
        rsa(vec![0xff; 1024], &[1, 0, 1]),
        rsa([vec![0xff; 255], vec![0xfe]].concat(), &[1, 0, 1]),
        rsa(vec![0xff; 256], &[1]),
        rsa(vec![0xff; 256], &[3]),
        rsa(vec![0xff; 256], &[]),
        rsa(vec![], &[]),
    ];
    for key in &keys {
        let expected = ExpectedAssertion { public_key: key, ..bound.expected() };
        assert_eq!(rule(party().assert(&assertion, &expected)), "WA-AUTH-21 stored key", "{key:?}");
    }
    let beside = PublicKey::Ec { alg, x: y, y: x };
    let expected = ExpectedAssertion { public_key: &beside, ..bound.expected() };
    assert_eq!(rule(party().assert(&assertion, &expected)), "WA-AUTH-21 signature", "beside the curve");
}

/// Rows: WA-AUTH-22
#[test]
fn a_counter_that_goes_back_is_told_and_not_judged() {
    let mut bound = bind(SoftAuthenticator::security_key().counter(100)).with(|key| key.counter(3));
    let assertion = bound.assertion(ORIGIN);
    assert_eq!(bound.check(&party(), &assertion).unwrap().counter, 3);
}

#[test]
fn wa_auth_23_extensions_that_nobody_asked_for_change_nothing() {
    let (bound, mut assertion) = good();
    assertion.authenticator_data[32] |= 0x80;
    assertion.authenticator_data.push(0xa0);
    assert_eq!(rule(what_was_signed(&party(), &assertion, &bound.expected())), "none");
    assert_eq!(rule(bound.check(&party(), &assertion)), "WA-AUTH-21 signature", "and nobody has signed it");
}

#[test]
fn a_passkey_finds_itself_where_no_credential_is_named() {
    let mut bound = bind(SoftAuthenticator::passkey());
    let open = json!({ "rpId": "example.com", "challenge": challenge(ASKED).to_text() }).to_string();
    let assertion = Assertion::parse(&bound.authenticator.assert(&open, ORIGIN).unwrap()).unwrap();
    assert_eq!(assertion.user_handle.as_deref(), Some([9; 64].as_slice()));
    assert!(bound.check(&party(), &assertion).is_ok());
    let named = request(challenge(ASKED), "AAAA");
    assert!(bound.authenticator.assert(&named, ORIGIN).is_err());
}
