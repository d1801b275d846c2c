//! `?after=&limit=`, for every list.

use axum::extract::{FromRequestParts, Query};
use axum::response::Response;
use http::request::Parts;
use serde::{Deserialize, Serialize};

use super::problems::{invalid, write};

/// Which page of a list is asked for.
pub(super) struct Page {
    pub(super) after: Option<String>,
    pub(super) limit: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    after: Option<String>,
    limit: Option<usize>,
}

impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let Ok(Query(asked)) = Query::<Asked>::from_request_parts(parts, state).await else {
            return Err(write(invalid("limit", "and after are the only parameters, and limit is a number")));
        };
        match asked.limit.unwrap_or(50) {
            limit @ 1..=200 => Ok(Self { after: asked.after, limit }),
            _ => Err(write(invalid("limit", "must be 1 to 200"))),
        }
    }
}

/// A page of a list.
#[derive(Serialize)]
pub(super) struct List<T> {
    pub(super) items: Vec<T>,
    pub(super) next: Option<String>,
}
