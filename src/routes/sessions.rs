use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode, Uri};
use schemars::JsonSchema;
use serde::Deserialize;

use super::address::From;
use super::answer;
use super::body::{Nothing, OptionalJson};
use super::cookies::{self, CookieNames};
use super::page::{List, Page};
use super::path::Id;
use super::problems::{Refused, invalid, write};
use crate::account::Refusal;
use crate::extract::{Authenticated, Rejection};
use crate::middleware::cookie;
use crate::middleware::csrf::{CookieUse, check};
use crate::middleware::problem::{Code, Problem};
use crate::middleware::source::Presented;
use crate::secret::SecretString;
use crate::service::Mfa;
use crate::store::EventCursor;

/// A browser sends none: its token is in a cookie.
#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Refresh")]
pub(super) struct RefreshBody {
    refresh_token: Option<Box<str>>,
}

pub(super) async fn refresh(
    State(mfa): State<Mfa>,
    From(from): From,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    OptionalJson(body): OptionalJson<RefreshBody>,
) -> Result<Response, Response> {
    let refused = |problem: Problem| write(problem.realm(mfa.realm().to_owned()));
    let carried = refresh_cookie(&mfa, &method, &uri, &headers).map_err(refused)?;
    let token = match (body.refresh_token, carried) {
        (Some(_), Some(_)) => {
            return Err(write(invalid("refresh_token", "came twice, in the body and as a cookie")));
        }
        (Some(token), None) | (None, Some(token)) => SecretString::new(token),
        // A page cannot see its cookie: to a browser without one this is "sign in", no mistake.
        (None, None) if answer::in_cookies(&mfa, &headers) => return Err(refused(Problem::new(Code::Unauthenticated))),
        (None, None) => return Err(write(invalid("refresh_token", "is missing"))),
    };
    match from.refresh(&token).await {
        Ok(tokens) => Ok(answer::tokens(&mfa, &headers, &tokens)),
        Err(error) => {
            let over = *error.refusal() == Refusal::InvalidToken;
            let mut response = Refused::by(&mfa)(error).into_response();
            if over && answer::in_cookies(&mfa, &headers) {
                cookies::clear(response.headers_mut(), &mfa);
            }
            Err(response)
        }
    }
}

/// The refresh cookie, if our own page made the browser send it.
fn refresh_cookie(mfa: &Mfa, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<Option<Box<str>>, Problem> {
    if !mfa.uses_cookies() {
        return Ok(None);
    }
    let token = match cookie::read(headers, CookieNames::of(mfa).refresh()) {
        Presented::Nothing => return Ok(None),
        Presented::Token(token) => token,
        Presented::Twice => return Err(invalid("cookie", "stands twice")),
        Presented::Malformed => return Err(Problem::new(Code::InvalidToken)),
    };
    match check(method, uri, headers, mfa.trusted_origins()) {
        CookieUse::Accept => Ok(Some(token.into())),
        CookieUse::Ignore => Ok(None),
        CookieUse::CrossSite => Err(Problem::new(Code::Forbidden).detail("Another site caused this request.")),
    }
}

/// Logs out. A browser forgets its cookies when the session is over, and not before: with an access
/// token that has merely expired it refreshes and asks again, and of a request that another site
/// caused, without our cookies, nothing is known.
pub(super) async fn log_out(
    State(mfa): State<Mfa>,
    From(from): From,
    headers: HeaderMap,
    by: Result<Authenticated, Rejection>,
    body: Result<OptionalJson<Nothing>, Response>,
) -> Response {
    let by = match (by, body) {
        (Err(rejection), _) => return rejection.into_response(),
        (Ok(_), Err(malformed)) => return malformed,
        (Ok(by), Ok(_)) => by,
    };
    let (over, mut response) = match from.log_out(&by).await {
        Ok(()) => (true, StatusCode::NO_CONTENT.into_response()),
        Err(error) => (*error.refusal() == Refusal::InvalidToken, Refused::by(&mfa)(error).into_response()),
    };
    if over && answer::in_cookies(&mfa, &headers) {
        cookies::clear(response.headers_mut(), &mfa);
    }
    response
}

pub(super) async fn list(
    State(mfa): State<Mfa>,
    From(from): From,
    by: Authenticated,
    page: Page,
) -> Result<Response, Response> {
    let after = page.after.map(|text| text.parse()).transpose();
    let after = after.map_err(|_| write(invalid("after", "must be a cursor of this list")))?;
    let sessions = from.sessions(&by, after, page.limit).await;
    let sessions = sessions.map_err(Refused::by(&mfa)).map_err(Refused::into_response)?;
    let list = List { items: sessions.items, next: sessions.next.map(|sid| sid.to_string()) };
    Ok(answer::written(StatusCode::OK, &list))
}

pub(super) async fn end(
    State(mfa): State<Mfa>,
    From(from): From,
    by: Authenticated,
    Id(sid): Id,
) -> Result<StatusCode, Refused> {
    let sid = sid.parse().map_err(|_| Refused::by(&mfa)(Refusal::NotFound.into()))?;
    from.end_session(&by, sid).await.map_err(Refused::by(&mfa))?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn end_others(
    State(mfa): State<Mfa>,
    From(from): From,
    by: Authenticated,
) -> Result<StatusCode, Refused> {
    from.end_other_sessions(&by).await.map_err(Refused::by(&mfa))?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn events(
    State(mfa): State<Mfa>,
    From(from): From,
    by: Authenticated,
    page: Page,
) -> Result<Response, Response> {
    let after = page.after.map(EventCursor::new).transpose();
    let after = after.map_err(|_| write(invalid("after", "must be a cursor of this list")))?;
    let events = from.events(&by, after.as_ref(), page.limit).await;
    let events = events.map_err(Refused::by(&mfa)).map_err(Refused::into_response)?;
    let list = List { items: events.items, next: events.next.map(|cursor| cursor.as_str().to_owned()) };
    Ok(answer::written(StatusCode::OK, &list))
}

/// The public keys. They are the same for everybody and change rarely, but are never stored: a key
/// that is withdrawn must be gone.
pub(super) async fn jwks(State(mfa): State<Mfa>) -> Result<Response, Refused> {
    let keys = mfa.jwks_json().map_err(Refused::by(&mfa))?;
    Ok(answer::json(StatusCode::OK, keys))
}
