//! The key of a container, its MACs, and what is encrypted under it (RFC 6030 §6).

use std::fmt;
use std::num::NonZeroU32;

use aws_lc_rs::cipher::UnboundCipherKey;
use aws_lc_rs::cipher::{AES_128, AES_192, AES_256, Algorithm, DecryptionContext, PaddedBlockDecryptingKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{hmac, pbkdf2};
use zeroize::Zeroizing;

use super::envelope::Envelope;
use crate::secret::{SecretBytes, SecretString};
use crate::transfer::apps::error::{ReadError, ReadErrorKind};
use crate::transfer::apps::reason::Reason;

/// What opens the encrypted values of a container.
///
/// ```
/// use tower_mfa::secret::SecretBytes;
/// use tower_mfa::transfer::apps::PskcKey;
///
/// let key = PskcKey::pre_shared(SecretBytes::new(vec![7; 16]));
/// assert_eq!(format!("{key:?}"), "PskcKey(pre-shared)");
/// assert_eq!(format!("{:?}", PskcKey::none()), "PskcKey(none)");
/// ```
pub struct PskcKey(Given);

enum Given {
    Nothing,
    Key(SecretBytes),
    Password(SecretString),
}

impl PskcKey {
    /// Has no key: plain values are read, encrypted ones are skipped.
    ///
    /// With a key it is the other way: a secret in plain is skipped, for anybody could have put it in the
    /// place of an encrypted one. A file that has both is read twice.
    #[must_use]
    pub const fn none() -> Self {
        Self(Given::Nothing)
    }

    /// The key itself (RFC 6030 §6.1): 16, 24 or 32 bytes, as the container's method wants.
    ///
    /// It is taken for a container whose key is derived from a password, too, as the derived key.
    #[must_use]
    pub const fn pre_shared(key: SecretBytes) -> Self {
        Self(Given::Key(key))
    }

    /// The password that the container's key is derived from (RFC 6030 §6.2).
    ///
    /// The derivation blocks the thread: see [`pskc`](super::pskc()).
    #[must_use]
    pub const fn password(password: SecretString) -> Self {
        Self(Given::Password(password))
    }

    pub(super) const fn is_given(&self) -> bool {
        !matches!(self.0, Given::Nothing)
    }
}

impl fmt::Debug for PskcKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.0 {
            Given::Nothing => "none",
            Given::Key(_) => "pre-shared",
            Given::Password(_) => "password",
        };
        write!(f, "PskcKey({kind})")
    }
}

/// How the container says its key is derived, as it stands there.
#[derive(Debug, Default)]
pub(super) struct Derivation {
    pub(super) method: Option<Box<str>>,
    pub(super) salt: Option<Vec<u8>>,
    pub(super) iterations: Option<u32>,
    pub(super) key_len: Option<usize>,
    pub(super) prf: Option<Box<str>>,
}

/// Most iterations: a second or two. The file's author chooses the number, and whoever reads it pays. There
/// is no least number: to refuse a file with few, as there are, protects nobody.
const ITERATIONS_MAX: u32 = 2_000_000;
const SALT_MIN: usize = 8;
const SALT_MAX: usize = 1024;

/// Shortest key of the MACs, in bytes: one that can be guessed protects nothing.
const MAC_KEY_MIN: usize = 16;

impl Derivation {
    fn derive(&self, password: &SecretString) -> Option<Zeroizing<Vec<u8>>> {
        let method = self.method.as_deref()?;
        if !matches!(
            method,
            "http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#pbkdf2"
                | "http://www.w3.org/2009/xmlenc11#pbkdf2"
        ) {
            return None;
        }
        let algorithm = match self.prf.as_deref() {
            None => pbkdf2::PBKDF2_HMAC_SHA1,
            Some(name) => match hash(name)? {
                Hash::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
                Hash::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
                Hash::Sha384 => pbkdf2::PBKDF2_HMAC_SHA384,
                Hash::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
                Hash::Sha224 => return None,
            },
        };
        let salt = self.salt.as_deref().filter(|salt| (SALT_MIN..=SALT_MAX).contains(&salt.len()))?;
        let iterations = self.iterations.filter(|count| *count <= ITERATIONS_MAX).and_then(NonZeroU32::new)?;
        let len = self.key_len.filter(|len| matches!(len, 16 | 24 | 32))?;
        let mut key = Zeroizing::new(vec![0_u8; len]);
        pbkdf2::derive(algorithm, iterations, salt, password.expose().as_bytes(), &mut key);
        Some(key)
    }
}

/// A value encrypted by a method, with its MAC.
#[derive(Debug, Default)]
pub(super) struct Sealed {
    pub(super) method: Option<Box<str>>,
    /// The initialisation vector and the blocks.
    pub(super) bytes: Vec<u8>,
    pub(super) mac: Option<Vec<u8>>,
}

/// What opens values: made once, when the envelope is known.
#[expect(clippy::large_enum_variant, reason = "there is one for each container")]
pub(super) enum Opener {
    /// It does not open anything, and why.
    Shut(Reason),
    Ready {
        key: Zeroizing<Vec<u8>>,
        /// None where the container names no MAC.
        mac: Option<hmac::Key>,
    },
}

