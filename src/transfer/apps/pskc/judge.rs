//! Whether a key of a container may be used here, and with which parameters: a pure function.

use std::time::{Duration, SystemTime};

use super::crypto::Opener;
use super::draft::{Content, Date, Draft, Value};
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

/// What the caller of the reader said.
#[derive(Clone, Copy)]
pub(super) struct Terms {
    pub(super) now: Timestamp,
    pub(super) keys: Keys,
    /// A key or password was given: then no secret is believed that is not under it.
    pub(super) is_keyed: bool,
}

/// Judges a draft by itself; its values are taken out of it.
pub(super) fn judge(draft: &mut Draft, opener: &Opener, terms: Terms) -> Result<Usable, Reason> {
    kind(draft.algorithm.as_deref())?;
    if let Some(damage) = draft.damage {
        return Err(damage);
    }
    if !draft.policy.permits() {
        return Err(Reason::Policy);
    }
    in_force(&draft.dates, terms.now)?;
    let algorithm = suite(draft.suite.as_deref())?;
    let digits = response(draft.response.as_ref())?;
    let period = match number(std::mem::take(&mut draft.interval), opener)? {
        // RFC 6238 §4.1: the default time step.
        None => Period::default(),
        Some(secs) => u32::try_from(secs).ok().and_then(|secs| Period::new(secs).ok()).ok_or(Reason::Period)?,
    };
    let totp = Totp::default().with_algorithm(algorithm).with_digits(digits).with_period(period);
    keeps_time(std::mem::take(&mut draft.drift), opener)?;
    let used_until = last_used(number(std::mem::take(&mut draft.time), opener)?, totp, terms.now)?;
    let secret = secret(std::mem::take(&mut draft.secret), opener, terms)?;
    Ok(Usable { totp, secret, used_until })
}

/// Drafts of the RFC have a `#` before the name.
fn kind(algorithm: Option<&str>) -> Result<(), Reason> {
    match algorithm.and_then(|name| name.strip_prefix("urn:ietf:params:xml:ns:keyprov:pskc")) {
        Some(":totp" | "#totp") => Ok(()),
        Some(":hotp" | "#hotp") => Err(Reason::Counter),
        _ => Err(Reason::Kind),
    }
}

/// §5: the key must not be used before its start and after its expiry.
pub(super) fn in_force(dates: &[(Date, Box<str>)], now: Timestamp) -> Result<(), Reason> {
    let now = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(now.as_secs())).ok_or(Reason::Dates)?;
    for (kind, text) in dates {
        let date = date(text).ok_or(Reason::DateForm)?;
        let good = match kind {
            Date::Start => date <= now,
            Date::Expiry => now <= date,
        };
        if !good {
            return Err(Reason::Dates);
        }
    }
    Ok(())
}

/// Dates are in UTC, as the canonical form of XML Schema has them; some makers leave the `Z` out.
fn date(text: &str) -> Option<SystemTime> {
    let text = text.strip_suffix('Z').or_else(|| text.strip_suffix("+00:00")).unwrap_or(text);
    // The parser passes by whatever else stands behind the seconds, another zone too.
    let fraction = text.get("2006-05-31T00:00:00".len()..)?;
    let is_bare = fraction.is_empty() || fraction.strip_prefix('.').is_some_and(parts::is_digits);
    is_bare.then(|| humantime::parse_rfc3339(&format!("{text}Z")).ok()).flatten()
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
    // The RFC's text has the one name, its schema the other.
    let has_check_digit = |name| !matches!(format.get(name), None | Some("false" | "0"));
    if format.get("Encoding") != Some("DECIMAL") || has_check_digit("CheckDigits") || has_check_digit("CheckDigit") {
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

fn secret(value: Value, opener: &Opener, terms: Terms) -> Result<Secret, Reason> {
    match value.into_content()? {
        None => Err(Reason::SecretMissing),
        // Whoever can change the file could have put it in the place of an encrypted one.
        Some(Content::Plain(_)) if terms.is_keyed => Err(Reason::SecretPlain),
        Some(Content::Plain(plain)) => terms.keys.take_decoded(parts::base64(&plain)),
        Some(Content::Sealed(sealed)) => terms.keys.take(&opener.open(&sealed)?),
    }
}

fn number(value: Value, opener: &Opener) -> Result<Option<u64>, Reason> {
    read_number(value, opener, parts::number, big_endian)
}

/// `TimeDrift` is how many intervals the device's clock was off when it was last seen. Nothing here
/// corrects that; the usual window takes one.
fn keeps_time(drift: Value, opener: &Opener) -> Result<(), Reason> {
    match read_number(drift, opener, |text| text.parse().ok(), signed_big_endian)? {
        None | Some(-1_i64..=1) => Ok(()),
        Some(_) => Err(Reason::Drift),
    }
}

/// A plain number in digits, or an encrypted one in bytes, the highest first: 4 or 8 by the RFC. Some
/// makers encrypt the digits; a time in seconds or steps whose bytes all look like digits is centuries off.
fn read_number<N>(
    value: Value,
    opener: &Opener,
    of_text: impl Fn(&str) -> Option<N>,
    of_bytes: impl Fn(&[u8]) -> Option<N>,
) -> Result<Option<N>, Reason> {
    let number = match value.into_content()? {
        None => return Ok(None),
        Some(Content::Plain(plain)) => of_text(&plain),
        Some(Content::Sealed(sealed)) => {
            let bytes = opener.open(&sealed)?;
            std::str::from_utf8(&bytes).ok().and_then(of_text).or_else(|| of_bytes(&bytes))
        }
    };
    number.map(Some).ok_or(Reason::Number)
}

fn big_endian(bytes: &[u8]) -> Option<u64> {
    let mut number = [0_u8; 8];
    let start = number.len().checked_sub(bytes.len()).filter(|_| !bytes.is_empty())?;
    number.get_mut(start..)?.copy_from_slice(bytes);
    Some(u64::from_be_bytes(number))
}

/// Negative where all of the 4 or 8 bytes are there that say so.
fn signed_big_endian(bytes: &[u8]) -> Option<i64> {
    match *bytes {
        [a, b, c, d] => Some(i32::from_be_bytes([a, b, c, d]).into()),
        [a, b, c, d, e, f, g, h] => Some(i64::from_be_bytes([a, b, c, d, e, f, g, h])),
        _ => big_endian(bytes).and_then(|number| i64::try_from(number).ok()),
    }
}
