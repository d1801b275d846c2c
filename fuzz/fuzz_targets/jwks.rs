//! A key, a key set and a PEM file from anywhere: refused, or written back in public members alone.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_mfa::clock::Timestamp;
use tower_mfa::token::{KeySet, SigningKey, Verifier, VerifyingKey};

fuzz_target!(|text: &str| {
    let _ = SigningKey::from_pkcs8_pem(text);
    let _ = SigningKey::from_pkcs8_der(text.as_bytes());
    let _ = VerifyingKey::from_jwk(text);
    let Ok(keys) = KeySet::from_jwks(text) else { return };
    let written = keys.jwks_json(Timestamp::EPOCH);
    let parsed: serde_json::Value = serde_json::from_str(&written).expect("it is JSON");
    for key in parsed["keys"].as_array().expect("it is a set") {
        assert!(["d", "p", "q", "dp", "dq", "qi", "k"].iter().all(|private| key.get(private).is_none()));
    }
    KeySet::from_jwks(&written).expect("what is written can be read");
    // A key that was taken must not bring down the first verification either.
    let kid = parsed["keys"][0]["kid"].clone();
    for alg in ["RS256", "ES256", "EdDSA"] {
        let header = serde_json::json!({"alg": alg, "typ": "at+jwt", "kid": kid}).to_string();
        let token = format!("{}.e30.{}", tower_mfa_fuzz::b64(header.as_bytes()), tower_mfa_fuzz::b64(&[1; 64]));
        let verifier = Verifier::new("https://id.example", "api", keys.clone()).expect("two names");
        assert!(verifier.verify(&token, Timestamp::EPOCH).is_err());
    }
});
