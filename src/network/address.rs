//! One address out of the many ways to write it.

use std::net::{IpAddr, SocketAddr};

/// Reads an address as hosts and proxies write it; `None` for what is none.
///
/// With or without a port (`192.0.2.7:4711`, `[2001:db8::7]:4711`), an IPv6 address in brackets and in any of
/// its spellings, an IPv4 address in IPv6 clothes (`::ffff:192.0.2.7`), and whitespace around: they all are the
/// one address. A zone (`fe80::1%eth0`) is a name this machine has for a link, and no part of it.
///
/// ```
/// use tower_mfa::network::read_address;
///
/// let office = read_address("2001:db8::7");
/// assert!(office.is_some());
/// for spelling in ["2001:DB8:0:0::0007", "[2001:db8::7]", "[2001:db8::7]:443", " 2001:db8::7 "] {
///     assert_eq!(read_address(spelling), office);
/// }
/// assert_eq!(read_address("::ffff:192.0.2.7"), read_address("192.0.2.7:80"));
///
/// assert_ne!(read_address("2001:db8::8"), office);
/// for none in ["", "localhost", "192.0.2.256", "192.0.2.07", "[192.0.2.7]", "2001:db8::7]:443"] {
///     assert_eq!(read_address(none), None, "{none}");
/// }
/// ```
///
/// # Security
///
/// Whatever compares addresses, counts by them or looks one up in a range reads them here first: whoever finds a
/// second spelling has a second budget (CVE-2026-45364).
#[must_use]
pub fn read_address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let address = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, after) = rest.split_once(']')?;
            let has_port = after.strip_prefix(':').map(|port| port.parse::<u16>().is_ok());
            // Brackets are for what has colons of its own (RFC 3986 §3.2.2).
            let is_one = has_port.unwrap_or(after.is_empty()) && address.contains(':');
            is_one.then(|| without_zone(address).parse().ok())?
        }
        None => {
            let with_port = || text.parse::<SocketAddr>().map(|address| address.ip());
            without_zone(text).parse().or_else(|_| with_port()).ok()
        }
    };
    address.map(|address: IpAddr| address.to_canonical())
}

/// RFC 4007 §11: `address%zone`. Only IPv6 has zones.
fn without_zone(text: &str) -> &str {
    match text.split_once('%') {
        Some((address, zone)) if address.contains(':') && !zone.is_empty() && zone.bytes().all(is_of_a_zone) => address,
        _ => text,
    }
}

const fn is_of_a_zone(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    /// Every way to write an address that somebody is known to use.
    fn spellings(address: IpAddr) -> Vec<String> {
        let mut bare = vec![address.to_string()];
        match address {
            IpAddr::V4(v4) => {
                let mapped = v4.to_ipv6_mapped();
                let [a, b, c, d, e, f, g, h] = mapped.segments();
                bare.push(mapped.to_string());
                bare.push(format!("{a:x}:{b:x}:{c:x}:{d:x}:{e:x}:{f:X}:{g:x}:{h:04x}"));
                bare.push(format!("::ffff:{g:x}:{h:x}"));
            }
            IpAddr::V6(v6) => {
                let [a, b, c, d, e, f, g, h] = v6.segments();
                bare.push(format!("{a:04x}:{b:04x}:{c:04x}:{d:04x}:{e:04x}:{f:04x}:{g:04x}:{h:04x}"));
                bare.push(format!("{a:X}:{b:X}:{c:X}:{d:X}:{e:X}:{f:X}:{g:X}:{h:X}"));
                let [.., i, j, k, l] = v6.octets();
                bare.push(format!("{a:x}:{b:x}:{c:x}:{d:x}:{e:x}:{f:x}:{i}.{j}.{k}.{l}"));
                bare.push(v6.to_string().to_uppercase());
            }
        }
        let mut all = Vec::new();
        for text in bare {
            if text.contains(':') {
                let zones = [format!("{text}%eth0"), format!("[{text}%2]:443")];
                all.extend(zones.into_iter().chain([format!("[{text}]"), format!("[{text}]:65535")]));
            } else {
                all.push(format!("{text}:80"));
            }
            all.push(format!("\t{text} "));
            all.push(text);
        }
        all
    }

    fn any_address() -> impl Strategy<Value = IpAddr> {
        prop_oneof![
            any::<u32>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
            any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits)).to_canonical()),
            // Zeros in a row are what spellings differ in.
            (any::<u16>(), any::<u16>(), 0_usize..7).prop_map(|(first, last, at)| {
                let mut segments = [0; 8];
                segments[at] = first;
                segments[7] = last;
                IpAddr::from(segments).to_canonical()
            }),
        ]
    }

    proptest! {
        #[test]
        fn any_two_spellings_of_an_address_are_the_same_and_those_of_two_are_not(
            one in any_address(), other in any_address()
        ) {
            for text in spellings(one) {
                prop_assert_eq!(read_address(&text), Some(one), "{}", text);
                prop_assert!(one == other || read_address(&text) != Some(other), "{}", text);
            }
        }

        #[test]
        fn whatever_is_written_is_read_without_a_panic(text in "[0-9a-f:.%\\[\\] xg-]{0,48}") {
            let _ = read_address(&text);
        }
    }

    #[test]
    fn what_is_no_address_is_none() {
        for text in [
            "",
            " ",
            "unknown",
            "_hidden",
            "localhost",
            "192.0.2",
            "192.0.2.07",
            "0xC0000207",
            "3221225991",
            "192.0.2.7:",
            "192.0.2.7:65536",
            "192.0.2.7%eth0",
            "[192.0.2.7]",
            "[192.0.2.7]:80",
            "[]",
            "[",
            "[::1",
            "::1]",
            "[::1]80",
            "[::1]:",
            "[::1]:x",
            "::1%",
            "::1%a b",
            ":::1",
            "1::2::3",
            "\"192.0.2.7\"",
            "for=192.0.2.7",
            "192.0.2.7,::1",
        ] {
            assert_eq!(read_address(text), None, "{text:?}");
        }
    }
}
