//! Reading the JSON of a token: strict, without copies where none is needed.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::numeric_date::NumericDate;
use crate::id::TokenId;

/// Text that is borrowed from the input where it has no escapes.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

/// Fills a slot once. R7515-4-dup: of two members with one name an attacker shows one to each
/// reader, so two are refused.
fn once<'de, A: MapAccess<'de>, T: Deserialize<'de>>(slot: &mut Option<T>, map: &mut A) -> Result<(), A::Error> {
    if slot.is_some() {
        return Err(A::Error::custom("a member stands twice"));
    }
    *slot = Some(map.next_value()?);
    Ok(())
}

/// Passes over a member that is not read; even so its name may stand once only.
fn pass<'de, A: MapAccess<'de>>(seen: &mut BTreeSet<Text<'de>>, name: Text<'de>, map: &mut A) -> Result<(), A::Error> {
    if !seen.insert(name) {
        return Err(A::Error::custom("a member stands twice"));
    }
    map.next_value::<IgnoredAny>().map(|_| ())
}

/// The header. `jku`, `x5u`, `jwk`, `x5c` and the like are passed over: keys come from the key set
/// alone (R8725-3.10-a).
#[derive(Debug, Default)]
pub(super) struct Header<'a> {
    pub(super) alg: Option<Text<'a>>,
    pub(super) kid: Option<Text<'a>>,
    pub(super) typ: Option<Text<'a>>,
    pub(super) crit: Option<IgnoredAny>,
    pub(super) b64: Option<IgnoredAny>,
}

impl<'de> Deserialize<'de> for Header<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HeaderVisitor;
        impl<'de> Visitor<'de> for HeaderVisitor {
            type Value = Header<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JOSE header")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut header = Header::default();
                let mut others = BTreeSet::new();
                while let Some(name) = map.next_key::<Text<'de>>()? {
                    match &*name.0 {
                        "alg" => once(&mut header.alg, &mut map)?,
                        "kid" => once(&mut header.kid, &mut map)?,
                        "typ" => once(&mut header.typ, &mut map)?,
                        "crit" => once(&mut header.crit, &mut map)?,
                        "b64" => once(&mut header.b64, &mut map)?,
                        _ => pass(&mut others, name, &mut map)?,
                    }
                }
                Ok(header)
            }
        }
        deserializer.deserialize_map(HeaderVisitor)
    }
}

/// The claims that are read.
#[derive(Debug, Default)]
pub(super) struct Payload<'a> {
    pub(super) iss: Option<Text<'a>>,
    pub(super) tenant: Option<Box<str>>,
    pub(super) sub: Option<Box<str>>,
    pub(super) aud: Option<Audience<'a>>,
    pub(super) client_id: Option<Box<str>>,
    pub(super) exp: Option<NumericDate>,
    pub(super) nbf: Option<NumericDate>,
    pub(super) iat: Option<NumericDate>,
    pub(super) jti: Option<Box<str>>,
    pub(super) sid: Option<Box<str>>,
    pub(super) auth_time: Option<NumericDate>,
    pub(super) acr: Option<Text<'a>>,
    pub(super) amr: Option<Vec<Box<str>>>,
    pub(super) evidence: Option<Vec<Proof<'a>>>,
    pub(super) step_up: Option<StepUp>,
    pub(super) roles: Option<Vec<Box<str>>>,
    pub(super) scope: Option<Text<'a>>,
}

