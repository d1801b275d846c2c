//! WebAuthn as the account sees it: what is asked, what comes back, what is kept.
//!
//! Everything here is data and decisions. Whoever checks signatures stands in the room `webauthn` and
//! is reached through [`Ceremonies`]; without it nothing can be bound, and what is bound cannot be used.

#![cfg_attr(not(feature = "webauthn"), expect(dead_code, unused_imports, reason = "the room webauthn checks"))]

pub(super) mod base64url;
mod ceremonies;
mod key;
mod options;
mod response;
mod trust;

pub(crate) use ceremonies::{
    Asserted, Attestation, Ceremonies, CeremonyError, ExpectedAssertion, ExpectedRegistration, Registered, Relying,
};
pub(crate) use key::{Challenge, CredentialId, Key, KeyKind, PublicKey, Transports};
pub use options::OptionsJson;

pub(crate) use crate::id::Aaguid;

pub(crate) use options::{Accepted, Creation, Request, User};
pub(crate) use response::{Assertion, Registration};
pub(crate) use trust::{Trust, best_proof};
