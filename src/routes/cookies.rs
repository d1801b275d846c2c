//! Cookies that a page cannot read (NIST SP 800-63B-4 §5.1.1).

use http::{HeaderMap, HeaderValue};

use crate::middleware::Source;
use crate::secret::SecretString;
use crate::service::{Mfa, Tokens};

/// How the two cookies are called.
///
/// Over http on loopback the names lose their prefix, since a browser keeps `__Host-` cookies only
/// where they are `Secure`. The issuer's own URL says which it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CookieNames {
    Secure,
    Loopback,
}

impl CookieNames {
    pub(super) fn of(mfa: &Mfa) -> Self {
        if mfa.is_loopback() { Self::Loopback } else { Self::Secure }
    }

    pub(super) const fn source(self) -> Source {
        match self {
            Self::Secure => Source::COOKIE,
            Self::Loopback => Source::LOOPBACK_COOKIE,
        }
    }

    pub(super) const fn access(self) -> &'static str {
        match self {
            Self::Secure => "__Host-mfa",
            Self::Loopback => "mfa",
        }
    }

    pub(super) const fn refresh(self) -> &'static str {
        match self {
            Self::Secure => "__Secure-mfa-refresh",
            Self::Loopback => "mfa-refresh",
        }
    }

    const fn secure(self) -> &'static str {
        match self {
            Self::Secure => "; Secure",
            Self::Loopback => "",
        }
    }
}

/// Adds the cookies that carry `tokens`. N63B-5.1-g: no `Max-Age`, so they end with the browser;
/// N63B-5.1.1-c: their own end is enforced here all the same.
pub(super) fn set(headers: &mut HeaderMap, mfa: &Mfa, tokens: &Tokens) {
    let names = CookieNames::of(mfa);
    append(headers, names, names.access(), tokens.access_token().expose(), "/", "");
    if let Some(refresh) = tokens.refresh_token().map(SecretString::expose) {
        append(headers, names, names.refresh(), refresh, &refresh_path(mfa), "");
    }
}

/// Adds what makes a browser forget both cookies.
pub(super) fn clear(headers: &mut HeaderMap, mfa: &Mfa) {
    let names = CookieNames::of(mfa);
    append(headers, names, names.access(), "", "/", "; Max-Age=0");
    append(headers, names, names.refresh(), "", &refresh_path(mfa), "; Max-Age=0");
}

fn refresh_path(mfa: &Mfa) -> String {
    format!("{}/token/refresh", mfa.mounted_at())
}

fn append(headers: &mut HeaderMap, names: CookieNames, name: &str, value: &str, path: &str, age: &str) {
    let secure = names.secure();
    let cookie = format!("{name}={value}; Path={path}{secure}; HttpOnly; SameSite=Strict{age}");
    // Our tokens are base64url, dots and underscores, so this cannot fail; if it did, no cookie is
    // the safe answer.
    if let Ok(mut value) = HeaderValue::try_from(cookie) {
        value.set_sensitive(true);
        headers.append(http::header::SET_COOKIE, value);
    }
}
