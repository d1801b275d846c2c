use std::sync::Arc;

use super::{LocalKeyRing, MasterKey, Purpose, Vault};
use crate::entropy::SystemEntropy;
use crate::id::Subject;

fn key(id: &str) -> MasterKey {
    MasterKey::generate(id, &SystemEntropy).unwrap()
}

fn vault(keys: Vec<MasterKey>) -> Vault {
    Vault::new(Arc::new(LocalKeyRing::new(keys).unwrap()))
}

fn alice() -> Subject {
    Subject::new("alice").unwrap()
}

/// Rows: R4226-7.5-a, PCI-8.3.2
#[test]
fn r6238_5_1_b_a_sealed_key_opens_at_its_own_place_and_nowhere_else() {
    let vault = vault(vec![key("k1")]);
    let sealed = vault.seal(Purpose::OtpSecret, &alice(), b"id-1", b"the key", &SystemEntropy).unwrap();
    assert_eq!(vault.open(Purpose::OtpSecret, &alice(), b"id-1", &sealed).unwrap().expose(), b"the key");

    let bob = Subject::new("bob").unwrap();
    let elsewhere = Subject::with_tenant("t", "alice").unwrap();
    assert!(vault.open(Purpose::OtpSecret, &bob, b"id-1", &sealed).is_err(), "copied to another row");
    assert!(vault.open(Purpose::OtpSecret, &elsewhere, b"id-1", &sealed).is_err(), "copied to another tenant");
    assert!(vault.open(Purpose::OtpSecret, &alice(), b"id-2", &sealed).is_err(), "copied to another authenticator");
    assert!(vault.open(Purpose::ChallengeState, &alice(), b"id-1", &sealed).is_err(), "used for another purpose");
}

#[test]
fn every_changed_byte_of_a_ciphertext_is_noticed() {
    let vault = vault(vec![key("k1")]);
    let sealed = vault.seal(Purpose::OtpSecret, &alice(), b"id", b"key", &SystemEntropy).unwrap();
    for at in 0..sealed.len() {
        let mut bytes = sealed.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(vault.open(Purpose::OtpSecret, &alice(), b"id", &changed).is_err(), "byte {at}");
        assert!(vault.open(Purpose::OtpSecret, &alice(), b"id", &sealed[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn after_a_rotation_the_old_opens_and_the_new_uses_the_new_key() {
    let (old, new) = (key("old"), key("new"));
    let sealed = vault(vec![old.clone()]).seal(Purpose::OtpSecret, &alice(), b"", b"x", &SystemEntropy).unwrap();
    let rotated = vault(vec![new.clone(), old]);
    assert_eq!(rotated.open(Purpose::OtpSecret, &alice(), b"", &sealed).unwrap().expose(), b"x");
    let again = rotated.seal(Purpose::OtpSecret, &alice(), b"", b"x", &SystemEntropy).unwrap();
    assert!(again.starts_with("new."));
    let withdrawn = vault(vec![new]);
    assert!(withdrawn.open(Purpose::OtpSecret, &alice(), b"", &sealed).is_err());
}

#[test]
fn r8725_3_12_a_a_sealed_token_opens_as_its_own_kind_alone() {
    let vault = vault(vec![key("k1")]);
    let kinds = [Purpose::ChallengeToken, Purpose::EnrolmentToken, Purpose::RefreshToken];
    for made in kinds {
        let token = vault.seal_token(made, b"{}", [7; 12]).unwrap();
        for read in kinds {
            assert_eq!(vault.open_token(read, token.expose()).is_ok(), made == read, "{made:?} read as {read:?}");
            // Exchanging the visible prefix must not help.
            let (_, rest) = token.expose().split_once('_').unwrap();
            let renamed = format!("{}{rest}", read.prefix());
            assert_eq!(vault.open_token(read, &renamed).is_ok(), made == read);
        }
    }
}

#[test]
fn a_token_made_again_with_its_nonce_is_the_same_token() {
    let vault = vault(vec![key("k1")]);
    let make = |text: &[u8], nonce| vault.seal_token(Purpose::RefreshToken, text, nonce).unwrap();
    assert_eq!(make(b"a", [1; 12]).expose(), make(b"a", [1; 12]).expose());
    assert_ne!(make(b"a", [1; 12]).expose(), make(b"a", [2; 12]).expose());
    assert_ne!(make(b"a", [1; 12]).expose(), make(b"b", [1; 12]).expose());
}

#[test]
fn garbage_and_oversized_tokens_are_refused_without_a_panic() {
    let vault = vault(vec![key("k1")]);
    for garbage in
        ["", ".", "mfac_", "mfac_k1.", "mfac_k1.AA", "mfac_nokey.AAAA", "mfac_k1.!!!!", "eyJhbGciOiJub25lIn0.e30."]
    {
        assert!(vault.open_token(Purpose::ChallengeToken, garbage).is_err(), "{garbage}");
    }
    let huge = format!("mfac_k1.{}", "A".repeat(1 << 20));
    assert!(vault.open_token(Purpose::ChallengeToken, &huge).is_err());
}

#[test]
fn sub_keys_are_those_of_hkdf() {
    use aws_lc_rs::hkdf;
    let key = key("k1");
    let whole = hkdf::Salt::none(hkdf::HKDF_SHA256).extract(key.expose());
    let mut expected = [0; 32];
    whole.expand(&[b"some ", b"info"], hkdf::HKDF_SHA256).unwrap().fill(&mut expected).unwrap();
    assert_eq!(key.derive(&[b"some ", b"info"]), Some(expected));
    assert_ne!(key.derive(&[b"other info"]), Some(expected));
}
