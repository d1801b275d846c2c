//! A key as people type it: it is refused, or its one spelling reads back as the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_mfa::otp::Secret;

fuzz_target!(|text: &str| {
    let _ = Secret::danger_short_from_base32(text);
    let Ok(secret) = Secret::from_base32(text) else { return };
    let spelt = secret.to_base32();
    let again = Secret::from_base32(spelt.expose()).expect("the one spelling can be read");
    assert_eq!(secret.expose(), again.expose());
});
