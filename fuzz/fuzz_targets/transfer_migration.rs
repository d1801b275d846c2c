//! Codes of Google Authenticator from anywhere, and what is inside of one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_mfa::transfer::apps::{Found, google_migration};
use tower_mfa_fuzz::b64;

fuzz_target!(|bytes: &[u8]| {
    tower_mfa_fuzz::no_word_of(google_migration(bytes), bytes);
    let line = format!("otpauth-migration://offline?data={}\n", b64(bytes));
    for item in google_migration(line.as_bytes()).danger_short_keys() {
        if let Found::Key(key) = item.expect("a line in memory can be read") {
            assert!((10..=128).contains(&key.secret().expose().len()));
        }
    }
});
