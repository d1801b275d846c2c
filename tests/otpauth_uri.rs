//! The key URI: printed, parsed, and read from a QR code by a real scanner.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper that fails is a test that fails")]

#[path = "common/left_out.rs"]
mod left_out;
#[path = "common/tools.rs"]
mod tools;
#[path = "common/vectors.rs"]
mod vectors;

use proptest::prelude::*;
use tower_mfa::clock::Timestamp;
use tower_mfa::otp::{
    Algorithm, Counter, Digits, Hotp, InvalidUri, Moving, OtpauthUri, Period, Secret, Step, Totp, Window,
};

const KEY: &str = "HXDMVJECJJWSRB3HWIZR4IFUGFTMXBOZ";

fn secret() -> Secret {
    Secret::from_base32(KEY).unwrap()
}

fn printed(issuer: &str, account: &str) -> String {
    OtpauthUri::totp(issuer, account, secret(), Totp::default()).unwrap().print().expose().to_owned()
}

fn refusal(uri: &str) -> InvalidUri {
    OtpauthUri::parse(uri).map(|_| uri).unwrap_err()
}

/// `otpauth://totp/ACME:alice?secret=…` with more parameters behind.
fn with(parameters: &str) -> String {
    format!("otpauth://totp/ACME:alice?secret={KEY}{parameters}")
}

fn totp(uri: &str) -> Totp {
    match OtpauthUri::parse(uri).unwrap().moving() {
        Moving::Totp(totp) => totp,
        other => panic!("{other:?}"),
    }
}

#[test]
fn kuri_type_the_examples_of_the_format_are_read() {
    for row in vectors::rows("otpauth_valid") {
        let uri = OtpauthUri::danger_parse_short_secret(row.text("uri")).unwrap();
        assert_eq!(uri.issuer(), Some(row.text("issuer")));
        assert_eq!(uri.account(), row.text("account"));
        assert_eq!(uri.secret().expose(), vectors::hex(row.text("secret_hex")));
        let expected = Totp::default()
            .with_algorithm(Algorithm::from_name(row.text("algorithm")).unwrap())
            .with_digits(Digits::new(row.number("digits")).unwrap())
            .with_period(Period::new(row.number("period")).unwrap());
        assert_eq!(uri.moving(), Moving::Totp(expected));
    }
}

#[test]
fn kuri_type_what_the_format_forbids_is_refused_with_the_reason() {
    for row in vectors::rows("otpauth_reject") {
        let refusal = OtpauthUri::danger_parse_short_secret(row.text("uri")).map(|_| ()).unwrap_err();
        assert_eq!(format!("{refusal:?}"), row.text("kind"), "{}", row.text("why"));
    }
}

#[test]
fn kuri_type_scheme_and_type_are_read_in_any_case() {
    let uri = OtpauthUri::parse(&format!("OTPAUTH://TotP/alice?secret={KEY}")).unwrap();
    assert_eq!((uri.issuer(), uri.account()), (None, "alice"));
    assert_eq!(refusal(&format!("otpauth://motp/alice?secret={KEY}")), InvalidUri::Type);
    for syntax in ["", "otpauth", "otpauth:totp/a?secret=", "otpauth://totp", "otpauth://totp/a", "totp/a?secret="] {
        assert_eq!(refusal(syntax), InvalidUri::Syntax, "{syntax}");
    }
    assert_eq!(refusal(&with("#fragment")), InvalidUri::Syntax);
    assert_eq!(refusal(&with(&format!("&x={}", "y".repeat(5_000)))), InvalidUri::Syntax);
}

#[test]
fn kuri_label_a_colon_in_either_name_is_refused_when_the_uri_is_built() {
    for (issuer, account, field) in
        [("AC:ME", "alice", "issuer"), ("ACME", "al:ice", "account"), ("", "alice", "issuer"), ("ACME", "", "account")]
    {
        let refused = OtpauthUri::totp(issuer, account, secret(), Totp::default()).unwrap_err();
        assert_eq!(refused.field(), field);
        let refused = OtpauthUri::hotp(issuer, account, secret(), Hotp::default(), Counter::new(0)).unwrap_err();
        assert_eq!(refused.field(), field);
    }
    for name in ["al\nice", " alice", "alice ", "a\0", &"a".repeat(256)] {
        assert!(OtpauthUri::totp("ACME", name, secret(), Totp::default()).is_err(), "{name:?}");
    }
}

