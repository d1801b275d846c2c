//! Problem details (RFC 9457): one writer for the layers, the extractors and the routes.
//!
//! Every error a client meets is built here, from a [`Code`] that stands for one row of the error
//! table in `docs/HTTP.md`. A host can answer its own refusals in the same form.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

use super::challenge_header::Challenge;
use crate::assurance::{AcrNames, StepUp};

/// What a client is told to wait when nobody knows better, in seconds.
const UNAVAILABLE_FOR: u64 = 5;

/// The member `code` of a problem: stable, and all a client has to look at.
///
/// ```
/// use http::StatusCode;
/// use tower_mfa::middleware::problem::Code;
///
/// assert_eq!(Code::InvalidCode.name(), "invalid_code");
/// assert_eq!(Code::InvalidCode.status(), StatusCode::UNPROCESSABLE_ENTITY);
/// assert_ne!(Code::ChallengeGone.status(), StatusCode::UNAUTHORIZED);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// Malformed, an unknown field or action, a bad parameter, two tokens.
    InvalidRequest,
    /// No credentials.
    Unauthenticated,
    /// A token of whatever kind that is bad, expired, revoked or used.
    InvalidToken,
    /// The requirement is not met (RFC 9470).
    InsufficientUserAuthentication,
    /// A role or a scope is missing.
    InsufficientScope,
    /// A cross-site request, or the policy denies.
    Forbidden,
    /// No such id for this subject.
    NotFound,
    /// A limit is reached, or the last authenticator of an enforced account would go.
    Conflict,
    /// Nothing that is bound can meet the requirement.
    NoEligibleAuthenticator,
    /// A genuine token of a challenge that is expired, used or superseded.
    ChallengeGone,
    /// The body is over its limit.
    TooLarge,
    /// Not the media type that is read.
    UnsupportedMediaType,
    /// A wrong or replayed code; a wrong, unknown or foreign credential.
    InvalidCode,
    /// The hard limit of failures is reached; the authenticator must be bound anew.
    AuthenticatorDisabled,
    /// Back-off or a send budget; nothing was checked, nothing counted.
    Throttled,
    /// The host has put its parts together wrongly; its log says how.
    Internal,
    /// It cannot be decided now; nothing was granted.
    Unavailable,
}

