//! Sessions, events, and what anybody may know.

use schemars::JsonSchema;

use super::{Id, Kind, Time};

/// A session.
#[derive(JsonSchema)]
struct Session {
    sid: Id,
    created_at: Time,
    last_seen: Time,
    acr: String,
    amr: Vec<String>,
    /// The client it belongs to.
    client: String,
    /// Where its login came from, where the host said so.
    #[schemars(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// Whether it is the session that asks.
    current: bool,
}

/// A page of sessions.
#[derive(JsonSchema)]
#[schemars(rename = "SessionPage")]
pub(in crate::routes) struct Sessions {
    items: Vec<Session>,
    /// What the next page comes after; `null` on the last.
    next: Option<String>,
}

/// One line of the account's history.
#[derive(JsonSchema)]
struct Event {
    id: Id,
    at: Time,
    /// What happened, like `signed_in` or `answer_refused`. There will be more of them.
    kind: String,
    #[schemars(skip_serializing_if = "Option::is_none")]
    r#type: Option<Kind>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    authenticator_id: Option<Id>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    sid: Option<Id>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    /// Where the request came from, as the host told.
    #[schemars(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    action: Option<String>,
    /// How many: failures so far, codes or sign-ins left.
    #[schemars(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    /// The end of a lock or a grace, an expiry.
    #[schemars(skip_serializing_if = "Option::is_none")]
    until: Option<Time>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// The operator who acted.
    #[schemars(skip_serializing_if = "Option::is_none")]
    actor: Option<String>,
    /// The operator's reason.
    #[schemars(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// A page of the account's history.
#[derive(JsonSchema)]
#[schemars(rename = "EventPage")]
pub(in crate::routes) struct Events {
    items: Vec<Event>,
    /// What the next page comes after; `null` on the last.
    next: Option<String>,
}

/// A public key (RFC 7517).
#[derive(JsonSchema)]
struct Jwk {
    kid: String,
    kty: String,
    alg: String,
    #[schemars(extend("const" = "sig"))]
    r#use: String,
    #[schemars(skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    e: Option<String>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    crv: Option<String>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
}

/// The public keys.
#[derive(JsonSchema)]
pub(in crate::routes) struct JwkSet {
    keys: Vec<Jwk>,
}

/// An OpenAPI document.
#[derive(JsonSchema)]
#[schemars(inline, transparent)]
pub(in crate::routes) struct Document(serde_json::Map<String, serde_json::Value>);
