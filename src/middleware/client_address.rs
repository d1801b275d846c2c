use std::net::IpAddr;

/// Where a request comes from, in its extensions: for requirements that name networks.
///
/// [`AuthenticateLayer::client_address`](super::AuthenticateLayer::client_address) writes it, or the host
/// does, outside of that layer: the peer of the connection, or what a proxy it trusts says of it. What stands
/// there already is what the layers and routes of a service (`Mfa::authenticate_layer`, `Mfa::routes`) go by. Without
/// one a request comes from no network.
///
/// ```
/// use http::Request;
/// use tower_mfa::middleware::ClientAddress;
///
/// let mut request = Request::new(());
/// request.extensions_mut().insert(ClientAddress::new("::ffff:192.0.2.7".parse().unwrap()));
/// let known: &ClientAddress = request.extensions().get().unwrap();
/// assert_eq!(known.ip().to_string(), "192.0.2.7");
/// ```
///
/// # Security
///
/// Take it from the connection. A header says what its sender likes, unless a proxy of one's own has
/// written it (CVE-2026-20896).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(IpAddr);

impl ClientAddress {
    /// Notes an address; one of IPv4 in IPv6 clothes as what it is.
    #[must_use]
    pub const fn new(address: IpAddr) -> Self {
        Self(address.to_canonical())
    }

    /// Returns the address.
    #[must_use]
    pub const fn ip(self) -> IpAddr {
        self.0
    }
}
