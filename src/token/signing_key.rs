use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};

use super::pem;
use super::{Algorithm, IssueError, IssueErrorKind, KeyError, KeyErrorKind, VerifyingKey};
use crate::error::BoxError;
use crate::secret::SecretString;

/// A private key to sign tokens with, parsed once.
///
/// Cloning it is cheap, and clones are one key. ES256 signatures are hedged: the nonce is drawn at
/// random and from the key and message besides, so that a weak generator does not give the key away
/// (RFC 8725 §3.2).
///
/// ```
/// use tower_mfa::token::{Algorithm, SigningKey};
///
/// let key = SigningKey::generate(Algorithm::Es256).unwrap();
/// let again = SigningKey::from_pkcs8_pem(key.to_pkcs8_pem().unwrap().expose()).unwrap();
/// assert_eq!(key.kid(), again.kid());
/// assert!(SigningKey::from_pkcs8_pem("-----BEGIN RSA PRIVATE KEY-----").is_err());
/// ```
#[derive(Clone)]
pub struct SigningKey(Arc<Parts>);

struct Parts {
    public: VerifyingKey,
    signer: Signer,
}

enum Signer {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Remote(Arc<dyn Sign>),
}

/// What [`Sign::sign`] returns: the signature, later.
pub type SignFuture<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, BoxError>> + Send + 'a>>;

/// A signer whose key stays elsewhere: a key-management service, a hardware module.
pub trait Sign: Send + Sync + 'static {
    /// Signs `message`: the ASCII bytes of header, dot, claims.
    ///
    /// The signature has the form of RFC 7518 §3: PKCS #1 v1.5 for RS256, the 64 octets R and S for
    /// ES256 (not DER), 64 octets for EdDSA. It is checked against the public key before a token
    /// leaves.
    ///
    /// # Errors
    ///
    /// Whatever went wrong; no token is issued.
    fn sign<'a>(&'a self, message: &'a [u8]) -> SignFuture<'a>;
}

impl SigningKey {
    /// Generates a new key: RSA of 2048 bits, P-256 or Ed25519.
    ///
    /// RSA takes some 100 ms: do it at start-up or off the runtime. The randomness is the
    /// cryptographic library's own, which is seeded by the operating system.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when the library fails.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let signer = match algorithm {
            Algorithm::Rs256 => RsaKeyPair::generate(KeySize::Rsa2048).map(Signer::Rsa),
            Algorithm::Es256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map(Signer::P256),
            Algorithm::EdDsa => Ed25519KeyPair::generate().map(Signer::Ed25519),
        };
        Self::local(signer.map_err(|_| KeyErrorKind::Failed)?)
    }

    /// Reads a private key in PKCS #8, in PEM (`BEGIN PRIVATE KEY`). The algorithm follows from it.
    ///
    /// # Errors
    ///
    /// [`KeyError`]: another label (convert `BEGIN RSA PRIVATE KEY` with `openssl pkcs8 -topk8
    /// -nocrypt`), an encrypted key, or as [`SigningKey::from_pkcs8_der`].
    pub fn from_pkcs8_pem(text: &str) -> Result<Self, KeyError> {
        let der = pem::decode(text).ok_or(KeyErrorKind::Malformed)?;
        Self::from_pkcs8_der(&der)
    }

    /// Reads a private key in PKCS #8.
    ///
    /// # Errors
    ///
    /// [`KeyError`]: not PKCS #8, another kind of key, another curve, or RSA outside 2048 to 8192
    /// bits.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, KeyError> {
        let signer = RsaKeyPair::from_pkcs8(der)
            .map(Signer::Rsa)
            .or_else(|_| EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map(Signer::P256))
            .or_else(|_| Ed25519KeyPair::from_pkcs8(der).map(Signer::Ed25519))
            .map_err(|_| KeyErrorKind::Malformed)?;
        Self::local(signer)
    }

    /// Makes a key whose private half stays with `signer`.
    #[must_use]
    pub fn remote(public: VerifyingKey, signer: Arc<dyn Sign>) -> Self {
        Self(Arc::new(Parts { public, signer: Signer::Remote(signer) }))
    }

    fn local(signer: Signer) -> Result<Self, KeyError> {
        let public = match &signer {
            Signer::Rsa(key) => {
                let (n, e) = (key.public_key().modulus(), key.public_key().exponent());
                VerifyingKey::rsa(n.big_endian_without_leading_zero(), e.big_endian_without_leading_zero(), None)
            }
            Signer::P256(key) => match key.public_key().as_ref().split_first_chunk::<33>() {
                // Uncompressed: 4, then x, then y.
                Some(([4, x @ ..], y)) => VerifyingKey::p256(x, y, None),
                _ => Err(KeyErrorKind::Malformed.into()),
            },
            Signer::Ed25519(key) => VerifyingKey::ed25519(key.public_key().as_ref(), None),
            Signer::Remote(_) => Err(KeyErrorKind::Unsupported.into()),
        }?;
        Ok(Self(Arc::new(Parts { public, signer })))
    }

    /// Writes the private key as PKCS #8 in PEM; `None` for a remote key, which nobody here has.
    ///
    /// # Security
    ///
    /// Whoever reads this signs tokens for everybody. Keep it in a file that only the service can
    /// read.
    #[must_use]
    pub fn to_pkcs8_pem(&self) -> Option<SecretString> {
        let der: Pkcs8V1Der<'_> = match &self.0.signer {
            Signer::Rsa(key) => key.as_der().ok()?,
            Signer::P256(key) => {
                let document = key.to_pkcs8v1().ok()?;
                return Some(SecretString::new(pem::encode(document.as_ref()).as_str()));
            }
            Signer::Ed25519(key) => key.as_der().ok()?,
            Signer::Remote(_) => return None,
        };
        Some(SecretString::new(pem::encode(der.as_ref()).as_str()))
    }

    /// Returns the public half.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        self.0.public.clone()
    }

    /// Returns the name of the key: of a local one its thumbprint (RFC 7638).
    #[must_use]
    pub fn kid(&self) -> &str {
        self.0.public.kid()
    }

    /// Returns the algorithm the key signs with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.0.public.algorithm()
    }

    /// Signs `message`. A local key never waits.
    pub(super) async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, IssueError> {
        let local = match &self.0.signer {
            Signer::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).map(|()| signature)
            }
            Signer::P256(key) => key.sign(&SystemRandom::new(), message).map(|s| s.as_ref().to_vec()),
            Signer::Ed25519(key) => key.try_sign(message).map(|s| s.as_ref().to_vec()),
            Signer::Remote(remote) => return self.sign_remotely(remote.as_ref(), message).await,
        };
        local.map_err(|failed| IssueError::caused(IssueErrorKind::Signer, failed))
    }

    async fn sign_remotely(&self, remote: &dyn Sign, message: &[u8]) -> Result<Vec<u8>, IssueError> {
        let signature =
            remote.sign(message).await.map_err(|failed| IssueError::caused(IssueErrorKind::Signer, failed))?;
        // DER instead of R and S, or the wrong key: better an error here than a token nobody takes.
        if self.0.public.verifies(message, &signature) { Ok(signature) } else { Err(IssueErrorKind::Signer.into()) }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid()).field("algorithm", &self.algorithm()).finish()
    }
}
