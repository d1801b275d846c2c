//! JWK in and out (RFC 7517, RFC 7518 §6, RFC 8037 §2), and the thumbprint (RFC 7638).
//!
//! The types are jsonwebtoken's. Its thumbprint is not used: it asks a process-global provider for
//! the digest, and that one panics when another crate of the program turns on a second backend.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, EllipticCurve, EllipticCurveKeyParameters, EllipticCurveKeyType, Jwk,
    JwkSet, KeyAlgorithm, KeyOperations, OctetKeyPairParameters, OctetKeyPairType, PublicKeyUse, RSAKeyParameters,
    RSAKeyType,
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::verifying_key::Members;
use super::wire::Unique;
use super::{Algorithm, KeyError, KeyErrorKind, VerifyingKey};

/// Most text and most keys a key set is read from: it comes over the network.
const MAX_TEXT: usize = 256 * 1024;
const MAX_KEYS: usize = 100;

/// What only a private key has (RFC 7518 §6.2.2, §6.3.2; RFC 8037 §2).
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];

/// Reads one key; everything wrong with it is an error.
pub(super) fn read_key(text: &str) -> Result<VerifyingKey, KeyError> {
    if text.len() > MAX_TEXT {
        return Err(KeyErrorKind::TooMany.into());
    }
    let Unique(value) = serde_json::from_str(text).map_err(|_| KeyErrorKind::Malformed)?;
    key(value)
}

/// Reads a set. Keys of other kinds and uses are left out (RFC 7517 §5 asks for that); private
/// members are an error for the whole, since they tell of an issuer that lost its key.
pub(super) fn read_set(text: &str) -> Result<Vec<VerifyingKey>, KeyError> {
    if text.len() > MAX_TEXT {
        return Err(KeyErrorKind::TooMany.into());
    }
    let Unique(mut set) = serde_json::from_str(text).map_err(|_| KeyErrorKind::Malformed)?;
    let Some(Value::Array(found)) = set.get_mut("keys").map(Value::take) else {
        return Err(KeyErrorKind::Malformed.into());
    };
    if found.len() > MAX_KEYS {
        return Err(KeyErrorKind::TooMany.into());
    }
    let mut keys: Vec<VerifyingKey> = Vec::with_capacity(found.len());
    for value in found {
        match key(value) {
            Ok(key) if keys.iter().any(|k| k.kid() == key.kid()) => return Err(KeyErrorKind::DuplicateId.into()),
            Ok(key) => keys.push(key),
            Err(refused) if refused.kind() == KeyErrorKind::Private => return Err(refused),
            Err(_) => {}
        }
    }
    if keys.is_empty() { Err(KeyErrorKind::Empty.into()) } else { Ok(keys) }
}

fn key(value: Value) -> Result<VerifyingKey, KeyError> {
    let private = value.get("kty").is_some_and(|kty| kty != "oct") && PRIVATE.iter().any(|m| value.get(m).is_some());
    if private {
        return Err(KeyErrorKind::Private.into());
    }
    let Jwk { common, algorithm } = serde_json::from_value(value).map_err(|_| KeyErrorKind::Malformed)?;
    check_purpose(&common)?;
    let declared = common.key_algorithm;
    let kid = common.key_id.map(String::into_boxed_str);
    let key = match algorithm {
        AlgorithmParameters::RSA(rsa) => VerifyingKey::rsa(&decode(&rsa.n)?, &decode(&rsa.e)?, kid),
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => {
            VerifyingKey::p256(&decode(&ec.x)?, &decode(&ec.y)?, kid)
        }
        AlgorithmParameters::OctetKeyPair(okp) if okp.curve == EllipticCurve::Ed25519 => {
            VerifyingKey::ed25519(&decode(&okp.x)?, kid)
        }
        _ => Err(KeyErrorKind::Unsupported.into()),
    }?;
    // R8725-3.1-b: a key is used with exactly one algorithm, the one it was made for.
    if declared.is_some_and(|declared| declared != wire_name(key.algorithm())) {
        return Err(KeyErrorKind::Purpose.into());
    }
    Ok(key)
}

fn check_purpose(common: &CommonParameters) -> Result<(), KeyError> {
    let used = common.public_key_use.as_ref().is_none_or(|u| *u == PublicKeyUse::Signature);
    let verifies = common.key_operations.as_ref().is_none_or(|ops| ops.contains(&KeyOperations::Verify));
    if used && verifies { Ok(()) } else { Err(KeyErrorKind::Purpose.into()) }
}

/// Strict: another alphabet, padding and non-zero trailing bits are refused.
fn decode(text: &str) -> Result<Vec<u8>, KeyError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| KeyErrorKind::Malformed.into())
}

/// Writes the public members alone. There is no private key in what it is given.
pub(super) fn write_set<'a>(keys: impl Iterator<Item = &'a VerifyingKey>) -> String {
    serde_json::to_string(&JwkSet { keys: keys.map(jwk).collect() }).unwrap_or_else(|_| r#"{"keys":[]}"#.to_owned())
}

fn jwk(key: &VerifyingKey) -> Jwk {
    let common = CommonParameters {
        // R7517-4.3: `use` alone, never beside `key_ops`.
        public_key_use: Some(PublicKeyUse::Signature),
        key_algorithm: Some(wire_name(key.algorithm())),
        key_id: Some(key.kid().to_owned()),
        ..CommonParameters::default()
    };
    let text = |member: &str| member.to_owned();
    let algorithm = match key.members() {
        Members::Rsa { n, e } => {
            AlgorithmParameters::RSA(RSAKeyParameters { key_type: RSAKeyType::RSA, n: text(n), e: text(e) })
        }
        Members::P256 { x, y } => AlgorithmParameters::EllipticCurve(EllipticCurveKeyParameters {
            key_type: EllipticCurveKeyType::EC,
            curve: EllipticCurve::P256,
            x: text(x),
            y: text(y),
        }),
        Members::Ed25519 { x } => AlgorithmParameters::OctetKeyPair(OctetKeyPairParameters {
            key_type: OctetKeyPairType::OctetKeyPair,
            curve: EllipticCurve::Ed25519,
            x: text(x),
        }),
    };
    Jwk { common, algorithm }
}

const fn wire_name(algorithm: Algorithm) -> KeyAlgorithm {
    match algorithm {
        Algorithm::Rs256 => KeyAlgorithm::RS256,
        Algorithm::Es256 => KeyAlgorithm::ES256,
        Algorithm::EdDsa => KeyAlgorithm::EdDSA,
    }
}

/// RFC 7638 §3: the required members alone, in lexicographic order, without whitespace, SHA-256.
///
/// The members are canonical base64url, so nothing in them needs escaping.
pub(super) fn thumbprint(members: &Members) -> Box<str> {
    let text = match members {
        Members::Rsa { n, e } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
        Members::P256 { x, y } => format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#),
        Members::Ed25519 { x } => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#),
    };
    URL_SAFE_NO_PAD.encode(Sha256::digest(text)).into()
}
