//! A whole request as what an approval is bound to: a pure function.

use http::{Method, Uri};
use serde_json::Value;

use super::parameters::{Broken, Values, broken, rule};
use crate::middleware::original_uri::is_shortened;
use crate::token::{WHOLE_REQUEST, body_digest, check_parameter};

/// Returns the URI to approve: the one that was sent, where that is known. One that was rewritten on
/// its way is refused: the request that runs is not the one that is approved.
pub(super) fn sent<'a>(own: &'a Uri, original: Option<&'a Uri>) -> Result<&'a Uri, Broken> {
    let Some(original) = original else { return Ok(own) };
    if is_shortened(own, original) && own.query() == original.query() {
        return Ok(original);
    }
    Err(broken("path", "was rewritten on its way"))
}

/// Says what was sent: the method, the path with its query, and the digest of the body.
///
/// The attacker writes all three. A query that was not bound could change what happens, so it is part of
/// the path; no byte is decoded or put in order, since whoever acts on the request may do so differently.
pub(super) fn read(method: &Method, uri: &Uri, body: &[u8]) -> Result<Values, Broken> {
    // CONNECT names an authority and no path: there is nothing here to approve.
    let path = uri.path_and_query().ok_or_else(|| broken("path", "is missing"))?;
    let parts = [method.as_str().to_owned(), path.as_str().to_owned(), body_digest(body)];
    WHOLE_REQUEST
        .into_iter()
        .zip(parts)
        .map(|(name, part)| {
            let value = Value::String(part);
            check_parameter(name, &value).map_err(|error| broken(name, rule(error)))?;
            Ok((name.into(), value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(uri: &str, body: &[u8]) -> Values {
        read(&Method::POST, &uri.parse().unwrap(), body).unwrap()
    }

    #[test]
    fn the_query_is_part_of_the_path_and_nothing_is_decoded() {
        let approved = values("/pay?to=b%6fb&to=bob", b"x");
        assert_eq!((&approved["method"], &approved["path"]), (&"POST".into(), &"/pay?to=b%6fb&to=bob".into()));
        for other in ["/pay", "/pay?", "/pay?to=bob&to=b%6fb", "/pay/?to=b%6fb&to=bob", "/Pay?to=b%6fb&to=bob"] {
            assert_ne!(values(other, b"x")["path"], approved["path"], "{other}");
        }
        assert_eq!(values("https://id.example/pay?a", b"")["path"], "/pay?a", "HTTP/2 names the authority, too");
    }

    #[test]
    fn a_path_that_was_shortened_is_approved_as_it_was_sent_and_a_rewritten_one_not_at_all() {
        let uri = |text: &str| text.parse::<Uri>().unwrap();
        let approved = |own: &str, original: &str| {
            let (own, original) = (uri(own), uri(original));
            sent(&own, Some(&original)).map(ToString::to_string).map_err(|broken| broken.rule)
        };
        assert_eq!(approved("/keys?x", "/live/keys?x"), Ok("/live/keys?x".into()));
        assert_eq!(approved("/?x", "/live?x"), Ok("/live?x".into()));
        for (own, original) in [("/keys/2?x", "/live/keys/1?x"), ("/keys?y", "/live/keys?x"), ("/keys", "/live/keys?x")]
        {
            assert_eq!(approved(own, original), Err("was rewritten on its way"), "{own}");
        }
    }

    #[test]
    fn what_has_no_path_or_too_long_a_one_is_not_bound_to() {
        assert_eq!(read(&Method::CONNECT, &"id.example:443".parse().unwrap(), b"").unwrap_err().rule, "is missing");
        let long: Uri = format!("/{}", "x".repeat(1024)).parse().unwrap();
        assert_eq!(read(&Method::POST, &long, b"").unwrap_err().name, Box::from("path"));
    }
}
