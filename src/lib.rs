//! Multi-factor authentication for tower, axum, hyper and tonic services: one dependency, embedded,
//! without a server or a user table of its own.
//!
//! A host checks passwords and asks [`Mfa::begin`](service::Mfa::begin) what is missing. From there
//! on this crate has it: codes that can be used once, recovery codes that one request redeems,
//! throttles that parallel guesses do not slip through, sessions and tokens that say how a person was
//! authenticated, and layers that refuse a route to whoever has not proved enough.
//!
//! # Three ways in
//!
//! | way | begin with | what it gives |
//! |---|---|---|
//! | **call it** | [`service::Mfa`] | every operation as a method: login, challenges, binding, sessions, operators |
//! | **wrap it** | [`middleware`], [`extract`] | a requirement per route, answered as RFC 9470 says |
//! | **mount it** | [`routes`] | the JSON API of `docs/HTTP.md`, ready to nest into an axum router |
//!
//! A service that only checks tokens takes `default-features = false, features = ["token",
//! "middleware"]`: no store, no runtime. Without features there are one-time passwords and recovery
//! codes, as pure functions.
//!
//! # Where things are
//!
//! | room | what is in it |
//! |---|---|
//! | [`error`], [`clock`], [`entropy`], [`id`], [`network`], [`secret`] | the small words everything else is written in |
//! | [`assurance`] | evidence, levels, requirements, and the one decision |
//! | [`otp`] | HOTP, TOTP, the key URI and its QR code |
//! | [`recovery_code`] | recovery codes: made, typed, hashed, matched |
//! | [`token`] | access tokens: issued, verified, their keys rotated |
//! | [`middleware`] | the tower layers |
//! | [`extract`] | axum extractors |
//! | [`vault`] | sealing at rest |
//! | [`rate_limit`] | how much may be tried from one place, whosever account it is |
//! | [`policy`] | every knob |
//! | [`account`] | the functional core: events, refusals, views |
//! | [`store`] | the one trait a database implements, and the suite it proves itself with |
//! | [`service`] | the shell: [`Mfa`](service::Mfa) |
//! | [`transfer`] | accounts that move, and keys of authenticator apps from other systems |
//! | [`webauthn`] | passkeys and security keys: what their signatures are checked against |
//! | [`routes`] | the JSON API |
//! | [`testing`] | a clock to turn and an authenticator app for your own tests |
//!
//! # Features
//!
//! | feature | default? | what it adds |
//! |---|---|---|
//! | `token` | yes | [`token`]: needs a C compiler, nothing else |
//! | `middleware` | yes | [`middleware`]; implies `token` |
//! | `service` | yes | [`vault`], [`rate_limit`], [`policy`], [`account`], [`store`], [`service`], [`outbox`]; implies `middleware` |
//! | `qr` | yes | the key URI as a QR code |
//! | `tracing` | yes | events and refusals in the log |
//! | `extract` | | [`extract`]; implies `middleware` |
//! | `routes` | | [`routes`]; implies `service`, `extract`, `qr` |
//! | `policy-file` | | [`policy::file`], [`service::PolicyFile`]; implies `service` |
//! | `redis` | | [`store::RedisStore`]; implies `service` |
//! | `sqlite` | | [`store::SqliteStore`]; implies `service` |
//! | `postgres` | | [`store::PostgresStore`]; implies `service` |
//! | `postgres-pool-sqlx-0-9` | | `PostgresOptions::with_pool`, which takes a pool of sqlx 0.9; implies `postgres` |
//! | `webauthn` | | [`webauthn`]; implies `service` |
//! | `webhook` | | [`outbox`]: events as webhooks, signed by the rules of Standard Webhooks; implies `service` |
//! | `metrics` | | [`outbox`]: events as counters of the `metrics` facade; implies `service` |
//! | `transfer` | | [`transfer`]: accounts exported and imported, keys of authenticator apps from other systems; implies `service` |
//! | `testing` | | [`testing`] and [`store::conformance`]; implies `service` |
//!
//! # Always true
//!
//! It fails closed: no token, no layer, no store, no key, a lost race, a clock before 1970 are a
//! refusal, never a pass. Evidence can be made only by a check that has just succeeded, and only
//! evidence becomes assurance, and only assurance becomes a token. Every attempt is committed before
//! it is answered. Secrets do not print.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Evidence, for one, is made only where `service` checks something; its type is always here.
#![cfg_attr(not(feature = "service"), allow(dead_code, unused_imports))]

// The rooms, in the order in which they may use each other.
pub mod error;

pub mod clock;

pub mod entropy;

pub mod id;

pub mod network;

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
pub mod rate_limit;

#[cfg(feature = "service")]
pub mod policy;

#[cfg(feature = "service")]
pub mod account;

#[cfg(feature = "service")]
pub mod store;

#[cfg(feature = "service")]
pub mod service;

#[cfg(feature = "webauthn")]
pub mod webauthn;

#[cfg(feature = "service")]
pub mod outbox;

#[cfg(feature = "transfer")]
pub mod transfer;

#[cfg(feature = "routes")]
pub mod routes;

#[cfg(feature = "testing")]
pub mod testing;

/// The README's example, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
