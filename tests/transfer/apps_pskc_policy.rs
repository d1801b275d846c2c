//! Containers of RFC 6030: dates and policies, which say when a key must not be used.

use tower_mfa::clock::Timestamp;
use tower_mfa::transfer::apps::{Found, PskcKey, pskc};

use crate::apps_pskc::{Key, container, read, verdict};
use crate::apps_support::{all, told};

#[test]
fn a_key_is_used_between_its_start_and_its_end() {
    let policy = |policy: &str| verdict(&Key::policy(policy));
    assert_eq!(
        policy("<StartDate>2012-08-01T00:00:00Z</StartDate><ExpiryDate>2037-12-31T00:00:00Z</ExpiryDate>"),
        "taken"
    );
    assert_eq!(policy("<StartDate>2027-01-01T00:00:00Z</StartDate>"), "dates");
    assert_eq!(policy("<ExpiryDate>2022-09-01T00:00:00Z</ExpiryDate>"), "dates");
    for date in
        ["2037-12-31T00:00:00", "2037-12-31T00:00:00.125", "2037-12-31T00:00:00.5Z", "2037-12-31T00:00:00+00:00"]
    {
        assert_eq!(policy(&format!("<ExpiryDate>{date}</ExpiryDate>")), "taken", "{date}");
    }
    for date in [
        "",
        "Z",
        "2037-12-31",
        "2037-12-31 00:00:00",
        "2037-12-31T00:00:00ZZ",
        "2037-12-31T00:00:00.",
        "2037-12-31T00:00:00.5x",
        "2037-12-31T00:00:00+02:00",
        "2037-12-31T00:00:00-02:00",
        "2037-12-31T00:00:00+02:00Z",
        "2037-13-31T00:00:00",
        "2037-12-31T00:00:0\u{661}",
    ] {
        assert_eq!(policy(&format!("<ExpiryDate>{date}</ExpiryDate>")), "date_form", "{date}");
    }
    let device = |date: &str| {
        let xml = Key::good().xml().replace("</SerialNo>", &format!("</SerialNo>{date}"));
        told(&read(&container(&xml)))
    };
    assert_eq!(device("<ExpiryDate>2022-09-01T00:00:00Z</ExpiryDate>"), ["entry 1: dates"]);
    assert_eq!(device("<StartDate>2012-09-01T00:00:00Z</StartDate>"), [""; 0]);
}

#[test]
fn the_very_second_of_a_date_is_inside_and_without_a_zone_it_is_in_utc() {
    for (tag, before, after) in [("StartDate", "dates", "taken"), ("ExpiryDate", "taken", "dates")] {
        for zone in ["Z", ""] {
            let xml = container(&Key::policy(&format!("<{tag}>2026-11-26T00:00:00{zone}</{tag}>")).xml());
            let at = |secs: u64| match &all(pskc(
                xml.as_bytes(),
                PskcKey::none(),
                Timestamp::from_secs(1_795_651_200 + secs),
            ))[0]
            {
                Found::Key(_) => "taken",
                Found::Skipped(skipped) => skipped.why().code(),
            };
            let at_once = all(pskc(xml.as_bytes(), PskcKey::none(), Timestamp::from_secs(1_795_651_199)));
            assert_eq!(at_once.first().map(|found| matches!(found, Found::Key(_))), Some(before == "taken"), "{tag}");
            assert_eq!((at(0), at(1)), ("taken", after), "{tag}");
        }
    }
}

