//! §7.1, step by step. A passkey without an attestation: nothing is signed, so each step is reached.

use serde_json::json;

use super::scene::{
    ASKED, ORIGIN, at, b64, bind, challenge, change_client_data, change_data, data_of, expected, none_object, object,
    party, register, registration, request, rule, site,
};
use crate::account::webauthn::{Ceremonies as _, ExpectedRegistration, Registration};
use crate::testing::{Lie, SoftAuthenticator};
use crate::webauthn::cbor::Item;

fn passkey() -> Registration {
    registration(&mut SoftAuthenticator::passkey(), ORIGIN)
}

fn said(change: impl FnOnce(&mut serde_json::Value)) -> &'static str {
    let mut answer = passkey();
    change_client_data(&mut answer.client_data, change);
    rule(register(&party(), &answer))
}

fn signed(change: impl FnOnce(&mut Vec<u8>)) -> &'static str {
    let mut answer = passkey();
    change_data(&mut answer, change);
    rule(register(&party(), &answer))
}

/// Rows: WA-REG-1..4
#[test]
fn an_assertion_is_no_registration() {
    let mut bound = bind(SoftAuthenticator::passkey());
    let question = request(challenge(ASKED), &bound.registered.id.to_text());
    let assertion = bound.authenticator.assert(&question, ORIGIN).unwrap();
    assert!(Registration::parse(&assertion).is_err());
}

#[test]
fn wa_reg_5_a_byte_order_mark_is_passed_over_and_what_is_not_utf_8_is_refused() {
    let mut answer = passkey();
    answer.client_data.splice(0..0, *b"\xEF\xBB\xBF");
    assert_eq!(rule(register(&party(), &answer)), "none");
    answer.client_data.splice(0..0, *b"\xEF\xBB\xBF");
    assert_eq!(rule(register(&party(), &answer)), "WA-REG-6 client data", "one of them");
    let mut answer = passkey();
    let at = answer.client_data.iter().position(|byte| *byte == b'}').unwrap();
    answer.client_data.splice(at..at, *b",\"x\":\"\xff\"");
    assert_eq!(rule(register(&party(), &answer)), "WA-REG-6 client data");
}

#[test]
fn wa_reg_6_unknown_members_are_passed_over_and_known_ones_twice_are_refused() {
    assert_eq!(said(|data| data["extraData"] = json!({ "type": "webauthn.get" })), "none");
    assert_eq!(said(|data| data["tokenBinding"] = json!({ "status": "supported" })), "none");
    for twice in [r#","type":"webauthn.create""#, r#","origin":"https://evil.example""#, r#","topOrigin":null"#] {
        let mut answer = passkey();
        change_client_data(&mut answer.client_data, |data| data["topOrigin"] = json!(null));
        answer.client_data.pop();
        answer.client_data.extend(twice.bytes().chain([b'}']));
        assert_eq!(rule(register(&party(), &answer)), "WA-REG-6 client data", "{twice}");
    }
    for broken in ["", "null", "[]", "{}", "{", r#"{"type":"webauthn.create"}"#] {
        let answer = Registration { client_data: broken.into(), ..passkey() };
        assert_eq!(rule(register(&party(), &answer)), "WA-REG-6 client data", "{broken}");
    }
}

#[test]
fn wa_reg_7_the_type_of_an_assertion_is_refused() {
    for kind in ["webauthn.get", "webauthn.Create", "payment.get", ""] {
        assert_eq!(said(|data| data["type"] = json!(kind)), "WA-REG-7 type", "{kind}");
    }
    let mut liar = SoftAuthenticator::passkey().lying(Lie::Type("webauthn.get".into()));
    assert_eq!(rule(register(&party(), &registration(&mut liar, ORIGIN))), "WA-REG-7 type");
}

