use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RsaKeyPair,
};

use super::cbor::{bytes, int, map};

/// The kind of key a [`SoftAuthenticator`](super::SoftAuthenticator) makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum KeyType {
    /// ECDSA over P-256 with SHA-256: what nearly all authenticators make.
    #[default]
    Es256,
    /// ECDSA over P-384 with SHA-384.
    Es384,
    /// RSA of 2,048 bits with SHA-256, as some TPMs make. Slow: a good second for each key.
    Rs256,
}

/// A private key.
pub(super) enum SigningPair {
    Es256(EcdsaKeyPair),
    Es384(EcdsaKeyPair),
    Rs256(Box<RsaKeyPair>),
}

impl SigningPair {
    pub(super) fn generate(key_type: KeyType) -> Option<Self> {
        match key_type {
            KeyType::Es256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).ok().map(Self::Es256),
            KeyType::Es384 => EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).ok().map(Self::Es384),
            KeyType::Rs256 => RsaKeyPair::generate(KeySize::Rsa2048).ok().map(|pair| Self::Rs256(Box::new(pair))),
        }
    }

    /// Its COSE algorithm.
    pub(super) const fn algorithm(&self) -> i32 {
        match self {
            Self::Es256(_) => -7,
            Self::Es384(_) => -35,
            Self::Rs256(_) => -257,
        }
    }

    /// The public key in COSE (RFC 9053 §7.1, RFC 8230 §4).
    pub(super) fn cose(&self) -> Vec<u8> {
        match self {
            Self::Es256(pair) => ec2(-7, 1, pair.public_key().as_ref()),
            Self::Es384(pair) => ec2(-35, 2, pair.public_key().as_ref()),
            Self::Rs256(pair) => {
                let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
                map([
                    (int(1), int(3)),
                    (int(3), int(-257)),
                    (int(-1), bytes(n.big_endian_without_leading_zero())),
                    (int(-2), bytes(e.big_endian_without_leading_zero())),
                ])
            }
        }
    }

    /// The point of a key over P-256, uncompressed.
    pub(super) fn p256_point(&self) -> Option<&[u8]> {
        if let Self::Es256(pair) = self { Some(pair.public_key().as_ref()) } else { None }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match self {
            Self::Es256(pair) | Self::Es384(pair) => Some(pair.sign(&random, message).ok()?.as_ref().to_vec()),
            Self::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).ok()?;
                Some(signature)
            }
        }
    }
}

/// A point `04 ‖ x ‖ y` in COSE.
fn ec2(algorithm: i32, curve: i32, point: &[u8]) -> Vec<u8> {
    let coordinates = point.get(1..).unwrap_or_default();
    let (x, y) = coordinates.split_at(coordinates.len() / 2);
    map([(int(1), int(2)), (int(3), int(algorithm)), (int(-1), int(curve)), (int(-2), bytes(x)), (int(-3), bytes(y))])
}
