//! A key as whoever can write to the database leaves it: refused, or used to check an assertion, which
//! holds for the key it was signed with and for no other.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tower_mfa::webauthn::fuzzing::asserts;

const SIGNED: &str = include_str!("../seeds/webauthn_responses/assertion.json");
const KEY: &str = include_str!("../seeds/webauthn_key/passkey.json");

fuzz_target!(|document: &str| {
    if asserts(SIGNED, document) {
        let read = |json| serde_json::from_str::<Value>(json).expect("it was read");
        assert_eq!(read(document)["public_key"], read(KEY)["public_key"]);
    }
});