impl Code {
    /// Every code there is.
    pub const ALL: &'static [Self] = &[
        Self::InvalidRequest,
        Self::Unauthenticated,
        Self::InvalidToken,
        Self::InsufficientUserAuthentication,
        Self::InsufficientScope,
        Self::Forbidden,
        Self::NotFound,
        Self::Conflict,
        Self::NoEligibleAuthenticator,
        Self::ChallengeGone,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::InvalidCode,
        Self::AuthenticatorDisabled,
        Self::Throttled,
        Self::Internal,
        Self::Unavailable,
    ];

    /// Returns the code as it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().1
    }

    /// Returns the status it is answered with.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        self.row().0
    }

    /// What a person is told unless there is more to say.
    pub(crate) const fn detail(self) -> &'static str {
        self.row().2
    }

    /// One row of the table: status, code, and what a person is told unless there is more to say.
    const fn row(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::InvalidRequest => (S::BAD_REQUEST, "invalid_request", "The request is malformed."),
            Self::Unauthenticated => (S::UNAUTHORIZED, "unauthenticated", "Sign in to use this resource."),
            Self::InvalidToken => (S::UNAUTHORIZED, "invalid_token", "The token is not valid."),
            Self::InsufficientUserAuthentication => (
                S::UNAUTHORIZED,
                "insufficient_user_authentication",
                "This resource asks for a stronger or a more recent authentication.",
            ),
            Self::InsufficientScope => (S::FORBIDDEN, "insufficient_scope", "A role or a scope is missing."),
            Self::Forbidden => (S::FORBIDDEN, "forbidden", "The request is not allowed."),
            Self::NotFound => (S::NOT_FOUND, "not_found", "There is nothing of that id."),
            Self::Conflict => (S::CONFLICT, "conflict", "The present state does not allow it."),
            Self::NoEligibleAuthenticator => {
                (S::CONFLICT, "no_eligible_authenticator", "No bound authenticator can meet the requirement.")
            }
            Self::ChallengeGone => (S::GONE, "challenge_gone", "The challenge has expired or was used."),
            Self::TooLarge => (S::PAYLOAD_TOO_LARGE, "too_large", "The body is too large."),
            Self::UnsupportedMediaType => {
                (S::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "The body must be application/json.")
            }
            Self::InvalidCode => (S::UNPROCESSABLE_ENTITY, "invalid_code", "The code or credential was not accepted."),
            Self::AuthenticatorDisabled => {
                (S::LOCKED, "authenticator_disabled", "The authenticator is disabled and must be bound anew.")
            }
            Self::Throttled => (S::TOO_MANY_REQUESTS, "throttled", "Too many attempts; nothing was checked."),
            Self::Internal => (S::INTERNAL_SERVER_ERROR, "internal", "The service is not set up correctly."),
            Self::Unavailable => (S::SERVICE_UNAVAILABLE, "unavailable", "It cannot be decided now; try again."),
        }
    }

    /// The `error` of RFC 6750 §3.1. R6750-3.1-b: none where no credentials were sent.
    const fn error(self) -> Option<&'static str> {
        match self {
            Self::InvalidToken | Self::InsufficientUserAuthentication | Self::InsufficientScope => Some(self.name()),
            _ => None,
        }
    }

    /// gRPC's status code: 16 unauthenticated, 7 permission denied, 14 unavailable and so on.
    const fn grpc(self) -> &'static str {
        match self {
            Self::Unauthenticated | Self::InvalidToken | Self::InsufficientUserAuthentication => "16",
            Self::InsufficientScope | Self::Forbidden => "7",
            Self::InvalidRequest | Self::InvalidCode | Self::UnsupportedMediaType => "3",
            Self::NotFound => "5",
            Self::Conflict | Self::NoEligibleAuthenticator | Self::ChallengeGone | Self::AuthenticatorDisabled => "9",
            Self::Throttled | Self::TooLarge => "8",
            Self::Internal => "13",
            Self::Unavailable => "14",
        }
    }
}

/// An error answer in the making: `application/problem+json`, never stored by a cache.
///
/// ```
/// use http::StatusCode;
/// use tower_mfa::middleware::problem::{Code, Problem};
///
/// let answer = Problem::new(Code::Throttled).retry_after(30).into_response();
/// assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
/// assert_eq!(answer.headers()["retry-after"], "30");
/// let json: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
/// assert_eq!((&json["code"], &json["retry_after"]), (&"throttled".into(), &30.into()));
/// assert!(!answer.headers().contains_key("www-authenticate"), "only 401 and a missing scope ask for a token");
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Problem {
    code: Code,
    detail: Cow<'static, str>,
    realm: Cow<'static, str>,
    acr_values: Option<String>,
    scope: Option<String>,
    extra: Extra,
}

#[derive(Debug, Clone, Default, Serialize)]
struct Extra {
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<Cow<'static, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts_remaining: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed: Option<Vec<Cow<'static, str>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    required: Option<Required>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step_up_uri: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bind: Option<Vec<Box<str>>>,
}

#[derive(Debug, Clone, Serialize)]
struct Required {
    acr: Box<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_age: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phr: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kinds: Vec<&'static str>,
}

#[derive(Serialize)]
struct Document<'a> {
    // RFC 9457 §4.2.1: `code` says what happened; the type adds nothing to the status.
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    #[serde(flatten)]
    extra: &'a Extra,
}

impl Problem {
    /// Begins an answer with a code, its status and its usual words.
    pub fn new(code: Code) -> Self {
        Self {
            code,
            detail: Cow::Borrowed(code.detail()),
            realm: Cow::Borrowed("api"),
            acr_values: None,
            scope: None,
            extra: Extra::default(),
        }
    }

