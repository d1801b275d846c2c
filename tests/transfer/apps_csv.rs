//! Keys in a table.

use std::io::Read;

use proptest::prelude::*;
use tower_mfa::otp::{Algorithm, Digits, Totp};
use tower_mfa::transfer::apps::{Column, Columns, Found, ReadErrorKind, SecretEncoding, csv};

use crate::apps_support::{
    BASE32, BASE64, Breaks, Drops, Endless, HEX, SECRET, SHORT, all, keys, skipped, summary, told,
};

fn read(table: &str) -> Vec<Found> {
    all(csv(table.as_bytes(), Columns::default()))
}

#[test]
fn a_row_becomes_a_key_with_all_that_stands_in_it() {
    let found = read(&format!(
        "subject,account,issuer,label,serial,secret,algorithm,digits,period,type\n\
         u-1,alice@example.com,Example,phone,12345,{BASE32},SHA-256,8,60,TOTP\n"
    ));
    let key = keys(&found)[0];
    assert_eq!((key.subject(), key.account(), key.issuer()), (Some("u-1"), Some("alice@example.com"), Some("Example")));
    assert_eq!((key.label(), key.serial()), (Some("phone"), Some("12345")));
    assert_eq!(key.secret().expose(), SECRET);
    let totp = key.totp();
    assert_eq!((totp.algorithm(), totp.digits(), totp.period().as_secs()), (Algorithm::Sha256, Digits::EIGHT, 60));
    assert_eq!(key.place().to_string(), "line 2");
}

#[test]
fn what_is_not_there_means_its_default() {
    let found = read(&format!("SECRET\n{}\n", BASE32.to_lowercase()));
    let key = keys(&found)[0];
    assert_eq!((key.totp(), key.subject(), key.account()), (Totp::default(), None, None));
    let found = read(&format!("secret,algorithm,digits,period,type,team\n{BASE32},,,,,ops\n"));
    assert_eq!(keys(&found)[0].totp(), Totp::default());
}

#[test]
fn each_reason_to_refuse_has_its_name_and_the_rest_is_read() {
    let long = format!("{},{BASE32},,,,", "n".repeat(256));
    let cases = [
        (format!("b,{SHORT},,,,"), "secret_short"),
        (format!("b,{},,,,", "A".repeat(208)), "secret_long"),
        ("b,0189,,,,".into(), "secret_encoding"),
        ("b,,,,,".into(), "secret_missing"),
        (format!("b,{BASE32},MD5,,,"), "algorithm"),
        (format!("b,{BASE32},,5,,"), "digits"),
        (format!("b,{BASE32},,+6,,"), "digits"),
        (format!("b,{BASE32},,,121,"), "period"),
        (format!("b,{BASE32},,,30s,"), "period"),
        (format!("b,{BASE32},,,,hotp"), "counter"),
        (format!("b,{BASE32},,,,steam"), "kind"),
        (format!("b,{BASE32},,,"), "fields"),
        (format!("b,{BASE32},,,,,"), "fields"),
        (format!("b\u{7}b,{BASE32},,,,"), "name"),
        (long, "name"),
    ];
    let rows: String = cases.iter().map(|(row, _)| format!("{row}\ngood,{BASE32},,,,\n")).collect();
    let found = read(&format!("subject,secret,algorithm,digits,period,type\n{rows}"));
    let expected: Vec<_> = (1..).zip(&cases).map(|(at, (_, code))| format!("line {}: {code}", 2 * at)).collect();
    assert_eq!(told(&found), expected);
    assert_eq!(keys(&found).len(), cases.len());
}

#[test]
fn a_missing_column_is_told_at_once_by_the_name_it_was_given() {
    let kind = |table: &str, columns: Columns| {
        let mut rows = csv(table.as_bytes(), columns);
        let error = rows.next().unwrap().unwrap_err();
        assert!(rows.next().is_none());
        (error.kind(), error.to_string())
    };
    let named = Columns::default().named(Column::Subject, "Login");
    assert_eq!(
        kind("secret\nx\n", named),
        (ReadErrorKind::Column, "line 1: the header has no column \"Login\"".into())
    );
    assert_eq!(kind("a,b\n", Columns::default()).1, "line 1: the header has no column \"secret\"");
    assert_eq!(kind("", Columns::default()).1, "line 1: the header has no column \"secret\"");
    let twice = kind("secret,Secret\n", Columns::default());
    assert_eq!(twice, (ReadErrorKind::ColumnTwice, "line 1: the header has two columns \"secret\"".into()));
    assert_eq!(kind(&format!("{}\n", "a,".repeat(300)), Columns::default()).0, ReadErrorKind::Limit);
}

