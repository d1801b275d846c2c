use std::fmt;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::aead::LessSafeKey;
use aws_lc_rs::hmac;

use crate::entropy::{Entropy, EntropyError};
use crate::error::ConfigError;
use crate::secret::SecretBytes;

/// One master key: a name and 256 secret bits.
///
/// Nothing is sealed with it directly; sub-keys are derived from it by purpose and subject.
///
/// ```
/// use tower_mfa::secret::SecretBytes;
/// use tower_mfa::vault::MasterKey;
///
/// // In a service these bytes come from a secret manager.
/// let key = MasterKey::new("2026-11", SecretBytes::new([7; 32])).unwrap();
/// assert_eq!(key.id(), "2026-11");
/// assert!(format!("{key:?}").contains("[redacted]"));
///
/// assert!(MasterKey::new("2026-11", SecretBytes::new([7; 16])).is_err(), "AES-256 wants 32 bytes");
/// assert!(MasterKey::new("November 2026", SecretBytes::new([7; 32])).is_err(), "no name for a ciphertext");
/// ```
#[derive(Clone)]
pub struct MasterKey(Arc<Parts>);

struct Parts {
    id: Box<str>,
    secret: SecretBytes,
    /// The pseudorandom key of RFC 5869, ready to expand.
    prk: hmac::Key,
    tokens: TokenKeys,
}

/// The sub-keys that depend on nothing but the purpose, each derived at its first use.
#[derive(Default)]
pub(super) struct TokenKeys {
    pub(super) challenge: OnceLock<LessSafeKey>,
    pub(super) passkey: OnceLock<LessSafeKey>,
    pub(super) enrolment: OnceLock<LessSafeKey>,
    pub(super) refresh: OnceLock<LessSafeKey>,
}

impl MasterKey {
    /// Takes a key of 32 bytes into keeping, under a name that every ciphertext will carry.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the key has not 32 bytes, or the name is not 1 to 32 characters of
    /// `A–Z a–z 0–9 - _`.
    pub fn new(id: &str, secret: SecretBytes) -> Result<Self, ConfigError> {
        let plain = id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if id.is_empty() || id.len() > 32 || !plain {
            return Err(ConfigError::new("key id", "must be 1 to 32 characters of A-Z a-z 0-9 - _"));
        }
        if secret.expose().len() != 32 {
            return Err(ConfigError::new("key", "must have 32 bytes (AES-256)"));
        }
        // RFC 5869 §2.2, without a salt (§3.1): the master key is uniformly random.
        let extracted = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &[0; 32]), secret.expose());
        let prk = hmac::Key::new(hmac::HMAC_SHA256, extracted.as_ref());
        Ok(Self(Arc::new(Parts { id: id.into(), secret, prk, tokens: TokenKeys::default() })))
    }

    /// Draws a new key.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] when the source of randomness fails, or when `id` is not a name
    /// ([`MasterKey::new`]).
    pub fn generate(id: &str, entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let secret = SecretBytes::new(crate::entropy::bytes::<32>(entropy)?.to_vec());
        Self::new(id, secret).map_err(EntropyError::new)
    }

    /// Returns the name.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Opens the key, to be kept in a file or a secret manager.
    ///
    /// # Security
    ///
    /// Whoever has it and the database can read every TOTP key.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.secret.expose()
    }

    /// RFC 5869 §2.3 for one block: HKDF-SHA-256 of 32 bytes. Not the library's own, which extracts
    /// anew at every expansion.
    pub(crate) fn derive(&self, info: &[&[u8]]) -> Option<[u8; 32]> {
        let mut block = hmac::Context::with_key(&self.0.prk);
        info.iter().chain([&&[1_u8][..]]).for_each(|part| block.update(part));
        block.sign().as_ref().try_into().ok()
    }

    pub(super) fn token_keys(&self) -> &TokenKeys {
        &self.0.tokens
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKey").field("id", &self.0.id).field("secret", &"[redacted]").finish()
    }
}

/// Where the vault finds its master keys.
///
/// A key-management service implements it by unwrapping its data keys when it starts and keeping
/// them; both methods are called on the way of a request and must not wait.
pub trait KeyRing: Send + Sync + 'static {
    /// Returns the key that new ciphertexts are sealed with.
    fn newest(&self) -> MasterKey;

    /// Returns the key of this name, if the ring still has it.
    fn key(&self, id: &str) -> Option<MasterKey>;

    /// Returns the key that has been in the ring for the longest. Default: the newest.
    ///
    /// What is derived and kept nowhere is derived from it, so that a new key changes none of it: the lists that
    /// [`start_passkey`](crate::service::Mfa::start_passkey) makes up for names that nobody has. They change when
    /// this key is taken out, once.
    fn oldest(&self) -> MasterKey {
        self.newest()
    }
}

/// A ring of keys held in memory, the newest first.
///
/// ```
/// use tower_mfa::entropy::SystemEntropy;
/// use tower_mfa::vault::{KeyRing, LocalKeyRing, MasterKey};
///
/// let draw = |id| MasterKey::generate(id, &SystemEntropy).unwrap();
///
/// // November's key seals from now on; what October's has sealed still opens.
/// let ring = LocalKeyRing::new(vec![draw("2026-11"), draw("2026-10")]).unwrap();
/// assert_eq!(ring.newest().id(), "2026-11");
/// assert!(ring.key("2026-10").is_some());
/// assert!(ring.key("2026-09").is_none(), "and what a key sealed that is gone does not");
///
/// assert!(LocalKeyRing::new(vec![draw("2026-11"), draw("2026-11")]).is_err(), "which one would it be?");
/// ```
#[derive(Debug, Clone)]
pub struct LocalKeyRing {
    newest: MasterKey,
    older: Vec<MasterKey>,
}

impl LocalKeyRing {
    /// Makes a ring of `keys`, the newest first.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when there is no key, or two have one name.
    pub fn new(keys: Vec<MasterKey>) -> Result<Self, ConfigError> {
        let mut keys = keys.into_iter();
        let newest = keys.next().ok_or_else(|| ConfigError::new("keys", "at least one master key is needed"))?;
        let older: Vec<MasterKey> = keys.collect();
        let mut ids: Vec<&str> = older.iter().map(MasterKey::id).chain([newest.id()]).collect();
        ids.sort_unstable();
        if ids.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
            return Err(ConfigError::new("keys", "two master keys must not have one name"));
        }
        Ok(Self { newest, older })
    }
}

impl KeyRing for LocalKeyRing {
    fn newest(&self) -> MasterKey {
        self.newest.clone()
    }

    fn key(&self, id: &str) -> Option<MasterKey> {
        std::iter::once(&self.newest).chain(&self.older).find(|key| key.id() == id).cloned()
    }

    fn oldest(&self) -> MasterKey {
        self.older.last().unwrap_or(&self.newest).clone()
    }
}
