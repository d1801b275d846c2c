use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, AES_256_GCM_SIV, Aad, Algorithm, LessSafeKey, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::key::{KeyRing, MasterKey};
use crate::entropy::{self, Entropy, EntropyError};
use crate::id::Subject;
use crate::secret::{SecretBytes, SecretString};

/// First byte of every ciphertext: how it was made.
const VERSION: u8 = 1;
const NONCE_LEN: usize = 12;
/// A token longer than this was not made here, so it is refused before any work.
const TOKEN_MAX: usize = 4096;

/// What a ciphertext is for. It is part of the sub-key and of the associated data, so one kind
/// never opens as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The key of an OTP authenticator.
    OtpSecret,
    /// The host's state beside a challenge.
    ChallengeState,
    /// The key of the chain of a subject's events.
    EventChain,
    /// The proof that the first factor of a login succeeded.
    ChallengeToken,
    /// A sign-in with a passkey that began without an account.
    PasskeyToken,
    /// The right to bind a first authenticator.
    EnrolmentToken,
    /// The right to a new access token.
    RefreshToken,
}

impl Purpose {
    const fn label(self) -> &'static str {
        match self {
            Self::OtpSecret => "otp-secret",
            Self::ChallengeState => "challenge-state",
            Self::EventChain => "event-chain",
            Self::ChallengeToken => "challenge-token",
            Self::PasskeyToken => "passkey-token",
            Self::EnrolmentToken => "enrolment-token",
            Self::RefreshToken => "refresh-token",
        }
    }

    /// What a token of this kind begins with, so that people and scanners can tell what leaked.
    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::OtpSecret | Self::ChallengeState | Self::EventChain => "",
            Self::ChallengeToken => "mfac_",
            Self::PasskeyToken => "mfap_",
            Self::EnrolmentToken => "mfae_",
            Self::RefreshToken => "mfar_",
        }
    }
}

/// Why something could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VaultError {
    /// No key of that name, wrong place, or changed bytes. Which of them is not told apart: all
    /// of them are in an attacker's hands.
    #[error("the ciphertext does not open here")]
    Closed,
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

/// Seals and opens with the keys of a ring.
#[derive(Clone)]
pub(crate) struct Vault {
    ring: Arc<dyn KeyRing>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault")
    }
}

impl Vault {
    pub(crate) fn new(ring: Arc<dyn KeyRing>) -> Self {
        Self { ring }
    }

