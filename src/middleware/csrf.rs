//! Whether a request that carries a cookie was caused by our own pages (NIST SP 800-63B-4 §5.1).
//!
//! A browser adds cookies to whatever request a page of any site makes it send. It also adds
//! `Sec-Fetch-Site` and `Origin`, which no page can forge or remove.
//!
//! ```
//! use http::{HeaderMap, HeaderValue, Method, Uri};
//! use tower_mfa::middleware::csrf::{CookieUse, Origins, check};
//!
//! let uri = Uri::from_static("/transfer");
//! let mut headers = HeaderMap::new();
//! headers.insert("sec-fetch-site", HeaderValue::from_static("same-origin"));
//! assert_eq!(check(&Method::POST, &uri, &headers, &Origins::default()), CookieUse::Accept);
//!
//! headers.insert("sec-fetch-site", HeaderValue::from_static("cross-site"));
//! assert_eq!(check(&Method::POST, &uri, &headers, &Origins::default()), CookieUse::CrossSite);
//! assert_eq!(check(&Method::GET, &uri, &headers, &Origins::default()), CookieUse::Accept);
//! ```

use http::header::{HOST, ORIGIN, UPGRADE};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, Method, Uri};

use crate::error::ConfigError;

/// What may be done with the cookie of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
#[non_exhaustive]
pub enum CookieUse {
    /// It counts: the method is safe, or the request comes from our own pages.
    Accept,
    /// It is passed over: nothing says that a browser sent it, and it is no safe method.
    Ignore,
    /// Answer `403 forbidden`: another site caused the request.
    CrossSite,
}

/// The origins, beside the service's own, whose pages may send its cookie.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origins(Vec<Box<str>>);

impl Origins {
    /// Lists them, each as a browser writes it: `https://app.example`, with a port only if it is
    /// not the scheme's own.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for anything but `http` or `https`, a host, and perhaps a port.
    pub fn new<T: AsRef<str>>(origins: impl IntoIterator<Item = T>) -> Result<Self, ConfigError> {
        origins.into_iter().map(|origin| normal(origin.as_ref())).collect::<Result<_, _>>().map(Self)
    }

    fn contains(&self, origin: &str) -> bool {
        self.0.iter().any(|ours| ours.eq_ignore_ascii_case(origin))
    }
}

fn normal(origin: &str) -> Result<Box<str>, ConfigError> {
    let refused = || ConfigError::new("trusted_origins", "must look like https://app.example or http://localhost:3000");
    let (scheme, rest) = origin.split_once("://").ok_or_else(refused)?;
    let authority: Authority = rest.parse().map_err(|_| refused())?;
    let default = match scheme {
        "https" => Some(443),
        "http" => Some(80),
        _ => return Err(refused()),
    };
    if rest.contains('@') || authority.host().is_empty() || authority.port_u16() == default {
        return Err(refused());
    }
    Ok(origin.into())
}

/// Decides whether the cookie of this request counts.
///
/// Reading is free; whatever may change something needs `Sec-Fetch-Site: same-origin`, or an
/// `Origin` that is trusted or is the host the request was sent to.
///
/// ```
/// use http::header::ORIGIN;
/// use http::{HeaderMap, HeaderValue, Method, Uri};
/// use tower_mfa::middleware::csrf::{CookieUse, Origins, check};
///
/// let trusted = Origins::new(["https://app.example"]).unwrap();
/// let posted_from = |origin| {
///     let headers = HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static(origin))]);
///     check(&Method::POST, &Uri::from_static("/transfer"), &headers, &trusted)
/// };
/// assert_eq!(posted_from("https://app.example"), CookieUse::Accept);
/// assert_eq!(posted_from("https://evil.example"), CookieUse::CrossSite);
/// assert_eq!(posted_from("http://app.example"), CookieUse::CrossSite, "another scheme is another origin");
/// ```
///
/// # Security
///
/// An upgrade is no safe request, although it is a GET: a page of any site may open a WebSocket to
/// ours, and its cookies go with it.
pub fn check(method: &Method, uri: &Uri, headers: &HeaderMap, trusted: &Origins) -> CookieUse {
    if method.is_safe() && !headers.contains_key(UPGRADE) {
        return CookieUse::Accept;
    }
    let accept_if = |same: bool| if same { CookieUse::Accept } else { CookieUse::CrossSite };
    match (single(headers, &HeaderName::from_static("sec-fetch-site")), single(headers, &ORIGIN)) {
        (One::Several, _) | (_, One::Several) => CookieUse::CrossSite,
        (One::Value("same-origin"), _) => CookieUse::Accept,
        // The browser has looked at scheme, host and port: only what the host trusts by name passes.
        (One::Value(_), One::Value(origin)) => accept_if(trusted.contains(origin)),
        (One::Value(_), One::Missing) => CookieUse::CrossSite,
        (One::Missing, One::Value(origin)) => {
            accept_if(trusted.contains(origin) || is_own(origin, uri.authority().map(Authority::as_str), headers))
        }
        (One::Missing, One::Missing) => CookieUse::Ignore,
    }
}

/// Whether `origin` is where the request was sent to. An old browser says no more than that.
fn is_own(origin: &str, authority: Option<&str>, headers: &HeaderMap) -> bool {
    // HTTP/2 and the absolute form: the target names the host (RFC 9112 §3.2.2).
    let ((Some(host), _) | (None, One::Value(host))) = (authority, single(headers, &HOST)) else { return false };
    match origin.split_once("://") {
        Some(("https", from)) => from.eq_ignore_ascii_case(host),
        // Whoever sits on the wire can be any page over http, so only one's own machine counts.
        Some(("http", from)) => from.eq_ignore_ascii_case(host) && is_loopback(host),
        _ => false,
    }
}

fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host();
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

enum One<'a> {
    Missing,
    Value(&'a str),
    Several,
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> One<'a> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => One::Missing,
        // What is no text is no origin of ours.
        (Some(value), None) => One::Value(value.to_str().unwrap_or("null")),
        (Some(_), Some(_)) => One::Several,
    }
}
