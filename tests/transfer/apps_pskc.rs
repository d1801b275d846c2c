//! Containers of RFC 6030: what stands in plain text, and what is refused.

use proptest::prelude::*;
use tower_mfa::clock::Timestamp;
use tower_mfa::otp::{Algorithm, Digits, Step};
use tower_mfa::transfer::apps::{Found, PskcKey, ReadErrorKind, pskc};

use crate::apps_support::{BASE64, Drops, SECRET, all, keys, skipped, summary, told};

/// In November of 2026.
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

pub(crate) const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<KeyContainer Version="1.0" Id="c" xmlns="urn:ietf:params:xml:ns:keyprov:pskc">"#;

/// A container of these packages.
pub(crate) fn container(packages: &str) -> String {
    format!("{HEAD}{packages}</KeyContainer>\n")
}

/// What one key may have said of it.
#[derive(Clone)]
pub(crate) struct Key {
    algorithm: &'static str,
    parameters: String,
    pub(crate) data: String,
    rest: String,
}

impl Key {
    pub(crate) fn good() -> Self {
        Self {
            algorithm: "urn:ietf:params:xml:ns:keyprov:pskc:totp",
            parameters: r#"<ResponseFormat Length="8" Encoding="DECIMAL"/>"#.into(),
            data: format!("<Secret><PlainValue>\n  {BASE64}\n</PlainValue></Secret>"),
            rest: String::new(),
        }
    }

    fn parameters(parameters: &str) -> Self {
        Self { parameters: parameters.into(), ..Self::good() }
    }

    pub(crate) fn data(data: &str) -> Self {
        Self { data: data.into(), ..Self::good() }
    }

    /// With something more in `Data`.
    pub(crate) fn with(data: &str) -> Self {
        Self::data(&(Self::good().data + data))
    }

    pub(crate) fn rest(rest: &str) -> Self {
        Self { rest: rest.into(), ..Self::good() }
    }

    pub(crate) fn policy(policy: &str) -> Self {
        Self::rest(&format!("<Policy>{policy}</Policy>"))
    }

    pub(crate) fn xml(&self) -> String {
        let Self { algorithm, parameters, data, rest } = self;
        format!(
            "<KeyPackage><DeviceInfo><Manufacturer>Acme</Manufacturer><SerialNo>4711</SerialNo></DeviceInfo>\
             <Key Id=\"1\" Algorithm=\"{algorithm}\"><Issuer>Example</Issuer>\
             <AlgorithmParameters>{parameters}</AlgorithmParameters><Data>{data}</Data>{rest}</Key></KeyPackage>"
        )
    }
}

pub(crate) fn read(xml: &str) -> Vec<Found> {
    all(pskc(xml.as_bytes(), PskcKey::none(), NOW))
}

