//! A key container from anywhere, with the key and the password of the RFC's figures.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_mfa::clock::Timestamp;
use tower_mfa::secret::{SecretBytes, SecretString};
use tower_mfa::transfer::apps::{PskcKey, pskc};

const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

fuzz_target!(|bytes: &[u8]| {
    tower_mfa_fuzz::no_word_of(pskc(bytes, PskcKey::none(), NOW), bytes);
    let key = SecretBytes::new([0x12, 0x34, 0x56, 0x78, 0x90].repeat(4)[..16].to_vec());
    tower_mfa_fuzz::no_word_of(pskc(bytes, PskcKey::pre_shared(key), NOW), bytes);
    // Two million iterations are allowed, and are no find.
    let count = |window: &[u8]| window.starts_with(b"Count>") && window[6..].iter().all(u8::is_ascii_digit);
    if !bytes.windows(11).any(count) {
        tower_mfa_fuzz::no_word_of(pskc(bytes, PskcKey::password(SecretString::new("qwerty")), NOW), bytes);
    }
});
