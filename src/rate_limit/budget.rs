use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::quota::Quota;

/// What a budget is counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// One address.
    Address,
    /// The first 64 bits of an IPv6 address: one link, on which one machine may use any address.
    Network64,
    /// The first 48 bits of an IPv6 address: one site, the most that a customer is usually given (RFC 6177 §2), with
    /// 65,536 links in it.
    Network48,
    /// Answers of passkeys and security keys from one address of IPv4 or one /64 of IPv6. Nobody guesses them, so they
    /// are counted apart: whoever sends rubbish without end holds up nobody's codes.
    WebAuthn,
    /// One destination of codes that are sent.
    Destination,
    /// Everybody of whom nothing is known to count by.
    Global,
}

impl Scope {
    /// Returns its name: `address`, `network64`, `network48`, `webauthn`, `destination`, `global`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Network64 => "network64",
            Self::Network48 => "network48",
            Self::WebAuthn => "webauthn",
            Self::Destination => "destination",
            Self::Global => "global",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whose budget, and how large it is.
///
/// ```
/// use tower_mfa::rate_limit::{Budget, Quota, Scope};
///
/// let quota = Quota::new(30, 300).unwrap();
/// let of = |address: &str| Budget::address(address.parse().unwrap(), quota);
/// assert_eq!(of("::ffff:192.0.2.7"), of("192.0.2.7"), "one host, whichever socket it met");
/// assert_ne!(of("2001:db8::7"), of("2001:db8::8"));
///
/// let link = |address: &str| Budget::network64(address.parse().unwrap(), quota);
/// assert_eq!(link("2001:db8::7"), link("2001:db8::8"));
/// assert_ne!(link("2001:db8::7"), link("2001:db8:0:1::7"));
/// assert_eq!(link("192.0.2.7"), None, "an IPv4 address is all its customer has");
/// assert_eq!(link("2001:db8::7").unwrap().scope(), Scope::Network64);
///
/// let site = |address: &str| Budget::network48(address.parse().unwrap(), quota);
/// assert_eq!(site("2001:db8::7"), site("2001:db8:0:1::7"));
/// assert_ne!(site("2001:db8::7"), site("2001:db8:1::7"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    key: Key,
    quota: Quota,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Address(IpAddr),
    /// The first 64 bits.
    Network64(u64),
    /// The first 48 bits, and 16 that are 0.
    Network48(u64),
    /// An address of IPv4, or the first of a /64.
    WebAuthn(IpAddr),
    Destination([u8; 32]),
    Global,
}

impl Budget {
    /// The budget of an address; one of IPv4 in IPv6 clothes is that of what it is.
    #[must_use]
    pub const fn address(address: IpAddr, quota: Quota) -> Self {
        Self { key: Key::Address(address.to_canonical()), quota }
    }

    /// The budget of the /64 that an IPv6 address lies in; `None` for IPv4.
    #[must_use]
    pub fn network64(address: IpAddr, quota: Quota) -> Option<Self> {
        let bits = bits64(address)?;
        Some(Self { key: Key::Network64(bits), quota })
    }

    /// The budget of the /48 that an IPv6 address lies in; `None` for IPv4.
    #[must_use]
    pub fn network48(address: IpAddr, quota: Quota) -> Option<Self> {
        let bits = bits64(address)?;
        Some(Self { key: Key::Network48(bits & !0xffff), quota })
    }

    /// The budget of the answers of passkeys and security keys from an address of IPv4, or from all of the /64 that
    /// one of IPv6 lies in.
    #[must_use]
    pub fn webauthn(address: IpAddr, quota: Quota) -> Self {
        let link = bits64(address).map_or(address.to_canonical(), |bits| first_of(bits).into());
        Self { key: Key::WebAuthn(link), quota }
    }

    /// The budget of a destination that codes are sent to.
    ///
    /// Nothing in this crate sends codes yet, so nothing takes from it.
    ///
    /// # Security
    ///
    /// Give a keyed hash (HMAC, or HKDF under a key of one's own) of the number or address in one spelling, never
    /// itself and never a bare hash: all telephone numbers are hashed in minutes, and whoever sees the budgets
    /// would know who has an account.
    #[must_use]
    pub const fn destination(keyed_hash: [u8; 32], quota: Quota) -> Self {
        Self { key: Key::Destination(keyed_hash), quota }
    }

    /// The one budget of all who have no other.
    #[must_use]
    pub const fn global(quota: Quota) -> Self {
        Self { key: Key::Global, quota }
    }

    /// Returns what it is counted by.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        match self.key {
            Key::Address(_) => Scope::Address,
            Key::Network64(_) => Scope::Network64,
            Key::Network48(_) => Scope::Network48,
            Key::WebAuthn(_) => Scope::WebAuthn,
            Key::Destination(_) => Scope::Destination,
            Key::Global => Scope::Global,
        }
    }

    /// Returns how large it is.
    #[must_use]
    pub const fn quota(&self) -> Quota {
        self.quota
    }

    /// Returns a name that no other budget has, to keep it by: printable ASCII, at most 64 characters.
    #[must_use]
    pub fn name(&self) -> String {
        let scope = self.scope();
        match self.key {
            Key::Address(address) | Key::WebAuthn(address) => format!("{scope}:{address}"),
            Key::Network64(bits) | Key::Network48(bits) => format!("{scope}:{}", first_of(bits)),
            Key::Destination(hash) => format!("{scope}:{}", URL_SAFE_NO_PAD.encode(hash)),
            Key::Global => scope.to_string(),
        }
    }

    pub(super) const fn key(&self) -> &Key {
        &self.key
    }
}

/// The first 64 bits of an address of IPv6.
fn bits64(address: IpAddr) -> Option<u64> {
    let IpAddr::V6(v6) = address.to_canonical() else { return None };
    let [a, b, c, d, e, f, g, h, ..] = v6.octets();
    Some(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
}

/// The first address of a /64.
fn first_of(bits: u64) -> Ipv6Addr {
    Ipv6Addr::from_bits(u128::from(bits) << 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_that_of_one_budget_alone() {
        let quota = Quota::new(1, 1).unwrap();
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let names = [
            Budget::address(ip("192.0.2.7"), quota).name(),
            Budget::address(ip("2001:db8::"), quota).name(),
            Budget::network64(ip("2001:db8::"), quota).unwrap().name(),
            Budget::network48(ip("2001:db8:0:1::"), quota).unwrap().name(),
            Budget::webauthn(ip("2001:db8::7"), quota).name(),
            Budget::webauthn(ip("192.0.2.7"), quota).name(),
            Budget::destination([7; 32], quota).name(),
            Budget::global(quota).name(),
        ];
        let expected = [
            "address:192.0.2.7",
            "address:2001:db8::",
            "network64:2001:db8::",
            "network48:2001:db8::",
            "webauthn:2001:db8::",
            "webauthn:192.0.2.7",
            "destination:BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc",
            "global",
        ];
        assert_eq!(names, expected);
        let longest = Budget::address(ip("1111:2222:3333:4444:5555:6666:7777:8888"), quota).name();
        assert!(
            names.iter().chain([&longest]).all(|name| name.len() <= 64 && name.bytes().all(|b| b.is_ascii_graphic()))
        );
    }
}
