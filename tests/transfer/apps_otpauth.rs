//! Key URIs, one a line.

use std::io::{BufReader, Read};

use proptest::prelude::*;
use tower_mfa::otp::{Algorithm, Digits, OtpauthUri, Period, Secret, Totp};
use tower_mfa::transfer::apps::{Found, ReadErrorKind, otpauth};

use crate::apps_support::{BASE32, Breaks, Drops, Endless, SECRET, SHORT, all, keys, skipped, summary, told};

fn uri(label: &str, rest: &str) -> String {
    format!("otpauth://totp/{label}?secret={BASE32}{rest}\n")
}

#[test]
fn a_key_comes_with_its_names_and_parameters() {
    let text = uri("Example%20Co:alice%40example.com", "&issuer=Example%20Co&algorithm=SHA256&digits=8&period=60");
    let found = all(otpauth(text.as_bytes()));
    let key = keys(&found)[0];
    assert_eq!((key.issuer(), key.account()), (Some("Example Co"), Some("alice@example.com")));
    assert_eq!((key.subject(), key.label(), key.serial(), key.used_until()), (None, None, None, None));
    let totp = Totp::default()
        .with_algorithm(Algorithm::Sha256)
        .with_digits(Digits::EIGHT)
        .with_period(Period::new(60).unwrap());
    assert_eq!((key.totp(), key.secret().expose()), (totp, SECRET));
    assert_eq!(key.place().to_string(), "line 1");
}

#[test]
fn empty_lines_and_comments_are_passed_and_counted() {
    let text = format!("\u{feff}# exported\r\n\r\n   \n{}  # not\n{}", uri("a", ""), uri("b", ""));
    let found = all(otpauth(text.as_bytes()));
    let lines: Vec<_> = keys(&found).iter().map(|key| key.place().line()).collect();
    assert_eq!((lines, found.len()), (vec![Some(4), Some(6)], 2));
}

#[test]
fn the_mark_of_utf_8_and_a_missing_last_line_end_do_not_matter() {
    for text in [format!("\u{feff}{}", uri("a", "").trim_end()), format!("{}\r\n", uri("a", "").trim_end())] {
        assert_eq!(keys(&all(otpauth(text.as_bytes()))).len(), 1, "{text:?}");
    }
}

#[test]
fn each_reason_to_refuse_has_its_name_and_the_rest_is_read() {
    let cases = [
        (format!("otpauth://hotp/bob?secret={BASE32}&counter=1"), "counter"),
        (format!("otpauth://hotp/bob?secret={BASE32}"), "counter"),
        (format!("otpauth://yubi/bob?secret={BASE32}"), "kind"),
        (format!("otpauth://totp/bob?secret={SHORT}"), "secret_short"),
        ("otpauth://totp/bob?secret=GEZDG".into(), "secret_short"),
        (format!("otpauth://totp/bob?secret={}", "A".repeat(208)), "secret_long"),
        ("otpauth://totp/bob?secret=0189".into(), "secret_encoding"),
        ("otpauth://totp/bob?issuer=x".into(), "secret_missing"),
        (format!("otpauth://totp/bob?secret={BASE32}&digits=5"), "digits"),
        (format!("otpauth://totp/bob?secret={BASE32}&digits=9"), "digits"),
        (format!("otpauth://totp/bob?secret={BASE32}&period=0"), "period"),
        (format!("otpauth://totp/bob?secret={BASE32}&period=121"), "period"),
        (format!("otpauth://totp/bob?secret={BASE32}&algorithm=MD5"), "algorithm"),
        (format!("otpauth://totp/bob?secret={BASE32}&secret={BASE32}"), "duplicate"),
        (format!("otpauth://totp/A:bob?secret={BASE32}&issuer=B"), "name"),
        (format!("otpauth://totp/?secret={BASE32}"), "name"),
        (format!("otpauth-migration://offline?data={BASE32}"), "syntax"),
        (BASE32.into(), "syntax"),
    ];
    let text: String = cases.iter().map(|(line, _)| format!("{line}\n{}", uri("good", ""))).collect();
    let found = all(otpauth(text.as_bytes()));
    let expected: Vec<_> = (0..).zip(&cases).map(|(at, (_, code))| format!("line {}: {code}", 2 * at + 1)).collect();
    assert_eq!(told(&found), expected);
    assert_eq!(keys(&found).len(), cases.len());
}

#[test]
fn short_keys_are_taken_where_the_danger_is_spelled_out() {
    let text = format!("otpauth://totp/bob?secret={SHORT}\notpauth://totp/bob?secret=GEZDG\n");
    let found = all(otpauth(text.as_bytes()).danger_short_keys());
    assert_eq!(keys(&found)[0].secret().expose().len(), 10);
    assert_eq!(told(&found), ["line 2: secret_short"], "three bytes are too few for anybody");
}