#[test]
fn wa_reg_8_a_challenge_that_is_another_or_written_otherwise_is_refused() {
    let right = challenge(ASKED).to_text();
    let standard = challenge(0xff).to_text().replace('_', "/");
    for wrong in [challenge(2).to_text(), format!("{right}="), format!(" {right}"), String::new(), standard] {
        assert_eq!(said(|data| data["challenge"] = json!(wrong)), "WA-REG-8 challenge", "{wrong}");
    }
    let slashes = ExpectedRegistration { challenge: challenge(0xff), ..expected() };
    let mut answer = passkey();
    change_client_data(&mut answer.client_data, |data| data["challenge"] = json!("/".repeat(42) + "8"));
    assert_eq!(rule(party().register(&answer, &slashes)), "WA-REG-8 challenge", "the other alphabet");
    change_client_data(&mut answer.client_data, |data| data["challenge"] = json!("_".repeat(42) + "8"));
    assert_eq!(rule(party().register(&answer, &slashes)), "none");
}

/// Rows: WA-13.5.9-a
#[test]
fn wa_reg_9_an_origin_that_is_not_ours_to_the_letter_is_refused() {
    for wrong in [
        "https://example.org",
        "https://example.com.evil.example",
        "https://example.org.evil.com",
        "https://evilexample.com",
        "https://login.example.com",
        "http://example.com",
        "https://example.com:8443",
        "https://example.com:443",
        "https://example.com/",
        "https://example.com.",
        "HTTPS://EXAMPLE.COM",
        "https://user@example.com",
        "example.com",
        "null",
        "",
    ] {
        let answer = registration(&mut SoftAuthenticator::passkey(), wrong);
        assert_eq!(rule(register(&party(), &answer)), "WA-REG-9 origin", "{wrong}");
    }
}

#[test]
fn wa_reg_10_a_frame_of_another_site_is_refused_unless_it_is_expected() {
    let answer = registration(&mut SoftAuthenticator::passkey().lying(Lie::CrossOrigin), ORIGIN);
    assert_eq!(rule(register(&party(), &answer)), "WA-REG-10 cross origin");
    let framed = site().allow_cross_origin_from(["https://example.org"]).build().unwrap();
    assert_eq!(rule(register(&framed, &answer)), "none", "a browser that does not name the page around");
}

#[test]
fn wa_reg_11_a_page_around_the_frame_is_refused_unless_it_is_that_one() {
    let around = |page: &str| {
        let liar = SoftAuthenticator::passkey().lying(Lie::CrossOrigin).lying(Lie::TopOrigin(page.into()));
        registration(&mut { liar }, ORIGIN)
    };
    let framed = site().allow_cross_origin_from(["https://example.org"]).build().unwrap();
    assert_eq!(rule(register(&framed, &around("https://example.org"))), "none");
    for wrong in ["https://evil.example", "https://example.com", "https://a.example.org", "https://example.org/", ""] {
        assert_eq!(rule(register(&framed, &around(wrong))), "WA-REG-11 top origin", "{wrong}");
    }
    let mut answer = registration(&mut SoftAuthenticator::passkey(), ORIGIN);
    change_client_data(&mut answer.client_data, |data| data["topOrigin"] = json!("https://example.org"));
    assert_eq!(rule(register(&party(), &answer)), "WA-REG-11 top origin", "without crossOrigin");
}

#[test]
fn wa_reg_13_an_attestation_object_that_two_readers_read_in_two_ways_is_refused() {
    let good = passkey();
    let data = data_of(&good.attestation_object);
    let with = |attestation_object: Vec<u8>| Registration { attestation_object, ..good.clone() };
    let none = none_object(&data);
    assert_eq!(rule(register(&party(), &with(none.clone()))), "none");
    let twice = [b"\xa4\x63fmt\x66packed".as_slice(), &none[1..]].concat();
    let tagged = [b"\xc1".as_slice(), &none].concat();
    let open_ended = [b"\xbf".as_slice(), &none[1..], b"\xff"].concat();
    let deep = object("none", &[vec![0x81; 9000], vec![0xa0]].concat(), &data);
    let behind = [none.as_slice(), b"\x00"].concat();
    for wrong in [twice, tagged, open_ended, deep, behind, none[..none.len() - 1].to_vec(), vec![], vec![0xa0]] {
        assert_eq!(rule(register(&party(), &with(wrong))), "WA-REG-13 attestation object");
    }
    for (format, statement) in [("none", vec![0x80]), ("none", b"\xa1\x61a\xf8\x00".to_vec())] {
        let wrong = object(format, &statement, &data);
        assert_eq!(rule(register(&party(), &with(wrong))), "WA-REG-13 attestation object", "no map");
    }
}

