//! The opaque tokens a client carries: each names the account it belongs to, so garbage is refused
//! before the store is asked, and each is sealed for one purpose, so none passes for another.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::passkey_login::Whose;
use super::refusal::Refusal;
use super::turn::Turn;
use super::webauthn::Challenge;
use crate::clock::Timestamp;
use crate::entropy::{self, Entropy};
use crate::id::{ChallengeId, SessionId, Subject, TokenId};
use crate::secret::SecretString;
use crate::vault::{Purpose, Vault, VaultError};

/// Proof that the first factor of a login succeeded; opens one challenge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChallengeClaims {
    #[serde(rename = "s")]
    pub(crate) subject: Subject,
    #[serde(rename = "c")]
    pub(crate) challenge: ChallengeId,
    /// When the challenge expires: a token that outlived it costs no look at the store, and no place
    /// in its subject's line.
    #[serde(rename = "e")]
    pub(crate) expires_at: Timestamp,
}

/// A sign-in with a passkey that began without an account: the question is kept by whoever asked it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasskeyClaims {
    #[serde(rename = "c")]
    pub(crate) id: ChallengeId,
    /// What must be signed.
    #[serde(rename = "n")]
    pub(crate) challenge: Challenge,
    #[serde(rename = "o")]
    pub(crate) of: Whose,
    #[serde(rename = "b")]
    pub(crate) began_at: Timestamp,
    #[serde(rename = "e")]
    pub(crate) expires_at: Timestamp,
}

/// The right to bind a first authenticator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EnrolmentClaims {
    #[serde(rename = "s")]
    pub(crate) subject: Subject,
    #[serde(rename = "t")]
    pub(crate) ticket: TokenId,
    #[serde(rename = "e")]
    pub(crate) expires_at: Timestamp,
}

/// The right to a new access token: the nth of a session.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefreshClaims {
    #[serde(rename = "s")]
    pub(crate) subject: Subject,
    #[serde(rename = "i")]
    pub(crate) session: SessionId,
    /// 128 random bits of the session; the document keeps their hash.
    #[serde(rename = "r")]
    pub(crate) key: TokenId,
    #[serde(rename = "n")]
    pub(crate) generation: u32,
    /// When the session ends at the latest, whatever happens.
    #[serde(rename = "e")]
    pub(crate) expires_at: Timestamp,
}

impl ChallengeClaims {
    pub(crate) fn seal(&self, turn: &Turn<'_>) -> Result<SecretString, Refusal> {
        seal(turn, Purpose::ChallengeToken, self, entropy::bytes(turn.entropy)?)
    }

    pub(crate) fn open(vault: &Vault, token: &str) -> Result<Self, VaultError> {
        open(vault, Purpose::ChallengeToken, token)
    }
}

impl PasskeyClaims {
    pub(crate) fn seal(&self, vault: &Vault, entropy: &dyn Entropy) -> Result<SecretString, Refusal> {
        let text = serde_json::to_vec(self).map_err(|_| Refusal::unavailable())?;
        Ok(vault.seal_token(Purpose::PasskeyToken, &text, entropy::bytes(entropy)?)?)
    }

    pub(crate) fn open(vault: &Vault, token: &str) -> Result<Self, VaultError> {
        open(vault, Purpose::PasskeyToken, token)
    }
}

impl EnrolmentClaims {
    pub(crate) fn seal(&self, turn: &Turn<'_>) -> Result<SecretString, Refusal> {
        seal(turn, Purpose::EnrolmentToken, self, entropy::bytes(turn.entropy)?)
    }

    pub(crate) fn open(vault: &Vault, token: &str) -> Result<Self, VaultError> {
        open(vault, Purpose::EnrolmentToken, token)
    }
}

impl RefreshClaims {
    /// Seals with a nonce that follows from the content, so that the same successor is the same
    /// text: a client whose answer was lost gets what it would have got.
    pub(crate) fn seal(&self, turn: &Turn<'_>) -> Result<SecretString, Refusal> {
        let digest = Sha256::new()
            .chain_update(b"tower-mfa refresh nonce ")
            .chain_update(self.key.as_bytes())
            .chain_update(self.session.as_bytes())
            .chain_update(self.generation.to_be_bytes())
            .finalize();
        let mut nonce = [0_u8; 12];
        nonce.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        seal(turn, Purpose::RefreshToken, self, nonce)
    }

    pub(crate) fn open(vault: &Vault, token: &str) -> Result<Self, VaultError> {
        open(vault, Purpose::RefreshToken, token)
    }
}

fn seal<T: Serialize>(turn: &Turn<'_>, purpose: Purpose, claims: &T, nonce: [u8; 12]) -> Result<SecretString, Refusal> {
    let text = serde_json::to_vec(claims).map_err(|_| Refusal::unavailable())?;
    Ok(turn.vault.seal_token(purpose, &text, nonce)?)
}

fn open<T: for<'de> Deserialize<'de>>(vault: &Vault, purpose: Purpose, token: &str) -> Result<T, VaultError> {
    let opened = vault.open_token(purpose, token)?;
    serde_json::from_slice(opened.expose()).map_err(|_| VaultError::Closed)
}
