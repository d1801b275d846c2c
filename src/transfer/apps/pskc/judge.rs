//! Whether a key of a container may be used here, and with which parameters: a pure function.

use std::time::{Duration, SystemTime};

use super::crypto::Opener;
use super::draft::{Date, Draft, Value};
use super::xml::Attributes;
use crate::clock::Timestamp;
use crate::otp::{Algorithm, Digits, Period, Secret, Step, Totp};
use crate::transfer::apps::parts::{self, Keys};
use crate::transfer::apps::reason::Reason;

/// A key that may be used.
pub(super) struct Usable {
    pub(super) totp: Totp,
    pub(super) secret: Secret,
    pub(super) used_until: Option<Step>,
}

/// Judges a draft, whose values are taken out of it.
pub(super) fn judge(draft: &mut Draft, opener: &Opener, now: Timestamp, keys: Keys) -> Result<Usable, Reason> {
    kind(draft.algorithm.as_deref())?;
    if let Some(damage) = draft.damage {
        return Err(damage);
    }
    if draft.policy_broken || !(draft.usages.is_empty() || draft.usages.iter().any(|usage| &**usage == "OTP")) {
        return Err(Reason::Policy);
    }
    for (kind, text) in &draft.dates {
        in_force(*kind, text, now)?;
    }
    let algorithm = suite(draft.suite.as_deref())?;
    let digits = response(draft.response.as_ref())?;
    let period = match number(std::mem::take(&mut draft.interval), opener)? {
        // RFC 6238 §4.1: the default time step.
        None => Period::default(),
        Some(secs) => u32::try_from(secs).ok().and_then(|secs| Period::new(secs).ok()).ok_or(Reason::Period)?,
    };
    let totp = Totp::default().with_algorithm(algorithm).with_digits(digits).with_period(period);
    let used_until = last_used(number(std::mem::take(&mut draft.time), opener)?, totp, now)?;
    let secret = secret(std::mem::take(&mut draft.secret), opener, keys)?;
    Ok(Usable { totp, secret, used_until })
}

fn kind(algorithm: Option<&str>) -> Result<(), Reason> {
    match algorithm {
        Some("urn:ietf:params:xml:ns:keyprov:pskc:totp") => Ok(()),
        Some("urn:ietf:params:xml:ns:keyprov:pskc:hotp") => Err(Reason::Counter),
        _ => Err(Reason::Kind),
    }
}

/// §5: the key must not be used before its start and after its expiry. Dates are in UTC, as the
/// canonical form of XML Schema has them.
fn in_force(kind: Date, text: &str, now: Timestamp) -> Result<(), Reason> {
    let date = humantime::parse_rfc3339(text).map_err(|_| Reason::DateForm)?;
    let now = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(now.as_secs())).ok_or(Reason::Dates)?;
    let good = match kind {
        Date::Start => date <= now,
        Date::Expiry => now <= date,
    };
    if good { Ok(()) } else { Err(Reason::Dates) }
}

/// `HMAC-SHA256`, as makers write it, or the bare hash.
fn suite(name: Option<&str>) -> Result<Algorithm, Reason> {
    let Some(name) = name else { return Ok(Algorithm::default()) };
    let bare = name.get(..5).filter(|start| start.eq_ignore_ascii_case("HMAC-")).and_then(|_| name.get(5..));
    Algorithm::from_name(bare.unwrap_or(name)).ok_or(Reason::Algorithm)
}

/// §4.3.4: of decimal digits, so many, and no check digit behind them. Nothing is guessed: a key
/// with the wrong number of digits locks its owner out.
fn response(format: Option<&Attributes>) -> Result<Digits, Reason> {
    let format = format.ok_or(Reason::Digits)?;
    if format.get("Encoding") != Some("DECIMAL") || !matches!(format.get("CheckDigits"), None | Some("false" | "0")) {
        return Err(Reason::CodeFormat);
    }
    parts::digits(format.get("Length").ok_or(Reason::Digits)?)
}

/// `Time` is the number of intervals that had passed when the key was used last; 0 is none. One that
/// lies in the future would refuse every code until then, so it is no number of intervals.
fn last_used(time: Option<u64>, totp: Totp, now: Timestamp) -> Result<Option<Step>, Reason> {
    /// How far a device's clock may be ahead, in steps.
    const AHEAD: u64 = 2;
    let Some(time) = time.filter(|time| *time > 0) else { return Ok(None) };
    let present = totp.step_at(now).map_or(0, Step::get);
    if time > present.saturating_add(AHEAD) { Err(Reason::Number) } else { Ok(Some(Step::new(time))) }
}

fn secret(value: Value, opener: &Opener, keys: Keys) -> Result<Secret, Reason> {
    match value.into_parts() {
        (Some(plain), None) => keys.take_decoded(parts::base64(&plain)),
        (None, Some(sealed)) => keys.take(&opener.open(&sealed)?),
        (Some(_), Some(_)) => Err(Reason::Duplicate),
        (None, None) => Err(Reason::SecretMissing),
    }
}

/// A plain number in digits, or an encrypted one in bytes, the highest first: 4 or 8 by the RFC. Some
/// makers encrypt the digits; a time in seconds or steps whose bytes all look like digits is centuries off.
fn number(value: Value, opener: &Opener) -> Result<Option<u64>, Reason> {
    let digits = |bytes: &[u8]| std::str::from_utf8(bytes).ok().filter(|text| !text.is_empty()).and_then(parts::number);
    let number = match value.into_parts() {
        (None, None) => return Ok(None),
        (Some(plain), None) => digits(plain.as_bytes()),
        (None, Some(sealed)) => {
            let bytes = opener.open(&sealed)?;
            digits(&bytes).or_else(|| big_endian(&bytes))
        }
        (Some(_), Some(_)) => return Err(Reason::Duplicate),
    };
    number.map(Some).ok_or(Reason::Number)
}

fn big_endian(bytes: &[u8]) -> Option<u64> {
    let mut number = [0_u8; 8];
    let start = number.len().checked_sub(bytes.len()).filter(|_| !bytes.is_empty())?;
    number.get_mut(start..)?.copy_from_slice(bytes);
    Some(u64::from_be_bytes(number))
}
