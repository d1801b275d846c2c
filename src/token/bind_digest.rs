//! What a step-up is bound to: the digest of an action and its parameters.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// Most parameters, and longest text among them in bytes.
const PARAMETERS_MAX: usize = 16;
const TEXT_MAX: usize = 1024;
/// 2^53 − 1: beyond it JSON numbers mean different things to different readers.
const INTEGER_MAX: u64 = (1 << 53) - 1;

/// Why parameters cannot be bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// Something that is neither a string nor an integer of at most 2^53 − 1.
    #[error("{}", self.rule())]
    Value,
    /// Too many parameters, or too long a text.
    #[error("{}", self.rule())]
    TooLarge,
}

/// Digests an action and its parameters: `sha-256:` and the base64url of SHA-256 over the RFC 8785
/// canonical JSON of `{"action":…,"bind":{…}}`.
///
/// `parameters` gives each name with its value as JSON text; strings and integers are allowed.
///
/// ```
/// use tower_mfa::token::bind_digest;
///
/// let one = bind_digest("pay", [("to", serde_json::json!("bob")), ("amount", serde_json::json!(5))]).unwrap();
/// let same = bind_digest("pay", [("amount", serde_json::json!(5)), ("to", serde_json::json!("bob"))]).unwrap();
/// let other = bind_digest("pay", [("to", serde_json::json!("bob")), ("amount", serde_json::json!(50))]).unwrap();
/// assert!(one.starts_with("sha-256:"));
/// assert_eq!(one, same, "the order of members is no part of it");
/// assert_ne!(one, other);
/// ```
///
/// # Errors
///
/// [`BindError`] for a value of another type, or too many or too long ones.
pub fn bind_digest<N: Into<String>, V: serde::Serialize>(
    action: &str,
    parameters: impl IntoIterator<Item = (N, V)>,
) -> Result<String, BindError> {
    let mut members: BTreeMap<Vec<u16>, (String, serde_json::Value)> = BTreeMap::new();
    for (name, value) in parameters {
        let name = name.into();
        let value = serde_json::to_value(value).map_err(|_| BindError::Value)?;
        check_parameter(&name, &value)?;
        // RFC 8785 §3.2.3: members are sorted by their UTF-16 code units, not by their bytes.
        members.insert(name.encode_utf16().collect(), (name, value));
    }
    if members.len() > PARAMETERS_MAX {
        return Err(BindError::TooLarge);
    }
    let text = |value: &serde_json::Value| value.to_string();
    let members: Vec<String> =
        members.values().map(|(name, value)| format!("{}:{}", text(&name.as_str().into()), text(value))).collect();
    let canonical = format!("{{\"action\":{},\"bind\":{{{}}}}}", text(&action.into()), members.join(","));
    Ok(format!("sha-256:{}", URL_SAFE_NO_PAD.encode(Sha256::digest(canonical))))
}

/// Digests the bytes of a body: `sha-256:` and the base64url of their SHA-256, as an approval of a whole
/// request is bound to them.
///
/// A client that asks for such an approval sends `bind` with the method, the path with its query, and
/// this.
///
/// ```
/// use tower_mfa::token::body_digest;
///
/// assert_eq!(body_digest(b"abc"), "sha-256:ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0", "FIPS 180-4");
/// assert_ne!(body_digest(b"amount=100"), body_digest(b"amount=101"));
/// ```
#[must_use]
pub fn body_digest(body: &[u8]) -> String {
    format!("sha-256:{}", URL_SAFE_NO_PAD.encode(Sha256::digest(body)))
}

/// What an approval of a whole request is bound to, by the names that `docs/HTTP.md` gives it.
pub(crate) const WHOLE_REQUEST: [&str; 3] = ["method", "path", "body"];

/// Checks the names of the parameters that an approval is to be bound to.
pub(crate) fn check_names(names: &[Box<str>]) -> Result<(), &'static str> {
    if names.is_empty() || names.len() > PARAMETERS_MAX || names.iter().any(|name| name.len() > TEXT_MAX) {
        return Err("must be 1 to 16 names of members of the body, of at most 1024 bytes");
    }
    let lower: BTreeSet<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
    if lower.len() < names.len() {
        return Err("must differ by more than upper and lower case");
    }
    // Else the same digest would stand for a body that says so and for a request that is so.
    if names.len() == WHOLE_REQUEST.len() && WHOLE_REQUEST.iter().all(|part| names.iter().any(|name| **name == **part))
    {
        return Err("method, path and body are the names of a whole request: bind that, or rename one");
    }
    Ok(())
}

impl BindError {
    /// Returns the rule that was broken.
    #[must_use]
    pub const fn rule(self) -> &'static str {
        match self {
            Self::Value => "must hold strings and integers of at most 2^53-1 alone",
            Self::TooLarge => "must have at most 16 members of at most 1024 bytes",
        }
    }
}

/// Checks one parameter: what it may be, and how long.
pub(crate) fn check_parameter(name: &str, value: &serde_json::Value) -> Result<(), BindError> {
    if name.len() > TEXT_MAX || value.as_str().is_some_and(|text| text.len() > TEXT_MAX) {
        return Err(BindError::TooLarge);
    }
    let integer = value.as_i64().map(i64::unsigned_abs).or_else(|| value.as_u64());
    match value {
        serde_json::Value::String(_) => Ok(()),
        serde_json::Value::Number(_) if integer.is_some_and(|n| n <= INTEGER_MAX) => Ok(()),
        _ => Err(BindError::Value),
    }
}
