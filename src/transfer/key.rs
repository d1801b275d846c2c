use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use crate::entropy::{Entropy, EntropyError};
use crate::error::ConfigError;
use crate::id::ExportId;
use crate::secret::SecretBytes;
use crate::vault::{LocalKeyRing, MasterKey, Vault};

/// The key that an export is sealed and signed with: a name and 256 secret bits.
///
/// Draw one for each move, take it to the other place by another way than the file, and destroy it when the move
/// is done.
///
/// ```
/// use tower_mfa::entropy::SystemEntropy;
/// use tower_mfa::secret::SecretBytes;
/// use tower_mfa::transfer::TransferKey;
///
/// let key = TransferKey::generate("move-2026-11", &SystemEntropy).unwrap();
/// let there = TransferKey::new("move-2026-11", SecretBytes::new(key.expose())).unwrap();
/// assert_eq!(there.id(), "move-2026-11");
/// assert!(format!("{there:?}").contains("[redacted]"));
///
/// assert!(TransferKey::new("move-2026-11", SecretBytes::new([7; 16])).is_err(), "32 bytes are wanted");
/// ```
///
/// # Security
///
/// Whoever has it and a file can read every key of an authenticator app in the file, and write files that are
/// believed: accounts with authenticators of their own.
#[derive(Clone)]
pub struct TransferKey(MasterKey);

impl TransferKey {
    /// Takes a key of 32 bytes, under a name that the file will carry.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the key has not 32 bytes, or the name is not 1 to 32 characters of `A–Z a–z 0–9 - _`.
    pub fn new(id: &str, secret: SecretBytes) -> Result<Self, ConfigError> {
        MasterKey::new(id, secret).map(Self)
    }

    /// Draws a new key.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] when the source of randomness fails, or when `id` is not a name ([`TransferKey::new`]).
    pub fn generate(id: &str, entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        MasterKey::generate(id, entropy).map(Self)
    }

    /// Returns the name.
    #[must_use]
    pub fn id(&self) -> &str {
        self.0.id()
    }

    /// Opens the key, to be taken to the other place.
    ///
    /// # Security
    ///
    /// By another way than the file.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    /// The keys of one export. They are its own, so that no line of another is believed in it.
    pub(super) fn for_export(&self, export: ExportId) -> Option<FileKeys> {
        let derive =
            |what: &[u8]| self.0.derive(&[b"tower-mfa transfer ", what, export.as_bytes()]).map(Zeroizing::new);
        let sealing = MasterKey::new(self.id(), SecretBytes::new(*derive(b"seal")?)).ok()?;
        let ring = LocalKeyRing::new(vec![sealing]).ok()?;
        let mac = hmac::Key::new(hmac::HMAC_SHA256, &*derive(b"sign")?);
        Some(FileKeys { vault: Vault::new(Arc::new(ring)), mac })
    }
}

impl fmt::Debug for TransferKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransferKey").field("id", &self.id()).field("secret", &"[redacted]").finish()
    }
}

/// What one file is sealed and signed with.
pub(super) struct FileKeys {
    pub(super) vault: Vault,
    mac: hmac::Key,
}

impl FileKeys {
    pub(super) fn sign(&self, n: u64, kind: &str, text: &str) -> hmac::Tag {
        hmac::sign(&self.mac, &message(n, kind, text))
    }

    /// In constant time (OWASP ASVS 5 §11.2.4).
    pub(super) fn is_signed(&self, n: u64, kind: &str, text: &str, tag: &[u8]) -> bool {
        hmac::verify(&self.mac, &message(n, kind, text), tag).is_ok()
    }
}

/// No two lines have one message: the number has a length of its own, and no kind has a colon.
fn message(n: u64, kind: &str, text: &str) -> Vec<u8> {
    [&n.to_be_bytes(), kind.as_bytes(), b":", text.as_bytes()].concat()
}
