use std::fmt;

use serde::{Deserialize, Serialize};

use super::key::{Challenge, CredentialId, PublicKey};
use super::response::{Assertion, Registration};
use crate::error::BoxError;
use crate::id::Aaguid;

/// Who asks: what an authenticator is told, and shows its user.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Relying<'a> {
    pub(crate) id: &'a str,
    pub(crate) name: &'a str,
}

/// Checks what authenticators have signed. Implemented by `webauthn::RelyingParty`.
///
/// Both are pure: one answer for one question at any time (the validity of attestation certificates
/// apart, for which the library reads the system's clock). Single use, expiry, counters, backup flags
/// and whose credential it is are the account's to decide, not theirs.
pub(crate) trait Ceremonies: Send + Sync + fmt::Debug {
    fn relying(&self) -> Relying<'_>;

    /// Checks a new credential (WebAuthn §7.1, steps 1 to 25).
    fn register(
        &self,
        registration: &Registration,
        expected: &ExpectedRegistration,
    ) -> Result<Registered, CeremonyError>;

    /// Checks an assertion against one key (WebAuthn §7.2, steps 7 to 21).
    fn assert(&self, assertion: &Assertion, expected: &ExpectedAssertion<'_>) -> Result<Asserted, CeremonyError>;

    /// The body of `/.well-known/webauthn` (WA-5.11-a).
    fn related_origins(&self) -> String;

    /// Whether the root of this fingerprint is still one of ours.
    fn trusts_root(&self, sha256: &[u8; 32]) -> bool;

    /// The name of a well-known model.
    fn model(&self, aaguid: Aaguid) -> Option<&'static str>;
}

/// What a registration must answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExpectedRegistration {
    pub(crate) challenge: Challenge,
    pub(crate) user_verification: bool,
    /// A certificate chain to one of the relying party's roots is wanted.
    pub(crate) attested: bool,
}

/// What an assertion must answer, and with which key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExpectedAssertion<'a> {
    pub(crate) challenge: Challenge,
    pub(crate) id: &'a CredentialId,
    pub(crate) public_key: &'a PublicKey,
    pub(crate) user_verification: bool,
}

/// How far the model of an authenticator is vouched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Attestation {
    /// Nothing was said, or nothing that leads to a root we know.
    #[default]
    None,
    /// By the credential itself: that proves possession, and nothing of the model.
    Itself,
    /// By a chain to a configured root, named by the SHA-256 of its certificate.
    Rooted(#[serde(with = "super::base64url")] [u8; 32]),
}

/// A credential that was checked.
#[derive(Debug, Clone)]
pub(crate) struct Registered {
    pub(crate) id: CredentialId,
    pub(crate) public_key: PublicKey,
    pub(crate) counter: u32,
    pub(crate) user_verified: bool,
    pub(crate) backup_eligible: bool,
    pub(crate) backed_up: bool,
    pub(crate) aaguid: Aaguid,
    pub(crate) attestation: Attestation,
}

/// What an assertion that was checked says: the flags and the counter that were signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asserted {
    pub(crate) counter: u32,
    pub(crate) user_verified: bool,
    pub(crate) backup_eligible: bool,
    pub(crate) backed_up: bool,
}

/// Why a ceremony failed: for the operator alone, the client hears one answer for all.
#[derive(Debug, thiserror::Error)]
#[error("{rule}")]
pub(crate) struct CeremonyError {
    /// Which check it was, as STANDARDS names it where it does: `WA-AUTH-12 origin`.
    pub(crate) rule: &'static str,
    #[source]
    pub(crate) source: Option<BoxError>,
}
