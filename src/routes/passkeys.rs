//! Signing in with a passkey alone.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::address::From;
use super::answer;
use super::body::{Json, OptionalJson};
use super::problems::{Refused, invalid, write};
use crate::account::{OptionsJson, Refusal};
use crate::id::ChallengeId;
use crate::middleware::problem::{Code, Problem};
use crate::secret::SecretString;
use crate::service::Mfa;

/// Longest username, in bytes: no subject's id is longer.
const NAME_MAX: usize = 255;

/// Who wants to sign in; whoever has a passkey, without a name.
#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "StartPasskey")]
pub(super) struct StartBody {
    #[schemars(length(min = 1, max = 255))]
    username: Option<Box<str>>,
}

#[derive(Serialize)]
struct Started<'a> {
    challenge_id: ChallengeId,
    challenge_token: &'a str,
    public_key: &'a OptionsJson,
    expires_in: u32,
}

pub(super) async fn start(
    State(mfa): State<Mfa>,
    From(from): From,
    OptionalJson(body): OptionalJson<StartBody>,
) -> Result<Response, Response> {
    if body.username.as_ref().is_some_and(|name| name.is_empty() || name.len() > NAME_MAX) {
        return Err(write(invalid("username", "must be 1 to 255 bytes")));
    }
    let started = from.start_passkey(body.username.as_deref()).await;
    let started = started.map_err(Refused::by(&mfa)).map_err(Refused::into_response)?;
    let body = Started {
        challenge_id: started.id,
        challenge_token: started.token.expose(),
        public_key: &started.public_key,
        expires_in: started.expires_in,
    };
    Ok(answer::written(StatusCode::OK, &body))
}

/// From which other origins our passkeys may be used (WA-5.11-a); not found where there are none to ask for.
pub(super) async fn related_origins(State(mfa): State<Mfa>) -> Response {
    match mfa.related_origins_json() {
        Some(origins) => answer::json(StatusCode::OK, origins),
        None => write(Problem::new(Code::NotFound)),
    }
}

/// What the browser gave.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "FinishPasskey")]
pub(super) struct FinishBody {
    challenge_id: String,
    challenge_token: Box<str>,
    /// `AuthenticationResponseJSON`.
    credential: Map<String, Value>,
}

pub(super) async fn finish(
    State(mfa): State<Mfa>,
    From(from): From,
    headers: HeaderMap,
    Json(body): Json<FinishBody>,
) -> Result<Response, Response> {
    // Another site must not sign its own user in here.
    answer::login_allowed(&mfa, &headers)?;
    let refused = |error| Refused::by(&mfa)(error).into_response();
    let id = body.challenge_id.parse().map_err(|_| refused(Refusal::InvalidToken.into()))?;
    let token = SecretString::new(body.challenge_token);
    let credential = Value::Object(body.credential).to_string();
    let outcome = from.finish_passkey(id, &token, &credential).await.map_err(refused)?;
    Ok(answer::login(&mfa, &headers, &outcome))
}
