use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use bytes::Bytes;
use http::request::Parts;

use crate::middleware::Refusal;
use crate::middleware::refusal::Form;
use crate::middleware::require::response::refuse;
use crate::middleware::settings::Settings;

/// The answer to a request that an extractor refused: the same the layers give.
#[derive(Debug)]
pub struct Rejection(Box<Inner>);

#[derive(Debug)]
struct Inner {
    refusal: Refusal,
    answer: http::Response<Bytes>,
}

impl Rejection {
    pub(super) fn new(refusal: Refusal, settings: Option<&Settings>, parts: &Parts) -> Self {
        let answer = refuse(&refusal, settings, Form::of(&parts.method, &parts.headers));
        Self(Box::new(Inner { refusal, answer }))
    }

    /// Returns why.
    #[must_use]
    pub fn refusal(&self) -> &Refusal {
        &self.0.refusal
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let Inner { refusal, answer } = *self.0;
        let mut answer = answer.map(Body::from);
        answer.extensions_mut().insert(refusal);
        answer
    }
}