#[test]
fn columns_are_found_by_other_names_in_any_case_and_order() {
    let columns = Columns::default().named(Column::Subject, "Benutzer").named(Column::Secret, "Schlüssel");
    let table = format!("team,SCHLÜSSEL, benutzer \nops,{BASE32},alice\n");
    let found = all(csv(table.as_bytes(), columns));
    assert_eq!(keys(&found)[0].subject(), Some("alice"));
}

#[test]
fn semicolons_tabs_quotes_and_the_mark_of_utf_8_are_read() {
    let table = |by: &str| format!("\u{feff}\"subject\"{by}secret\r\n\"O\"\"Neil{by} \r\nJim\"{by}{BASE32}\r\n");
    for (by, columns) in
        [(",", Columns::default()), (";", Columns::default().semicolons()), ("\t", Columns::default().tabs())]
    {
        let table = table(by);
        let found = all(csv(table.as_bytes(), columns.clone()));
        assert_eq!(told(&found), ["line 2: name"], "a line end in a name is a control character");
        assert_eq!(summary(csv(Drops(table.as_bytes()), columns.clone())), summary(csv(table.as_bytes(), columns)));
    }
    let found = read(&format!("subject,secret\n\"O\"\"Neil, Jim\",\"{BASE32}\"\n"));
    assert_eq!(keys(&found)[0].subject(), Some("O\"Neil, Jim"));
}

#[test]
fn secrets_are_read_in_the_encoding_that_was_named() {
    for (encoding, secret) in [
        (SecretEncoding::Base32, BASE32),
        (SecretEncoding::Hex, HEX),
        (SecretEncoding::Hex, "31-32:33 34353637383930313233343536373839 30"),
        (SecretEncoding::Base64, BASE64),
        (SecretEncoding::Base64, BASE64.trim_end_matches('=')),
    ] {
        let columns = Columns::default().secrets_in(encoding);
        let found = all(csv(format!("secret\n{secret}\n").as_bytes(), columns));
        assert_eq!(keys(&found)[0].secret().expose(), SECRET, "{secret}");
    }
    for (encoding, wrong) in [
        (SecretEncoding::Hex, BASE32),
        (SecretEncoding::Hex, "313"),
        (SecretEncoding::Base64, "MTIzNDU2Nzg5MDEyMzQ1Njc4OTB="),
        (SecretEncoding::Base64, "M?Iz"),
    ] {
        let found = all(csv(format!("secret\n{wrong}\n").as_bytes(), Columns::default().secrets_in(encoding)));
        assert_eq!(told(&found), ["line 2: secret_encoding"], "{wrong}");
    }
}

#[test]
fn a_column_with_key_uris_is_read() {
    let found = read(&format!(
        "subject,uri,secret,digits\n\
         u-1,otpauth://totp/Example:alice?secret={BASE32}&digits=8,,6\n\
         u-2,otpauth://hotp/bob?secret={BASE32}&counter=1,,\n\
         u-3,nonsense,,\n\
         u-4,,{BASE32},7\n"
    ));
    let [alice, last] = keys(&found)[..] else { panic!("{found:?}") };
    assert_eq!((alice.subject(), alice.account(), alice.issuer()), (Some("u-1"), Some("alice"), Some("Example")));
    assert_eq!(alice.totp().digits(), Digits::EIGHT, "where a URI stands, it counts");
    assert_eq!((last.subject(), last.totp().digits()), (Some("u-4"), Digits::SEVEN));
    assert_eq!(told(&found), ["line 3: counter", "line 4: syntax"]);
    assert_eq!(skipped(&found)[1].what(), Some("u-3"));
}

#[test]
fn short_keys_are_taken_where_the_danger_is_spelled_out() {
    let table = format!("secret\n{SHORT}\n");
    assert_eq!(told(&read(&table)), ["line 2: secret_short"]);
    assert_eq!(keys(&all(csv(table.as_bytes(), Columns::default()).danger_short_keys())).len(), 1);
}

#[test]
fn lines_are_counted_past_empty_rows_and_fields_of_several_lines() {
    let found = read(&format!("subject,secret\n\n\r\n,\n\"a\nb\",{BASE32}\nbob,bad1\n,\n\ncarol,{BASE32}"));
    assert_eq!(told(&found), ["line 5: name", "line 7: secret_encoding"]);
    assert_eq!(keys(&found)[0].place().line(), Some(10));
}