impl Opener {
    /// # Errors
    ///
    /// Where the whole container is at fault.
    pub(super) fn new(given: &PskcKey, envelope: &Envelope) -> Result<Self, ReadError> {
        if envelope.asymmetric {
            return Ok(Self::Shut(Reason::Encryption));
        }
        let key = match (&given.0, &envelope.derived) {
            (Given::Key(key), _) => Zeroizing::new(key.expose().to_vec()),
            (Given::Password(password), Some(derivation)) => {
                derivation.derive(password).ok_or_else(|| ReadError::new(ReadErrorKind::Derivation))?
            }
            (Given::Password(_), None) | (Given::Nothing, _) => return Ok(Self::Shut(Reason::Encrypted)),
        };
        if envelope.mac_key_is_elsewhere {
            return Ok(Self::Shut(Reason::MacReference));
        }
        let Some(method) = envelope.mac_method.as_deref() else { return Ok(Self::Ready { key, mac: None }) };
        let algorithm = match hash(method).ok_or_else(|| ReadError::new(ReadErrorKind::MacMethod))? {
            Hash::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha224 => hmac::HMAC_SHA224,
            Hash::Sha256 => hmac::HMAC_SHA256,
            Hash::Sha384 => hmac::HMAC_SHA384,
            Hash::Sha512 => hmac::HMAC_SHA512,
        };
        let mac_key = match &envelope.mac_key {
            // §6.1.1 lets both sides agree on a MAC key beforehand, and one key alone is agreed on here: makers
            // that write none use that of the encryption.
            None => Ok(key.clone()),
            Some(sealed) => sealed.decrypt(&key),
        };
        match mac_key {
            Ok(mac_key) if mac_key.len() >= MAC_KEY_MIN => {
                Ok(Self::Ready { key, mac: Some(hmac::Key::new(algorithm, &mac_key)) })
            }
            Err(Reason::Encryption) => Ok(Self::Shut(Reason::Encryption)),
            _ => Err(ReadError::new(ReadErrorKind::MacKey)),
        }
    }

    /// Opens a value: its MAC first, and only then the blocks (§6.1.1).
    pub(super) fn open(&self, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, Reason> {
        let Self::Ready { key, mac } = self else {
            let Self::Shut(why) = self else { return Err(Reason::Encrypted) };
            return Err(*why);
        };
        sealed.cipher().ok_or(Reason::Encryption)?;
        let (Some(mac), Some(tag)) = (mac, &sealed.mac) else { return Err(Reason::MacMissing) };
        hmac::verify(mac, &sealed.bytes, tag).map_err(|_| Reason::MacWrong)?;
        sealed.decrypt(key)
    }
}

impl Sealed {
    fn cipher(&self) -> Option<&'static Algorithm> {
        match self.method.as_deref()?.strip_prefix("http://www.w3.org/2001/04/xmlenc#")? {
            "aes128-cbc" => Some(&AES_128),
            "aes192-cbc" => Some(&AES_192),
            "aes256-cbc" => Some(&AES_256),
            _ => None,
        }
    }

    fn decrypt(&self, key: &[u8]) -> Result<Zeroizing<Vec<u8>>, Reason> {
        let cipher = self.cipher().ok_or(Reason::Encryption)?;
        let key = UnboundCipherKey::new(cipher, key).map_err(|_| Reason::Undecryptable)?;
        let (iv, blocks) = self.bytes.split_first_chunk::<16>().ok_or(Reason::Undecryptable)?;
        let mut blocks = Zeroizing::new(blocks.to_vec());
        // XML Encryption §5.2.1: the last byte says how many are padding, the others may be anything.
        let key = PaddedBlockDecryptingKey::cbc_iso10126(key).map_err(|_| Reason::Undecryptable)?;
        let context = DecryptionContext::Iv128(FixedLength::from(iv));
        let len = key.decrypt(&mut blocks, context).map_err(|_| Reason::Undecryptable)?.len();
        blocks.truncate(len);
        Ok(blocks)
    }
}

#[derive(Clone, Copy)]
enum Hash {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// The hash inside of an HMAC that is named as XML Signature names them.
fn hash(name: &str) -> Option<Hash> {
    match name {
        // The second is no name of any standard, and is written all the same.
        "http://www.w3.org/2000/09/xmldsig#hmac-sha1" | "http://www.w3.org/2001/04/xmldsig-more#hmac-sha1" => {
            Some(Hash::Sha1)
        }
        "http://www.w3.org/2001/04/xmldsig-more#hmac-sha224" => Some(Hash::Sha224),
        "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256" => Some(Hash::Sha256),
        "http://www.w3.org/2001/04/xmldsig-more#hmac-sha384" => Some(Hash::Sha384),
        "http://www.w3.org/2001/04/xmldsig-more#hmac-sha512" => Some(Hash::Sha512),
        _ => None,
    }
}