#[test]
fn a_policy_that_is_not_understood_or_not_kept_forbids_the_key() {
    let policy = |policy: &str| verdict(&Key::policy(policy));
    assert_eq!(policy(""), "taken");
    assert_eq!(policy("<KeyUsage>OTP</KeyUsage>"), "taken");
    assert_eq!(policy("<KeyUsage>CR</KeyUsage><KeyUsage>OTP</KeyUsage>"), "taken");
    assert_eq!(policy("<KeyUsage>CR</KeyUsage>"), "policy");
    assert_eq!(policy("<NumberOfTransactions>10</NumberOfTransactions>"), "policy");
    assert_eq!(policy("<Fancy/>"), "policy");
    assert_eq!(policy("<x:KeyUsage xmlns:x='urn:x'>OTP</x:KeyUsage>"), "policy");
    for usage in ["Encrypt", "Integrity", "Verify", "Unlock", "Decrypt", "KeyWrap", "Unwrap", "Derive", "Generate"] {
        assert_eq!(policy(&format!("<KeyUsage>OTP</KeyUsage><KeyUsage>{usage}</KeyUsage>")), "taken", "{usage}");
        assert_eq!(policy(&format!("<KeyUsage>{usage}</KeyUsage>")), "policy", "{usage}");
    }
    for usage in ["OnlyOnSundays", "otp", "OTP CR", ""] {
        let listed = format!("<KeyUsage>OTP</KeyUsage><KeyUsage>{usage}</KeyUsage>");
        assert_eq!(policy(&listed), "policy", "{usage}: it may limit the other");
    }
}

#[test]
fn attributes_of_a_policy_that_nobody_knows_forbid_the_key() {
    const DATE: &str = "2012-08-01T00:00:00Z";
    for attribute in ["x:Biometric=\"required\" xmlns:x=\"urn:x\"", "Biometric=\"required\""] {
        let whole = Key::rest(&format!("<Policy {attribute}><KeyUsage>OTP</KeyUsage></Policy>"));
        assert_eq!(verdict(&whole), "policy", "{attribute}");
        for element in [
            format!("<KeyUsage {attribute}>OTP</KeyUsage>"),
            format!("<StartDate {attribute}>{DATE}</StartDate>"),
            format!("<PINPolicy PINUsageMode=\"Local\" {attribute}/>"),
        ] {
            assert_eq!(verdict(&Key::policy(&element)), "policy", "{element}");
            let bare = element.replace(attribute, "xmlns:x=\"urn:x\"");
            assert_eq!(verdict(&Key::policy(&bare)), "taken", "{bare}");
        }
    }
}

#[test]
fn a_pin_that_the_device_checks_itself_is_let_through_and_no_other() {
    let policy = |policy: &str| verdict(&Key::policy(policy));
    let pin = |attributes: &str| policy(&format!("<PINPolicy {attributes}/>"));
    let figure_5 = r#"MinLength="4" MaxLength="4" PINKeyId="123456781" PINEncoding="DECIMAL" PINUsageMode="Local""#;
    assert_eq!(pin(figure_5), "taken", "the device checks it");
    for mode in ["Prepend", "Append", "Algorithmic", "local", ""] {
        assert_eq!(pin(&figure_5.replace("Local", mode)), "policy", "{mode}");
    }
    assert_eq!(pin(""), "policy");
    assert_eq!(pin(&format!("{figure_5} Biometric=\"true\"")), "policy");
    assert_eq!(policy(&format!("<PINPolicy {figure_5}><Fancy/></PINPolicy>")), "policy");
    for encoding in ["DECIMAL", "HEXADECIMAL", "ALPHANUMERIC", "BASE64", "BINARY"] {
        assert_eq!(pin(&figure_5.replace("DECIMAL", encoding)), "taken", "{encoding}");
    }
    for encoding in ["decimal", "EMOJI", ""] {
        assert_eq!(pin(&figure_5.replace("DECIMAL", encoding)), "policy", "{encoding}");
    }
    for name in ["MinLength", "MaxLength", "MaxFailedAttempts"] {
        let with = |value: &str| pin(&format!("PINUsageMode=\"Local\" {name}=\"{value}\""));
        assert_eq!((with("0"), with("12")), ("taken", "taken"), "{name}");
        for value in ["", "-1", "four", "4.0", "99999999999"] {
            assert_eq!(with(value), "policy", "{name} {value}");
        }
    }
}
