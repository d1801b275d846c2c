//! RP ids, and what the public suffix list says of them.

use psl::{List, Psl as _};
use url::Host;

use super::super::origin::is_loopback;
use crate::error::ConfigError;

/// Checks that a text can be an RP id: a domain of somebody's own, written as browsers write it.
///
/// An RP id that many share, such as `co.uk` or `github.io`, would let each of them ask for signatures
/// of the others' people; browsers refuse it, by the same list (WebAuthn §5.1.3 step 8).
pub(super) fn check_id(id: &str) -> Result<(), ConfigError> {
    let refused = |rule: &'static str| Err(ConfigError::new("id", rule).of(id));
    match Host::parse(id) {
        Ok(Host::Domain(domain)) if domain == id && id.split('.').all(|label| !label.is_empty()) => {}
        Ok(Host::Domain(_)) => return refused("must be in lower case and ASCII (punycode), its labels between dots"),
        Ok(_) => return refused("must be a domain and no IP address (WebAuthn §5.1.3)"),
        Err(_) => return refused("must be a domain, without scheme and port"),
    }
    if is_loopback(id) || registrable(id).is_some() {
        return Ok(());
    }
    refused("is a public suffix: credentials would be open to everybody below it (publicsuffix.org)")
}

/// The domain somebody registered: `example.co.uk` of `login.example.co.uk`.
fn registrable(host: &str) -> Option<&str> {
    std::str::from_utf8(List.domain(host.as_bytes())?.as_bytes()).ok()
}

/// The first label of the registrable domain, as browsers count related origins (WebAuthn §5.11.1).
pub(super) fn registrable_label(host: &str) -> Option<&str> {
    registrable(host)?.split('.').next()
}
