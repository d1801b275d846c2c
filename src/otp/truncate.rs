//! From a key and a moving factor to a number: HMAC and dynamic truncation (RFC 4226 §5.2–5.3).

use hmac::{EagerHash, Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::params::{Algorithm, Digits};
use super::secret::Secret;

/// An HMAC that has taken in its key and is cloned for every moving factor.
///
/// Keying costs two of the four compressions of a MAC, so a window of three steps costs two thirds
/// of three MACs from the raw key.
pub(super) enum Keyed {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha512(Hmac<Sha512>),
}

impl Keyed {
    pub(super) fn new(algorithm: Algorithm, secret: &Secret) -> Self {
        match algorithm {
            Algorithm::Sha1 => Self::Sha1(keyed(secret)),
            Algorithm::Sha256 => Self::Sha256(keyed(secret)),
            Algorithm::Sha512 => Self::Sha512(keyed(secret)),
        }
    }

    /// The value of the code for one moving factor.
    pub(super) fn value(&self, moving: u64, digits: Digits) -> u32 {
        // RFC 4226 §5.1: eight bytes, the highest first.
        let moving = moving.to_be_bytes();
        let bits = match self {
            Self::Sha1(mac) => truncate(&mac.clone().chain_update(moving).finalize().into_bytes()),
            Self::Sha256(mac) => truncate(&mac.clone().chain_update(moving).finalize().into_bytes()),
            Self::Sha512(mac) => truncate(&mac.clone().chain_update(moving).finalize().into_bytes()),
        };
        bits % digits.modulus()
    }
}

#[expect(clippy::expect_used, reason = "RFC 2104 §3: HMAC takes a key of any length, and the library returns no error")]
fn keyed<D: EagerHash>(secret: &Secret) -> Hmac<D> {
    Hmac::new_from_slice(secret.expose()).expect("HMAC takes a key of any length")
}

/// Takes the 31 bits the MAC itself points at.
///
/// The pointer is the low half of the *last* byte. RFC 4226 §5.3 says byte 19, which is the last
/// one of SHA-1 alone (erratum 6756).
fn truncate(mac: &[u8]) -> u32 {
    let offset = mac.last().map_or(0, |last| usize::from(last & 0x0f));
    let four = mac.iter().skip(offset).take(4).fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte));
    four & 0x7fff_ffff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r4226_5_3_b_the_example_of_section_5_4_is_truncated_to_872921() {
        let mac = [
            0x1f, 0x86, 0x98, 0x69, 0x0e, 0x02, 0xca, 0x16, 0x61, 0x85, 0x50, 0xef, 0x7f, 0x19, 0xda, 0x8e, 0x94, 0x5b,
            0x55, 0x5a,
        ];
        assert_eq!(truncate(&mac), 0x50ef_7f19);
        assert_eq!(truncate(&mac) % Digits::SIX.modulus(), 872_921);
    }

    #[test]
    fn the_highest_bit_is_masked_so_that_the_number_has_no_sign() {
        assert_eq!(truncate(&[0xff; 20]), 0x7fff_ffff);
    }
}
