//! Where a request comes from: the connection's peer, or what a proxy says that the host has named.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use http::request::Parts;
use http::{Extensions, HeaderMap};

use crate::middleware::ClientAddress;
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

/// Says where a request comes from: what the host has noted, or else where the server keeps its peer as axum does.
pub(super) fn find(extensions: &Extensions, headers: &HeaderMap, trusted: &[Network]) -> Option<IpAddr> {
    if let Some(noted) = extensions.get::<ClientAddress>() {
        return Some(noted.ip());
    }
    let peer = extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip();
    address_of(peer, headers, trusted)
}

/// Walks `X-Forwarded-For` from the right, past the proxies the host has named; `None` where one of them does not say
/// whom it speaks for.
///
/// The client writes whatever it likes to the left of what the first trusted proxy added, so the
/// walk ends at the first address that is no proxy of ours. Some proxies add the port: it is another one
/// for every connection, and no part of who it is.
///
/// A proxy is no client. A client can have its header dropped by some proxies (`Connection: X-Forwarded-For`,
/// CVE-2022-31813) and chooses the bytes before its own address in the same line: whoever then passed for the proxy
/// would be inside of every network that the proxy is in.
fn address_of(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> Option<IpAddr> {
    let is_proxy = |address| trusted.iter().any(|proxies| proxies.contains(address));
    let mut address = peer.to_canonical();
    let mut hops = headers.get_all("x-forwarded-for").iter().rev().flat_map(|line| line.as_bytes().rsplit(is_comma));
    if is_proxy(address) {
        address = hop(hops.next()?)?;
    }
    for next in hops {
        if !is_proxy(address) {
            break;
        }
        address = hop(next)?;
    }
    Some(address)
}

/// Each hop by itself: what stands beside it in the line is another's.
fn hop(bytes: &[u8]) -> Option<IpAddr> {
    read_address(str::from_utf8(bytes).ok()?)
}

const fn is_comma(byte: &u8) -> bool {
    *byte == b','
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
        assert_eq!(address_of(ip("203.0.113.9"), &headers, &[]), Some(ip("203.0.113.9")));
        assert_eq!(address_of(ip("10.0.0.1"), &headers, &proxies(["10.0.0.1"])), Some(ip("198.51.100.7")));
    }

    #[test]
    fn what_the_client_wrote_to_the_left_is_not_believed() {
        let headers = forwarded(&["1.1.1.1, 198.51.100.7", "10.0.0.2"]);
        let proxies = proxies(["10.0.0.1", "10.0.0.2"]);
        assert_eq!(address_of(ip("10.0.0.1"), &headers, &proxies), Some(ip("198.51.100.7")));
        let mut headers = HeaderMap::new();
        for line in [&b"10.0.0.7, \xe9, 198.51.100.7"[..], b"\xff,10.0.0.2"] {
            headers.append("x-forwarded-for", HeaderValue::from_bytes(line).unwrap());
        }
        assert_eq!(address_of(ip("10.0.0.1"), &headers, &proxies), None, "what a proxy of ours has written last");
        headers.append("x-forwarded-for", HeaderValue::from_bytes(b"\xe9, 198.51.100.7").unwrap());
        assert_eq!(address_of(ip("10.0.0.1"), &headers, &proxies), Some(ip("198.51.100.7")));
    }

    #[test]
    fn a_proxy_that_says_nothing_of_whom_it_speaks_for_is_not_taken_for_its_client() {
        let proxies = proxies(["10.0.0.1", "10.0.0.2"]);
        for lines in [&[][..], &["nonsense"], &["unknown"], &["198.51.100.7,"], &["198.51.100.7, _hidden, 10.0.0.2"]] {
            assert_eq!(address_of(ip("10.0.0.1"), &forwarded(lines), &proxies), None, "{lines:?}");
            assert_eq!(address_of(ip("10.0.0.9"), &forwarded(lines), &proxies), Some(ip("10.0.0.9")), "no proxy");
        }
        let from_within = forwarded(&["10.0.0.2"]);
        assert_eq!(address_of(ip("10.0.0.1"), &from_within, &proxies), Some(ip("10.0.0.2")), "that is what it said");
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
            let found = address_of(ip("::ffff:10.9.9.9"), &forwarded(&[line]), &proxies);
            assert_eq!(found, Some(ip(client)), "{line}");
        }
        let headers = forwarded(&["198.51.100.7"]);
        assert_eq!(address_of(ip("11.0.0.1"), &headers, &proxies), Some(ip("11.0.0.1")), "not of the range");
    }
}
