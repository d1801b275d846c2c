use std::borrow::Cow;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, Method, Request, Uri};

use super::cookie;
use super::csrf::{self, CookieUse, Origins};
use crate::error::ConfigError;

/// Where a request may carry our token.
///
/// ```
/// use tower_mfa::middleware::Source;
///
/// assert!(Source::cookie("__Host-session").is_ok());
/// assert_eq!(Source::cookie("session").unwrap_err().field(), "cookie");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Bearer,
    Header(HeaderName),
    Cookie(Cow<'static, str>),
}

impl Source {
    /// `Authorization: Bearer …` (RFC 6750 §2.1): the default.
    pub const BEARER: Self = Self(Kind::Bearer);

    /// `X-Session-Token: …`, for a host that keeps its own primary token in `Authorization`.
    ///
    /// With this source a token in `Authorization` that the verifier does not take for one of ours
    /// is the host's, and passed over; two of ours are refused.
    pub const SESSION_TOKEN: Self = Self(Kind::Header(HeaderName::from_static("x-session-token")));

    /// The cookie `__Host-mfa`, which only this host can set, and only over https.
    pub const COOKIE: Self = Self(Kind::Cookie(Cow::Borrowed("__Host-mfa")));

    /// The cookie `mfa`, for http on one's own machine.
    ///
    /// # Security
    ///
    /// Without the prefix a sibling domain, or whoever sits on the wire, can set it for the
    /// subject (CVE-2024-28197). Never use it where others can reach the service.
    pub const LOOPBACK_COOKIE: Self = Self(Kind::Cookie(Cow::Borrowed("mfa")));

    /// Another header, with the bare token as its value.
    #[must_use]
    pub const fn header(name: HeaderName) -> Self {
        Self(Kind::Header(name))
    }

    /// Another cookie.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for a name that does not begin with `__Host-` (NIST SP 800-63B-4 §5.1.1) or
    /// has characters that no cookie's name has.
    pub fn cookie(name: impl Into<Cow<'static, str>>) -> Result<Self, ConfigError> {
        let name = name.into();
        let rest = name.strip_prefix("__Host-").unwrap_or_default();
        if rest.is_empty() || !rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)) {
            return Err(ConfigError::new("cookie", "must be __Host- and then a token (RFC 6265 §4.1.1)"));
        }
        Ok(Self(Kind::Cookie(name)))
    }

    fn read<'a>(&self, headers: &'a HeaderMap) -> Presented<'a> {
        match &self.0 {
            Kind::Bearer => bearer(headers),
            Kind::Header(name) => header(headers, name),
            Kind::Cookie(name) => cookie::read(headers, name),
        }
    }
}

/// The head of a request: all that is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
}

impl<'a, B> From<&'a Request<B>> for Head<'a> {
    fn from(request: &'a Request<B>) -> Self {
        Self { method: request.method(), uri: request.uri(), headers: request.headers() }
    }
}

impl<'a> From<&'a http::request::Parts> for Head<'a> {
    fn from(parts: &'a http::request::Parts) -> Self {
        Self { method: &parts.method, uri: &parts.uri, headers: &parts.headers }
    }
}

/// What one source carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presented<'a> {
    Nothing,
    Token(&'a str),
    /// Something stands there that is no token by its very form.
    Malformed,
    /// More than one, so that nobody can tell which is meant.
    Twice,
}

impl<'a> Presented<'a> {
    /// What may be a token: some text. Whether it has the form of one ([`is_b64token`]) is asked where
    /// nothing else would find out, not here: the verifier takes less than that form allows.
    pub(super) fn token(value: &'a [u8]) -> Self {
        std::str::from_utf8(value).ok().filter(|token| !token.is_empty()).map_or(Self::Malformed, Self::Token)
    }
}

/// R6750-2-b: `b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
pub(super) fn is_b64token(token: &str) -> bool {
    let body = token.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}

/// Reads `Authorization: Bearer`. Another scheme is none of our business.
pub(crate) fn bearer(headers: &HeaderMap) -> Presented<'_> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let line = match (lines.next(), lines.next()) {
        (None, _) => return Presented::Nothing,
        (Some(_), Some(_)) => return Presented::Twice,
        (Some(line), None) => line.as_bytes(),
    };
    let end = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
    let (scheme, token) = line.split_at_checked(end).unwrap_or_default();
    // R6750-2-b: in any case (RFC 9110 §11.1), and one or more spaces behind it (§11.4).
    if scheme.eq_ignore_ascii_case(b"Bearer") { Presented::token(token.trim_ascii_start()) } else { Presented::Nothing }
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Presented<'a> {
    let mut lines = headers.get_all(name).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Presented::Nothing,
        (Some(_), Some(_)) => Presented::Twice,
        (Some(line), None) => Presented::token(line.as_bytes()),
    }
}

/// What a request carries, all sources taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Credential<'a> {
    Nothing,
    Token(&'a str),
    /// One in a header of ours, and one in `Authorization` that may be the host's own.
    Beside {
        authorization: &'a str,
        token: &'a str,
    },
    Malformed,
    TwoTokens,
    CrossSite,
}

/// Finds the one token of a request among `sources`. R6750-2-a: the query is never looked at.
pub(crate) fn find<'a>(sources: &[Source], trusted: &Origins, head: Head<'a>) -> Credential<'a> {
    let (mut found, mut from): (_, Option<&Kind>) = (Credential::Nothing, None);
    for source in sources {
        let presented = source.read(head.headers);
        if presented == Presented::Nothing {
            continue;
        }
        if matches!(source.0, Kind::Cookie(_)) {
            // N63B-5.1-e: a cookie is sent by the browser, not by the page, so ask who caused it.
            match csrf::check(head.method, head.uri, head.headers, trusted) {
                CookieUse::Accept => {}
                CookieUse::Ignore => continue,
                CookieUse::CrossSite => return Credential::CrossSite,
            }
        }
        found = match (found, presented, (from, &source.0)) {
            (Credential::Nothing, Presented::Token(token), _) => Credential::Token(token),
            (Credential::Nothing, Presented::Malformed, _) => Credential::Malformed,
            (Credential::Token(authorization), Presented::Token(token), (Some(Kind::Bearer), Kind::Header(_)))
            | (Credential::Token(token), Presented::Token(authorization), (Some(Kind::Header(_)), Kind::Bearer))
                if is_b64token(authorization) && is_b64token(token) =>
            {
                Credential::Beside { authorization, token }
            }
            // Two sources, or one that carries two.
            _ => Credential::TwoTokens,
        };
        from = Some(&source.0);
    }
    found
}