impl<'de> Deserialize<'de> for Payload<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PayloadVisitor;
        impl<'de> Visitor<'de> for PayloadVisitor {
            type Value = Payload<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a claims set")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut claims = Payload::default();
                let mut others = BTreeSet::new();
                while let Some(name) = map.next_key::<Text<'de>>()? {
                    match &*name.0 {
                        "iss" => once(&mut claims.iss, &mut map)?,
                        "tenant" => once(&mut claims.tenant, &mut map)?,
                        "sub" => once(&mut claims.sub, &mut map)?,
                        "aud" => once(&mut claims.aud, &mut map)?,
                        "client_id" => once(&mut claims.client_id, &mut map)?,
                        "exp" => once(&mut claims.exp, &mut map)?,
                        "nbf" => once(&mut claims.nbf, &mut map)?,
                        "iat" => once(&mut claims.iat, &mut map)?,
                        "jti" => once(&mut claims.jti, &mut map)?,
                        "sid" => once(&mut claims.sid, &mut map)?,
                        "auth_time" => once(&mut claims.auth_time, &mut map)?,
                        "acr" => once(&mut claims.acr, &mut map)?,
                        "amr" => once(&mut claims.amr, &mut map)?,
                        "evidence" => once(&mut claims.evidence, &mut map)?,
                        "step_up" => once(&mut claims.step_up, &mut map)?,
                        "roles" => once(&mut claims.roles, &mut map)?,
                        "scope" => once(&mut claims.scope, &mut map)?,
                        _ => pass(&mut others, name, &mut map)?,
                    }
                }
                Ok(claims)
            }
        }
        deserializer.deserialize_map(PayloadVisitor)
    }
}

/// `aud`: one string or several (R7519-4.1.3).
#[derive(Debug)]
pub(super) struct Audience<'a>(Vec<Text<'a>>);

impl Audience<'_> {
    pub(super) fn contains(&self, wanted: &str) -> bool {
        self.0.iter().any(|aud| *aud.0 == *wanted)
    }
}

impl<'de> Deserialize<'de> for Audience<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AudienceVisitor;
        impl<'de> Visitor<'de> for AudienceVisitor {
            type Value = Audience<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an array of strings")
            }
            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Audience(vec![Text(Cow::Borrowed(text))]))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Audience(vec![Text(Cow::Owned(text.to_owned()))]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(text) = seq.next_element()? {
                    all.push(text);
                }
                Ok(Audience(all))
            }
        }
        deserializer.deserialize_any(AudienceVisitor)
    }
}

/// One entry of `evidence`.
#[derive(Debug, Deserialize)]
pub(super) struct Proof<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) method: Text<'a>,
    pub(super) at: NumericDate,
    #[serde(default)]
    pub(super) phr: bool,
    #[serde(default)]
    pub(super) uv: bool,
    #[serde(default)]
    pub(super) hw: bool,
}

/// The claim `step_up`.
#[derive(Debug, Deserialize)]
pub(super) struct StepUp {
    pub(super) jti: TokenId,
    pub(super) action: Box<str>,
    pub(super) auth_time: NumericDate,
    pub(super) exp: NumericDate,
    pub(super) bind: Option<Box<str>>,
}

/// Any JSON in which no object has two members of one name.
pub(super) struct Unique(pub(super) Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct UniqueVisitor;
        impl<'de> Visitor<'de> for UniqueVisitor {
            type Value = Unique;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON with unique members")
            }
            fn visit_bool<E: Error>(self, value: bool) -> Result<Unique, E> {
                Ok(Unique(value.into()))
            }
            fn visit_i64<E: Error>(self, value: i64) -> Result<Unique, E> {
                Ok(Unique(value.into()))
            }
            fn visit_u64<E: Error>(self, value: u64) -> Result<Unique, E> {
                Ok(Unique(value.into()))
            }
            fn visit_f64<E: Error>(self, value: f64) -> Result<Unique, E> {
                Ok(Unique(value.into()))
            }
            fn visit_str<E: Error>(self, value: &str) -> Result<Unique, E> {
                Ok(Unique(value.into()))
            }
            fn visit_unit<E: Error>(self) -> Result<Unique, E> {
                Ok(Unique(Value::Null))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Unique, A::Error> {
                let mut all = Vec::new();
                while let Some(Unique(value)) = seq.next_element()? {
                    all.push(value);
                }
                Ok(Unique(Value::Array(all)))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unique, A::Error> {
                let mut all = Map::new();
                while let Some((name, Unique(value))) = map.next_entry::<String, Unique>()? {
                    if all.insert(name, value).is_some() {
                        return Err(A::Error::custom("a member stands twice"));
                    }
                }
                Ok(Unique(Value::Object(all)))
            }
        }
        deserializer.deserialize_any(UniqueVisitor)
    }
}
