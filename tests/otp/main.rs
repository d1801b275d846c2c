//! HOTP and TOTP, through the public door: the vectors and errata of RFC 4226 and RFC 6238, the
//! rows of the standards this room can violate, and a second opinion from `oathtool`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a helper that fails is a test that fails"
)]

#[path = "../common/left_out.rs"]
mod left_out;
#[path = "../common/tools.rs"]
mod tools;
#[path = "../common/vectors.rs"]
mod vectors;

mod hotp;
mod interop;
mod properties;
mod secrets;
mod totp;

use tower_mfa::entropy::{Entropy, EntropyError};
use tower_mfa::otp::{Algorithm, Code, Digits, Secret};

/// The key of the RFCs' vectors for an algorithm.
fn key(algorithm: Algorithm) -> Secret {
    let rows = vectors::rows("keys");
    let row = rows.iter().find(|row| row.text("algorithm") == algorithm.name()).unwrap();
    let secret = Secret::from_bytes(&vectors::hex(row.text("hex"))).unwrap();
    assert_eq!(Secret::from_base32(row.text("base32")).unwrap().expose(), secret.expose());
    secret
}

/// The same key with its last bit turned: whatever matched must not match any more.
fn flipped(secret: &Secret) -> Secret {
    let mut bytes = secret.expose().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    Secret::from_bytes(&bytes).unwrap()
}

fn code(text: &str) -> Code {
    let digits = Digits::new(u8::try_from(text.len()).unwrap()).unwrap();
    Code::parse(text, digits).unwrap()
}

/// A source of randomness that is broken.
struct Broken;

impl Entropy for Broken {
    fn fill(&self, _: &mut [u8]) -> Result<(), EntropyError> {
        Err(EntropyError::new("no randomness today"))
    }
}
