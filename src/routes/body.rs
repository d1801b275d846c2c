//! The JSON of a request: refused in our own words, never echoing what stands in it.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
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
        serde_json::from_slice(&body).map(Self).map_err(|error| write(malformed(&error)))
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
        serde_json::from_slice(&body).map(Self).map_err(|error| write(malformed(&error)))
    }
}

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

/// Names the member that is unknown or missing. The parser's own words may repeat a value, and a
/// value may be a code, so they are not passed on.
fn malformed(error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    let named = |kind: &str| {
        let (_, rest) = text.split_once(kind)?;
        let (name, _) = rest.strip_prefix('`')?.split_once('`')?;
        Some(name.chars().take(64).collect::<String>())
    };
    let problem = Problem::new(Code::InvalidRequest);
    if let Some(field) = named("unknown field ") {
        return problem.detail(format!("The member {field:?} is unknown.")).field(field);
    }
    if let Some(field) = named("missing field ") {
        return problem.detail(format!("The member {field:?} is missing.")).field(field);
    }
    if let Some(field) = named("duplicate field ") {
        return problem.detail(format!("The member {field:?} stands twice.")).field(field);
    }
    problem.detail(if error.is_data() { "A member has the wrong type." } else { "The body is not well-formed JSON." })
}
