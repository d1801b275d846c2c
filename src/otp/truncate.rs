//! From a key and a moving factor to a number: HMAC and dynamic truncation (RFC 4226 §5.2–5.3).

use hmac::{EagerHash, HmacReset, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::params::{Algorithm, Digits};
use super::secret::Secret;

/// Computes the code of each moving factor in turn, and shows both to `see`.
///
/// The HMAC takes in its key once and goes back to that for every moving factor. Keying costs two of
/// the four compressions of a MAC, so a window of three steps costs two thirds of three MACs from the
/// raw key; and what is wiped at the end is wiped once.
pub(super) fn each_value(
    algorithm: Algorithm,
    secret: &Secret,
    digits: Digits,
    moving: impl IntoIterator<Item = u64>,
    see: impl FnMut(u64, u32),
) {
    match algorithm {
        Algorithm::Sha1 => each::<Sha1>(secret, digits, moving, see),
        Algorithm::Sha256 => each::<Sha256>(secret, digits, moving, see),
        Algorithm::Sha512 => each::<Sha512>(secret, digits, moving, see),
    }
}

/// Computes the code of one moving factor.
pub(super) fn value(algorithm: Algorithm, secret: &Secret, digits: Digits, moving: u64) -> u32 {
    let mut value = 0;
    each_value(algorithm, secret, digits, [moving], |_, computed| value = computed);
    value
}

#[expect(clippy::expect_used, reason = "RFC 2104 §3: HMAC takes a key of any length, and the library returns no error")]
fn each<D: EagerHash>(
    secret: &Secret,
    digits: Digits,
    moving: impl IntoIterator<Item = u64>,
    mut see: impl FnMut(u64, u32),
) {
    let mut keyed = HmacReset::<D>::new_from_slice(secret.expose()).expect("HMAC takes a key of any length");
    for moving in moving {
        // RFC 4226 §5.1: eight bytes, the highest first.
        keyed.update(&moving.to_be_bytes());
        see(moving, digits.last_of(truncate(&keyed.finalize_reset().into_bytes())));
    }
}

/// Takes the 31 bits the MAC itself points at.
///
/// The pointer is the low half of the *last* byte. RFC 4226 §5.3 says byte 19, which is the last
/// one of SHA-1 alone (erratum 6756).
fn truncate(mac: &[u8]) -> u32 {
    let offset = mac.last().map_or(0, |last| usize::from(last & 0x0f));
    let four = mac.get(offset..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
    u32::from_be_bytes(four) & 0x7fff_ffff
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
        assert_eq!(Digits::SIX.last_of(truncate(&mac)), 872_921);
    }

    #[test]
    fn the_highest_bit_is_masked_so_that_the_number_has_no_sign() {
        assert_eq!(truncate(&[0xff; 20]), 0x7fff_ffff);
    }
}
