use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::entropy::{Entropy, SystemEntropy};
use crate::error::{BoxError, ConfigError};
use crate::secret::SecretBytes;
use crate::token::{Algorithm, KeySet, SigningKey};
use crate::vault::{KeyRing, LocalKeyRing, MasterKey};

const SIGNING_KEY: &str = "signing-key.pem";
const MASTER_KEYS: &str = "master-keys";

/// The keys a host must give: one set to sign tokens with, one ring to seal secrets with.
///
/// ```
/// use std::sync::Arc;
/// use tower_mfa::entropy::SystemEntropy;
/// use tower_mfa::service::Keys;
/// use tower_mfa::token::{Algorithm, KeySet, SigningKey};
/// use tower_mfa::vault::{LocalKeyRing, MasterKey};
///
/// // From wherever the host has them; `Keys::load_or_create("keys")` keeps them in a folder.
/// let signing = KeySet::new(SigningKey::generate(Algorithm::Es256).unwrap());
/// let ring = LocalKeyRing::new(vec![MasterKey::generate("2026-11", &SystemEntropy).unwrap()]).unwrap();
/// let keys = Keys::new(signing, Arc::new(ring));
/// assert!(keys.signing().signing_kid().is_some());
///
/// // Where they are looked for and are not, none are made up.
/// assert!(Keys::from_env().is_err(), "TOWER_MFA_SIGNING_KEY is not set");
/// ```
#[derive(Clone)]
pub struct Keys {
    signing: KeySet,
    ring: Arc<dyn KeyRing>,
}

impl Keys {
    /// Takes keys from wherever the host has them: a secret manager, a key-management service.
    #[must_use]
    pub fn new(signing: KeySet, ring: Arc<dyn KeyRing>) -> Self {
        Self { signing, ring }
    }

    /// Makes keys that live as long as the process, for tests and demos.
    ///
    /// # Errors
    ///
    /// [`KeysError`] when the system gives no randomness.
    pub fn generate() -> Result<Self, KeysError> {
        let signing = SigningKey::generate(Algorithm::Rs256).map_err(KeysError::new("generate a signing key"))?;
        let master = MasterKey::generate(&key_name()?, &SystemEntropy).map_err(KeysError::new("draw a master key"))?;
        Self::of(signing, vec![master])
    }

    /// Loads the keys from a folder; makes them where there are none.
    ///
    /// The folder holds `signing-key.pem` (PKCS #8) and `master-keys` (a line each, `name base64`,
    /// the newest first). Both are made with mode 0600 and refused when others can read them, and so
    /// is a folder others can write to: they could put keys of their own in it. Two processes that
    /// start at once get the same keys.
    ///
    /// # Errors
    ///
    /// [`KeysError`] when a file cannot be read or made, is damaged, or can be read by others.
    pub fn load_or_create(folder: impl AsRef<Path>) -> Result<Self, KeysError> {
        let folder = folder.as_ref();
        make_folder(folder).map_err(KeysError::new("make the key folder"))?;
        refuse_shared(folder)?;
        if folder.join(SIGNING_KEY).exists() && !folder.join(MASTER_KEYS).exists() {
            // A new ring would start, and open nothing that the lost one has sealed.
            return Err(KeysError::plain("find the master keys beside the signing key: restore the file master-keys"));
        }
        // The master keys come first, so that a folder half made is never one that has lost them.
        let lines = load_or(&folder.join(MASTER_KEYS), || {
            let key = MasterKey::generate(&key_name()?, &SystemEntropy).map_err(KeysError::new("draw a master key"))?;
            Ok(Zeroizing::new(format!("{} {}\n", key.id(), STANDARD.encode(key.expose()))))
        })?;
        let pem = load_or(&folder.join(SIGNING_KEY), || {
            let key = SigningKey::generate(Algorithm::Rs256).map_err(KeysError::new("generate a signing key"))?;
            let pem = key.to_pkcs8_pem().ok_or(KeysError::plain("write the signing key"))?;
            Ok(Zeroizing::new(pem.expose().to_owned()))
        })?;
        Self::parse(&pem, &lines)
    }

    /// Takes the keys from `TOWER_MFA_SIGNING_KEY` (PKCS #8, PEM) and `TOWER_MFA_MASTER_KEYS`
    /// (`name base64`, a line each, the newest first).
    ///
    /// # Errors
    ///
    /// [`KeysError`] when a variable is missing or damaged.
    pub fn from_env() -> Result<Self, KeysError> {
        Self::parse(&variable("TOWER_MFA_SIGNING_KEY")?, &variable("TOWER_MFA_MASTER_KEYS")?)
    }