#[test]
fn kuri_label_both_colons_and_the_spaces_behind_them_are_read() {
    for label in ["ACME:alice", "ACME%3Aalice", "ACME%3aalice", "ACME:%20alice", "ACME%3A%20%20alice", "ACME: alice"] {
        let uri = OtpauthUri::parse(&format!("otpauth://totp/{label}?secret={KEY}&issuer=ACME")).unwrap();
        assert_eq!((uri.issuer(), uri.account()), (Some("ACME"), "alice"), "{label}");
    }
    for label in ["", "ACME:", "ACME:%20", "ACME:a:b", "ACME%3Aa%3Ab", "%20", "ACME:a%0Ab"] {
        let uri = format!("otpauth://totp/{label}?secret={KEY}");
        assert_eq!(refusal(&uri), InvalidUri::Label, "{label}");
    }
}

#[test]
fn kuri_secret_is_printed_in_upper_case_without_padding_and_read_as_people_type_it() {
    let long = Secret::from_bytes(&[0xa5; 32]).unwrap();
    let uri = OtpauthUri::totp("ACME", "alice", long, Totp::default()).unwrap();
    let printed = uri.print().expose().to_owned();
    let value = printed.split_once("secret=").unwrap().1.split('&').next().unwrap();
    assert_eq!(value, uri.secret().to_base32().expose());
    assert!(value.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()), "{value}");

    for typed in
        [value.to_lowercase(), format!("{value}===="), format!("{value}%3D%3D%3D%3D"), value.replace('5', "5%20")]
    {
        let read = OtpauthUri::parse(&format!("otpauth://totp/a?secret={typed}")).unwrap();
        assert_eq!(read.secret().expose(), [0xa5; 32], "{typed}");
    }
}

#[test]
fn kuri_secret_missing_malformed_or_short_is_refused() {
    let short = "otpauth://totp/a?secret=JBSWY3DPEHPK3PXP";
    for uri in ["otpauth://totp/a?", "otpauth://totp/a?secret", "otpauth://totp/a?secret=", short] {
        assert_eq!(refusal(uri), InvalidUri::Secret, "{uri}");
    }
    assert_eq!(refusal(&format!("otpauth://totp/a?secret={KEY}0")), InvalidUri::Secret);
    assert_eq!(refusal(&format!("otpauth://totp/a?secret={}", KEY.replace('X', "+"))), InvalidUri::Secret, "no form");
    assert_eq!(OtpauthUri::danger_parse_short_secret(short).unwrap().secret().expose().len(), 10);
}

#[test]
fn kuri_issuer_stands_in_the_label_and_in_the_parameter() {
    assert!(printed("ACME Co", "alice").starts_with("otpauth://totp/ACME%20Co:alice?"));
    assert!(printed("ACME Co", "alice").contains("&issuer=ACME%20Co&"));
}

#[test]
fn kuri_issuer_of_label_and_parameter_must_be_one() {
    assert_eq!(refusal(&with("&issuer=Evil")), InvalidUri::Issuer);
    assert_eq!(refusal(&with("&issuer=acme")), InvalidUri::Issuer);
    assert_eq!(refusal(&with("&issuer=AC%3AME")), InvalidUri::Issuer);
    let alone = OtpauthUri::parse(&format!("otpauth://totp/alice?secret={KEY}&issuer=ACME")).unwrap();
    assert_eq!(alone.issuer(), Some("ACME"));
    assert_eq!(OtpauthUri::parse(&with("")).unwrap().issuer(), Some("ACME"));
    assert_eq!(OtpauthUri::parse(&with("&issuer=")).unwrap().issuer(), Some("ACME"));
}

#[test]
fn kuri_enc_a_space_is_percent_20_and_a_plus_is_a_plus() {
    let uri = printed("A+B & Söhne/GmbH?#%=", "al ice+tag@example.org");
    assert!(uri.contains("A%2BB%20%26%20S%C3%B6hne%2FGmbH%3F%23%25%3D"), "{uri}");
    assert!(uri.contains("al%20ice%2Btag@example.org"), "{uri}");
    assert!(!uri.contains('+'));

    let read = OtpauthUri::parse(&format!("otpauth://totp/A+B:al+ice?secret={KEY}&issuer=A+B")).unwrap();
    assert_eq!((read.issuer(), read.account()), (Some("A+B"), "al+ice"));
    for broken in ["&issuer=ACME%", "&issuer=ACME%2", "&issuer=ACME%GG", "&issuer=%ff%fe", "&%zz=1"] {
        assert_eq!(refusal(&with(broken)), InvalidUri::Syntax, "{broken}");
    }
}

#[test]
fn kuri_alg_every_spelling_in_use_is_read_and_others_are_refused() {
    assert_eq!(totp(&with("")).algorithm(), Algorithm::Sha1);
    for (spelling, algorithm) in [
        ("SHA1", Algorithm::Sha1),
        ("sha256", Algorithm::Sha256),
        ("SHA-512", Algorithm::Sha512),
        ("HmacSHA1", Algorithm::Sha1),
        ("hmacsha256", Algorithm::Sha256),
    ] {
        assert_eq!(totp(&with(&format!("&algorithm={spelling}"))).algorithm(), algorithm);
    }
    for other in ["MD5", "SHA224", "SHA", "", "SHA1%20", "none"] {
        assert_eq!(refusal(&with(&format!("&algorithm={other}"))), InvalidUri::Algorithm, "{other}");
    }
}

