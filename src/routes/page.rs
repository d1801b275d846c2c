//! `?after=&limit=`, for every list.

use axum::extract::{FromRequestParts, Query};
use axum::response::Response;
use http::request::Parts;
use serde::Serialize;

use super::problems::{invalid, write};
use crate::middleware::problem::{Code, Problem};

/// Which page of a list is asked for.
pub(super) struct Page {
    pub(super) after: Option<String>,
    pub(super) limit: usize,
}

/// Sizes a list may be asked for in (`HTTP.md`).
const LIMITS: std::ops::RangeInclusive<usize> = 1..=200;

impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let pairs = Query::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        let Query(pairs) = pairs.map_err(|_| write(Problem::new(Code::InvalidRequest)))?;
        let (mut after, mut limit) = (None, None);
        for (name, value) in pairs {
            let (asked, name) = match &*name {
                "after" => (&mut after, "after"),
                "limit" => (&mut limit, "limit"),
                _ => return Err(write(unknown(&name))),
            };
            if asked.replace(value).is_some() {
                return Err(write(invalid(name, "stands twice")));
            }
        }
        let limit = limit.map_or(Some(50), |text| text.parse().ok());
        let limit = limit.filter(|limit| LIMITS.contains(limit));
        Ok(Self { after, limit: limit.ok_or_else(|| write(invalid("limit", "must be 1 to 200")))? })
    }
}

fn unknown(name: &str) -> Problem {
    let name: String = name.chars().take(64).collect();
    Problem::new(Code::InvalidRequest).detail(format!("The parameter {name:?} is unknown.")).field(name)
}

/// A page of a list.
#[derive(Serialize)]
pub(super) struct List<T> {
    pub(super) items: Vec<T>,
    pub(super) next: Option<String>,
}
