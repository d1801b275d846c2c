//! What is bound, and how the caller stands.

use schemars::JsonSchema;

use super::challenges::Tokens;
use super::{Id, Kind, Time};

/// The state an authenticator is in.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum AuthenticatorStatus {
    Pending,
    Active,
    Disabled,
    Suspended,
    Expired,
}

/// Something that is bound, or waits to be.
#[derive(JsonSchema)]
#[schemars(rename = "Authenticator")]
struct View {
    id: Id,
    r#type: Kind,
    /// The label its owner gave it; may be empty.
    label: String,
    created_at: Time,
    /// `null` before the first time.
    last_used_at: Option<Time>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Time>,
    status: AuthenticatorStatus,
    /// Whether a look-alike site cannot pass its proof on.
    phishing_resistant: bool,
    /// Of a key.
    #[schemars(skip_serializing_if = "Option::is_none", extend("enum" = ["passkey", "security_key"]))]
    kind: Option<String>,
    /// Of a key: whether it can be copied to other devices.
    #[schemars(skip_serializing_if = "Option::is_none")]
    synced: Option<bool>,
    /// Of a key: its model, where it says so.
    #[schemars(skip_serializing_if = "Option::is_none")]
    aaguid: Option<String>,
    /// The model's name, where it is well known.
    #[schemars(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// Of a key: how the browser can reach it, where it says so.
    #[schemars(skip_serializing_if = "Option::is_none")]
    transports: Option<Vec<String>>,
}

/// An authenticator, after it was changed.
#[derive(JsonSchema)]
#[schemars(rename = "AuthenticatorChanged")]
pub(in crate::routes) struct Authenticator {
    authenticator: View,
}

/// A binding that has begun. It holds the key: show it to its owner and keep it nowhere.
#[derive(JsonSchema)]
#[schemars(rename = "AuthenticatorStarted")]
pub(in crate::routes) struct Started {
    id: Id,
    r#type: Kind,
    /// The key in base 32, to type where a QR code cannot be read.
    secret: String,
    otpauth_uri: String,
    /// The key URI as a QR code: an SVG image.
    qr_svg: String,
    /// Seconds until it lapses unconfirmed.
    expires_in: u64,
}

/// The binding of a key that has begun.
#[derive(JsonSchema)]
#[schemars(rename = "KeyStarted")]
pub(in crate::routes) struct StartedKey {
    id: Id,
    r#type: Kind,
    /// `PublicKeyCredentialCreationOptionsJSON` (WebAuthn §5.1.9), for `navigator.credentials.create`.
    public_key: serde_json::Map<String, serde_json::Value>,
    /// Seconds until it lapses unconfirmed.
    expires_in: u64,
}

/// A binding that has begun.
#[derive(JsonSchema)]
#[schemars(untagged, rename = "BindingStarted")]
pub(in crate::routes) enum Begun {
    App(Started),
    Key(StartedKey),
}

/// An authenticator that was just bound, and the session's new tokens.
#[derive(JsonSchema)]
#[schemars(rename = "AuthenticatorBound")]
pub(in crate::routes) struct Bound {
    #[schemars(flatten)]
    tokens: Tokens,
    authenticator: View,
    /// With the first authenticator, and never again.
    #[schemars(skip_serializing_if = "Option::is_none")]
    recovery_codes: Option<Vec<String>>,
}

/// A new set of recovery codes.
#[derive(JsonSchema)]
#[schemars(rename = "RecoveryCodes")]
pub(in crate::routes) struct Codes {
    recovery_codes: Vec<String>,
}

/// How many recovery codes there are.
#[derive(JsonSchema)]
struct RecoveryCodesLeft {
    remaining: u64,
    total: u64,
    /// `null` when there never were any.
    created_at: Option<Time>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Enrolment {
    Required,
    Optional,
    Complete,
}

/// Which keys are left: `AllAcceptedCredentialsOptions` of WebAuthn.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
struct AcceptedCredentials {
    rp_id: String,
    user_id: String,
    all_accepted_credential_ids: Vec<String>,
}

/// How the caller stands.
#[derive(JsonSchema)]
pub(in crate::routes) struct Status {
    subject: String,
    #[schemars(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    acr: String,
    amr: Vec<String>,
    auth_time: Option<Time>,
    enrolment: Enrolment,
    /// Until when logins are complete without what is required; left out where there is no such date.
    #[schemars(skip_serializing_if = "Option::is_none")]
    grace_until: Option<Time>,
    authenticators: Vec<View>,
    /// For `PublicKeyCredential.signalAllAcceptedCredentials`; left out where no key was ever asked for.
    #[schemars(skip_serializing_if = "Option::is_none")]
    accepted_credentials: Option<AcceptedCredentials>,
    recovery_codes: RecoveryCodesLeft,
    /// How many sessions there are.
    sessions: u64,
}
