//! Signed access tokens: issuing, verifying, key sets, and the memory of tokens already verified.
//!
//! A token is a JWT as RFC 9068 profiles it, so any library can verify it through the JWKS. This
//! room knows no account, no store and no HTTP: a service that only checks tokens needs nothing
//! else of this crate but the layers over it.
//!
//! | value | what it is |
//! |---|---|
//! | [`SigningKey`] | one private key, parsed once, or a remote [`Sign`]er behind its public key |
//! | [`VerifyingKey`] | one public key with exactly one [`Algorithm`] |
//! | [`KeySet`] | the keys of one issuer: rotated, withdrawn and replaced while serving |
//! | [`Issuer`] | turns [`Claims`] into a token |
//! | [`Verifier`] | turns a token into an [`Authentication`](crate::assurance::Authentication), or refuses |
//!
//! ```
//! use tower_mfa::clock::Timestamp;
//! use tower_mfa::token::{Algorithm, KeySet, SigningKey};
//!
//! let keys = KeySet::new(SigningKey::generate(Algorithm::EdDsa).unwrap());
//! let old = keys.signing_kid().unwrap();
//!
//! // Rotation with overlap: tokens signed by the old key verify until 1000.
//! keys.rotate(SigningKey::generate(Algorithm::EdDsa).unwrap(), Timestamp::from_secs(1_000)).unwrap();
//! assert!(keys.contains(&old, Timestamp::from_secs(999)));
//! assert!(!keys.contains(&old, Timestamp::from_secs(1_000)));
//! ```
//!
//! # Approvals that are used once
//!
//! A token may carry the approval of one action, bound to its parameters by [`bind_digest`]. A
//! [`TransactionLayer`](crate::middleware::TransactionLayer) compares the digest with the request's own,
//! and spends the approval through [`Redeem`] before the request runs.
//!
//! # What is not offered
//!
//! `none` in any spelling, and HS256: a verifier that holds the key to a MAC can forge every token
//! it accepts, so a symmetric key cannot stand between an issuer and its enforcers (RFC 9068 §2.1
//! recommends asymmetric cryptography). With no symmetric algorithm there is also no way to have a
//! public key taken for a secret one (RFC 8725 §2.1).
//!
//! # Revocation, and other processes
//!
//! [`Verifier::revoke_session`] and [`Verifier::revoke_subject`] act in the process they are called
//! in. Other processes honour an access token until it expires, which is what its short life is for,
//! unless a feed tells them what was revoked (`service::RevocationFeed`, [`Verifier::expect_feed`]) or
//! they ask at every request ([`Introspect`]).
//! What is remembered is bounded for each subject and in all; where there is no room more is refused
//! than was revoked, of the same subject first.

mod bind_digest;
mod claims;
mod elevate;
mod error;
mod freshness;
mod introspect;
mod issuer;
mod jwk;
mod key_set;
mod numeric_date;
mod pem;
mod read;
mod redeem;
mod revocations;
mod seen;
mod signing_key;
#[cfg(test)]
mod tests;
mod verifier;
mod verifying_key;
mod wire;

pub use bind_digest::{BindError, bind_digest, body_digest};
pub(crate) use bind_digest::{WHOLE_REQUEST, check_names, check_parameter};
pub use claims::Claims;
pub use elevate::{Elevate, ElevateError, ElevateErrorKind, ElevateFuture, Elevated, InlineCode};
pub use error::{IssueError, IssueErrorKind, KeyError, KeyErrorKind, TokenError, TokenErrorKind};
pub use introspect::{Introspect, IntrospectError, IntrospectFuture};
pub use issuer::Issuer;
pub(crate) use issuer::is_scope_token;
pub use key_set::KeySet;
pub use redeem::{Redeem, RedeemError, RedeemFuture, Redeemed};
pub use signing_key::{Sign, SignFuture, SigningKey};
pub use verifier::Verifier;
pub use verifying_key::{Algorithm, VerifyingKey};

/// Longest token that is read or issued, in bytes.
pub(crate) const MAX_TOKEN: usize = 16 * 1024;