#[test]
fn kuri_digits_outside_6_to_8_are_refused() {
    assert_eq!(totp(&with("")).digits(), Digits::SIX);
    assert_eq!(totp(&with("&digits=8")).digits(), Digits::EIGHT);
    for digits in ["5", "9", "10", "", "-6", "+6", "6.0", "six", "262", "%EF%BC%96"] {
        assert_eq!(refusal(&with(&format!("&digits={digits}"))), InvalidUri::Digits, "{digits}");
    }
}

#[test]
fn kuri_period_over_two_minutes_is_refused() {
    assert_eq!(totp(&with("")).period().as_secs(), 30);
    assert_eq!(totp(&with("&period=120")).period().as_secs(), 120);
    for period in ["0", "121", "-30", "+30", "", "99999999999999999999"] {
        assert_eq!(refusal(&with(&format!("&period={period}"))), InvalidUri::Period, "{period}");
    }
    let t0 = Totp::default().with_t0(Timestamp::from_secs(1));
    assert_eq!(OtpauthUri::totp("ACME", "alice", secret(), t0).unwrap_err().field(), "t0");
}

#[test]
fn kuri_counter_is_required_for_hotp() {
    let hotp = |parameters: &str| format!("otpauth://hotp/ACME:alice?secret={KEY}{parameters}");
    assert_eq!(refusal(&hotp("")), InvalidUri::Counter);
    for counter in ["", "-1", "+1", "18446744073709551616", "1e3"] {
        assert_eq!(refusal(&hotp(&format!("&counter={counter}"))), InvalidUri::Counter, "{counter}");
    }
    let read = OtpauthUri::parse(&hotp("&counter=18446744073709551615&digits=8")).unwrap();
    let eight = Hotp::default().with_digits(Digits::EIGHT);
    assert_eq!(read.moving(), Moving::Hotp(eight, Counter::new(u64::MAX)));

    let built = OtpauthUri::hotp("ACME", "alice", secret(), eight, Counter::new(7)).unwrap();
    assert!(built.print().expose().ends_with("&algorithm=SHA1&digits=8&counter=7"));
}

#[test]
fn a_parameter_that_stands_there_twice_is_refused_however_it_is_spelled() {
    for twice in
        [format!("&secret={KEY}"), "&digits=6&digits=6".into(), "&issuer=ACME&ISSUER=ACME".into(), "&%73ecret=A".into()]
    {
        assert_eq!(refusal(&with(&twice)), InvalidUri::Duplicate, "{twice}");
    }
}

#[test]
fn parameters_nobody_knows_are_passed_over() {
    let uri = with("&image=https%3A%2F%2Fexample.org%2Fa.png&color=ff0000&&flag&=x&image=b");
    assert_eq!(totp(&uri), Totp::default());
}

#[test]
fn kuri_leak_the_uri_and_its_refusals_hide_the_secret() {
    let uri = OtpauthUri::parse(&with("")).unwrap();
    for shown in [format!("{uri:?}"), format!("{:?}", uri.print())] {
        assert!(!shown.contains("HXDM") && !shown.contains("61, 220"), "{shown}");
    }
    let refused = OtpauthUri::parse(&with("0&digits=6&digits=6")).unwrap_err();
    assert!(!format!("{refused:?} {refused}").contains("HXDM"));
}

#[test]
fn an_imported_app_shows_the_codes_that_are_accepted() {
    // The second example of the format, and what oathtool shows for it at that time.
    let uri = OtpauthUri::parse(vectors::rows("otpauth_valid")[1].text("uri")).unwrap();
    let Moving::Totp(totp) = uri.moving() else { panic!("{uri:?}") };
    let code = tower_mfa::otp::Code::parse("064946", totp.digits()).unwrap();
    let now = Timestamp::from_secs(1_697_590_260);
    assert_eq!(totp.verify(uri.secret(), &code, now, Window::STRICT, None), Ok(Step::new(56_586_342)));
}

/// Names of every script, without what the label has no place for.
fn names() -> impl Strategy<Value = String> {
    "[^:\\p{Cc}]{1,40}".prop_filter("no whitespace at the ends", |name| name.trim() == name && !name.is_empty())
}