#[test]
fn wa_reg_13_authenticator_data_are_read_to_their_last_byte() {
    assert_eq!(signed(|data| data.push(0)), "WA-REG-13 authenticator data");
    assert_eq!(signed(|data| data.truncate(data.len() - 1)), "WA-REG-13 authenticator data");
    assert_eq!(signed(|data| data.truncate(36)), "WA-REG-13 authenticator data");
    assert_eq!(signed(|data| data[at::ID_LENGTH] = 0x7f), "WA-REG-13 authenticator data");
    let without_credential = |data: &mut Vec<u8>| {
        data.truncate(37);
        data[at::FLAGS] &= !0x40;
    };
    assert_eq!(signed(without_credential), "WA-REG-13 authenticator data");
}

#[test]
fn wa_reg_14_the_rp_id_of_another_site_is_refused() {
    let mut liar = SoftAuthenticator::passkey().lying(Lie::RpId("example.org".into()));
    assert_eq!(rule(register(&party(), &registration(&mut liar, ORIGIN))), "WA-REG-14 RP id hash");
}

/// Rows: N63B-B.3-UP
#[test]
fn wa_reg_15_a_user_who_was_not_there_is_refused() {
    let mut alone = SoftAuthenticator::passkey().user_present(false);
    assert_eq!(rule(register(&party(), &registration(&mut alone, ORIGIN))), "WA-REG-15 user present");
}

#[test]
fn wa_reg_16_a_user_who_was_not_verified_is_refused_where_that_is_required() {
    let required = ExpectedRegistration { user_verification: true, ..expected() };
    let unverified = registration(&mut SoftAuthenticator::passkey().user_verified(false), ORIGIN);
    assert_eq!(rule(party().register(&unverified, &required)), "WA-REG-16 user verified");
    assert!(!party().register(&unverified, &expected()).unwrap().user_verified);
    assert!(party().register(&passkey(), &required).unwrap().user_verified);
}

/// Rows: WA-6.1.3-a
#[test]
fn wa_reg_17_what_cannot_be_backed_up_is_not_backed_up() {
    for (eligible, backed_up, wanted) in
        [(false, true, "WA-REG-17 backup state"), (false, false, "none"), (true, false, "none"), (true, true, "none")]
    {
        let mut authenticator = SoftAuthenticator::passkey().backup(eligible, backed_up);
        assert_eq!(rule(register(&party(), &registration(&mut authenticator, ORIGIN))), wanted);
    }
}

#[test]
fn wa_reg_20_a_key_of_an_algorithm_that_was_not_offered_is_refused() {
    // -1 to -24 in one byte: PS, ES512 and EdDSA among them.
    for algorithm in (0x20..=0x37).filter(|byte| *byte != 0x26) {
        assert_eq!(signed(|data| data[at::ALGORITHM] = algorithm), "WA-REG-20 key", "{algorithm:#x}");
    }
}

#[test]
fn wa_5_8_5_a_a_curve_that_does_not_belong_to_the_algorithm_is_refused() {
    for curve in [0, 2, 3, 6, 7, 8] {
        assert_eq!(signed(|data| data[at::CURVE] = curve), "WA-REG-20 key", "{curve}");
    }
    // A compressed point: y is a truth value.
    let compressed = |data: &mut Vec<u8>| {
        data.truncate(at::X + 32);
        data.extend([0x22, 0xf5]);
    };
    assert_eq!(signed(compressed), "WA-REG-20 key");
    let key_type = at::ALGORITHM - 2;
    assert_eq!(signed(|data| data[key_type] = 1), "WA-REG-20 key");
}

