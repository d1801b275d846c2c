use std::fmt;

use serde::{Deserialize, Serialize};

use super::base64url;
use super::ceremonies::Attestation;
use crate::entropy::{self, Entropy, EntropyError};
use crate::id::Aaguid;

/// Longest credential id, in bytes (WA-REG-25).
const ID_MAX: usize = 1023;

/// The name of a credential, chosen by its authenticator: 1 to 1,023 bytes, and nothing to trust
/// beyond looking it up (WA-13.1).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct CredentialId(#[serde(with = "base64url")] IdBytes);

#[derive(Clone, PartialEq, Eq)]
struct IdBytes(Box<[u8]>);

impl TryFrom<Vec<u8>> for IdBytes {
    type Error = ();

    fn try_from(bytes: Vec<u8>) -> Result<Self, ()> {
        if (1..=ID_MAX).contains(&bytes.len()) { Ok(Self(bytes.into())) } else { Err(()) }
    }
}

impl std::ops::Deref for IdBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl CredentialId {
    /// `None` for no bytes or more than 1,023.
    pub(crate) fn new(bytes: Vec<u8>) -> Option<Self> {
        IdBytes::try_from(bytes).ok().map(Self)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn to_text(&self) -> String {
        base64url::encode(&self.0)
    }
}

impl fmt::Debug for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

/// What an authenticator signs to show that it answers this question and no other: 32 random bytes
/// (WA-13.5.3, N63B-3.1.6.2-a).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Challenge(#[serde(with = "base64url")] [u8; 32]);

impl Challenge {
    /// Asked of nobody.
    pub(crate) const NONE: Self = Self([0; 32]);

    pub(crate) fn generate(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        entropy::bytes(entropy).map(Self)
    }

    pub(crate) fn to_text(self) -> String {
        base64url::encode(&self.0)
    }
}

/// A credential's public key, in a form of our own: the library's is not our schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum PublicKey {
    /// ECDSA; the curve follows from the algorithm (WA-5.8.5-a).
    Ec {
        /// The COSE algorithm: -7 (ES256, P-256) or -35 (ES384, P-384).
        alg: i32,
        #[serde(with = "base64url")]
        x: Vec<u8>,
        #[serde(with = "base64url")]
        y: Vec<u8>,
    },
    Rsa {
        /// The COSE algorithm: -257 (RS256).
        alg: i32,
        #[serde(with = "base64url")]
        n: Vec<u8>,
        #[serde(with = "base64url")]
        e: Vec<u8>,
    },
}

/// How the browser can reach an authenticator, exactly as it has said it, unknown words included
/// (WA-4-transports).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Transports(Vec<Box<str>>);

impl Transports {
    /// Most of them, and the longest; the registered ones are seven, of at most ten bytes.
    const MOST: usize = 8;
    const LONGEST: usize = 32;

    /// `None` where it cannot be a list of transports: it goes into the document and to every browser.
    pub(crate) fn new(words: Vec<Box<str>>) -> Option<Self> {
        let is_word = |word: &str| {
            (1..=Self::LONGEST).contains(&word.len())
                && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        (words.len() <= Self::MOST && words.iter().all(|word| is_word(word))).then_some(Self(words))
    }

    pub(crate) fn words(&self) -> &[Box<str>] {
        &self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What a WebAuthn authenticator was bound as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum KeyKind {
    /// Discoverable where the authenticator can: it signs in by itself.
    Passkey,
    /// Not discoverable: it stands beside a password.
    SecurityKey,
}

impl KeyKind {
    /// Its name on the wire.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Passkey => "passkey",
            Self::SecurityKey => "security_key",
        }
    }
}

/// A bound credential (WA-REG-27).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Key {
    pub(crate) id: CredentialId,
    pub(crate) kind: KeyKind,
    pub(crate) public_key: PublicKey,
    pub(crate) counter: u32,
    /// Whether its user was verified when it was bound, or later beside another factor (WA-4-uvInit).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) uv_initialized: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) backup_eligible: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) backed_up: bool,
    #[serde(default, skip_serializing_if = "Transports::is_empty")]
    pub(crate) transports: Transports,
    #[serde(default, skip_serializing_if = "is_unknown")]
    pub(crate) aaguid: Aaguid,
    #[serde(default)]
    pub(crate) attestation: Attestation,
}

fn is_unknown(aaguid: &Aaguid) -> bool {
    !aaguid.is_known()
}
