//! A token from anywhere. Three ways, by the first byte: the whole text; a header under a signature
//! that cannot fit; and claims under a signature that does, as a hostile or broken issuer sends them.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tower_mfa::clock::Timestamp;
use tower_mfa::token::Verifier;
use tower_mfa_fuzz::{Forge, b64};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_060);

static FORGE: LazyLock<Forge> = LazyLock::new(Forge::new);
static VERIFIER: LazyLock<Verifier> =
    LazyLock::new(|| Verifier::new("https://id.example", "api", FORGE.keys()).expect("two names"));

fuzz_target!(|data: &[u8]| {
    let Some((way, rest)) = data.split_first() else { return };
    let token = match way % 3 {
        0 => String::from_utf8_lossy(rest).into_owned(),
        1 => format!("{}.e30.{}", b64(rest), b64(&[0; 64])),
        _ => FORGE.signed(rest),
    };
    let first = VERIFIER.verify(&token, NOW).map(|known| (known.subject().clone(), known.expires_at()));
    if let Ok((_, expires)) = &first {
        assert!(way % 3 == 2, "nobody else has the key");
        assert!(NOW < *expires);
    }
    // The memory must say the same, and an expired token must be refused from it.
    let second = VERIFIER.verify(&token, NOW).map(|known| (known.subject().clone(), known.expires_at()));
    assert_eq!(first, second);
    assert!(first.is_err() || VERIFIER.verify(&token, first.unwrap().1).is_err());
});