    /// Seals what is kept in a subject's document, for one purpose and one object.
    pub(crate) fn seal(
        &self,
        purpose: Purpose,
        subject: &Subject,
        object: &[u8],
        plaintext: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<String, VaultError> {
        seal_at_rest(&self.ring.newest(), (purpose, subject, object), plaintext, entropy)
    }

    /// Seals as [`Vault::seal`] does, with the key that `sealed` is sealed with: whoever could open that can open
    /// this, a replica that has not been given the newest key among them.
    pub(crate) fn seal_like(
        &self,
        sealed: &str,
        (purpose, subject, object): (Purpose, &Subject, &[u8]),
        plaintext: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<String, VaultError> {
        let (key, _) = self.split(sealed)?;
        seal_at_rest(&key, (purpose, subject, object), plaintext, entropy)
    }

    /// Opens what [`Vault::seal`] sealed at exactly this place.
    pub(crate) fn open(
        &self,
        purpose: Purpose,
        subject: &Subject,
        object: &[u8],
        sealed: &str,
    ) -> Result<SecretBytes, VaultError> {
        let (key, body) = self.split(sealed)?;
        let subject = subject.storage_key();
        let aead = at_rest_key(&key, purpose, &subject)?;
        open_with(&aead, &aad(purpose, &subject, object), body)
    }

    /// The name of the newest key.
    pub(crate) fn newest_id(&self) -> String {
        self.ring.newest().id().to_owned()
    }

    /// Whether a ciphertext was sealed with the newest key; unchanged ones are not sealed again.
    pub(crate) fn is_newest(&self, sealed: &str) -> bool {
        sealed.split_once('.').is_some_and(|(id, _)| id == self.ring.newest().id())
    }

    /// Seals a token for a client to carry.
    ///
    /// The nonce is given by the caller: a token that must come out the same when it is made again
    /// (a refresh token whose answer was lost) is made with the same nonce.
    pub(crate) fn seal_token(
        &self,
        purpose: Purpose,
        plaintext: &[u8],
        nonce: [u8; NONCE_LEN],
    ) -> Result<SecretString, VaultError> {
        let key = self.ring.newest();
        let aead = token_key(&key, purpose)?;
        let body = seal_with(aead, nonce, &aad(purpose, "", b""), &key, plaintext)?;
        Ok(SecretString::new(format!("{}{body}", purpose.prefix())))
    }

    /// Opens a token of this kind; garbage costs no more than the derivation of a key.
    pub(crate) fn open_token(&self, purpose: Purpose, token: &str) -> Result<SecretBytes, VaultError> {
        if token.len() > TOKEN_MAX {
            return Err(VaultError::Closed);
        }
        let sealed = token.strip_prefix(purpose.prefix()).ok_or(VaultError::Closed)?;
        let (key, body) = self.split(sealed)?;
        let aead = token_key(&key, purpose)?;
        open_with(aead, &aad(purpose, "", b""), body)
    }

    /// A keyed hash of `parts`, the same for as long as the ring keeps its oldest key: for what must be
    /// stable, look random and be written nowhere. `parts` are told apart by their lengths.
    pub(crate) fn keyed_hash(&self, parts: &[&[u8]]) -> Result<[u8; 32], VaultError> {
        let lengths: Vec<[u8; 8]> = parts.iter().map(|part| part.len().to_be_bytes()).collect();
        let framed = lengths.iter().zip(parts).flat_map(|(length, part)| [&length[..], part]);
        let info: Vec<&[u8]> = std::iter::once(&b"tower-mfa keyed hash "[..]).chain(framed).collect();
        self.ring.oldest().derive(&info).ok_or(VaultError::Closed)
    }

    fn split<'a>(&self, sealed: &'a str) -> Result<(MasterKey, &'a str), VaultError> {
        let (id, body) = sealed.split_once('.').ok_or(VaultError::Closed)?;
        Ok((self.ring.key(id).ok_or(VaultError::Closed)?, body))
    }
}

fn seal_at_rest(
    key: &MasterKey,
    (purpose, subject, object): (Purpose, &Subject, &[u8]),
    plaintext: &[u8],
    entropy: &dyn Entropy,
) -> Result<String, VaultError> {
    let subject = subject.storage_key();
    let aead = at_rest_key(key, purpose, &subject)?;
    let nonce = entropy::bytes::<NONCE_LEN>(entropy)?;
    seal_with(&aead, nonce, &aad(purpose, &subject, object), key, plaintext)
}

fn at_rest_key(key: &MasterKey, purpose: Purpose, subject: &str) -> Result<LessSafeKey, VaultError> {
    aead_key(&AES_256_GCM, key, &[b"tower-mfa at-rest ", purpose.label().as_bytes(), b"\x1f", subject.as_bytes()])
}

fn token_key(key: &MasterKey, purpose: Purpose) -> Result<&LessSafeKey, VaultError> {
    let known = match purpose {
        Purpose::ChallengeToken => &key.token_keys().challenge,
        Purpose::PasskeyToken => &key.token_keys().passkey,
        Purpose::EnrolmentToken => &key.token_keys().enrolment,
        Purpose::RefreshToken => &key.token_keys().refresh,
        Purpose::OtpSecret | Purpose::ChallengeState | Purpose::EventChain => return Err(VaultError::Closed),
    };
    if let Some(known) = known.get() {
        return Ok(known);
    }
    let derived = aead_key(&AES_256_GCM_SIV, key, &[b"tower-mfa token ", purpose.label().as_bytes()])?;
    Ok(known.get_or_init(|| derived))
}

fn aead_key(algorithm: &'static Algorithm, key: &MasterKey, info: &[&[u8]]) -> Result<LessSafeKey, VaultError> {
    let bytes = Zeroizing::new(key.derive(info).ok_or(VaultError::Closed)?);
    UnboundKey::new(algorithm, &*bytes).map(LessSafeKey::new).map_err(|_| VaultError::Closed)
}

/// Version, purpose, subject and object. The parts before the last cannot contain the separator.
fn aad(purpose: Purpose, subject: &str, object: &[u8]) -> Vec<u8> {
    [&[VERSION], purpose.label().as_bytes(), b"\x1e", subject.as_bytes(), b"\x1e", object].concat()
}

fn seal_with(
    aead: &LessSafeKey,
    nonce: [u8; NONCE_LEN],
    aad: &[u8],
    key: &MasterKey,
    plaintext: &[u8],
) -> Result<String, VaultError> {
    let mut body = Zeroizing::new(plaintext.to_vec());
    let tag = aead
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), &mut body)
        .map_err(|_| VaultError::Closed)?;
    let sealed = [&[VERSION][..], &nonce, &body, tag.as_ref()].concat();
    Ok(format!("{}.{}", key.id(), URL_SAFE_NO_PAD.encode(sealed)))
}

fn open_with(aead: &LessSafeKey, aad: &[u8], body: &str) -> Result<SecretBytes, VaultError> {
    let mut sealed = Zeroizing::new(URL_SAFE_NO_PAD.decode(body).map_err(|_| VaultError::Closed)?);
    let (header, ciphertext) = sealed.split_at_mut_checked(1 + NONCE_LEN).ok_or(VaultError::Closed)?;
    let (version, nonce) = header.split_first().ok_or(VaultError::Closed)?;
    if *version != VERSION {
        return Err(VaultError::Closed);
    }
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| VaultError::Closed)?;
    let plaintext = aead.open_in_place(nonce, Aad::from(aad), ciphertext).map_err(|_| VaultError::Closed)?;
    Ok(SecretBytes::new(&*plaintext))
}
