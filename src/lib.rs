//! Multi-factor authentication for tower services.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Evidence, for one, is made only where `service` checks something; its type is always here.
#![cfg_attr(not(feature = "service"), allow(dead_code, unused_imports))]

// The rooms, in the order in which they may use each other.
pub mod error;

pub mod clock;

pub mod entropy;

pub mod id;

pub mod secret;

pub mod assurance;

pub mod otp;

pub mod recovery_code;

#[cfg(feature = "token")]
pub mod token;

#[cfg(feature = "middleware")]
pub mod middleware;

#[cfg(feature = "extract")]
pub mod extract;

#[cfg(feature = "service")]
pub mod vault;

#[cfg(feature = "service")]
pub mod policy;

#[cfg(feature = "service")]
pub mod account;

#[cfg(feature = "service")]
pub mod store;

#[cfg(all(feature = "service", feature = "tracing"))]
mod trace;

#[cfg(all(feature = "service", not(feature = "tracing")))]
#[path = "trace_off.rs"]
mod trace;

#[cfg(feature = "service")]
pub mod service;

#[cfg(feature = "routes")]
pub mod routes;
