//! Containers of RFC 6030 whose values are encrypted: the RFC's own figures, another library's files,
//! and what is refused.

use std::io::Write as _;
use std::process::Command;

use tower_mfa::otp::Algorithm;
use tower_mfa::secret::{SecretBytes, SecretString};
use tower_mfa::transfer::apps::{Found, PskcKey, ReadErrorKind, pskc};

use crate::apps_pskc::NOW;
use crate::apps_support::{Drops, SECRET, all, keys, summary, told};
use crate::{tools, vectors};

/// A file below `tests/vectors/pskc`.
fn file(name: &str) -> String {
    std::fs::read_to_string(format!("{}/tests/vectors/pskc/{name}.xml", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// A figure of the RFC as if its key went by the time: no MAC is over that.
fn figure(number: u8) -> String {
    file(&format!("rfc6030_figure{number}")).replace("pskc:hotp", "pskc:totp")
}

fn key() -> PskcKey {
    PskcKey::pre_shared(SecretBytes::new(vectors::hex("12345678901234567890123456789012")))
}

fn password(password: &str) -> PskcKey {
    PskcKey::password(SecretString::new(password))
}

fn read(xml: &str, key: PskcKey) -> Vec<Found> {
    all(pskc(xml.as_bytes(), key, NOW))
}

fn broken(xml: &str, key: PskcKey) -> ReadErrorKind {
    let mut reader = pskc(xml.as_bytes(), key, NOW);
    let error = reader.find_map(Result::err).unwrap();
    assert!(reader.next().is_none(), "and ends there");
    error.kind()
}

#[test]
fn figure_6_opens_with_its_pre_shared_key() {
    assert_eq!(told(&read(&file("rfc6030_figure6"), key())), ["entry 1: counter"], "as printed, it counts");
    let found = read(&figure(6), key());
    assert_eq!(keys(&found)[0].secret().expose(), SECRET);
    assert_eq!(keys(&found)[0].serial(), Some("987654321"));
}

#[test]
fn figure_7_opens_with_its_password_and_with_the_derived_key() {
    let secret = vectors::hex("3132333435363738393031323334353637383930");
    let found = read(&figure(7), password("qwerty"));
    assert_eq!(keys(&found)[0].secret().expose(), secret);
    let derived = PskcKey::pre_shared(SecretBytes::new(vectors::hex("651e63cd57008476af1ff6422cd02e41")));
    assert_eq!(keys(&read(&figure(7), derived))[0].secret().expose(), secret);
}

#[test]
fn without_a_key_encrypted_values_are_skipped_and_plain_ones_read() {
    for given in [PskcKey::none(), password("qwerty")] {
        assert_eq!(told(&read(&figure(6), given)), ["entry 1: encrypted"]);
    }
    assert_eq!(told(&read(&figure(7), PskcKey::none())), ["entry 1: encrypted"]);
}

#[test]
fn another_key_or_password_is_told() {
    let wrong = |last: &str| {
        PskcKey::pre_shared(SecretBytes::new(vectors::hex(&format!("123456789012345678901234567890{last}"))))
    };
    assert_eq!(broken(&figure(6), wrong("13")), ReadErrorKind::MacKey);
    assert_eq!(broken(&figure(7), password("qwertz")), ReadErrorKind::MacKey);
    for len in [0, 15, 24, 32] {
        assert_eq!(broken(&figure(6), PskcKey::pre_shared(SecretBytes::new(vec![1; len]))), ReadErrorKind::MacKey);
    }
}

#[test]
fn any_bit_of_a_value_is_under_its_mac() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let good = figure(6);
    for value in ["AAECAwQFBgcICQoLDA0OD+cIHItlB3Wra1DUpxVvOx2lef1VmNPCMl8jwZqIUqGv", "Su+NvtQfmvfJzF6bmQiJqoLRExc="] {
        let bytes = STANDARD.decode(value).unwrap();
        for bit in (0..bytes.len() * 8).step_by(3) {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let xml = good.replace(value, &STANDARD.encode(changed));
            assert_ne!(xml, good);
            assert_eq!(told(&read(&xml, key())), ["entry 1: mac_wrong"], "bit {bit}");
        }
        let cut = good.replace(value, &STANDARD.encode(&bytes[..bytes.len() - 4]));
        assert_eq!(told(&read(&cut, key())), ["entry 1: mac_wrong"]);
    }
}

#[test]
fn an_encrypted_value_without_a_mac_is_refused() {
    let good = figure(6);
    let (before, rest) = good.split_once("<ValueMAC>").unwrap();
    let without = format!("{before}{}", rest.split_once("</ValueMAC>").unwrap().1);
    assert_eq!(told(&read(&without, key())), ["entry 1: mac_missing"]);
    let (before, rest) = good.split_once("<MACMethod").unwrap();
    let without = format!("{before}{}", rest.split_once("</MACMethod>").unwrap().1);
    assert_eq!(told(&read(&without, key())), ["entry 1: mac_missing"]);
    let empty = good.replace("Su+NvtQfmvfJzF6bmQiJqoLRExc=", "");
    assert_eq!(told(&read(&empty, key())), ["entry 1: mac_wrong"]);
}

#[test]
fn without_a_mac_key_the_mac_is_made_with_the_key_of_the_encryption() {
    use aws_lc_rs::hmac;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let good = figure(6);
    let (before, rest) = good.split_once("<MACKey>").unwrap();
    let without = format!("{before}{}", rest.split_once("</MACKey>").unwrap().1);
    assert_eq!(told(&read(&without, key())), ["entry 1: mac_wrong"], "the figure's MAC is made with another");
    let value = STANDARD.decode("AAECAwQFBgcICQoLDA0OD+cIHItlB3Wra1DUpxVvOx2lef1VmNPCMl8jwZqIUqGv").unwrap();
    let mac_key = vectors::hex("12345678901234567890123456789012");
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &mac_key), &value);
    let remade = without.replace("Su+NvtQfmvfJzF6bmQiJqoLRExc=", &STANDARD.encode(mac));
    assert_eq!(keys(&read(&remade, key()))[0].secret().expose(), SECRET);
}