    fn parse(pem: &str, lines: &str) -> Result<Self, KeysError> {
        let signing = SigningKey::from_pkcs8_pem(pem).map_err(KeysError::new("read the signing key"))?;
        let ring = lines.lines().filter(|line| !line.trim().is_empty()).map(master_key).collect::<Result<_, _>>()?;
        Self::of(signing, ring)
    }

    fn of(signing: SigningKey, ring: Vec<MasterKey>) -> Result<Self, KeysError> {
        let ring = LocalKeyRing::new(ring).map_err(KeysError::new("read the master keys"))?;
        Ok(Self { signing: KeySet::new(signing), ring: Arc::new(ring) })
    }

    /// Returns the signing keys, which can be rotated while serving.
    #[must_use]
    pub const fn signing(&self) -> &KeySet {
        &self.signing
    }

    pub(super) fn ring(&self) -> Arc<dyn KeyRing> {
        Arc::clone(&self.ring)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

fn variable(name: &'static str) -> Result<Zeroizing<String>, KeysError> {
    std::env::var(name).map(Zeroizing::new).map_err(|error| {
        // The standard library's error prints the value, and the value is a key.
        let rule = if error == std::env::VarError::NotPresent { "must be set" } else { "must be UTF-8" };
        KeysError::new("read the keys from the environment")(ConfigError::new(name, rule))
    })
}

fn key_name() -> Result<String, KeysError> {
    let mut name = [0_u8; 6];
    SystemEntropy.fill(&mut name).map_err(KeysError::new("name a key"))?;
    Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(name))
}

fn master_key(line: &str) -> Result<MasterKey, KeysError> {
    let (name, text) = line.trim().split_once(' ').ok_or(KeysError::plain("read the master keys"))?;
    let bytes = STANDARD.decode(text.trim()).map_err(KeysError::new("read the master keys"))?;
    MasterKey::new(name, SecretBytes::new(bytes)).map_err(KeysError::new("read the master keys"))
}

/// Reads a file only its owner can read, or makes it, once, however many try.
fn load_or(
    path: &Path,
    make: impl FnOnce() -> Result<Zeroizing<String>, KeysError>,
) -> Result<Zeroizing<String>, KeysError> {
    if !path.exists() {
        let draft = draft_of(path)?;
        write_private(&draft, make()?.as_bytes()).map_err(KeysError::new("write a key file"))?;
        // A link is made whole or not at all, and never over a file that is there.
        let linked = fs::hard_link(&draft, path);
        fs::remove_file(&draft).map_err(KeysError::new("write a key file"))?;
        match linked {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(KeysError::new("write a key file")(error));
            }
            _ => {}
        }
    }
    refuse_wide(path)?;
    fs::read_to_string(path).map(Zeroizing::new).map_err(KeysError::new("read a key file"))
}

fn draft_of(path: &Path) -> Result<PathBuf, KeysError> {
    Ok(path.with_extension(format!("draft-{}", key_name()?)))
}

#[cfg(unix)]
fn make_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(unix)]
fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(not(unix))]
fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(unix)]
fn refuse_wide(path: &Path) -> Result<(), KeysError> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path).map_err(KeysError::new("read a key file"))?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let rule = format!("{} must be readable by its owner alone (mode 0600)", path.display());
    Err(KeysError::new("read a key file")(ConfigError::new("keys", rule)))
}

#[cfg(unix)]
fn refuse_shared(folder: &Path) -> Result<(), KeysError> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(folder).map_err(KeysError::new("read the key folder"))?.permissions().mode();
    if mode & 0o022 == 0 {
        return Ok(());
    }
    let rule = format!("{} must be writable by its owner alone (mode 0700)", folder.display());
    Err(KeysError::new("read the key folder")(ConfigError::new("keys", rule)))
}

#[cfg(not(unix))]
fn refuse_shared(_folder: &Path) -> Result<(), KeysError> {
    Ok(())
}

#[cfg(not(unix))]
fn refuse_wide(_path: &Path) -> Result<(), KeysError> {
    Ok(())
}

/// Keys could not be loaded or made.
#[derive(Debug, thiserror::Error)]
#[error("could not {what}")]
pub struct KeysError {
    what: &'static str,
    source: Option<BoxError>,
}

impl KeysError {
    fn new<E: Into<BoxError>>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self { what, source: Some(source.into()) }
    }

    const fn plain(what: &'static str) -> Self {
        Self { what, source: None }
    }
}
