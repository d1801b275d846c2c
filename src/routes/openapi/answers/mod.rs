//! What is answered, as schemas.
//!
//! The rooms above write these answers and know nothing of schemas, so they are described here.
//! `tests/http/openapi.rs` holds every real answer of these tests against its description, and no
//! member may be in one and not in the other.
#![expect(dead_code, reason = "these types describe what other types write; none is ever made")]

mod admin;
mod authenticators;
mod challenges;
mod sessions;

pub(in crate::routes) use admin::Explanation;
pub(in crate::routes) use authenticators::{Authenticator, Begun, Bound, Codes, Status};
pub(in crate::routes) use challenges::{Login, Met, Opened, PasskeyStarted, Pending, RelatedOrigins, Tokens, Verified};
pub(in crate::routes) use sessions::{Document, Events, JwkSet, Sessions};

use schemars::JsonSchema;

use crate::assurance::Method;
use crate::middleware::problem::Code;

/// 128 random bits as 22 characters of base64url. An id is no secret and has no power of its own.
#[derive(JsonSchema)]
pub(in crate::routes) struct Id(#[schemars(regex(pattern = "^[A-Za-z0-9_-]{21}[AQgw]$"))] String);

/// Unix time, in seconds.
#[derive(JsonSchema)]
struct Time(u64);

/// A kind of authenticator or answer. There will be more of them.
#[derive(JsonSchema)]
#[schemars(extend("enum" = kinds()))]
struct Kind(String);

fn kinds() -> Vec<&'static str> {
    Method::ALL.iter().map(|method| method.name()).collect()
}

/// A refusal (RFC 9457). `code` is stable, and all that a client has to look at.
#[derive(JsonSchema)]
pub(super) struct Problem {
    r#type: String,
    title: String,
    status: u16,
    /// For a person.
    detail: String,
    code: CodeName,
    /// The member of the request that is to blame.
    #[schemars(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// How many more answers may be wrong before the next temporary lock.
    #[schemars(skip_serializing_if = "Option::is_none")]
    attempts_remaining: Option<u32>,
    /// Seconds until it is worth another try.
    #[schemars(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    /// The kinds that could be bound and would meet the requirement.
    #[schemars(skip_serializing_if = "Option::is_none")]
    allowed: Option<Vec<Kind>>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    required: Option<Required>,
    /// What is missing of it, like `level` or `freshness`.
    #[schemars(skip_serializing_if = "Option::is_none")]
    missing: Option<Vec<String>>,
    /// Where a challenge is opened.
    #[schemars(skip_serializing_if = "Option::is_none")]
    step_up_uri: Option<String>,
    /// The action that has to be approved.
    #[schemars(skip_serializing_if = "Option::is_none")]
    action: Option<String>,
    /// The parameters the approval is to be bound to.
    #[schemars(skip_serializing_if = "Option::is_none")]
    bind: Option<Vec<String>>,
}

/// The `code` of a refusal.
#[derive(JsonSchema)]
#[schemars(inline, extend("enum" = codes()))]
struct CodeName(String);

fn codes() -> Vec<&'static str> {
    Code::ALL.iter().map(|code| code.name()).collect()
}

/// What a request asks for (RFC 9470).
#[derive(JsonSchema)]
struct Required {
    acr: String,
    /// How old the proof may be, in seconds.
    #[schemars(skip_serializing_if = "Option::is_none")]
    max_age: Option<u32>,
    /// Whether it must resist phishing.
    #[schemars(skip_serializing_if = "Option::is_none")]
    phr: Option<bool>,
    /// The kinds of proof of which one is to be brought next.
    #[schemars(skip_serializing_if = "Option::is_none")]
    kinds: Option<Vec<String>>,
}