#[test]
fn wa_5_8_5_b_a_point_beside_the_curve_is_refused() {
    assert_eq!(signed(|data| data[at::X] ^= 1), "WA-REG-22 attestation statement");
    assert_eq!(signed(|data| data[at::X..at::X + 32].fill(0)), "WA-REG-22 attestation statement");
    assert_eq!(signed(|data| data[at::X..at::X + 32].fill(0xff)), "WA-REG-22 attestation statement");
}

/// Rows: WA-8.x-id, WA-8.5
#[test]
fn wa_reg_21_a_format_is_matched_to_the_letter() {
    let good = passkey();
    let data = data_of(&good.attestation_object);
    let long = "n".repeat(200);
    for format in ["None", "NONE", "Packed", "none ", "tpm", "android-safetynet", "compound", "", &long] {
        let answer = Registration { attestation_object: object(format, &[0xa0], &data), ..good.clone() };
        assert_eq!(rule(register(&party(), &answer)), "WA-REG-21 format", "{format}");
    }
}

/// Rows: WA-13.1
#[test]
fn wa_reg_25_the_id_beside_the_credential_is_the_one_in_it_and_has_at_most_1023_bytes() {
    let longest = registration(&mut SoftAuthenticator::passkey().id_length(1023), ORIGIN);
    assert_eq!(register(&party(), &longest).unwrap().id.as_bytes().len(), 1023);
    let too_long = SoftAuthenticator::passkey().id_length(1024).register(&super::scene::creation(challenge(1)), ORIGIN);
    assert!(Registration::parse(&too_long.unwrap()).is_err());
    // The library would take one that is said beside it to be another.
    assert_eq!(signed(|data| data[at::ID] ^= 1), "WA-REG-25 credential id");
    let longer = |data: &mut Vec<u8>| {
        data.splice(at::ID..at::ID, vec![7; 1200]);
        data[at::ID_LENGTH..at::ID].copy_from_slice(&1232_u16.to_be_bytes());
    };
    assert_eq!(signed(longer), "WA-REG-25 credential id");
    let shorter = |data: &mut Vec<u8>| {
        data.drain(at::ID..at::ID + 32);
        data[at::ID_LENGTH..at::ID].fill(0);
    };
    assert_eq!(signed(shorter), "WA-REG-25 credential id");
}

#[test]
fn wa_reg_28_extensions_that_nobody_asked_for_change_nothing() {
    let with = |extensions: &'static [u8]| {
        move |data: &mut Vec<u8>| {
            data[at::FLAGS] |= 0x80;
            data.extend(extensions);
        }
    };
    assert_eq!(signed(with(b"\xa1\x6bcredProtect\x02")), "none");
    assert_eq!(signed(with(b"\xa2\x67unknown\xfb\x40\x09\x21\xfb\x54\x44\x2d\x18\x62hm\xf5")), "none");
    assert_eq!(signed(with(b"\xa0")), "none");
    assert_eq!(signed(with(b"")), "WA-REG-13 authenticator data", "there are none");
    assert_eq!(signed(with(b"\x80")), "WA-REG-13 authenticator data", "no map");
    assert_eq!(signed(with(b"\xa0\x00")), "WA-REG-13 authenticator data", "and something behind");
    assert_eq!(signed(|data| data.extend(b"\xa0")), "WA-REG-13 authenticator data", "not said to be there");
}

#[test]
fn wa_6_1_rfu_a_reserved_flag_is_passed_over() {
    for bit in [0x02, 0x20] {
        assert_eq!(signed(|data| data[at::FLAGS] |= bit), "none");
    }
}

#[test]
fn an_id_in_the_answer_is_what_the_browser_says_it_is() {
    let good = passkey();
    let item = Item::read(&good.attestation_object).unwrap();
    let data = item.member("authData").unwrap().bytes().unwrap();
    assert_eq!(b64(&data[at::ID..at::ID + 32]), good.id.to_text());
}
