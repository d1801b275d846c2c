use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

use crate::clock::Timestamp;

/// A time in a token (RFC 7519 §2): seconds since the epoch, perhaps with a fraction.
///
/// A time before the epoch is the epoch, one that no number of ours can hold is the last there is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct NumericDate {
    whole: u64,
    fraction: bool,
}

impl NumericDate {
    /// The whole second it falls into: what `exp`, `iat` and `auth_time` are read as, so that a
    /// fraction never lengthens a life.
    pub(super) const fn floor(self) -> Timestamp {
        Timestamp::from_secs(self.whole)
    }

    /// The first whole second not before it: what `nbf` is read as.
    pub(super) const fn ceil(self) -> Timestamp {
        Timestamp::from_secs(if self.fraction { self.whole.saturating_add(1) } else { self.whole })
    }
}

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumericDateVisitor)
    }
}

struct NumericDateVisitor;

impl Visitor<'_> for NumericDateVisitor {
    type Value = NumericDate;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of seconds since the epoch")
    }

    fn visit_u64<E: Error>(self, whole: u64) -> Result<NumericDate, E> {
        Ok(NumericDate { whole, fraction: false })
    }

    fn visit_i64<E: Error>(self, seconds: i64) -> Result<NumericDate, E> {
        Ok(NumericDate { whole: u64::try_from(seconds).unwrap_or(0), fraction: false })
    }

    #[expect(clippy::as_conversions, reason = "the cast saturates, which is what is wanted")]
    fn visit_f64<E: Error>(self, seconds: f64) -> Result<NumericDate, E> {
        if !seconds.is_finite() {
            return Err(E::custom("not a time"));
        }
        Ok(NumericDate { whole: seconds.floor() as u64, fraction: seconds.fract() > 0.0 })
    }
}
