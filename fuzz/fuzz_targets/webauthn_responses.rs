//! What a browser sends back, and whoever is none: JSON, authenticator data, an attestation object. It is
//! refused or it can be kept; an assertion is accepted as it was signed and in no other way.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tower_mfa::webauthn::fuzzing::{asserts, registers, registers_data, registers_whole};

/// A passkey of the seeds, and what it has signed.
const KEY: &str = include_str!("../seeds/webauthn_key/passkey.json");
const SIGNED: &str = include_str!("../seeds/webauthn_responses/assertion.json");

fuzz_target!(|data: &[u8]| {
    registers_data(data);
    registers_whole(data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    registers(text);
    if asserts(text, KEY) {
        let read = |json| serde_json::from_str::<Value>(json).expect("it was read");
        let (said, signed) = (read(text), read(SIGNED));
        for member in ["clientDataJSON", "authenticatorData"] {
            assert_eq!(said["response"][member], signed["response"][member]);
        }
    }
});
