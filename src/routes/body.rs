//! The JSON of a request: refused in our own words, never echoing what stands in it.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::problems::write;
use crate::middleware::problem::{Code, Problem};

/// A JSON body of the shape `T`; unknown members are refused.
pub(super) struct Json<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        if !is_json(&request) {
            return Err(write(Problem::new(Code::UnsupportedMediaType)));
        }
        let body = read(request, state).await?;
        parse(&body).map(Self)
    }
}

/// A JSON body that may be left out: a browser's request has its token in a cookie.
pub(super) struct OptionalJson<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for OptionalJson<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let is_json = is_json(&request);
        let body = read(request, state).await?;
        if body.is_empty() {
            return Ok(Self(T::default()));
        }
        if !is_json {
            return Err(write(Problem::new(Code::UnsupportedMediaType)));
        }
        parse(&body).map(Self)
    }
}

/// No body, or an empty object, for a route that documents none: what a client meant to say here
/// is not passed over.
#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(description = "An empty object.")]
pub(super) struct Nothing {}

async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Response> {
    Bytes::from_request(request, state).await.map_err(|rejection| {
        let too_large = rejection.into_response().status() == StatusCode::PAYLOAD_TOO_LARGE;
        write(Problem::new(if too_large { Code::TooLarge } else { Code::InvalidRequest }))
    })
}

fn is_json(request: &Request) -> bool {
    let value = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Response> {
    serde_json::from_slice(body).map_err(|error| write(malformed::<T>(body, &error)))
}

/// Names the member that is unknown or missing. The parser's own words may repeat a value, and a
/// value may be a code, so they are not passed on.
fn malformed<T: DeserializeOwned>(body: &[u8], error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    let problem = Problem::new(Code::InvalidRequest);
    for (kind, rule) in [("unknown", "is unknown"), ("missing", "is missing"), ("duplicate", "stands twice")] {
        if let Some(field) = named(&text, kind) {
            return problem.detail(format!("The member {field:?} {rule}.")).field(field);
        }
    }
    match mistyped::<T>(body).filter(|_| error.is_data()) {
        Some(field) => problem.detail(format!("The member {field:?} has the wrong type.")).field(field),
        None if error.is_data() => problem.detail("The body must be a JSON object."),
        None => problem.detail("The body is not well-formed JSON."),
    }
}

/// The name behind `unknown field` and the like. Only the beginning is looked at: further on the
/// text repeats what the client wrote.
fn named(text: &str, kind: &str) -> Option<String> {
    let rest = text.strip_prefix(kind)?.strip_prefix(" field `")?;
    rest.split_once('`').map(|(name, _)| name.chars().take(64).collect())
}

/// The member that is refused when it stands alone, where the others are only missed.
fn mistyped<T: DeserializeOwned>(body: &[u8]) -> Option<String> {
    let members: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(body).ok()?;
    let wrong = |(name, value): (String, serde_json::Value)| {
        let alone = serde_json::Value::Object([(name.clone(), value)].into_iter().collect());
        let text = serde_json::from_value::<T>(alone).err()?.to_string();
        ["missing", "unknown"].iter().all(|kind| named(&text, kind).is_none()).then_some(name)
    };
    members.into_iter().find_map(wrong)
}