/// Whether a key is taken, or by which code it is refused.
pub(crate) fn verdict(key: &Key) -> &'static str {
    match &read(&container(&key.xml()))[..] {
        [Found::Key(_)] => "taken",
        [Found::Skipped(skipped)] => skipped.why().code(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_key_comes_with_everything_that_is_said_of_it() {
    let key = Key {
        parameters: r#"<Suite>HMAC-SHA256</Suite><ResponseFormat Encoding="DECIMAL" Length="7" CheckDigits="false"/>"#
            .into(),
        rest: "<FriendlyName xml:lang=\"en\">Bob&apos;s &#116;oken</FriendlyName><FriendlyName>Marke</FriendlyName>\
               <UserId>UID=jsmith,DC=example-bank,DC=net</UserId>"
            .into(),
        ..Key::with(
            "<Counter><PlainValue>9</PlainValue></Counter><Time><PlainValue>29000000</PlainValue></Time>\
             <TimeInterval><PlainValue>60</PlainValue></TimeInterval><TimeDrift><PlainValue>-1</PlainValue></TimeDrift>",
        )
    };
    let found = read(&container(&key.xml()));
    let key = keys(&found)[0];
    assert_eq!((key.subject(), key.account()), (Some("UID=jsmith,DC=example-bank,DC=net"), None));
    assert_eq!((key.issuer(), key.label()), (Some("Example"), Some("Bob's token")));
    assert_eq!((key.serial(), key.manufacturer()), (Some("4711"), Some("Acme")));
    assert_eq!(key.secret().expose(), SECRET);
    let totp = key.totp();
    assert_eq!((totp.algorithm(), totp.digits(), totp.period().as_secs()), (Algorithm::Sha256, Digits::SEVEN, 60));
    assert_eq!(key.used_until(), Some(Step::new(29_000_000)));
    assert_eq!(key.place().to_string(), "entry 1");
}

#[test]
fn another_prefix_is_the_same_namespace_and_another_namespace_is_nothing() {
    let plain = container(&Key::good().xml());
    let prefixed =
        plain.replace("<", "<p:").replace("<p:/", "</p:").replace("<p:?", "<?").replace("xmlns=", "xmlns:p=");
    assert_eq!(keys(&read(&prefixed))[0].secret().expose(), SECRET);

    let foreign = plain.replace("<Secret>", "<Secret xmlns='urn:x'>");
    assert_eq!(told(&read(&foreign)), ["entry 1: secret_missing"]);
    for wrong in [
        plain.replace("keyprov:pskc\"", "keyprov:pskc:1.0\""),
        plain.replace("xmlns=", "xmlns:p="),
        plain.replace("Version=\"1.0\"", "Version=\"2.0\""),
        plain.replace("Version=\"1.0\" Id", "Id"),
        "<KeyPackage xmlns=\"urn:ietf:params:xml:ns:keyprov:pskc\"/>".into(),
    ] {
        let error = pskc(wrong.as_bytes(), PskcKey::none(), NOW).next().unwrap().unwrap_err();
        assert_eq!(error.kind(), ReadErrorKind::Container, "{wrong}");
    }
}

#[test]
fn every_minor_version_of_the_first_is_read_and_no_other() {
    let version = |version: &str| {
        let xml = container(&Key::good().xml()).replace("Version=\"1.0\"", &format!("Version=\"{version}\""));
        summary(pskc(xml.as_bytes(), PskcKey::none(), NOW))
    };
    let read = version("1.0");
    assert!(read[0].starts_with("entry 1: key"), "{read:?}");
    for minor in ["1", "1.1", "1.2", "1.12"] {
        assert_eq!(version(minor), read, "{minor}");
    }
    for other in ["2.0", "0.9", "10.0", "11", "", "1.", ".0", "1.x", "1.0.0", "1,0", "-1", "+1.0"] {
        assert_eq!(version(other), ["error not a PSKC container, version 1 (RFC 6030)"], "{other}");
    }
}

#[test]
fn keys_of_another_kind_are_refused_by_name() {
    let algorithm = |algorithm| verdict(&Key { algorithm, ..Key::good() });
    assert_eq!(algorithm("urn:ietf:params:xml:ns:keyprov:pskc:totp"), "taken");
    assert_eq!(algorithm("urn:ietf:params:xml:ns:keyprov:pskc#totp"), "taken", "as drafts of the RFC have it");
    assert_eq!(algorithm("urn:ietf:params:xml:ns:keyprov:pskc:hotp"), "counter");
    assert_eq!(algorithm("urn:ietf:params:xml:ns:keyprov:pskc#hotp"), "counter");
    assert_eq!(algorithm("urn:ietf:params:xml:ns:keyprov:pskc/totp"), "kind");
    for other in ["urn:ietf:params:xml:ns:keyprov:pskc:pin", "urn:ietf:params:xml:ns:keyprov:pskc:ocra", "totp", ""] {
        assert_eq!(algorithm(other), "kind", "{other}");
    }
}

#[test]
fn codes_are_six_to_eight_decimal_digits_and_nothing_is_guessed() {
    let format = |format: &str| verdict(&Key::parameters(format));
    assert_eq!(format(r#"<ResponseFormat Length="6" Encoding="DECIMAL"/>"#), "taken");
    assert_eq!(format(r#"<ResponseFormat Length="6" Encoding="DECIMAL" CheckDigits="0"/>"#), "taken");
    assert_eq!(format(r#"<ResponseFormat Length="5" Encoding="DECIMAL"/>"#), "digits");
    assert_eq!(format(r#"<ResponseFormat Length="9" Encoding="DECIMAL"/>"#), "digits");
    assert_eq!(format(r#"<ResponseFormat Encoding="DECIMAL"/>"#), "digits");
    assert_eq!(format(""), "digits");
    for encoding in ["HEXADECIMAL", "ALPHANUMERIC", "BASE64", "BINARY", "decimal"] {
        assert_eq!(format(&format!(r#"<ResponseFormat Length="6" Encoding="{encoding}"/>"#)), "code_format");
    }
    assert_eq!(format(r#"<ResponseFormat Length="6"/>"#), "code_format");
    for name in ["CheckDigits", "CheckDigit"] {
        let check =
            |value: &str| format(&format!(r#"<ResponseFormat Length="6" Encoding="DECIMAL" {name}="{value}"/>"#));
        assert_eq!((check("false"), check("0")), ("taken", "taken"), "{name}");
        for value in ["true", "1", "not really", ""] {
            assert_eq!(check(value), "code_format", "{name} {value}");
        }
    }
    let both = r#"<ResponseFormat Length="6" Encoding="DECIMAL" CheckDigits="false" CheckDigit="true"/>"#;
    assert_eq!(format(both), "code_format", "either counts");
    let twice = r#"<ResponseFormat Length="6" Encoding="DECIMAL"/>"#.repeat(2);
    assert_eq!(format(&twice), "duplicate");
}

#[test]
fn suites_are_read_with_and_without_hmac() {
    for (suite, expected) in [
        ("HMAC-SHA1", "taken"),
        ("hmac-sha512", "taken"),
        ("SHA256", "taken"),
        ("HmacSHA256", "taken"),
        ("HMAC-MD5", "algorithm"),
        ("OCRA-1:HOTP-SHA1-6:QN08", "algorithm"),
        ("", "algorithm"),
    ] {
        let parameters = format!("<Suite>{suite}</Suite>{}", Key::good().parameters);
        assert_eq!(verdict(&Key::parameters(&parameters)), expected, "{suite}");
    }
}

#[test]
fn secrets_are_refused_as_everywhere() {
    let plain = |text: &str| verdict(&Key::data(&format!("<Secret><PlainValue>{text}</PlainValue></Secret>")));
    assert_eq!(plain("MTIzNDU2Nzg5MDEyMzQ1Njc4OTA"), "taken");
    assert_eq!(plain("MTIzNA=="), "secret_short");
    assert_eq!(plain(&"AAAA".repeat(43)), "secret_long");
    assert_eq!(plain("MTIz!"), "secret_encoding");
    assert_eq!(plain(""), "secret_missing");
    assert_eq!(verdict(&Key::data("<Secret/>")), "secret_missing");
    assert_eq!(verdict(&Key::data("")), "secret_missing");
    assert_eq!(verdict(&Key::with("<Secret><PlainValue>AAAA</PlainValue></Secret>")), "duplicate");
    let short = container(&Key::data("<Secret><PlainValue>MTIzNDU2Nzg5MA==</PlainValue></Secret>").xml());
    assert_eq!(keys(&all(pskc(short.as_bytes(), PskcKey::none(), NOW).danger_short_keys())).len(), 1);
}

#[test]
fn intervals_and_the_time_of_the_last_use_are_numbers_in_their_bounds() {
    let interval =
        |secs: &str| verdict(&Key::with(&format!("<TimeInterval><PlainValue>{secs}</PlainValue></TimeInterval>")));
    assert_eq!((interval("1"), interval("120"), interval(" 30 ")), ("taken", "taken", "taken"));
    assert_eq!((interval("0"), interval("121"), interval("99999999999")), ("period", "period", "period"));
    assert_eq!((interval("-30"), interval("30s"), interval("")), ("number", "number", "number"));

    let used = |time: u64| {
        let xml = Key::with(&format!("<Time><PlainValue>{time}</PlainValue></Time>")).xml();
        let found = read(&container(&xml));
        keys(&found).first().map(|key| key.used_until())
    };
    let present = NOW.as_secs() / 30;
    assert_eq!(used(0), Some(None));
    assert_eq!(used(present + 2), Some(Some(Step::new(present + 2))));
    assert_eq!(used(present + 3), None, "it would refuse every code until then");
    assert_eq!(used(NOW.as_secs()), None, "seconds are no steps");
}

#[test]
fn a_clock_that_is_off_by_more_than_one_interval_is_refused() {
    let drift = |drift: &str| verdict(&Key::with(&format!("<TimeDrift><PlainValue>{drift}</PlainValue></TimeDrift>")));
    for near in ["0", "1", "-1", "+1", " -1 ", "-0"] {
        assert_eq!(drift(near), "taken", "{near}");
    }
    for far in ["2", "-2", "300", "9223372036854775807", "-9223372036854775808"] {
        assert_eq!(drift(far), "drift", "{far}");
    }
    for none in ["", "-", "one", "0.5", "1 interval", "9223372036854775808"] {
        assert_eq!(drift(none), "number", "{none}");
    }
    assert_eq!(verdict(&Key::with(&"<TimeDrift><PlainValue>0</PlainValue></TimeDrift>".repeat(2))), "duplicate");
    assert_eq!(verdict(&Key::with("<TimeDrift/>")), "taken", "nothing is said");
}

#[test]
fn names_are_checked_and_shown() {
    let name = |name: &str| verdict(&Key::rest(&format!("<UserId>{name}</UserId>")));
    assert_eq!((name("alice"), name(""), name(&"n".repeat(255))), ("taken", "taken", "taken"));
    assert_eq!((name(&"n".repeat(256)), name("a&#10;b")), ("name", "name"));
    assert_eq!(verdict(&Key::rest("<Issuer>Another</Issuer>")), "duplicate");
    let found = read(&container(&Key { algorithm: "x", ..Key::rest("<UserId>alice</UserId>") }.xml()));
    assert_eq!(
        skipped(&found)[0].to_string(),
        "entry 1 (Example: alice): the key is of no kind that can be bound: neither TOTP nor HOTP"
    );
    let found = read(&container(&Key { algorithm: "x", ..Key::good() }.xml()));
    assert_eq!(skipped(&found)[0].what(), Some("Example: 4711"));
}

#[test]
fn the_key_s_own_user_counts_and_each_package_has_its_own_device() {
    let owned = Key::good().xml().replace("</SerialNo>", "</SerialNo><UserId>device-user</UserId>");
    let packages = owned.clone() + &owned.replace("</Data>", "</Data><UserId>own-user</UserId>") + &Key::good().xml();
    let found = read(&container(&packages));
    let subjects: Vec<_> = keys(&found).iter().map(|key| key.subject()).collect();
    assert_eq!(subjects, [Some("device-user"), Some("own-user"), None]);
    let two = owned.replace("</Data>", "</Data><UserId>one</UserId><UserId>two</UserId>");
    assert_eq!(told(&read(&container(&two))), ["entry 1: duplicate"]);
}

#[test]
fn a_device_counts_for_every_key_of_its_package_wherever_it_stands() {
    let device = |date: &str| format!("<DeviceInfo><SerialNo>4711</SerialNo><UserId>alice</UserId>{date}</DeviceInfo>");
    let xml = Key::good().xml();
    let key = xml.split_once("</DeviceInfo>").unwrap().1.replace("</KeyPackage>", "");
    let package = |parts: &[&str]| format!("<KeyPackage>{}</KeyPackage>", parts.concat());
    let good = device("<ExpiryDate>2037-12-31T00:00:00Z</ExpiryDate>");
    for parts in [[&*good, &key, &key], [&key, &good, &key], [&key, &key, &good]] {
        let found = read(&container(&(package(&parts) + &package(&[&key]))));
        let devices: Vec<_> = keys(&found).iter().map(|key| (key.serial(), key.subject())).collect();
        let of_the_device = (Some("4711"), Some("alice"));
        assert_eq!(devices, [of_the_device, of_the_device, (None, None)], "and no other package");
    }
    for (device, code) in [
        (device("<ExpiryDate>2022-09-01T00:00:00Z</ExpiryDate>"), "dates"),
        (device("<StartDate>some day</StartDate>"), "date_form"),
        (device("<UserId>bob</UserId>"), "duplicate"),
    ] {
        let expected = [format!("entry 1: {code}"), format!("entry 2: {code}")];
        for parts in [[&*device, &key, &key], [&key, &device, &key], [&key, &key, &device]] {
            assert_eq!(told(&read(&container(&package(&parts)))), expected, "{parts:?}");
        }
    }
}

#[test]
fn a_bad_entry_is_skipped_and_the_rest_is_read() {
    let bad = Key::parameters("");
    let packages = [Key::good(), bad.clone(), Key::good(), bad].map(|key| key.xml()).concat();
    let found = read(&container(&packages));
    let places: Vec<_> = keys(&found).iter().map(|key| key.place().entry()).collect();
    assert_eq!(
        (places, told(&found)),
        (vec![Some(1), Some(3)], vec!["entry 2: digits".into(), "entry 4: digits".into()])
    );
}

#[test]
fn a_key_inside_of_a_key_and_elements_out_of_place_are_nothing() {
    let inner = Key::good().xml();
    assert_eq!(keys(&read(&container(&Key::rest(&format!("<Extensions>{inner}</Extensions>")).xml()))).len(), 1);
    let key = inner.split_once("</DeviceInfo>").unwrap().1.replace("</KeyPackage>", "");
    assert_eq!(read(&container(&key)).len(), 0, "outside of a package");
    let moved = Key { data: String::new(), rest: Key::good().data, ..Key::good() };
    assert_eq!(verdict(&moved), "secret_missing");
}

#[test]
fn nothing_breaks_wherever_the_stream_ends_and_however_it_comes() {
    let xml = container(&Key::policy("<KeyUsage>OTP</KeyUsage>").xml());
    for end in 0..=xml.len() {
        let cut = &xml.as_bytes()[..end];
        let found = summary(pskc(cut, PskcKey::none(), NOW));
        if end % 10 == 0 {
            assert_eq!(found, summary(pskc(Drops(cut), PskcKey::none(), NOW)), "{end}");
        }
        let whole = end >= xml.trim_end().len();
        assert_eq!(found.last().is_some_and(|last| last.starts_with("error")), !whole, "{end}: {found:?}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        rows in prop::collection::vec(("[^\\p{Cc}\\s<&\u{fffe}\u{ffff}]{1,60}", prop::collection::vec(any::<u8>(), 16..=128), 6..=8_u8), 0..6),
    ) {
        use base64::Engine as _;
        let packages: String = rows
            .iter()
            .map(|(user, secret, digits)| {
                let secret = base64::engine::general_purpose::STANDARD.encode(secret);
                Key {
                    parameters: format!(r#"<ResponseFormat Length="{digits}" Encoding="DECIMAL"/>"#),
                    data: format!("<Secret><PlainValue>{secret}</PlainValue></Secret>"),
                    rest: format!("<UserId>{user}</UserId>"),
                    ..Key::good()
                }
                .xml()
            })
            .collect();
        let found = read(&container(&packages));
        prop_assert_eq!(found.len(), rows.len());
        for (key, (user, secret, digits)) in keys(&found).iter().zip(&rows) {
            prop_assert_eq!((key.subject(), key.secret().expose()), (Some(user.as_str()), secret.as_slice()));
            prop_assert_eq!(key.totp().digits().get(), *digits);
        }
    }

    #[test]
    fn any_bytes_inside_of_a_container_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let xml = [HEAD.as_bytes(), &bytes].concat();
        prop_assert_eq!(
            summary(pskc(xml.as_slice(), PskcKey::none(), NOW)),
            summary(pskc(Drops(&xml), PskcKey::none(), NOW))
        );
    }
}
