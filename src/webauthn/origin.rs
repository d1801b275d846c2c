//! Origins: where ceremonies may come from, compared as browsers write them (RFC 6454 §6.2).

use url::{Host, Url};

use crate::error::ConfigError;

/// An origin as it was configured.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    url: Url,
    host: Box<str>,
    text: Box<str>,
}

impl Origin {
    /// Reads an origin and nothing more: no path, query, fragment or password.
    pub(super) fn parse(field: &'static str, text: &str) -> Result<Self, ConfigError> {
        let refused = |rule: &'static str| ConfigError::new(field, rule).of(text);
        let url = Url::parse(text).map_err(|_| refused("must be an origin: https://host or https://host:port"))?;
        let Some(Host::Domain(host)) = url.host() else {
            return Err(refused("must name a host, and no IP address: no credential can be used there"));
        };
        let host = Box::from(host);
        let may_be_plain = is_loopback(&host);
        match url.scheme() {
            "https" => {}
            "http" if may_be_plain => {}
            _ => return Err(refused("must be https; http is for localhost alone (WebAuthn §5)")),
        }
        let serialised = url.origin().ascii_serialization();
        if url.as_str() != format!("{serialised}/") {
            return Err(refused("must be scheme, host and port and nothing behind"));
        }
        Ok(Self { url, host, text: serialised.into() })
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) const fn url(&self) -> &Url {
        &self.url
    }

    /// Whether `other` is an origin below this one: same scheme, same port, a host that ends in ours.
    fn is_above(&self, other: &Url) -> bool {
        self.url.scheme() == other.scheme()
            && self.url.port() == other.port()
            && matches!(other.host(), Some(Host::Domain(host)) if is_below(host, &self.host))
    }
}

pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost"
}

/// Whether a host is below another: `login.example.com` below `example.com`, and `badexample.com` not.
pub(super) fn is_below(host: &str, above: &str) -> bool {
    host.strip_suffix(above).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
}

/// All that a relying party expects of origins.
#[derive(Debug, Clone, Default)]
pub(super) struct Origins {
    /// Of the RP id, and those that are related to it.
    pub(super) own: Vec<Origin>,
    pub(super) related: Vec<Origin>,
    /// Pages that may show ours in a frame.
    pub(super) tops: Vec<Origin>,
    pub(super) subdomains: bool,
}

impl Origins {
    pub(super) fn all(&self) -> impl Iterator<Item = &Origin> {
        self.own.iter().chain(&self.related)
    }

    /// Whether a ceremony may come from here (WA-13.5.9-a). The whole text is compared: nothing is
    /// parsed that could be read in two ways, where subdomains are not allowed.
    pub(super) fn expects(&self, said: &str) -> bool {
        self.all().any(|origin| origin.text() == said) || (self.subdomains && self.expects_below(said))
    }

    /// Subdomains of our own origins (WA-13.5.8-a); whoever lists a related origin means that one.
    fn expects_below(&self, said: &str) -> bool {
        let Ok(url) = Url::parse(said) else { return false };
        // As browsers write it, or it is none: `https://a.example.com/path@x` parses too.
        url.origin().ascii_serialization() == said && self.own.iter().any(|origin| origin.is_above(&url))
    }

    pub(super) const fn expect_frames(&self) -> bool {
        !self.tops.is_empty()
    }

    pub(super) fn expects_top(&self, said: &str) -> bool {
        self.tops.iter().any(|origin| origin.text() == said)
    }
}
