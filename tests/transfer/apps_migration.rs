//! The QR codes that Google Authenticator exports.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use tower_mfa::otp::{Algorithm, Digits};
use tower_mfa::transfer::apps::google_migration;

use crate::apps_support::{Drops, SECRET, all, keys, skipped, summary, told};

/// A number in groups of seven bits, the lowest first.
fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
    bytes
}

fn number(field: u64, number: u64) -> Vec<u8> {
    [varint(field << 3), varint(number)].concat()
}

fn bytes(field: u64, bytes: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(bytes.len().try_into().unwrap()), bytes.to_vec()].concat()
}

/// One key: secret, name, issuer, algorithm, digits, type.
fn key(secret: &[u8], name: &str, issuer: &str, enums: [u64; 3]) -> Vec<u8> {
    let parts = [
        bytes(1, secret),
        bytes(2, name.as_bytes()),
        bytes(3, issuer.as_bytes()),
        number(4, enums[0]),
        number(5, enums[1]),
        number(6, enums[2]),
    ];
    bytes(1, &parts.concat())
}

fn alice() -> Vec<u8> {
    key(SECRET, "alice", "Example", [1, 1, 2])
}

/// Which part of which export: how many there are, which one it is, and the export's number.
fn part(of: u64, index: u64, id: u64) -> Vec<u8> {
    [number(2, 1), number(3, of), number(4, index), number(5, id)].concat()
}

/// As the app writes it: base 64, percent-encoded.
fn line(message: &[u8]) -> String {
    let data = STANDARD.encode(message).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    format!("otpauth-migration://offline?data={data}\n")
}

fn read(text: &str) -> Vec<tower_mfa::transfer::apps::Found> {
    all(google_migration(text.as_bytes()))
}

/// The code that every description of the format shows: ten bytes, and nothing of algorithm and digits.
const PUBLISHED: &str =
    "otpauth-migration://offline?data=CjEKCkhlbGxvId6tvu8SGEV4YW1wbGU6YWxpY2VAZ29vZ2xlLmNvbRoHRXhhbXBsZTAC";

#[test]
fn the_published_example_is_read() {
    assert_eq!(told(&read(PUBLISHED)), ["line 1, entry 1: secret_short"]);
    let found = all(google_migration(PUBLISHED.as_bytes()).danger_short_keys());
    let key = keys(&found)[0];
    assert_eq!((key.issuer(), key.account()), (Some("Example"), Some("alice@google.com")));
    assert_eq!(key.secret().expose(), b"Hello!\xde\xad\xbe\xef");
    assert_eq!((key.totp().algorithm(), key.totp().digits()), (Algorithm::Sha1, Digits::SIX));
}

#[test]
fn keys_come_with_their_parameters_and_places() {
    let message =
        [alice(), key(SECRET, "Other:bob", "", [2, 2, 2]), key(SECRET, "carol", "", [3, 0, 2]), part(1, 0, 7)];
    let found = read(&format!("# exported\n{}", line(&message.concat())));
    let seen: Vec<_> = keys(&found)
        .iter()
        .map(|key| (key.place().to_string(), key.issuer(), key.account().unwrap(), key.totp().algorithm()))
        .collect();
    assert_eq!(
        seen,
        [
            ("line 2, entry 1".into(), Some("Example"), "alice", Algorithm::Sha1),
            ("line 2, entry 2".into(), Some("Other"), "bob", Algorithm::Sha256),
            ("line 2, entry 3".into(), None, "carol", Algorithm::Sha512),
        ]
    );
    assert_eq!(keys(&found)[1].totp().digits(), Digits::EIGHT);
    assert_eq!(keys(&found)[0].totp().period().as_secs(), 30, "the format knows no other");
}