#[test]
fn values_and_envelopes_that_stand_there_twice_are_refused() {
    let good = figure(6);
    let part = |from: &str, to: &str| {
        let start = good.find(from).unwrap();
        let end = good[start..].find(to).unwrap() + start + to.len();
        good[start..end].to_owned()
    };
    for (from, to) in [("<EncryptedValue>", "</EncryptedValue>"), ("<ValueMAC>", "</ValueMAC>")] {
        let part = part(from, to);
        assert_eq!(told(&read(&good.replace(&part, &part.repeat(2)), key())), ["entry 1: duplicate"], "{from}");
    }
    let both = good.replace("<EncryptedValue>", "<PlainValue>AAAA</PlainValue><EncryptedValue>");
    assert_eq!(told(&read(&both, key())), ["entry 1: duplicate"]);
    let mac = part("<MACMethod", "</MACMethod>");
    assert_eq!(broken(&good.replace(&mac, &mac.repeat(2)), key()), ReadErrorKind::Container);
}

#[test]
fn methods_that_are_not_read_are_refused_by_name() {
    let good = figure(6);
    for method in ["kw-aes128", "tripledes-cbc", "rsa-1_5", "aes128-gcm"] {
        let value = replace_last(&good, "#aes128-cbc", &format!("#{method}"));
        assert_eq!(told(&read(&value, key())), ["entry 1: encryption"], "{method}");
        let mac_key = good.replacen("#aes128-cbc", &format!("#{method}"), 1);
        assert_eq!(told(&read(&mac_key, key())), ["entry 1: encryption"], "{method}");
    }
    assert_eq!(told(&read(&replace_last(&good, "#aes128-cbc", "#aes256-cbc"), key())), ["entry 1: undecryptable"]);
    assert_eq!(broken(&good.replace("hmac-sha1", "hmac-md5"), key()), ReadErrorKind::MacMethod);
    for asymmetric in ["<ds:X509Data/>", "<ds:KeyValue/>", "<xenc:EncryptedKey/>"] {
        let xml = good.replace("</EncryptionKey>", &format!("{asymmetric}</EncryptionKey>"));
        let found = read(&xml, key());
        assert_eq!(told(&found), ["entry 1: encryption"]);
        assert!(summary(found.into_iter().map(Ok))[0].contains("pre-shared key or a password"), "and what to do");
    }
}

fn replace_last(text: &str, from: &str, to: &str) -> String {
    let (before, after) = text.rsplit_once(from).unwrap();
    format!("{before}{to}{after}")
}

#[test]
fn derivations_have_their_bounds() {
    let good = figure(7);
    let with = |from: &str, to: &str| {
        let xml = good.replace(from, to);
        assert_ne!(xml, good, "{from}");
        broken(&xml, password("qwerty"))
    };
    for iterations in ["0", "-1", "2000001", "10000000", "99999999999999", ""] {
        assert_eq!(with(">1000<", &format!(">{iterations}<")), ReadErrorKind::Derivation, "{iterations}");
    }
    for iterations in ["1", "249", "2000000"] {
        let derived = with(">1000<", &format!(">{iterations}<"));
        assert_eq!(derived, ReadErrorKind::MacKey, "{iterations}: it is derived, and is another key");
    }
    for salt in ["", "AAAA", "!", &"AAAA".repeat(400)] {
        assert_eq!(with("Ej7/PEpyEpw=", salt), ReadErrorKind::Derivation, "{salt}");
    }
    for len in ["0", "15", "20", "64", ""] {
        assert_eq!(with(">16<", &format!(">{len}<")), ReadErrorKind::Derivation, "{len}");
    }
    assert_eq!(with("#pbkdf2", "#pbkdf1"), ReadErrorKind::Derivation);
    assert_eq!(
        with("<PRF/>", "<PRF Algorithm='http://www.w3.org/2001/04/xmldsig-more#hmac-md5'/>"),
        ReadErrorKind::Derivation
    );
    assert_eq!(with("Specified>", "OtherSource>"), ReadErrorKind::Derivation);
    assert_eq!(
        with("<PRF/>", "<PRF Algorithm='http://www.w3.org/2001/04/xmldsig-more#hmac-sha256'/>"),
        ReadErrorKind::MacKey,
        "another hash is another key"
    );
}

