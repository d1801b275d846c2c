//! Containers of RFC 6030: whoever can change the file and has no key gets nothing believed.

use aws_lc_rs::cipher::{AES_128, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tower_mfa::secret::{SecretBytes, SecretString};
use tower_mfa::transfer::apps::{Found, PskcKey, ReadErrorKind, pskc};

use crate::apps_pskc::{Key, NOW, container};
use crate::apps_support::{BASE64, SECRET, all, keys, skipped, summary, told};

const KEY: &[u8] = b"a key of 16 byte";
const MAC_KEY: &[u8] = b"another of those";

fn key() -> PskcKey {
    PskcKey::pre_shared(SecretBytes::new(KEY.to_vec()))
}

fn read(xml: &str, key: PskcKey) -> Vec<Found> {
    all(pskc(xml.as_bytes(), key, NOW))
}

/// The vector and the blocks.
fn encrypt(plain: &[u8]) -> Vec<u8> {
    let key = UnboundCipherKey::new(&AES_128, KEY).unwrap();
    let mut blocks = plain.to_vec();
    let context = EncryptionContext::Iv128(FixedLength::from([7; 16]));
    PaddedBlockEncryptingKey::cbc_pkcs7(key).unwrap().less_safe_encrypt(&mut blocks, context).unwrap();
    [&[7; 16][..], &blocks].concat()
}

fn cipher(bytes: &[u8]) -> String {
    format!(
        "<x:EncryptionMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#aes128-cbc\"/>\
         <x:CipherData><x:CipherValue>{}</x:CipherValue></x:CipherData>",
        STANDARD.encode(bytes)
    )
}

/// What stands in a value, encrypted: `EncryptedValue` and `ValueMAC`.
fn sealed(plain: &[u8], mac_key: &[u8]) -> (String, String) {
    let bytes = encrypt(plain);
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, mac_key), &bytes);
    (
        format!("<EncryptedValue>{}</EncryptedValue>", cipher(&bytes)),
        format!("<ValueMAC>{}</ValueMAC>", STANDARD.encode(mac)),
    )
}

fn secret() -> String {
    let (value, mac) = sealed(SECRET, MAC_KEY);
    format!("<Secret>{value}{mac}</Secret>")
}

/// What stands before the keys, with the key of the MACs.
fn envelope(mac_key: &[u8]) -> String {
    format!(
        "<EncryptionKey><KeyName xmlns=\"http://www.w3.org/2000/09/xmldsig#\">Pre-shared</KeyName></EncryptionKey>\
         <MACMethod Algorithm=\"http://www.w3.org/2000/09/xmldsig#hmac-sha1\"><MACKey>{}</MACKey></MACMethod>",
        cipher(&encrypt(mac_key))
    )
}

fn package(data: &str) -> String {
    Key::data(data).xml()
}

fn file(envelope: &str, packages: &str) -> String {
    container(&format!("{envelope}{packages}")).replace("Id=\"c\"", "xmlns:x=\"http://www.w3.org/2001/04/xmlenc#\"")
}

#[test]
fn what_these_tests_write_is_read() {
    let (time, interval) = (sealed(&29_000_000_u64.to_be_bytes(), MAC_KEY), sealed(b"60", MAC_KEY));
    let values = format!(
        "{}<Time>{}{}</Time><TimeInterval>{}{}</TimeInterval>",
        secret(),
        time.0,
        time.1,
        interval.0,
        interval.1
    );
    let found = read(&file(&envelope(MAC_KEY), &package(&values)), key());
    let found = keys(&found)[0];
    assert_eq!((found.secret().expose(), found.totp().period().as_secs()), (SECRET, 60));
    assert_eq!(found.used_until().unwrap().get(), 29_000_000);
}

#[test]
fn a_secret_in_plain_is_not_believed_where_a_key_was_given() {
    let plain = package(&Key::good().data);
    for envelope in [envelope(MAC_KEY), String::new()] {
        let xml = file(&envelope, &plain);
        for given in [key(), PskcKey::password(SecretString::new("qwerty"))] {
            let found = read(&xml, given);
            assert_eq!(told(&found), ["entry 1: secret_plain"]);
            assert!(skipped(&found)[0].to_string().contains("without a key"), "and what to do");
        }
        assert_eq!(keys(&read(&xml, PskcKey::none())).len(), 1);
    }
}

#[test]
fn times_in_plain_beside_an_encrypted_secret_are_read() {
    let times = "<Time><PlainValue>29000000</PlainValue></Time><TimeInterval><PlainValue>60</PlainValue></TimeInterval>\
                 <TimeDrift><PlainValue>1</PlainValue></TimeDrift>";
    let found = read(&file(&envelope(MAC_KEY), &package(&(secret() + times))), key());
    assert_eq!((keys(&found).len(), keys(&found)[0].totp().period().as_secs()), (1, 60));
}

#[test]
fn a_file_with_both_is_read_twice() {
    let xml = file(&envelope(MAC_KEY), &(package(&secret()) + &package(&Key::good().data)));
    let (with, without) = (read(&xml, key()), read(&xml, PskcKey::none()));
    assert_eq!((keys(&with)[0].place().entry(), told(&with)), (Some(1), vec!["entry 2: secret_plain".to_owned()]));
    assert_eq!((keys(&without)[0].place().entry(), told(&without)), (Some(2), vec!["entry 1: encrypted".to_owned()]));
}