#[test]
fn a_line_that_is_too_long_is_skipped_and_the_next_is_read() {
    let text = format!("otpauth://totp/{}\n{}", "x".repeat(5000), uri("after", ""));
    let found = all(otpauth(text.as_bytes()));
    assert_eq!((told(&found), keys(&found).len()), (vec!["line 1: too_long".into()], 1));
    let found = all(otpauth(Drops(text.as_bytes())));
    assert_eq!((told(&found), keys(&found).len()), (vec!["line 1: too_long".into()], 1));
}

#[test]
fn a_line_has_4096_bytes_and_not_one_more() {
    let filled = |len: usize| {
        let line = uri("a", "&x=");
        format!("{}{}\n", line.trim_end(), "y".repeat(len + 1 - line.len()))
    };
    assert_eq!(keys(&all(otpauth(filled(4096).as_bytes()))).len(), 1);
    assert_eq!(told(&all(otpauth(filled(4097).as_bytes()))), ["line 1: too_long"]);
}

#[test]
fn a_huge_line_is_thrown_away_as_it_comes() {
    let huge = Endless(b'x', 8 << 20).chain("\n".as_bytes());
    let text = uri("after", "");
    let found = all(otpauth(BufReader::new(huge.chain(text.as_bytes()))));
    assert_eq!((told(&found), keys(&found).len()), (vec!["line 1: too_long".into()], 1));
}

#[test]
fn bytes_that_are_no_text_are_skipped() {
    let text = [b"otpauth://totp/\xff?secret=x\n".as_slice(), uri("after", "").as_bytes()].concat();
    let found = all(otpauth(text.as_slice()));
    assert_eq!((told(&found), keys(&found).len()), (vec!["line 1: not_text".into()], 1));
}

#[test]
fn what_is_shown_of_an_entry_prints_on_one_line_and_is_short() {
    let label = format!("a%0Ab%1B%5B31m%E2%80%AEevil{}", "x".repeat(300));
    let found = all(otpauth(format!("otpauth://totp/{label}?secret={SHORT}\n").as_bytes()));
    let what = skipped(&found)[0].what().unwrap();
    assert!(what.starts_with("ab[31mevilxx"), "{what:?}");
    assert_eq!(what.chars().count(), 100);
    assert!(!skipped(&found)[0].to_string().contains(['\n', '\u{1b}', '\u{202e}']));
}

#[test]
fn a_label_that_parameters_slipped_into_is_not_shown() {
    for line in [
        format!("otpauth://totp/bob&secret={BASE32}?x=1"),
        format!("otpauth://totp/bob%26secret%3D{BASE32}?x=1"),
        format!("otpauth://totp/bob{BASE32}"),
    ] {
        let found = all(otpauth(line.as_bytes()));
        assert_eq!(skipped(&found)[0].what(), None, "{line}");
    }
}

#[test]
fn a_stream_that_breaks_is_told_and_ends() {
    let mut reader = otpauth(BufReader::new(Breaks(b"otpauth://totp/a")));
    let error = reader.next().unwrap().unwrap_err();
    assert_eq!(error.kind(), ReadErrorKind::Io);
    assert!(std::error::Error::source(&error).is_some());
    assert!(reader.next().is_none());
}

#[test]
fn nothing_breaks_wherever_the_stream_ends_and_however_it_comes() {
    let text = format!("# c\r\n{}{}", uri("alice", "&digits=8"), uri("b", ""));
    for end in 0..=text.len() {
        let cut = &text.as_bytes()[..end];
        assert_eq!(summary(otpauth(cut)), summary(otpauth(Drops(cut))), "{end}");
    }
}

fn totp() -> impl Strategy<Value = Totp> {
    (0..3_usize, 6..=8_u8, 1..=120_u32).prop_map(|(algorithm, digits, period)| {
        Totp::default()
            .with_algorithm(Algorithm::ALL[algorithm])
            .with_digits(Digits::new(digits).unwrap())
            .with_period(Period::new(period).unwrap())
    })
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(
        entries in prop::collection::vec(
            ("[^:\\p{Cc}\\s]{1,40}", "[^:\\p{Cc}\\s]{1,40}", prop::collection::vec(any::<u8>(), 16..=128), totp()), 0..8,
        ),
    ) {
        let uris: Vec<_> = entries
            .iter()
            .map(|(issuer, account, secret, totp)| {
                OtpauthUri::totp(issuer, account, Secret::from_bytes(secret).unwrap(), *totp).unwrap()
            })
            .collect();
        let text: String = uris.iter().map(|uri| format!("{}\n", uri.print().expose())).collect();
        let found = all(otpauth(text.as_bytes()));
        prop_assert_eq!(found.len(), entries.len());
        for (found, (issuer, account, secret, totp)) in found.iter().zip(&entries) {
            let Found::Key(key) = found else { panic!("{found:?}") };
            prop_assert_eq!((key.issuer(), key.account()), (Some(issuer.as_str()), Some(account.as_str())));
            prop_assert_eq!((key.secret().expose(), key.totp()), (secret.as_slice(), *totp));
        }
    }

    #[test]
    fn any_bytes_are_read_without_harm_and_the_same_however_they_come(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert_eq!(summary(otpauth(bytes.as_slice())), summary(otpauth(Drops(&bytes))));
    }
}
