//! Addresses as people write them, and ranges of them as policies name them.

mod address;

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::ConfigError;

pub use address::read_address;

/// A range of addresses in CIDR notation (RFC 4632, RFC 4291 §2.3).
///
/// An IPv4 address that comes in IPv6 clothes (`::ffff:10.0.0.1`) is the IPv4 address it is, so that one
/// client is in one network whichever socket it met.
///
/// ```
/// use tower_mfa::network::Network;
///
/// let office: Network = "10.0.0.0/8".parse().unwrap();
/// assert!(office.contains("10.1.2.3".parse().unwrap()));
/// assert!(office.contains("::ffff:10.1.2.3".parse().unwrap()));
/// assert!(!office.contains("11.0.0.1".parse().unwrap()));
///
/// // Bits behind the prefix are a slip: is it the host that is meant, or the network?
/// assert!("10.1.2.3/8".parse::<Network>().is_err());
///
/// const LAN: Network = Network::v4([192, 168, 0, 0], 16);
/// assert_eq!(LAN.to_string(), "192.168.0.0/16");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network(IpNet);

impl Network {
    /// Names a range of IPv4 addresses.
    ///
    /// # Panics
    ///
    /// When `prefix` is more than 32 or bits stand behind it: in a constant, when it is compiled.
    #[must_use]
    #[expect(clippy::as_conversions, reason = "From is not const, and nothing is lost")]
    pub const fn v4(address: [u8; 4], prefix: u8) -> Self {
        let bits = u32::from_be_bytes(address);
        assert!(bits.unbounded_shl(prefix as u32) == 0, "bits behind the prefix");
        Self(IpNet::V4(ipnet::Ipv4Net::new_assert(std::net::Ipv4Addr::from_bits(bits), prefix)))
    }

    /// Names a range of IPv6 addresses.
    ///
    /// # Panics
    ///
    /// When `prefix` is more than 128 or bits stand behind it: in a constant, when it is compiled.
    #[must_use]
    #[expect(clippy::as_conversions, reason = "From is not const, and nothing is lost")]
    pub const fn v6(segments: [u16; 8], prefix: u8) -> Self {
        let [a, b, c, d, e, f, g, h] = segments;
        let address = std::net::Ipv6Addr::new(a, b, c, d, e, f, g, h);
        assert!(address.to_bits().unbounded_shl(prefix as u32) == 0, "bits behind the prefix");
        Self(IpNet::V6(ipnet::Ipv6Net::new_assert(address, prefix)))
    }

    /// Tells whether `address` lies in the range.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// Tells whether every address of `other` lies in this range, too.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.0.contains(&other.0)
    }
}

impl From<IpAddr> for Network {
    /// Makes the range of one address.
    fn from(address: IpAddr) -> Self {
        Self(IpNet::from(address.to_canonical()))
    }
}

impl FromStr for Network {
    type Err = ConfigError;

    /// Reads a range (`10.0.0.0/8`, `2001:db8::/32`), or an address alone, which is a range of one.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let wrong = |rule| ConfigError::new("network", format!("{text:?} {rule}"));
        let range = match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address),
            Err(_) => text.parse().map_err(|_| wrong("must look like 10.0.0.0/8, 2001:db8::/32 or 192.0.2.7"))?,
        };
        if matches!(range, IpNet::V6(v6) if v6.addr().to_ipv4_mapped().is_some()) {
            return Err(wrong("must be written as the IPv4 range it is"));
        }
        if range != range.trunc() {
            return Err(wrong(&format!("has bits behind the prefix: did you mean {}?", range.trunc())));
        }
        Ok(Self(range))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn a_range_covers_what_lies_in_it_and_nothing_of_the_other_family() {
        let ten = network("10.0.0.0/8");
        assert!(ten.covers(&network("10.2.0.0/16")) && ten.covers(&ten));
        assert!(!network("10.2.0.0/16").covers(&ten));
        assert!(!network("0.0.0.0/0").covers(&network("::/0")));
        assert!(!network("::/0").contains("::ffff:10.0.0.1".parse().unwrap()), "an IPv4 address in IPv6 clothes");
        assert!(network("2001:db8::/32").contains("2001:db8:ffff::1".parse().unwrap()));
    }

    #[test]
    fn an_address_alone_is_a_range_of_one() {
        assert_eq!(network("192.0.2.7").to_string(), "192.0.2.7/32");
        assert_eq!(network("::1").to_string(), "::1/128");
    }

    #[test]
    fn what_is_no_range_is_refused_in_words() {
        for text in ["", "10.0.0.0/33", "10.0.0/8", "10.1.0.0/8", "::ffff:10.0.0.0/104", "localhost", "10.0.0.0/ 8"] {
            let refused = text.parse::<Network>().unwrap_err();
            assert!(refused.to_string().contains(text), "{refused}");
        }
    }
}