/// The files that python-pskc made: their keys are of 20, 32 and 64 bytes.
fn as_python_made_them(found: &[Found], digits: u8) {
    let long = b"1234567890".repeat(7);
    for (key, (algorithm, len)) in
        keys(found).iter().zip([(Algorithm::Sha1, 20), (Algorithm::Sha256, 32), (Algorithm::Sha512, 64)])
    {
        assert_eq!(key.secret().expose(), &long[..len]);
        assert_eq!((key.totp().algorithm(), key.totp().digits().get()), (algorithm, digits));
    }
}

#[test]
fn files_of_another_library_are_read_with_every_cipher_and_mac() {
    for (name, len) in [
        ("aes128_hmac_sha1", 16),
        ("aes128_hmac_sha224", 16),
        ("aes192_hmac_sha256", 24),
        ("aes256_hmac_sha384", 32),
        ("aes256_hmac_sha512", 32),
    ] {
        let given = || PskcKey::pre_shared(SecretBytes::new((0..len).collect::<Vec<u8>>()));
        let found = read(&file(name), given());
        assert_eq!(keys(&found).len(), 3, "{name}: {found:?}");
        as_python_made_them(&found, 8);
        assert_eq!((keys(&found)[0].subject(), keys(&found)[0].label()), (Some("alice"), Some("token")));
        assert_eq!(keys(&found)[0].totp().period().as_secs(), 60);
    }
    for name in ["pbkdf2_hmac_sha1", "pbkdf2_hmac_sha256", "pbkdf2_hmac_sha512"] {
        let found = read(&file(name), password("qwerty"));
        assert_eq!(keys(&found).len(), 1, "{name}: {found:?}");
        as_python_made_them(&found, 6);
    }
}

#[test]
fn python_pskc_writes_what_is_read_here() {
    let there = Command::new("python3").args(["-c", "import pskc, cryptography"]).output();
    let missing =
        if there.is_ok_and(|output| output.status.success()) { &[][..] } else { &["python3 with python-pskc"] };
    if !tools::none_missing(missing) {
        return;
    }
    let script = include_str!("../interop/key_containers.py");
    let output = Command::new("python3").args(["-c", script]).output().unwrap();
    let _ = std::io::stderr().write_all(&output.stderr);
    let files = String::from_utf8(output.stdout).unwrap();
    let mut read_back = 0;
    for row in files.lines() {
        let [key, secret, xml] = row.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("{row}") };
        let xml = String::from_utf8(vectors::hex(xml)).unwrap();
        let given = match key.strip_prefix("password:") {
            Some(text) => password(text),
            None => PskcKey::pre_shared(SecretBytes::new(vectors::hex(key))),
        };
        let found = read(&xml, given);
        assert_eq!(keys(&found).first().map(|key| key.secret().expose()), Some(&*vectors::hex(secret)), "{xml}");
        read_back += 1;
    }
    assert_eq!(read_back, 60);
}

#[test]
fn no_secret_is_in_anything_that_prints() {
    let mut text = String::new();
    let changed = figure(6).replace("Su+N", "Su+M");
    let digits = figure(6).replace("Length=\"8\"", "Length=\"3\"");
    for (xml, given) in [
        (figure(6), key()),
        (changed, key()),
        (digits, key()),
        (figure(7), password("qwerty")),
        (figure(7), password("qwertz")),
    ] {
        let reader = pskc(xml.as_bytes(), given, NOW);
        text += &format!("{reader:?}");
        for item in reader {
            text += &format!("{item:?}");
            match &item {
                Ok(Found::Skipped(skipped)) => text += &skipped.to_string(),
                Ok(Found::Key(key)) => text += &format!("{:?}", key.secret()),
                Err(error) => text += &error.to_string(),
            }
        }
    }
    for secret in ["qwert", "1234567890", "49, 50, 51", "AAECAwQF", "Su+", "651e63cd"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let scenes = ["Key(AppKey", "MacWrong", "Digits", "MacKey"].map(|scene| text.matches(scene).count());
    assert!(scenes.iter().all(|count| *count > 0), "every scene is in it: {scenes:?}\n{text}");
}

#[test]
fn nothing_breaks_wherever_an_encrypted_container_ends() {
    let xml = figure(6);
    for end in (0..=xml.len()).step_by(37) {
        let cut = &xml.as_bytes()[..end];
        assert_eq!(summary(pskc(cut, key(), NOW)), summary(pskc(Drops(cut), key(), NOW)), "{end}");
    }
}
