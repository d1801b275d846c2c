//! What is said of entries: codes that stay, words a person understands, and never a secret.

use std::collections::BTreeSet;

use tower_mfa::transfer::apps::{Columns, Found, Reason, SecretEncoding, csv, google_migration, otpauth};

use crate::apps_support::{BASE32, BASE64, HEX, Item};

#[test]
fn reasons_have_codes_of_their_own_and_say_something() {
    let codes: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    assert_eq!(codes.len(), Reason::ALL.len());
    for reason in Reason::ALL {
        assert!(reason.code().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{reason:?}");
        assert!(reason.to_string().len() > 15 && !reason.to_string().ends_with('.'), "{reason:?}");
    }
}

#[test]
fn the_page_has_every_reason_with_its_code() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/TRANSFER.md")).unwrap();
    let missing: Vec<_> = Reason::ALL
        .iter()
        .map(|reason| reason.code())
        .filter(|code| !page.contains(&format!("| `{code}` |")))
        .collect();
    assert!(missing.is_empty(), "docs/TRANSFER.md has no row for {missing:?}");
}

/// Everything that can be printed of what a reader found.
fn printed(reader: impl Iterator<Item = Item> + std::fmt::Debug) -> String {
    let mut text = format!("{reader:?}\n");
    for item in reader {
        text += &format!("{item:?}\n");
        match &item {
            Ok(Found::Skipped(skipped)) => text += &format!("{skipped} {:?}\n", skipped.what()),
            Ok(Found::Key(key)) => text += &format!("{:?} {:?}\n", key.secret(), key.clone()),
            Err(error) => text += &format!("{error} {error:?}\n"),
        }
    }
    text
}

#[test]
fn no_secret_is_in_anything_that_prints() {
    let uris = format!(
        "otpauth://totp/a?secret={BASE32}\notpauth://totp/a?secret={BASE32}&digits=3\notpauth://hotp/a?secret={BASE32}\n\
         {BASE32}\notpauth://totp/{BASE32}\notpauth://totp/a?secret={BASE32}1\nsecret={BASE32}?\n"
    );
    let code = "otpauth-migration://offline?data=CigKFDEyMzQ1Njc4OTAxMjM0NTY3ODkwEgVhbGljZRoDQm9iIAEoATACEAEYASAA";
    let codes = format!("{code}\n{code}AAAA\n{}\n", code.replace("ATAC", "ATAB"));
    let table = format!("secret,subject\n{BASE32},a\n{BASE32},a,b\n{BASE32}1,a\n\"{BASE32},\n{BASE32}");
    let hex = format!("secret\n{HEX}\n{HEX}1\n{HEX}{BASE64}\n{}\n", HEX.repeat(7));
    let text = [
        printed(otpauth(uris.as_bytes())),
        printed(google_migration(codes.as_bytes())),
        printed(csv(table.as_bytes(), Columns::default())),
        printed(csv(hex.as_bytes(), Columns::default().secrets_in(SecretEncoding::Hex))),
        printed(csv(format!("{BASE32},{HEX}\n").as_bytes(), Columns::default())),
    ]
    .concat();
    for secret in [BASE32, HEX, &BASE64[..20], "1234567890", "49, 50, 51, 52", "GEZDGNBV"] {
        assert!(!text.contains(secret), "{secret} in\n{text}");
    }
    assert!(text.matches("Key(AppKey").count() >= 4, "the scene has keys in it\n{text}");
}
