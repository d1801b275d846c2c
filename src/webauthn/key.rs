//! Public keys: as COSE writes them (RFC 9052 §7), as the document keeps them, as the library checks with them.

use webauthn_rs_core::proto::{COSEAlgorithm, COSEEC2Key, COSEKey, COSEKeyType, COSERSAKey, ECDSACurve};

use super::cbor::Item;
use crate::account::webauthn::PublicKey;

pub(super) const ES256: i32 = -7;
pub(super) const ES384: i32 = -35;
pub(super) const RS256: i32 = -257;

/// Labels and values of COSE keys (RFC 9053 §7).
mod cose {
    pub(super) const KEY_TYPE: i64 = 1;
    pub(super) const ALGORITHM: i64 = 3;
    pub(super) const EC2: i64 = 2;
    pub(super) const RSA: i64 = 3;
    pub(super) const CURVE: i64 = -1;
    pub(super) const X: i64 = -2;
    pub(super) const Y: i64 = -3;
    pub(super) const MODULUS: i64 = -1;
    pub(super) const EXPONENT: i64 = -2;
    pub(super) const P256: i64 = 1;
    pub(super) const P384: i64 = 2;
}

/// Reads a new credential's key: one of the algorithms that were offered (WA-REG-20), on the curve that
/// belongs to it, uncompressed (WA-5.8.5-a). Whether the point is on the curve the library checks.
pub(super) fn from_cose(item: &Item<'_>) -> Option<PublicKey> {
    let alg = i32::try_from(item.label(cose::ALGORITHM)?.integer()?).ok()?;
    let bytes = |label| Some(item.label(label)?.bytes()?.to_vec());
    let key = match item.label(cose::KEY_TYPE)?.integer()? {
        cose::EC2 => {
            let curve = item.label(cose::CURVE)?.integer()?;
            if !matches!((alg, curve), (ES256, cose::P256) | (ES384, cose::P384)) {
                return None;
            }
            PublicKey::Ec { alg, x: bytes(cose::X)?, y: bytes(cose::Y)? }
        }
        cose::RSA => PublicKey::Rsa { alg, n: bytes(cose::MODULUS)?, e: bytes(cose::EXPONENT)? },
        _ => return None,
    };
    to_library(&key).map(|_| key)
}

/// Fewest and most bytes of a modulus: 2,048 bits is what is accepted anywhere (N63B-3.1.6), and above
/// 4,096 a verification takes longer than a request may.
const MODULUS: std::ops::RangeInclusive<usize> = 256..=512;

/// The key in the library's form, or nothing where its parts do not fit: the document could have been
/// written by somebody else.
pub(super) fn to_library(key: &PublicKey) -> Option<COSEKey> {
    match key {
        PublicKey::Ec { alg, x, y } => {
            let (type_, curve, length) = match *alg {
                ES256 => (COSEAlgorithm::ES256, ECDSACurve::SECP256R1, 32),
                ES384 => (COSEAlgorithm::ES384, ECDSACurve::SECP384R1, 48),
                _ => return None,
            };
            let fits = x.len() == length && y.len() == length;
            let key = COSEKeyType::EC_EC2(COSEEC2Key { curve, x: x.clone(), y: y.clone() });
            fits.then_some(COSEKey { type_, key })
        }
        PublicKey::Rsa { alg: RS256, n, e } => {
            // Leading zeros would be a shorter modulus in disguise; an even one is none.
            let long = n.first().is_some_and(|first| *first >= if n.len() > *MODULUS.start() { 1 } else { 0x80 });
            let odd = n.last().is_some_and(|last| last & 1 == 1);
            let exponent = <[u8; 3]>::try_from(e.as_slice()).ok()?;
            let fits = MODULUS.contains(&n.len()) && long && odd && exponent == [1, 0, 1];
            let key = COSEKeyType::RSA(COSERSAKey { n: n.clone(), e: exponent });
            fits.then_some(COSEKey { type_: COSEAlgorithm::RS256, key })
        }
        PublicKey::Rsa { .. } => None,
    }
}
