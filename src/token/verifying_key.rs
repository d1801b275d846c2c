use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::jwk;
use super::{KeyError, KeyErrorKind};

/// A signature algorithm of RFC 7518 or RFC 8037.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256: what RFC 9068 §2.1 obliges everybody to support.
    #[default]
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// EdDSA on Ed25519.
    EdDsa,
}

impl Algorithm {
    /// Returns the name in the header (`alg`).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A public key, parsed once, that verifies with exactly one algorithm (RFC 8725 §3.1).
///
/// Cloning it is cheap.
///
/// ```
/// use tower_mfa::token::{Algorithm, KeyErrorKind, VerifyingKey};
///
/// // RFC 8037 appendix A.2.
/// let key = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
/// let key = VerifyingKey::from_jwk(key).unwrap();
/// assert_eq!(key.algorithm(), Algorithm::EdDsa);
/// assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
///
/// let short = VerifyingKey::from_jwk(r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKx"}"#);
/// assert_eq!(short.unwrap_err().kind(), KeyErrorKind::Malformed);
/// ```
#[derive(Clone)]
pub struct VerifyingKey(Arc<Parsed>);

struct Parsed {
    algorithm: Algorithm,
    kid: Box<str>,
    members: Members,
    key: ParsedPublicKey,
}

/// The required public members of a JWK, in canonical base64url (RFC 7638 §3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Members {
    Rsa { n: Box<str>, e: Box<str> },
    P256 { x: Box<str>, y: Box<str> },
    Ed25519 { x: Box<str> },
}

impl VerifyingKey {
    /// Reads one public key from a JWK (RFC 7517).
    ///
    /// The algorithm follows from the kind of key, and `alg` must agree where it is given. Without
    /// a `kid` the key is named by its thumbprint. Unknown members are ignored.
    ///
    /// # Errors
    ///
    /// [`KeyError`]: not a JWK with unique members, another kind of key, curve or algorithm, RSA
    /// outside 2048 to 8192 bits, a point off the curve, an Ed25519 key that has not 32 bytes, a
    /// `use` or `key_ops` other than signatures, or private members.
    ///
    /// # Security
    ///
    /// Whoever can choose this text can sign every token. Take it from your issuer, over a
    /// protected channel. The text may be hostile all the same: it is refused, and nothing panics.
    pub fn from_jwk(text: &str) -> Result<Self, KeyError> {
        jwk::read_key(text)
    }

    /// RSA, from big-endian numbers without leading zeros.
    pub(super) fn rsa(n: &[u8], e: &[u8], kid: Option<Box<str>>) -> Result<Self, KeyError> {
        let bits = n.first().map_or(0, |first| {
            let leading = usize::try_from(first.leading_zeros()).unwrap_or(8);
            n.len().saturating_mul(8).saturating_sub(leading)
        });
        // R7518-3.3-a. Above 8192 bits a verification is a way to burn time.
        if !(2048..=8192).contains(&bits) {
            return Err(KeyErrorKind::Size.into());
        }
        // An even modulus or exponent is no RSA key, and an exponent of 1 signs nothing: every
        // padded digest would be its own signature. Longer than four bytes, it only costs time.
        let odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
        let leads = |number: &[u8]| number.first().is_some_and(|first| *first != 0);
        if !odd(n) || !odd(e) || !leads(n) || !leads(e) || e.len() > 4 || e == [1] {
            return Err(KeyErrorKind::Malformed.into());
        }
        let key = RsaPublicKeyComponents { n, e }
            .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
            .map_err(|_| KeyErrorKind::Malformed)?;
        let members = Members::Rsa { n: base64url(n), e: base64url(e) };
        Ok(Self::new(Algorithm::Rs256, members, key, kid))
    }

    /// P-256, from the two coordinates. A point off the curve is refused (R8725-3.4-a).
    pub(super) fn p256(x: &[u8], y: &[u8], kid: Option<Box<str>>) -> Result<Self, KeyError> {
        if x.len() != 32 || y.len() != 32 {
            return Err(KeyErrorKind::Malformed.into());
        }
        let point = [&[4], x, y].concat();
        let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).map_err(|_| KeyErrorKind::Malformed)?;
        let members = Members::P256 { x: base64url(x), y: base64url(y) };
        Ok(Self::new(Algorithm::Es256, members, key, kid))
    }

    pub(super) fn ed25519(x: &[u8], kid: Option<Box<str>>) -> Result<Self, KeyError> {
        if x.len() != 32 {
            return Err(KeyErrorKind::Malformed.into());
        }
        let key = ParsedPublicKey::new(&ED25519, x).map_err(|_| KeyErrorKind::Malformed)?;
        Ok(Self::new(Algorithm::EdDsa, Members::Ed25519 { x: base64url(x) }, key, kid))
    }

    fn new(algorithm: Algorithm, members: Members, key: ParsedPublicKey, kid: Option<Box<str>>) -> Self {
        let kid = kid.unwrap_or_else(|| jwk::thumbprint(&members));
        Self(Arc::new(Parsed { algorithm, kid, members, key }))
    }

    /// Returns the name by which tokens refer to the key (`kid`).
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.0.kid
    }

    /// Returns the one algorithm the key verifies with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.0.algorithm
    }

    /// Returns the JWK thumbprint (RFC 7638): the same for the private and the public key.
    #[must_use]
    pub fn thumbprint(&self) -> Box<str> {
        jwk::thumbprint(&self.0.members)
    }

    pub(super) fn members(&self) -> &Members {
        &self.0.members
    }

    /// Tells whether `signature` is this key's over `message`.
    ///
    /// R7518-3.4-a: for ES256 the library's fixed form takes exactly 64 octets, never DER.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.key.verify_sig(message, signature).is_ok()
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey").field("kid", &self.0.kid).field("algorithm", &self.0.algorithm).finish()
    }
}

fn base64url(bytes: &[u8]) -> Box<str> {
    URL_SAFE_NO_PAD.encode(bytes).into()
}
