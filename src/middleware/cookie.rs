use http::HeaderMap;
use http::header::COOKIE;

use super::source::Presented;

/// Reads the cookie of exactly this name (RFC 6265 §4.2.1).
///
/// Advisory 56 (CVE-2024-28197): whoever controls a sibling domain can set a second cookie of the
/// same name, and which of the two comes first is the attacker's choice. So two are refused.
pub(crate) fn read<'a>(headers: &'a HeaderMap, name: &str) -> Presented<'a> {
    let pairs = headers.get_all(COOKIE).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    let mut values = pairs.filter_map(|pair| pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"="));
    match (values.next(), values.next()) {
        (None, _) => Presented::Nothing,
        (Some(value), None) => Presented::token(value),
        (Some(_), Some(_)) => Presented::Twice,
    }
}