#[test]
fn a_quotation_mark_that_does_not_close_is_told() {
    let found = read(&format!("subject,secret,team\n\"alice,{BASE32},ops\nbob,{BASE32},ops\n"));
    assert_eq!(told(&found), ["line 2: fields"]);
    assert_eq!(skipped(&found)[0].what(), None, "a secret may stand in it");
}

#[test]
fn a_row_that_is_too_long_is_skipped_and_the_next_is_read() {
    for long in ["x".repeat(20_000), "x,".repeat(300), format!("\"{}\"", "x\n".repeat(20_000))] {
        let table = format!("subject,secret\n{long},y\nalice,{BASE32}\n");
        let found = read(&table);
        assert_eq!((told(&found), keys(&found).len()), (vec!["line 2: too_long".into()], 1));
    }
}

#[test]
fn a_huge_field_is_thrown_away_as_it_comes() {
    let row = format!("\",y\nalice,{BASE32}\n");
    let table = "subject,secret\n\"".as_bytes().chain(Endless(b'x', 8 << 20)).chain(row.as_bytes());
    let found = all(csv(table, Columns::default()));
    assert_eq!((told(&found), keys(&found).len()), (vec!["line 2: too_long".into()], 1));
}

#[test]
fn bytes_that_are_no_text_are_skipped() {
    let table = [b"subject,secret\n\xff,x\n".as_slice(), format!("alice,{BASE32}\n").as_bytes()].concat();
    let found = all(csv(table.as_slice(), Columns::default()));
    assert_eq!((told(&found), keys(&found).len()), (vec!["line 2: not_text".into()], 1));
}

#[test]
fn a_stream_that_breaks_is_told_and_ends() {
    let table = format!("secret\n{BASE32}\n");
    let mut rows = csv(Breaks(table.as_bytes()), Columns::default());
    assert!(matches!(rows.next(), Some(Ok(Found::Key(_)))));
    assert_eq!(rows.next().unwrap().unwrap_err().kind(), ReadErrorKind::Io);
    assert!(rows.next().is_none());
}

#[test]
fn nothing_breaks_wherever_the_stream_ends_and_however_it_comes() {
    let table = format!("subject,secret,uri\r\n\"a \"\"b\"\"\",{BASE32},\r\n\r\nc,,otpauth://totp/x\n");
    // The mark of UTF-8, at the beginning or behind the end of an empty line.
    for before in ["", "\u{feff}", "\r\u{feff}", "\n\n\u{feff}"] {
        let table = format!("{before}{table}");
        for end in 0..=table.len() {
            let cut = &table.as_bytes()[..end];
            assert_eq!(summary(csv(cut, Columns::default())), summary(csv(Drops(cut), Columns::default())), "{end}");
        }
    }
}

/// Writes a field as RFC 4180 has it.
fn quoted(field: &str) -> String {
    format!("\"{}\"", field.replace('"', "\"\""))
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        rows in prop::collection::vec(("[^\\p{Cc}\\s]{1,60}", prop::collection::vec(any::<u8>(), 16..=128)), 0..8),
        by in prop::sample::select(vec![",", ";", "\t"]),
        end in prop::sample::select(vec!["\n", "\r\n"]),
    ) {
        let columns = match by {
            ";" => Columns::default().semicolons(),
            "\t" => Columns::default().tabs(),
            _ => Columns::default(),
        };
        let mut table = format!("subject{by}secret{end}");
        for (subject, secret) in &rows {
            let secret: String = secret.iter().map(|byte| format!("{byte:02X}")).collect();
            table += &format!("{}{by}{secret}{end}", quoted(subject));
        }
        let found = all(csv(table.as_bytes(), columns.secrets_in(SecretEncoding::Hex)));
        prop_assert_eq!(found.len(), rows.len());
        for (key, (subject, secret)) in keys(&found).iter().zip(&rows) {
            prop_assert_eq!((key.subject(), key.secret().expose()), (Some(subject.as_str()), secret.as_slice()));
        }
    }

    #[test]
    fn any_bytes_are_read_without_harm_and_the_same_however_they_come(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let table = [b"secret,subject\n".as_slice(), &bytes].concat();
        prop_assert_eq!(
            summary(csv(table.as_slice(), Columns::default())),
            summary(csv(Drops(&table), Columns::default()))
        );
    }
}