#[test]
fn each_reason_to_refuse_has_its_name_and_the_rest_is_read() {
    let cases = [
        (key(SECRET, "b", "", [1, 1, 1]), "counter"),
        (key(SECRET, "b", "", [1, 1, 0]), "kind"),
        (key(SECRET, "b", "", [1, 1, 9]), "kind"),
        (key(SECRET, "b", "", [4, 1, 2]), "algorithm"),
        (key(SECRET, "b", "", [1, 3, 2]), "digits"),
        (key(&SECRET[..15], "b", "", [1, 1, 2]), "secret_short"),
        (key(&[7; 129], "b", "", [1, 1, 2]), "secret_long"),
        (key(b"", "b", "", [1, 1, 2]), "secret_missing"),
        (key(SECRET, "b\u{1b}[0m", "", [1, 1, 2]), "name"),
        (key(SECRET, &"n".repeat(256), "", [1, 1, 2]), "name"),
        (bytes(1, &[bytes(1, SECRET), bytes(2, b"\xff"), number(6, 2)].concat()), "not_text"),
        (bytes(1, &[number(1, 5), number(6, 2)].concat()), "syntax"),
        (bytes(1, &[0x0a, 0x7f, 1]), "syntax"),
        (bytes(1, b""), "kind"),
    ];
    let message: Vec<u8> = cases.iter().flat_map(|(key, _)| [key.clone(), alice()].concat()).collect();
    let found = read(&line(&message));
    let expected: Vec<_> =
        (0..).zip(&cases).map(|(at, (_, code))| format!("line 1, entry {}: {code}", 2 * at + 1)).collect();
    assert_eq!(told(&found), expected);
    assert_eq!(keys(&found).len(), cases.len());
}

#[test]
fn the_data_is_read_however_a_program_wrote_it() {
    // Bytes whose base 64 has both symbols that differ, and padding.
    let message = [key(&[0xfb, 0xff, 0xbf, 0xef].repeat(5), "a", "", [1, 1, 2]), number(9, 300)].concat();
    let standard = STANDARD.encode(&message);
    assert!(standard.contains('+') && standard.contains('/'), "{standard}");
    for data in [
        standard.clone(),
        standard.trim_end_matches('=').into(),
        standard.replace('+', " "),
        standard.replace('+', "%20"),
        standard.replace('+', "%2b").replace('/', "%2f").replace('=', "%3d"),
        URL_SAFE_NO_PAD.encode(&message),
    ] {
        for start in ["otpauth-migration://offline?data=", "OTPAUTH-MIGRATION://offline/?x=y&data="] {
            assert_eq!(keys(&read(&format!("{start}{data}"))).len(), 1, "{start}{data}");
        }
    }
}

