//! The small words of a policy file: durations, methods, times of the day.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

use crate::assurance::{Aal, Day};
use crate::clock::Timestamp;

/// A duration: a number of seconds, or words such as `5 minutes` or `1h 30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span(pub(super) u32);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SpanVisitor)
    }
}

struct SpanVisitor;

impl Visitor<'_> for SpanVisitor {
    type Value = Span;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration: seconds, or words such as \"5 minutes\"")
    }

    fn visit_u64<E: Error>(self, secs: u64) -> Result<Span, E> {
        u32::try_from(secs).map(Span).map_err(|_| E::invalid_value(Unexpected::Unsigned(secs), &"at most 136 years"))
    }

    fn visit_i64<E: Error>(self, secs: i64) -> Result<Span, E> {
        let positive =
            u64::try_from(secs).map_err(|_| E::invalid_value(Unexpected::Signed(secs), &"a positive number"))?;
        self.visit_u64(positive)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Span, E> {
        if text.contains('M') {
            return Err(E::invalid_value(
                Unexpected::Str(text),
                &"minutes as m, or months in full: M is taken for both",
            ));
        }
        let duration = humantime::parse_duration(text).map_err(|_| E::invalid_value(Unexpected::Str(text), &self))?;
        if duration.subsec_nanos() != 0 {
            return Err(E::invalid_value(Unexpected::Str(text), &"whole seconds"));
        }
        self.visit_u64(duration.as_secs())
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number of seconds, or words such as \"5 minutes\".",
            "oneOf": [
                { "type": "integer", "minimum": 0, "maximum": u32::MAX },
                { "type": "string", "pattern": "^\\s*([0-9]+\\s*[A-LN-Za-z]+\\s*)+$" }
            ]
        })
    }
}

/// A level: `aal1`, `aal2`, `aal3`, whatever they are called on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Aal1,
    Aal2,
    Aal3,
}

impl From<Level> for Aal {
    fn from(level: Level) -> Self {
        match level {
            Level::Aal1 => Self::One,
            Level::Aal2 => Self::Two,
            Level::Aal3 => Self::Three,
        }
    }
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum DayName {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl From<DayName> for Day {
    fn from(day: DayName) -> Self {
        match day {
            DayName::Mon => Self::Mon,
            DayName::Tue => Self::Tue,
            DayName::Wed => Self::Wed,
            DayName::Thu => Self::Thu,
            DayName::Fri => Self::Fri,
            DayName::Sat => Self::Sat,
            DayName::Sun => Self::Sun,
        }
    }
}

/// A list of at least one: an empty one would ask for nothing where its writer meant nobody.
#[derive(Debug, Clone)]
pub(super) struct AtLeastOne<T>(pub(super) Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for AtLeastOne<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list = Vec::deserialize(deserializer)?;
        if list.is_empty() {
            return Err(D::Error::invalid_length(
                0,
                &"a list of at least one; leave the member out where none is meant",
            ));
        }
        Ok(Self(list))
    }
}

impl<T: JsonSchema> JsonSchema for AtLeastOne<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("AtLeastOne{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "items": generator.subschema_for::<T>(), "minItems": 1 })
    }
}

/// Text of one form, read into a value: `08:00`, `+01:00`, `10.0.0.0/8`, `GET`.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident($value:ty), $title:literal, $pattern:literal, $expected:literal, $read:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub(super) struct $name(pub(super) $value);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                let read: fn(&str) -> Option<$value> = $read;
                read(&text).map(Self).ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&text), &$expected))
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                $title.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "description": $expected, "type": "string", "pattern": $pattern })
            }
        }
    };
}

/// Two digits, a colon, two digits: a number that is parsed takes a sign, too.
fn is_clock_face(text: &str) -> bool {
    matches!(text.as_bytes(), [a, b, b':', c, d] if [a, b, c, d].into_iter().all(u8::is_ascii_digit))
}

text!(
    /// A time of the day, in hours and minutes.
    TimeOfDay((u8, u8)), "TimeOfDay", "^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$", "a time such as 08:00", |text| {
        let (hour, minute) = text.split_once(':').filter(|_| is_clock_face(text))?;
        let time = (hour.parse().ok()?, minute.parse().ok()?);
        matches!(time, (0..=23, 0..=59) | (24, 0)).then_some(time)
    }
);

text!(
    /// How far a clock is from UTC, in minutes east of it.
    UtcOffset(i32), "UtcOffset", "^[+-](0[0-9]|1[0-8]):[0-5][0-9]$", "a distance from UTC such as +01:00", |text| {
        let (sign, rest) = text.split_at_checked(1)?;
        let (hours, minutes) = rest.split_once(':').filter(|_| is_clock_face(rest))?;
        let (hours, minutes) = (hours.parse::<i32>().ok()?, minutes.parse::<i32>().ok().filter(|minutes| *minutes < 60)?);
        let minutes = hours.checked_mul(60)?.checked_add(minutes)?;
        match sign {
            "+" => Some(minutes),
            "-" => Some(minutes.saturating_neg()),
            _ => None,
        }
    }
);

text!(
    /// A range of addresses.
    NetworkName(crate::network::Network), "Network", "^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$",
    "a network such as 10.0.0.0/8, 2001:db8::/32 or 192.0.2.7, without bits behind its prefix", |text| text.parse().ok()
);

text!(
    /// A method, in capitals.
    MethodName(http::Method), "Method", "^[A-Z]+$", "a method such as GET, in capitals", |text| {
        (!text.is_empty() && text.bytes().all(|b| b.is_ascii_uppercase())).then(|| text.parse().ok()).flatten()
    }
);

text!(
    /// A kind of proof by its name, or `passkey`, or a factor.
    ProofName(crate::assurance::Proof), "Proof",
    "^(pwd|totp|hotp|recovery_code|sms|voice|email|push|webauthn|federated|trusted_device|passkey|knowledge|possession)$",
    "a kind of proof such as totp, webauthn or passkey", |text| {
        crate::assurance::Proof::from_name(text).filter(|_| text != "inherence")
    }
);

text!(
    /// A kind of authenticator by its name.
    KindName(crate::assurance::Method), "Kind", "^(totp|hotp|sms|voice|email|push|webauthn)$",
    "a kind of authenticator such as totp", |text| crate::assurance::Method::from_name(text)
);

text!(
    /// A model of an authenticator.
    AaguidName(crate::id::Aaguid), "Aaguid", "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$",
    "a model such as 2fc0579f-8113-47ea-b116-bb5a8db9202a", |text| text.parse().ok()
);

text!(
    /// A date, from its midnight in UTC, or a time.
    DateName(Timestamp), "Date", "^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9:]+Z?)?$",
    "a date such as 2027-01-31, or a time such as 2027-01-31T08:00:00Z", |text| {
        let midnight = format!("{text}T00:00:00Z");
        let time = humantime::parse_rfc3339_weak(text).or_else(|_| humantime::parse_rfc3339(&midnight)).ok()?;
        Some(Timestamp::from_secs(time.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs()))
    }
);
