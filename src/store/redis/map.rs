//! The map of a cluster: which server has which slots, and how it is reached.

use ::redis::{ConnectionAddr, ConnectionInfo, Value};

/// A place in the map, from the name of a key.
pub(super) type Slot = u16;

/// First slot, last slot, address of the master.
pub(super) type Range = (Slot, Slot, String);

pub(super) fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text),
        _ => None,
    }
}

pub(super) fn address_of(info: &ConnectionInfo) -> String {
    match info.addr() {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => format!("{host}:{port}"),
        other => other.to_string(),
    }
}

/// Host and port; the host of IPv6 has colons of its own.
pub(super) fn split(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    Some((host, port.parse().ok()?))
}

/// Another server, reached in the same way as one.
pub(super) fn beside(one: &ConnectionAddr, host: &str, port: u16) -> ConnectionAddr {
    match one {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host: host.to_owned(), port, insecure: *insecure, tls_params: tls_params.clone() }
        }
        _ => ConnectionAddr::Tcp(host.to_owned(), port),
    }
}

/// Reads `CLUSTER SLOTS`: `[first, last, [host, port, …], replicas…]`. A server that says no host
/// means the one that was asked.
pub(super) fn slots(told: &Value, asked: &str) -> Option<Vec<Range>> {
    let Value::Array(ranges) = told else { return None };
    let number = |value: Option<&Value>| match value {
        Some(Value::Int(number)) => u16::try_from(*number).ok(),
        _ => None,
    };
    let mut slots = Vec::with_capacity(ranges.len());
    for range in ranges {
        let Value::Array(range) = range else { return None };
        let Some(Value::Array(master)) = range.get(2) else { return None };
        let host = master.first().and_then(text).filter(|host| !host.is_empty() && *host != "?").unwrap_or(asked);
        let (first, last) = (number(range.first())?, number(range.get(1))?);
        slots.push((first, last, format!("{host}:{}", number(master.get(1))?)));
    }
    Some(slots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_of_a_cluster_is_read_and_nothing_else_is_taken_for_one() {
        let host = |host: &str| Value::BulkString(host.as_bytes().to_vec());
        let range =
            |host, port| Value::Array(vec![Value::Int(0), Value::Int(99), Value::Array(vec![host, Value::Int(port)])]);
        let map = Value::Array(vec![range(host("10.0.0.1"), 7000), range(Value::Nil, 7001), range(host(""), 7002)]);
        let at = |address: &str| (0, 99, address.to_owned());
        assert_eq!(slots(&map, "::1").unwrap(), [at("10.0.0.1:7000"), at("::1:7001"), at("::1:7002")]);
        for bad in [Value::Nil, Value::Array(vec![Value::Int(1)]), Value::Array(vec![range(host("a"), 70_000)])] {
            assert!(slots(&bad, "::1").is_none(), "{bad:?}");
        }
        assert_eq!(split("::1:7001"), Some(("::1", 7001)));
        assert_eq!(split("redis"), None);
    }
}
