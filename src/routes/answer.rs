//! Answers that carry tokens: in the body for a program, in cookies for a browser.

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, ORIGIN};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use serde::Serialize;

use super::{cookies, problems};
use crate::account::ChallengeView;
use crate::middleware::csrf::{CookieUse, check};
use crate::middleware::problem::{Code, Problem};
use crate::service::{Answer, AnswerOutcome, Binding, ChallengeOutcome, LoginOutcome, Mfa, Tokens};

/// Whether a browser asks. It says so itself, by headers that no page can remove, whatever the
/// request's `Authorization`: a script that stole a token gets no other one in a body it can read.
pub(super) fn in_cookies(mfa: &Mfa, headers: &HeaderMap) -> bool {
    mfa.uses_cookies() && (headers.contains_key("sec-fetch-site") || headers.contains_key(ORIGIN))
}

pub(super) fn json(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Writes a body of our own: string keys and finite numbers, so it can always be written.
pub(super) fn written(status: StatusCode, body: &impl Serialize) -> Response {
    json(status, serde_json::to_vec(body).unwrap_or_default())
}

fn with_tokens(mfa: &Mfa, as_cookies: bool, tokens: Option<&Tokens>, body: String) -> Response {
    let mut response = json(StatusCode::OK, body);
    if let Some(tokens) = tokens.filter(|_| as_cookies) {
        cookies::set(response.headers_mut(), mfa, tokens);
    }
    response
}

/// Refuses a login whose cookies a page of another site would set.
pub(super) fn login_allowed(mfa: &Mfa, headers: &HeaderMap) -> Result<(), Response> {
    let caused_by = check(&Method::POST, &sent_to(mfa, headers), headers, mfa.trusted_origins());
    if in_cookies(mfa, headers) && caused_by == CookieUse::CrossSite {
        return Err(problems::write(Problem::new(Code::Forbidden).detail("Another site caused this request.")));
    }
    Ok(())
}

pub(super) fn login(mfa: &Mfa, headers: &HeaderMap, outcome: &LoginOutcome) -> Response {
    if let Err(refused) = login_allowed(mfa, headers) {
        return refused;
    }
    let as_cookies = in_cookies(mfa, headers);
    let tokens = match outcome {
        LoginOutcome::Complete(tokens) => Some(tokens),
        _ => None,
    };
    with_tokens(mfa, as_cookies, tokens, outcome.text(!as_cookies))
}

/// Where a login was sent to, as far as its headers tell: HTTP/2 has no `Host`, and then it is the
/// issuer's own.
fn sent_to(mfa: &Mfa, headers: &HeaderMap) -> Uri {
    let issuer = mfa.issuer().parse().ok().filter(|_| !headers.contains_key(HOST));
    issuer.unwrap_or_else(|| Uri::from_static("/"))
}

pub(super) fn tokens(mfa: &Mfa, headers: &HeaderMap, tokens: &Tokens) -> Response {
    let as_cookies = in_cookies(mfa, headers);
    with_tokens(mfa, as_cookies, Some(tokens), tokens.text(!as_cookies))
}

pub(super) fn opened(mfa: &Mfa, headers: &HeaderMap, outcome: &ChallengeOutcome) -> Response {
    match outcome {
        ChallengeOutcome::Complete(answer) => complete(mfa, headers, answer),
        ChallengeOutcome::Pending(view) => written(StatusCode::CREATED, &Opened::of(view)),
    }
}

pub(super) fn answered(mfa: &Mfa, headers: &HeaderMap, outcome: &AnswerOutcome) -> Response {
    let as_cookies = in_cookies(mfa, headers);
    let tokens = match outcome {
        AnswerOutcome::Complete(answer) => Some(&answer.tokens),
        _ => None,
    };
    with_tokens(mfa, as_cookies, tokens, outcome.text(!as_cookies))
}

fn complete(mfa: &Mfa, headers: &HeaderMap, answer: &Answer) -> Response {
    let as_cookies = in_cookies(mfa, headers);
    with_tokens(mfa, as_cookies, Some(&answer.tokens), answer.text(!as_cookies))
}

pub(super) fn bound(mfa: &Mfa, headers: &HeaderMap, binding: &Binding) -> Response {
    let as_cookies = in_cookies(mfa, headers);
    with_tokens(mfa, as_cookies, Some(&binding.tokens), binding.text(!as_cookies))
}

#[derive(Serialize)]
struct Opened<'a> {
    challenge_id: crate::id::ChallengeId,
    expires_in: u64,
    methods: &'a [crate::account::Offer],
}

impl<'a> Opened<'a> {
    fn of(view: &'a ChallengeView) -> Self {
        Self { challenge_id: view.id, expires_in: view.expires_in, methods: &view.methods }
    }
}
