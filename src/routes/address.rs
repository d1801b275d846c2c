//! Where a request comes from: the connection's peer, or what a proxy says that the host has named.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use http::request::Parts;
use http::{Extensions, HeaderMap};

use crate::network::{Network, read_address};
use crate::service::Mfa;

/// The service, with the caller's address noted where it is known.
pub(super) struct From(pub(super) Mfa);

impl FromRequestParts<Mfa> for From {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, mfa: &Mfa) -> Result<Self, Infallible> {
        let address = find(&parts.extensions, &parts.headers, mfa.trusted_proxies());
        Ok(Self(address.map_or_else(|| mfa.clone(), |address| mfa.from_address(&address.to_string()))))
    }
}

/// Says where a request comes from, where the server keeps its peer as axum does.
pub(super) fn find(extensions: &Extensions, headers: &HeaderMap, trusted: &[Network]) -> Option<IpAddr> {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip();
    Some(address_of(peer, headers, trusted))
}

/// Walks `X-Forwarded-For` from the right, past the proxies the host has named.
///
/// The client writes whatever it likes to the left of what the first trusted proxy added, so the
/// walk ends at the first address that is no proxy of ours. Some proxies add the port: it is another one
/// for every connection, and no part of who it is.
pub(crate) fn address_of(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let mut address = peer.to_canonical();
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    let hops = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
    for hop in hops {
        if !trusted.iter().any(|proxies| proxies.contains(address)) {
            break;
        }
        let Some(hop) = read_address(hop) else { break };
        address = hop;
    }
    address
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use http::{HeaderMap, HeaderValue};

    use super::address_of;
    use crate::network::Network;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn proxies<const N: usize>(texts: [&str; N]) -> [Network; N] {
        texts.map(|text| text.parse().unwrap())
    }

    fn forwarded(lines: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", HeaderValue::from_static(line));
        }
        headers
    }

    #[test]
    fn cve_2026_20896_a_forwarded_header_counts_only_from_a_named_proxy() {
        let headers = forwarded(&["198.51.100.7"]);
        assert_eq!(address_of(ip("203.0.113.9"), &headers, &[]), ip("203.0.113.9"));
        assert_eq!(address_of(ip("10.0.0.1"), &headers, &proxies(["10.0.0.1"])), ip("198.51.100.7"));
    }

    #[test]
    fn what_the_client_wrote_to_the_left_is_not_believed() {
        let headers = forwarded(&["1.1.1.1, 198.51.100.7", "10.0.0.2"]);
        let proxies = proxies(["10.0.0.1", "10.0.0.2"]);
        assert_eq!(address_of(ip("10.0.0.1"), &headers, &proxies), ip("198.51.100.7"));
        assert_eq!(address_of(ip("10.0.0.1"), &forwarded(&["nonsense"]), &proxies), ip("10.0.0.1"));
    }

    #[test]
    fn a_hop_may_have_a_port_and_any_spelling_and_proxies_may_be_ranges() {
        let proxies = proxies(["10.0.0.0/8", "2001:db8:1::/48"]);
        for (line, client) in [
            ("198.51.100.7:4711", "198.51.100.7"),
            ("[2001:DB8::7]:4711", "2001:db8::7"),
            ("198.51.100.7, ::ffff:10.1.2.3", "198.51.100.7"),
            ("198.51.100.7:1, [2001:db8:1::9]:443", "198.51.100.7"),
        ] {
            assert_eq!(address_of(ip("::ffff:10.9.9.9"), &forwarded(&[line]), &proxies), ip(client), "{line}");
        }
        let headers = forwarded(&["198.51.100.7"]);
        assert_eq!(address_of(ip("11.0.0.1"), &headers, &proxies), ip("11.0.0.1"), "not of the range");
    }
}