#[test]
fn lines_of_another_form_are_skipped() {
    let good = line(&alice());
    let data = good.trim().split_once('=').unwrap().1;
    for bad in [
        "otpauth-migration://offline".into(),
        "otpauth-migration://offline?data=".to_owned() + "CigK!",
        format!("otpauth-migration://online?data={data}"),
        format!("otpauth://offline?data={data}"),
        format!("otpauth-migration://offline?data={data}&data={data}"),
        format!("otpauth-migration://offline?data={data}A"),
        line(&[0x0a]),
        line(&[0x0b]),
        line(&[0x00, 0x00]),
        line(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]),
        line(&[0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
        line(&[&[0x18][..], &[0x80; 9], &[0x02]].concat()),
        line(&alice().repeat(129)),
    ] {
        let found = read(&format!("{}\n{good}", bad.trim_end()));
        assert_eq!((told(&found), keys(&found).len()), (vec!["line 1: syntax".into()], 1), "{bad}");
    }
    let found = read(&format!("otpauth-migration://offline?data={}\n{good}", "A".repeat(8192)));
    assert_eq!(told(&found), ["line 1: too_long"]);
}

#[test]
fn fields_nobody_knows_are_passed_by() {
    let unknown = [number(100, 1), bytes(101, b"x"), [varint(102 << 3 | 1), vec![0; 8]].concat()];
    let unknown = [unknown.concat(), [varint(103 << 3 | 5), vec![0; 4]].concat()].concat();
    let inner = [bytes(1, SECRET), number(6, 2), bytes(8, b"an id"), unknown.clone()].concat();
    assert_eq!(keys(&read(&line(&[bytes(1, &inner), unknown].concat()))).len(), 1);
}

#[test]
fn a_part_that_is_missing_is_told_at_the_end() {
    let codes: Vec<_> = (0..3).map(|index| line(&[alice(), part(3, index, 77)].concat())).collect();
    assert_eq!(told(&read(&[&*codes[2], &codes[0], &codes[1]].concat())), [""; 0], "any order");
    let found = read(&[&*codes[0], &codes[2]].concat());
    assert_eq!((keys(&found).len(), told(&found)), (2, vec!["line 2: parts".into()]));
    assert!(skipped(&found)[0].to_string().contains("scan every one"));
    let found = read(&[&*codes[0], &codes[1], &codes[1]].concat());
    assert_eq!(told(&found), ["line 3: part_repeated", "line 3: parts"]);
    assert_eq!(keys(&found).len(), 2, "what was scanned twice is read once");
    for alone in [line(&[alice(), part(1, 0, 77)].concat()), line(&alice())] {
        assert_eq!(
            keys(&read(&alone.repeat(2))).len(),
            2,
            "the only code of an export is read as often as it stands there"
        );
    }
}

#[test]
fn exports_are_kept_apart_and_odd_parts_are_told() {
    let code = |of, index, id| line(&[alice(), part(of, index, id)].concat());
    let found = read(&[code(2, 0, 1), code(2, 0, 2), code(2, 1, 1), code(2, 1, 2)].concat());
    assert_eq!((keys(&found).len(), told(&found).len()), (4, 0));
    for odd in [code(2, 2, 1), code(257, 0, 1), code(1, 1, 1), code(u64::MAX, 3, 1)] {
        let found = read(&odd);
        assert_eq!((keys(&found).len(), told(&found)), (1, vec!["line 1: parts".into()]));
    }
    let found = read(&[code(2, 0, 1), code(3, 1, 1)].concat());
    assert_eq!(told(&found), ["line 2: parts", "line 1: parts"], "another number of parts, and one missing");
}

#[test]
fn of_more_exports_than_are_kept_apart_the_oldest_is_given_up_and_told() {
    let codes: String = (0..65).map(|id| line(&[alice(), part(2, 0, id)].concat())).collect();
    let found = read(&codes);
    assert_eq!((keys(&found).len(), told(&found).len()), (65, 65));
    assert_eq!(told(&found)[0], "line 1: parts");
    let complete: String = (0..200).map(|at| line(&[alice(), part(2, at % 2, at / 2)].concat())).collect();
    assert_eq!(told(&read(&complete)), [""; 0]);
}

#[test]
fn nothing_breaks_wherever_the_message_or_the_line_ends() {
    let message = [alice(), key(SECRET, "Other:bob", "", [2, 2, 2]), part(2, 0, 7)].concat();
    for end in 0..=message.len() {
        let text = line(&message[..end]);
        assert_eq!(summary(google_migration(text.as_bytes())), summary(google_migration(Drops(text.as_bytes()))));
    }
    let text = line(&message);
    for end in 0..=text.len() {
        let _ = summary(google_migration(&text.as_bytes()[..end]));
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        entries in prop::collection::vec(
            ("[^:\\p{Cc}\\s]{1,40}", "[^:\\p{Cc}\\s]{0,40}", prop::collection::vec(any::<u8>(), 16..=128), 0..=3_u64, 0..=2_u64),
            0..10,
        ),
    ) {
        let message: Vec<u8> = entries
            .iter()
            .flat_map(|(name, issuer, secret, algorithm, digits)| key(secret, name, issuer, [*algorithm, *digits, 2]))
            .collect();
        let found = read(&line(&message));
        prop_assert_eq!(found.len(), entries.len());
        for (key, (name, issuer, secret, algorithm, digits)) in keys(&found).iter().zip(&entries) {
            prop_assert_eq!((key.account(), key.issuer().unwrap_or("")), (Some(name.as_str()), issuer.as_str()));
            prop_assert_eq!(key.secret().expose(), secret.as_slice());
            let expected = [Algorithm::Sha1, Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512];
            prop_assert_eq!(key.totp().algorithm(), expected[usize::try_from(*algorithm).unwrap()]);
            prop_assert_eq!(key.totp().digits().get(), if *digits == 2 { 8 } else { 6 });
        }
    }

    #[test]
    fn any_message_is_read_without_harm(message in prop::collection::vec(any::<u8>(), 0..300)) {
        let text = line(&message);
        prop_assert_eq!(summary(google_migration(text.as_bytes())), summary(google_migration(Drops(text.as_bytes()))));
    }
}