proptest! {
    #[test]
    fn whatever_is_printed_is_read_back(
        issuer in names(), account in names(), key in proptest::collection::vec(any::<u8>(), 16..=128),
        algorithm in 0..3_usize, digits in 6..=8_u8, period in 1..=120_u32, counter in proptest::option::of(any::<u64>()),
    ) {
        let secret = Secret::from_bytes(&key).unwrap();
        let (algorithm, digits) = (Algorithm::ALL[algorithm], Digits::new(digits).unwrap());
        let built = match counter {
            Some(counter) => {
                let hotp = Hotp::default().with_algorithm(algorithm).with_digits(digits);
                OtpauthUri::hotp(&issuer, &account, secret, hotp, Counter::new(counter))
            }
            None => {
                let totp = Totp::default().with_algorithm(algorithm).with_digits(digits);
                OtpauthUri::totp(&issuer, &account, secret, totp.with_period(Period::new(period).unwrap()))
            }
        };
        let built = built.unwrap();
        let text = built.print();
        prop_assert!(text.expose().bytes().all(|b| b.is_ascii_graphic() && b != b'+'), "RFC 3986, and no form");
        let read = OtpauthUri::parse(text.expose()).unwrap();
        prop_assert_eq!(read.issuer(), Some(issuer.as_str()));
        prop_assert_eq!(read.account(), account);
        prop_assert_eq!(read.secret().expose(), key);
        prop_assert_eq!(read.moving(), built.moving());
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,60}", parameters in "[a-z0-9%&=+:/?#-]{0,60}") {
        let _ = OtpauthUri::parse(&text);
        let _ = OtpauthUri::danger_parse_short_secret(&with(&parameters));
        let _ = OtpauthUri::parse(&format!("otpauth://hotp/{parameters}?{text}"));
    }
}

#[test]
fn the_qr_code_is_safe_to_put_into_a_strict_page() {
    let uri = OtpauthUri::totp("ACME <b>\"Co\"", "alice@example.org", secret(), Totp::default()).unwrap();
    let svg = uri.qr_svg().unwrap().expose().to_owned();
    let attribute = |name: &str| -> u32 {
        let value = svg.split_once(&format!(" {name}=\"")).unwrap().1;
        value.split('"').next().unwrap().parse().unwrap()
    };
    assert!(attribute("width") >= 300 && attribute("width") == attribute("height"));
    for unwanted in ["style", "script", "href", "url(", "class", "data:", "ACME", "HXDM", "<b>"] {
        assert!(!svg.contains(unwanted), "{unwanted} in {svg}");
    }
    assert_eq!(svg.matches("http").count(), 1, "the name of the SVG namespace alone");
    assert!(svg.contains("fill=\"#fff\"") && svg.contains("fill=\"#000\""), "black on white on any page");
}

#[test]
fn the_qr_code_keeps_a_quiet_zone_of_four_modules() {
    let svg = OtpauthUri::totp("ACME", "alice", secret(), Totp::default()).unwrap().qr_svg().unwrap();
    let svg = svg.expose();
    let side: u32 = svg.split_once("viewBox=\"0 0 ").unwrap().1.split(' ').next().unwrap().parse().unwrap();
    let path = svg.split_once(" d=\"").unwrap().1.split('"').next().unwrap();
    for run in path.split('M').filter(|run| !run.is_empty()) {
        let (x, rest) = run.split_once(' ').unwrap();
        let (y, rest) = rest.split_once('h').unwrap();
        let length = rest.split('v').next().unwrap();
        let [x, y, length] = [x, y, length].map(|number| number.parse::<u32>().unwrap());
        assert!(x >= 4 && y >= 4 && x + length <= side - 4 && y < side - 4, "{run}");
    }
    assert!(path.starts_with("M4 4h7v1h-7z"), "the finder pattern begins where the quiet zone ends");
}

#[test]
fn a_scanner_reads_the_uri_from_the_qr_code() {
    if !tools::installed(&["rsvg-convert", "zbarimg"]) {
        return;
    }
    let long = Secret::from_bytes(&[0x5a; 64]).unwrap();
    let names = [("ACME Co", "john.doe@email.com"), ("Größe & Söhne", "阿麗斯@例え.jp")];
    for (issuer, account) in names {
        for secret in [secret(), long.clone()] {
            let uri = OtpauthUri::totp(issuer, account, secret, Totp::default()).unwrap();
            let png = tools::run("rsvg-convert", &["--format=png"], uri.qr_svg().unwrap().expose().as_bytes());
            let read = tools::run("zbarimg", &["--nodbus", "--quiet", "--raw", "--oneshot", "-"], &png);
            assert_eq!(String::from_utf8(read).unwrap().trim_end(), uri.print().expose());
        }
    }
}

#[test]
fn names_that_do_not_fit_a_qr_code_are_an_error_and_no_panic() {
    let uri = OtpauthUri::totp(&"€".repeat(85), &"€".repeat(85), secret(), Totp::default()).unwrap();
    assert!(uri.qr_svg().is_err());
    assert!(OtpauthUri::parse(uri.print().expose()).is_ok());
}
