//! `?after=&limit=`, for every list.

use axum::extract::FromRequestParts;
use axum::response::Response;
use http::request::Parts;
use serde::Serialize;

use super::problems::{invalid, write};
use super::query::Parameters;

/// Which page of a list is asked for.
pub(super) struct Page {
    pub(super) after: Option<String>,
    pub(super) limit: usize,
}

/// Sizes a list may be asked for in, and the one it has if it is not (`HTTP.md`).
pub(super) const LIMITS: std::ops::RangeInclusive<usize> = 1..=200;
pub(super) const LIMIT: usize = 50;

impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let mut parameters = Parameters::from_request_parts(parts, state).await?;
        let (after, limit) = (parameters.take("after")?, parameters.take("limit")?);
        parameters.end()?;
        let limit = limit.map_or(Some(LIMIT), |text| text.parse().ok());
        let limit = limit.filter(|limit| LIMITS.contains(limit));
        Ok(Self { after, limit: limit.ok_or_else(|| write(invalid("limit", "must be 1 to 200")))? })
    }
}

/// A page of a list.
#[derive(Serialize)]
pub(super) struct List<T> {
    pub(super) items: Vec<T>,
    pub(super) next: Option<String>,
}