#[test]
fn a_mac_without_the_encrypted_value_it_is_of_is_refused() {
    let (_, mac) = sealed(SECRET, MAC_KEY);
    let plain = format!("<PlainValue>{BASE64}</PlainValue>");
    for secret in [format!("{plain}{mac}"), format!("{mac}{plain}"), mac.clone(), format!("{plain}<ValueMAC/>")] {
        let xml = file(&envelope(MAC_KEY), &package(&format!("<Secret>{secret}</Secret>")));
        for given in [key(), PskcKey::none()] {
            assert_eq!(told(&read(&xml, given)), ["entry 1: mac_plain"], "{secret}");
        }
    }
    for field in ["Time", "TimeInterval", "TimeDrift"] {
        for value in ["<PlainValue>1</PlainValue>", ""] {
            let beside = format!("<{field}>{value}{mac}</{field}>");
            let sealed = file(&envelope(MAC_KEY), &package(&(secret() + &beside)));
            assert_eq!(told(&read(&sealed, key())), ["entry 1: mac_plain"], "{beside}");
            let plain = file("", &package(&(Key::good().data + &beside)));
            assert_eq!(told(&read(&plain, PskcKey::none())), ["entry 1: mac_plain"], "{beside}");
        }
    }
}

#[test]
fn keys_of_the_macs_that_are_shorter_than_sixteen_bytes_are_refused() {
    let with = |mac_key: &[u8]| {
        let (value, mac) = sealed(SECRET, mac_key);
        let xml = file(&envelope(mac_key), &package(&format!("<Secret>{value}{mac}</Secret>")));
        summary(pskc(xml.as_bytes(), key(), NOW))
    };
    for len in [16, 17, 20, 64] {
        assert!(with(&vec![9; len])[0].starts_with("entry 1: key"), "{len}");
    }
    for len in [0, 1, 15] {
        let told = with(&vec![9; len]);
        assert!(told[0].starts_with("error entry 1: the MAC key cannot be decrypted"), "{len}: {told:?}");
    }
}

#[test]
fn a_key_of_the_macs_that_is_elsewhere_is_told() {
    let reference = "<MACKeyReference>agreed-on</MACKeyReference>";
    let good = envelope(MAC_KEY);
    let start = good.find("<MACKey>").unwrap();
    let end = good.find("</MACMethod>").unwrap();
    let instead = [&good[..start], reference, &good[end..]].concat();
    let beside = good.replace("</MACMethod>", &format!("{reference}</MACMethod>"));
    for envelope in [instead, beside] {
        let xml = file(&envelope, &package(&secret()));
        let found = read(&xml, key());
        assert_eq!(told(&found), ["entry 1: mac_reference"]);
        assert!(skipped(&found)[0].to_string().contains("with its MAC key in it"), "and what to do");
        assert_eq!(told(&read(&xml, PskcKey::none())), ["entry 1: encrypted"]);
    }
}

#[test]
fn the_name_that_some_write_for_hmac_with_sha_1_is_that() {
    let other = envelope(MAC_KEY).replace("2000/09/xmldsig#hmac-sha1", "2001/04/xmldsig-more#hmac-sha1");
    assert_eq!(keys(&read(&file(&other, &package(&secret())), key())).len(), 1);
}

#[test]
fn an_encrypted_drift_has_a_sign() {
    let drift = |plain: &[u8]| {
        let (value, mac) = sealed(plain, MAC_KEY);
        let xml = file(&envelope(MAC_KEY), &package(&format!("{}<TimeDrift>{value}{mac}</TimeDrift>", secret())));
        let found = read(&xml, key());
        told(&found).pop().unwrap_or_else(|| "taken".into())
    };
    for near in [&b"-1"[..], b"0", &1_i64.to_be_bytes(), &(-1_i64).to_be_bytes(), &(-1_i32).to_be_bytes(), &[0]] {
        assert_eq!(drift(near), "taken", "{near:?}");
    }
    for far in [&b"-2"[..], b"7", &2_i64.to_be_bytes(), &(-2_i64).to_be_bytes(), &(-2_i32).to_be_bytes(), &[0xff]] {
        assert_eq!(drift(far), "entry 1: drift", "{far:?}");
    }
    for none in [&b""[..], &[0xff; 9], b"a number of steps"] {
        assert_eq!(drift(none), "entry 1: number", "{none:?}");
    }
}

#[test]
fn an_envelope_behind_a_key_ends_the_reading() {
    let xml = file("", &(package(&secret()) + &envelope(MAC_KEY) + &package(&secret())));
    let mut reader = pskc(xml.as_bytes(), key(), NOW);
    assert!(matches!(reader.next(), Some(Ok(Found::Skipped(skipped))) if skipped.why().code() == "mac_missing"));
    assert_eq!(reader.next().unwrap().unwrap_err().kind(), ReadErrorKind::Order);
    assert!(reader.next().is_none());
}
