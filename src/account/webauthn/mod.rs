//! WebAuthn as the account sees it: what is asked, what comes back, what is kept.
//!
//! Everything here is data and decisions. Whoever checks signatures stands in the room `webauthn` and
//! is reached through [`Ceremonies`]; without it nothing can be bound, and what is bound cannot be used.

mod base64url;
mod ceremonies;
mod key;
mod options;
mod response;

pub(crate) use ceremonies::{
    Asserted, Attestation, Ceremonies, CeremonyError, ExpectedAssertion, ExpectedRegistration, Registered, Relying,
};
pub(crate) use key::{Aaguid, Challenge, CredentialId, Key, KeyKind, PublicKey, Transports};
pub(crate) use options::{Creation, Request};
pub(crate) use response::{Assertion, Registration};
