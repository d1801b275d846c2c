//! The parameters of a query: each known, and none twice.

use axum::extract::{FromRequestParts, Query};
use axum::response::Response;
use http::request::Parts;

use super::problems::{invalid, write};
use crate::middleware::problem::{Code, Problem};

/// The parameters, to be taken out by name.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Takes one out, which may stand there once.
    pub(super) fn take(&mut self, name: &'static str) -> Result<Option<String>, Response> {
        let Some(at) = self.0.iter().position(|(known, _)| known == name) else { return Ok(None) };
        let (_, value) = self.0.remove(at);
        match self.0.iter().any(|(other, _)| other == name) {
            true => Err(write(invalid(name, "stands twice"))),
            false => Ok(Some(value)),
        }
    }

    /// Nothing that was asked is passed over.
    pub(super) fn end(self) -> Result<(), Response> {
        let Some((name, _)) = self.0.into_iter().next() else { return Ok(()) };
        let name: String = name.chars().take(64).collect();
        let unknown = Problem::new(Code::InvalidRequest).detail(format!("The parameter {name:?} is unknown."));
        Err(write(unknown.field(name)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let pairs = Query::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        pairs.map(|Query(pairs)| Self(pairs)).map_err(|_| write(Problem::new(Code::InvalidRequest)))
    }
}
