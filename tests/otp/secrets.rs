//! Keys: how long, where from, how they are written, and that they stay hidden.

use std::collections::HashSet;

use tower_mfa::entropy::SystemEntropy;
use tower_mfa::otp::{Algorithm, InvalidSecret, OtpauthUri, Secret, Totp};

use crate::{Broken, code, vectors};

#[test]
fn r6238_5_1_a_a_new_key_is_as_long_as_the_output_of_its_hmac() {
    for (algorithm, len) in [(Algorithm::Sha1, 20), (Algorithm::Sha256, 32), (Algorithm::Sha512, 64)] {
        assert_eq!(Secret::generate(algorithm, &SystemEntropy).unwrap().expose().len(), len);
    }
}

#[test]
fn cve_2024_8796_a_new_key_has_at_least_160_bits() {
    for algorithm in Algorithm::ALL {
        assert!(Secret::generate(algorithm, &SystemEntropy).unwrap().expose().len() * 8 >= 160);
    }
}

#[test]
fn r4226_r6_a_key_under_128_bits_is_refused() {
    assert_eq!(Secret::from_bytes(&[7; 15]).unwrap_err(), InvalidSecret::TooShort);
    assert!(Secret::from_bytes(&[7; 16]).is_ok());
    assert!(Secret::from_bytes(&[7; 128]).is_ok());
    assert_eq!(Secret::from_bytes(&[7; 129]).unwrap_err(), InvalidSecret::TooLong);
}

#[test]
fn n63b_3_1_4_1_a_a_short_key_comes_in_by_its_own_door_alone() {
    let eighty_bits = "JBSWY3DPEHPK3PXP";
    assert_eq!(Secret::from_base32(eighty_bits).unwrap_err(), InvalidSecret::TooShort);
    assert_eq!(Secret::danger_short_from_base32(eighty_bits).unwrap().expose().len(), 10);
    assert_eq!(Secret::danger_short_from_bytes(&[7; 9]).unwrap_err(), InvalidSecret::TooShort);
}

/// Rows: ASVS-6.5.3, N63B-3.2.12-a
#[test]
fn n63b_3_1_4_2_b_without_randomness_there_is_no_key() {
    for algorithm in Algorithm::ALL {
        assert!(Secret::generate(algorithm, &Broken).is_err());
    }
}

#[test]
fn r6238_r4_r5_a_hundred_thousand_keys_are_all_different() {
    let keys: HashSet<_> =
        (0..100_000).map(|_| Secret::generate(Algorithm::Sha1, &SystemEntropy).unwrap().expose().to_vec()).collect();
    assert_eq!(keys.len(), 100_000);
}

#[test]
fn n63b_3_1_4_2_a_no_key_and_no_code_can_be_read_from_debug_output() {
    let secret = Secret::from_bytes(b"12345678901234567890").unwrap();
    let uri = OtpauthUri::totp("ACME", "alice", secret.clone(), Totp::default()).unwrap();
    let shown = format!("{secret:?} {:?} {:?} {uri:?} {uri:#?}", secret.to_base32(), code("94287082"));
    let numbers = format!("{:?}", secret.expose());
    for hidden in ["12345678901234567890", "GEZDGNBV", "94287082", "3132333435", numbers.trim_matches(['[', ']'])] {
        assert!(!shown.contains(hidden), "{shown}");
    }
    assert!(shown.contains("[redacted]"));
}

#[test]
fn base_32_is_that_of_rfc_4648() {
    // Ten bytes of whole groups before each vector make it long enough for a key.
    for row in vectors::rows("base32") {
        let (plain, padded) = (row.text("plain"), row.text("base32"));
        let secret = Secret::danger_short_from_base32(&format!("MZXW6YTBMZXW6YTB{padded}")).unwrap();
        assert_eq!(secret.expose(), format!("foobafooba{plain}").as_bytes());
        assert_eq!(secret.to_base32().expose(), format!("MZXW6YTBMZXW6YTB{}", padded.trim_end_matches('=')));
    }
}

#[test]
fn base_32_is_read_as_people_type_it() {
    let expected = Secret::from_base32("HXDMVJECJJWSRB3HWIZR4IFUGFTMXBOZ").unwrap();
    for typed in [
        "hxdmvjecjjwsrb3hwizr4ifugftmxboz",
        "HXDM VJEC JJWS RB3H WIZR 4IFU GFTM XBOZ",
        "hxdm-vjec-jjws-rb3h-wizr-4ifu-gftm-xboz",
        "  HxDmVjEcJjWsRb3HwIzR4iFuGfTmXbOz  ",
    ] {
        assert_eq!(Secret::from_base32(typed).unwrap().expose(), expected.expose(), "{typed}");
    }
    assert!(Secret::from_base32("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA ====").is_ok(), "padding");
}

#[test]
fn base_32_that_no_encoder_writes_is_refused() {
    let group = "MZXW6YTBMZXW6YTBMZXW6YTBMZXW6YTB";
    for tail in [
        "A",
        "ABC",
        "ABCDEF", // impossible lengths
        "MZ",
        "MZXR",
        "MZXW7",
        "MZXW6YR", // bits behind the last byte
        "MY=",
        "MY==",
        "MY=====",
        "MY=======",
        "MZXW6YTB========",
        "=", // wrong padding
        "M=Y=====",
        "=MY=====",
        "MY======MY======", // padding inside
        "0Y",
        "1Y",
        "8Y",
        "9Y",
        "M.",
        "M_",
        "ＭＹ",
        "M\tY",
        "\nMY", // other symbols
    ] {
        assert_eq!(Secret::from_base32(&format!("{group}{tail}")).unwrap_err(), InvalidSecret::NotBase32, "{tail}");
    }
    assert_eq!(Secret::from_base32("").unwrap_err(), InvalidSecret::TooShort);
    assert_eq!(Secret::from_base32(&"A".repeat(100_000)).unwrap_err(), InvalidSecret::TooLong);
}
