//! Logins, challenges, and what a right answer gives.

use schemars::JsonSchema;

use super::{Id, Kind, Time};

/// What a completed login, answer or refresh gives. A browser's tokens are in cookies, not here.
#[derive(JsonSchema)]
pub(in crate::routes) struct Tokens {
    #[schemars(extend("const" = "complete"))]
    status: String,
    /// A JWT by RFC 9068, sent as `Authorization: Bearer`.
    #[schemars(skip_serializing_if = "Option::is_none")]
    access_token: Option<String>,
    #[schemars(skip_serializing_if = "Option::is_none", extend("const" = "Bearer"))]
    token_type: Option<String>,
    /// Seconds until the access token ends.
    expires_in: u64,
    /// Good for one refresh. It is left out where the session keeps the one it has.
    #[schemars(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    /// The name of the level that was reached.
    acr: String,
    /// How the person was authenticated (RFC 8176).
    amr: Vec<String>,
    /// When the proof was given that counts for the level.
    auth_time: Option<Time>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    step_up: Option<StepUp>,
}

/// The approval of an action that the access token carries.
#[derive(JsonSchema)]
struct StepUp {
    jti: Id,
    action: String,
    auth_time: Time,
    exp: Time,
    /// `sha-256:` and the digest of the action and its parameters, by RFC 8785.
    #[schemars(skip_serializing_if = "Option::is_none", regex(pattern = "^sha-256:[A-Za-z0-9_-]{43}$"))]
    bind: Option<String>,
}

/// A challenge that is met.
#[derive(JsonSchema)]
#[schemars(rename = "ChallengeMet")]
pub(in crate::routes) struct Met {
    #[schemars(flatten)]
    tokens: Tokens,
    /// How many recovery codes are left, when one was used.
    #[schemars(skip_serializing_if = "Option::is_none")]
    recovery_codes_remaining: Option<u64>,
    /// The new one in the place of the one that was used, where the policy gives one. It is shown once.
    #[schemars(skip_serializing_if = "Option::is_none")]
    recovery_codes: Option<Vec<String>>,
    /// What the challenge was opened with.
    #[schemars(skip_serializing_if = "Option::is_none")]
    state: Option<serde_json::Map<String, serde_json::Value>>,
}

/// A challenge that was opened.
#[derive(JsonSchema)]
#[schemars(rename = "ChallengeOpened")]
pub(in crate::routes) struct Opened {
    challenge_id: Id,
    /// Seconds until it lapses.
    expires_in: u64,
    methods: Vec<Offer>,
}

/// One way to answer a challenge.
#[derive(JsonSchema)]
struct Offer {
    r#type: Kind,
    /// The authenticator to use; recovery codes have none.
    #[schemars(skip_serializing_if = "Option::is_none")]
    authenticator_id: Option<Id>,
    /// The label its owner gave it; may be empty.
    #[schemars(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    /// How many recovery codes are left.
    #[schemars(skip_serializing_if = "Option::is_none")]
    remaining: Option<u64>,
    /// For all keys that may answer: `PublicKeyCredentialRequestOptionsJSON` (WebAuthn §5.1.10).
    #[schemars(skip_serializing_if = "Option::is_none")]
    public_key: Option<serde_json::Map<String, serde_json::Value>>,
}

/// A sign-in with a passkey that has begun.
#[derive(JsonSchema)]
#[schemars(rename = "PasskeyStarted")]
pub(in crate::routes) struct PasskeyStarted {
    challenge_id: Id,
    /// To be given back with the answer, and worthless anywhere else.
    challenge_token: String,
    /// `PublicKeyCredentialRequestOptionsJSON` (WebAuthn §5.1.10), for `navigator.credentials.get`.
    public_key: serde_json::Map<String, serde_json::Value>,
    /// Seconds until it lapses.
    expires_in: u64,
}

/// The origins of other domains that share the RP id.
#[derive(JsonSchema)]
#[schemars(rename = "RelatedOrigins")]
pub(in crate::routes) struct RelatedOrigins {
    origins: Vec<String>,
}

/// A challenge that waits for its answer.
#[derive(JsonSchema)]
#[schemars(rename = "ChallengePending")]
pub(in crate::routes) struct Pending {
    #[schemars(extend("const" = "pending"))]
    status: String,
    /// Seconds until it lapses.
    expires_in: u64,
    methods: Vec<Offer>,
}

/// A right answer, and another one is wanted.
#[derive(JsonSchema)]
#[schemars(rename = "ChallengeContinued")]
pub(in crate::routes) struct More {
    #[schemars(extend("const" = "challenge"))]
    status: String,
    #[schemars(flatten)]
    opened: Opened,
}

/// What a right answer led to.
#[derive(JsonSchema)]
#[schemars(untagged, rename = "ChallengeAnswered")]
pub(in crate::routes) enum Verified {
    Met(Box<Met>),
    More(More),
    Enrolment(Enrolment),
}

/// A login was answered, and another authenticator has to be bound before there is a session.
#[derive(JsonSchema)]
#[schemars(rename = "ChallengeEnrolmentRequired")]
pub(in crate::routes) struct Enrolment {
    #[schemars(flatten)]
    enrolment: LoginEnrolment,
    /// The new one in the place of the one that was used, where the policy gives one. It is shown once.
    #[schemars(skip_serializing_if = "Option::is_none")]
    recovery_codes: Option<Vec<String>>,
}

/// What the host's own login route answers.
#[derive(JsonSchema)]
#[schemars(untagged, rename = "LoginOutcome")]
pub(in crate::routes) enum Login {
    Complete(Box<Tokens>),
    Challenge(LoginChallenge),
    Enrolment(LoginEnrolment),
    Blocked(LoginBlocked),
}

/// A second factor is wanted.
#[derive(JsonSchema)]
pub(in crate::routes) struct LoginChallenge {
    #[schemars(extend("const" = "challenge"))]
    status: String,
    challenge_id: Id,
    /// Proof that the first factor succeeded: opens this challenge and nothing else.
    challenge_token: String,
    /// Seconds until it lapses.
    expires_in: u64,
    methods: Vec<Offer>,
}

/// A first authenticator, or another one, has to be bound before there is a session.
#[derive(JsonSchema)]
#[schemars(rename = "LoginEnrolmentRequired")]
pub(in crate::routes) struct LoginEnrolment {
    #[schemars(extend("const" = "enrolment_required"))]
    status: String,
    /// Opens the routes of enrolment and nothing else.
    enrolment_token: String,
    /// Seconds until it lapses.
    expires_in: u64,
    /// What can be bound.
    allowed: Vec<Kind>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Reason {
    Disabled,
    Throttled,
}

/// Nothing usable is bound, or everything that is, is locked.
#[derive(JsonSchema)]
pub(in crate::routes) struct LoginBlocked {
    #[schemars(extend("const" = "blocked"))]
    status: String,
    reason: Reason,
    /// Seconds until a way is free again.
    #[schemars(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    /// Ways to recover the account.
    recovery: Vec<Kind>,
}
