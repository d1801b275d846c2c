//! Passkeys and security keys: who asks, and what the answers of authenticators are checked against.
//!
//! [`RelyingParty`] says for which site credentials are made, from which origins they may be used,
//! and whose attestations are believed. Everything that is checked of a ceremony follows from it and
//! from the question; what the answer then means for an account is decided in
//! [`account`](crate::account).
//!
//! # What is checked here, and what by the library
//!
//! Signatures, points on curves, attestation statements and certificate chains are the library's
//! (webauthn-rs-core). Everything a ceremony compares is read here, more strictly than there: the
//! client data byte for byte, a CBOR that two readers cannot read in two ways, authenticator data
//! without anything behind it. A new credential is read by both, and what they read must be the same.
//!
//! # Limits
//!
//! - ES256, ES384 and RS256 with 2,048 bits; neither Ed25519 nor P-521: the library has none.
//! - The attestation formats `none`, `packed`, `fido-u2f`, `apple` and `android-key`. A `tpm`
//!   statement is refused, for the library cannot check any that does not use SHA-1. It comes only
//!   where attestation is asked for: browsers take statements away otherwise.
//! - Whether the certificates of an attestation are valid today is asked of the system's clock, not of
//!   the service's [`Clock`](crate::clock::Clock). Revocation is not looked up: take the root out.
//! - Origins are those of web pages. An Android app's (`android:apk-key-hash:…`) is none.
//! - What a client sends wrongly the library logs, some of it as an error, under `webauthn_rs_core`.
//! - A root certificate must be marked as an authority that signs certificates (basic constraints and
//!   key usage), or no chain ends in it.

mod assert;
mod attestation;
mod authenticator_data;
mod cbor;
mod ceremony;
mod client_data;
#[cfg(fuzzing)]
pub mod fuzzing;
mod into_mfa;
mod key;
mod library;
mod models;
mod origin;
mod register;
mod relying_party;
#[cfg(test)]
mod tests;

pub use relying_party::{RelyingParty, RelyingPartyBuilder};
