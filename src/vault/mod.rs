//! Sealing at rest: what the document must not show, and the opaque tokens a client carries.
//!
//! Two ways to seal, both with keys derived by HKDF-SHA-256 (RFC 5869) from a ring of master keys:
//!
//! * **At rest** (`Vault::seal`): AES-256-GCM under a sub-key of purpose *and subject*, a random
//!   96-bit nonce, and version, purpose, subject and object id as associated data. A ciphertext
//!   copied to another row, another user or another field does not open.
//! * **Tokens** (`Vault::seal_token`): AES-256-GCM-SIV (RFC 8452) under a sub-key of the purpose.
//!   Tokens are sealed at a high rate, where the random nonces of GCM would begin to repeat; with
//!   SIV a repeated nonce tells only that two plaintexts are equal. The purpose is the token's
//!   type: a challenge token opens as nothing else.
//!
//! Every ciphertext names its key, so that keys can be rotated while serving: new writes use the
//! newest, old ones stay readable until they are re-sealed.
//!
//! ```
//! use tower_mfa::entropy::SystemEntropy;
//! use tower_mfa::vault::{LocalKeyRing, MasterKey};
//!
//! let ring = LocalKeyRing::new(vec![MasterKey::generate("2026-11", &SystemEntropy).unwrap()]);
//! assert!(ring.is_ok());
//! assert!(LocalKeyRing::new(vec![]).is_err(), "without a key nothing could be sealed");
//! ```

mod chain_key;
mod key;
mod seal;
#[cfg(test)]
mod tests;

pub(crate) use chain_key::{CHAIN_MAC, ChainKey, ChainMac};
pub use key::{KeyRing, LocalKeyRing, MasterKey};
pub(crate) use seal::{Purpose, Vault, VaultError};