    /// Says what is missing and the nearest way to it, by the names the host calls the levels, and where a
    /// challenge is opened (RFC 9470 §3).
    pub fn step_up(step_up: &StepUp, names: &AcrNames, step_up_uri: &str) -> Self {
        let mut problem = Self::new(Code::InsufficientUserAuthentication);
        let classes = names.acceptable_for(step_up);
        problem.acr_values = Some(classes.join(" "));
        problem.extra.required = Some(Required {
            // A client asks for this class as it is: the bare level would be one that it has.
            acr: classes.first().copied().unwrap_or(names.of(step_up.level())).into(),
            max_age: step_up.max_age(),
            phr: step_up.wants_phishing_resistance().then_some(true),
            kinds: step_up.kinds().iter().map(|proof| proof.name()).collect(),
        });
        problem.extra.missing = Some(step_up.missing().iter().map(|what| what.name()).collect());
        problem.extra.step_up_uri = Some(step_up_uri.into());
        problem.extra.action = step_up.action().map(Into::into);
        problem
    }

    /// Names the parameters of the request that the approval of its action is to be bound to.
    pub fn bind<N: Into<Box<str>>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.extra.bind = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Says it in other words, to a person. No secret, code or token may stand in them.
    pub fn detail(self, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { detail: detail.into(), ..self }
    }

    /// Names the protection space in `WWW-Authenticate`; `api` if left out.
    pub fn realm(self, realm: impl Into<Cow<'static, str>>) -> Self {
        Self { realm: realm.into(), ..self }
    }

    /// Names the scopes that are needed, separated by spaces.
    pub fn scope(self, scope: impl Into<String>) -> Self {
        Self { scope: Some(scope.into()), ..self }
    }

    /// Names the member of the request that is wrong.
    pub fn field(mut self, field: impl Into<Cow<'static, str>>) -> Self {
        self.extra.field = Some(field.into());
        self
    }

    /// Tells how many attempts are left before the next temporary lock.
    pub const fn attempts_remaining(mut self, attempts: u32) -> Self {
        self.extra.attempts_remaining = Some(attempts);
        self
    }

    /// Tells when to try again, in seconds: as `retry_after` and as `Retry-After`.
    pub const fn retry_after(mut self, secs: u64) -> Self {
        self.extra.retry_after = Some(secs);
        self
    }

    /// Lists what is allowed instead.
    pub fn allowed<T: Into<Cow<'static, str>>>(mut self, allowed: impl IntoIterator<Item = T>) -> Self {
        self.extra.allowed = Some(allowed.into_iter().map(Into::into).collect());
        self
    }

    /// Returns the code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// Writes the answer.
    #[must_use]
    pub fn into_response(self) -> Response<Bytes> {
        let status = self.code.status();
        let document = Document {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: &self.detail,
            code: self.code.name(),
            extra: &self.extra,
        };
        // Strings and numbers alone: there is nothing in it that could not be written.
        let mut response = Response::new(serde_json::to_vec(&document).unwrap_or_default().into());
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        self.headers(&mut response);
        response
    }

    /// Writes the answer for a gRPC client: trailers only, HTTP 200, the status as metadata.
    #[must_use]
    pub fn into_grpc_response(self) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        let message = percent_encoding::utf8_percent_encode(&self.detail, GRPC_MESSAGE).to_string();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert("grpc-status", HeaderValue::from_static(self.code.grpc()));
        headers.insert("grpc-message", HeaderValue::try_from(message).unwrap_or(HeaderValue::from_static("")));
        self.headers(&mut response);
        response
    }

    fn headers(&self, response: &mut Response<Bytes>) {
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let wait = self.extra.retry_after.or((self.code == Code::Unavailable).then_some(UNAVAILABLE_FOR));
        if let Some(secs) = wait {
            headers.insert(RETRY_AFTER, HeaderValue::from(secs));
        }
        if self.code.status() == StatusCode::UNAUTHORIZED || self.code == Code::InsufficientScope {
            let error = self.code.error();
            let challenge = Challenge {
                realm: &self.realm,
                error,
                description: error.map(|_| &*self.detail),
                acr_values: self.acr_values.as_deref(),
                max_age: self.extra.required.as_ref().and_then(|required| required.max_age),
                scope: self.scope.as_deref(),
            };
            headers.insert(WWW_AUTHENTICATE, challenge.header());
        }
    }
}

/// gRPC over HTTP/2, "Responses": everything but printable ASCII, and `%`, is percent-encoded.
const GRPC_MESSAGE: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS.add(b'%');
