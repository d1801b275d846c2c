//! Names of things: random opaque ids, and the subject, whose id the host gives.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::entropy::{self, Entropy, EntropyError};
use crate::error::ConfigError;

/// The text was not an id of this crate: 22 characters of base64url.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id: 22 characters of base64url are wanted")]
#[non_exhaustive]
pub struct InvalidId;

/// Defines an id type: 128 random bits, written as 22 characters of base64url.
macro_rules! opaque_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// 128 random bits, URL safe, without meaning. An id is no secret and has no power of its own.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// Draws a new id.
            ///
            /// # Errors
            ///
            /// [`EntropyError`] when the source of randomness fails.
            pub fn generate(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
                entropy::bytes(entropy).map(Self)
            }

            /// Returns the 16 bytes, as they go into associated data.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(encode(&self.0, &mut [0; 22]).ok_or(fmt::Error)?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                decode(text).map(Self).ok_or(InvalidId)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(encode(&self.0, &mut [0; 22]).unwrap_or_default())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(IdVisitor).map(Self)
            }
        }
    };
}

/// 16 bytes are always 22 characters.
fn encode<'a>(bytes: &[u8; 16], text: &'a mut [u8; 22]) -> Option<&'a str> {
    let written = URL_SAFE_NO_PAD.encode_slice(bytes, text).ok()?;
    std::str::from_utf8(text.get(..written)?).ok()
}

/// Other lengths, other alphabets and non-canonical trailing bits are all refused, so an id has one
/// spelling.
fn decode(text: &str) -> Option<[u8; 16]> {
    if text.len() != 22 {
        return None;
    }
    // The decoder asks for a little more room than it fills.
    let mut wide = [0_u8; 24];
    let written = URL_SAFE_NO_PAD.decode_slice(text, &mut wide).ok()?;
    wide.get(..written)?.try_into().ok()
}

struct IdVisitor;

impl Visitor<'_> for IdVisitor {
    type Value = [u8; 16];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<[u8; 16], E> {
        decode(text).ok_or_else(|| E::custom(InvalidId))
    }
}

opaque_id! {
    /// The id of an authenticator: one thing bound to a subject.
    AuthenticatorId
}
opaque_id! {
    /// The id of a challenge: a pending, expiring, single-use question to a subject.
    ChallengeId
}
opaque_id! {
    /// The id of a session. A successful answer ends one and begins another.
    SessionId
}
opaque_id! {
    /// The id of a signed token (`jti`), or of the step-up inside it.
    TokenId
}
opaque_id! {
    /// The id of an event in the audit trail.
    EventId
}
opaque_id! {
    /// The id of an export of accounts.
    ExportId
}

/// The model of an authenticator (Authenticator Attestation GUID, WebAuthn §6.5.1); all zero where it does
/// not say.
///
/// ```
/// use tower_mfa::id::Aaguid;
///
/// let aaguid: Aaguid = "fbfc3007-154e-4ecc-8c0b-6e020557d7bd".parse().unwrap();
/// assert_eq!(aaguid.to_string(), "fbfc3007-154e-4ecc-8c0b-6e020557d7bd");
/// assert!(aaguid.is_known() && !Aaguid::default().is_known());
/// assert!("fbfc3007154e4ecc8c0b6e020557d7bd".parse::<Aaguid>().is_err());
/// ```
///
/// # Security
///
/// Without an attestation it is whatever the client says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "std::borrow::Cow<'_, str>", into = "String")]
pub struct Aaguid([u8; 16]);

/// The text is not an AAGUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an AAGUID: 8-4-4-4-12 digits in base 16 are wanted")]
#[non_exhaustive]
pub struct InvalidAaguid;

impl Aaguid {
    /// Takes the bytes the authenticator gave.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Tells whether it names a model at all.
    #[must_use]
    pub fn is_known(self) -> bool {
        self.0 != [0; 16]
    }
}

impl fmt::Display for Aaguid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            let dash = if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" };
            write!(f, "{dash}{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Aaguid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Aaguid {
    type Err = InvalidAaguid;

    fn from_str(text: &str) -> Result<Self, InvalidAaguid> {
        let groups: Vec<&str> = text.split('-').collect();
        let digits = groups.concat();
        let is_uuid = groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12]);
        if !is_uuid || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(InvalidAaguid);
        }
        u128::from_str_radix(&digits, 16).map(|bits| Self(bits.to_be_bytes())).map_err(|_| InvalidAaguid)
    }
}

impl TryFrom<std::borrow::Cow<'_, str>> for Aaguid {
    type Error = InvalidAaguid;

    fn try_from(text: std::borrow::Cow<'_, str>) -> Result<Self, InvalidAaguid> {
        text.parse()
    }
}

impl From<Aaguid> for String {
    fn from(aaguid: Aaguid) -> Self {
        aaguid.to_string()
    }
}

/// The stable id the host gives a user, with the tenant it belongs to where there is one.
///
/// Choose something that never changes and is never given to somebody else: a database key, not an
/// e-mail address. Both parts are compared byte by byte, so bring aliases and spellings together
/// *before* you come here.
///
/// ```
/// use tower_mfa::id::Subject;
///
/// let alice = Subject::new("alice").unwrap();
/// assert_eq!(alice.id(), "alice");
/// let elsewhere = Subject::with_tenant("acme", "alice").unwrap();
/// assert_ne!(alice, elsewhere, "the tenant is part of the name");
/// assert!(Subject::new("").is_err());
/// assert!(Subject::new("alice\n").is_err());
/// ```
///
/// # Security
///
/// Throttling, locks and authenticators hang on this value. If an attacker could choose between
/// two spellings of one user, each would have a budget of its own (CVE-2025-24806), so whitespace
/// at the ends and control characters are refused.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    tenant: Option<Box<str>>,
    id: Box<str>,
}

/// Longest part of a subject, in bytes.
const SUBJECT_MAX: usize = 255;

impl Subject {
    /// Names a subject without a tenant.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when `id` is empty, longer than 255 bytes, or has control characters or
    /// whitespace at its ends.
    pub fn new(id: impl Into<Box<str>>) -> Result<Self, ConfigError> {
        Ok(Self { tenant: None, id: part("subject", id.into())? })
    }

    /// Names a subject of a tenant.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] as [`Subject::new`], for either part.
    pub fn with_tenant(tenant: impl Into<Box<str>>, id: impl Into<Box<str>>) -> Result<Self, ConfigError> {
        Ok(Self { tenant: Some(part("tenant", tenant.into())?), id: part("subject", id.into())? })
    }

    /// Returns the id within the tenant (the claim `sub`).
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the tenant (the claim `tenant`), where there is one.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    pub(crate) fn name(&self) -> Name<'_> {
        Name { tenant: self.tenant(), id: &self.id }
    }

    /// Returns one string that no other subject has: what a store uses as its key.
    ///
    /// ```
    /// # use tower_mfa::id::Subject;
    /// let a = Subject::with_tenant("a", "b").unwrap();
    /// let b = Subject::new("a b").unwrap();
    /// assert_ne!(a.storage_key(), b.storage_key());
    /// ```
    #[must_use]
    pub fn storage_key(&self) -> String {
        // A unit separator cannot stand in either part: control characters are refused.
        match &self.tenant {
            Some(tenant) => format!("{tenant}\u{1f}{}", self.id),
            None => self.id.clone().into_string(),
        }
    }

    /// Reads back what [`Subject::storage_key`] wrote.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when a part would not pass [`Subject::new`].
    pub fn from_storage_key(key: &str) -> Result<Self, ConfigError> {
        match key.split_once('\u{1f}') {
            Some((tenant, id)) => Self::with_tenant(tenant, id),
            None => Self::new(key),
        }
    }
}

fn part(field: &'static str, text: Box<str>) -> Result<Box<str>, ConfigError> {
    if text.is_empty() || text.len() > SUBJECT_MAX {
        return Err(ConfigError::new(field, "must have 1 to 255 bytes"));
    }
    if text.chars().any(char::is_control) {
        return Err(ConfigError::new(field, "must not have control characters"));
    }
    if text.trim().len() != text.len() {
        return Err(ConfigError::new(field, "must not begin or end with whitespace"));
    }
    Ok(text)
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.name(), f)
    }
}

/// What a subject is called, to people: `acme/alice`. Two tenants may each have an `alice`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Name<'a> {
    pub(crate) tenant: Option<&'a str>,
    pub(crate) id: &'a str,
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(tenant) = self.tenant {
            write!(f, "{tenant}/")?;
        }
        f.write_str(self.id)
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.storage_key())
    }
}

impl<'de> Deserialize<'de> for Subject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let key = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::from_storage_key(&key).map_err(serde::de::Error::custom)
    }
}
