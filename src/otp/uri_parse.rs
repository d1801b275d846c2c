//! Reading a key URI: the attacker may have written every byte of it.

use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use super::hotp::{Counter, Hotp};
use super::params::{Algorithm, Digits, Period};
use super::secret::{InvalidSecret, Secret};
use super::totp::Totp;
use super::uri::{InvalidUri, Moving, OtpauthUri, name};

/// Longest URI that is looked at.
const MAX: usize = 4096;

/// Decoded text, wiped on drop: it may be the secret.
type Text = Zeroizing<String>;

pub(super) fn parse(
    uri: &str,
    read_secret: impl Fn(&str) -> Result<Secret, InvalidSecret>,
) -> Result<OtpauthUri, InvalidUri> {
    if uri.len() > MAX || uri.contains('#') {
        return Err(InvalidUri::Syntax);
    }
    let (scheme, rest) = uri.split_once("://").ok_or(InvalidUri::Syntax)?;
    let (kind, rest) = rest.split_once('/').ok_or(InvalidUri::Syntax)?;
    let (label, query) = rest.split_once('?').ok_or(InvalidUri::Syntax)?;
    if !scheme.eq_ignore_ascii_case("otpauth") {
        return Err(InvalidUri::Syntax);
    }

    let parameters = Parameters::read(query)?;
    let moving = parameters.moving(kind)?;
    let secret = parameters.secret.as_deref().ok_or(InvalidUri::Secret)?;
    let secret = read_secret(secret).map_err(|_| InvalidUri::Secret)?;
    let (prefix, account) = read_label(label)?;
    let issuer = agree(prefix, parameters.issuer.as_deref().map(String::as_str))?;
    Ok(OtpauthUri { issuer, account, secret, moving })
}

/// `label = accountname / issuer (":" / "%3A") *"%20" accountname`
fn read_label(label: &str) -> Result<(Option<Box<str>>, Box<str>), InvalidUri> {
    let label = decode(label)?;
    let (prefix, account) = match label.split_once(':') {
        // Some issue ":account" when they have no name to give.
        Some((prefix, account)) => (Some(prefix.trim()).filter(|prefix| !prefix.is_empty()), account),
        None => (None, label.as_str()),
    };
    let prefix = prefix.map(|prefix| name("issuer", prefix)).transpose().map_err(|_| InvalidUri::Label)?;
    Ok((prefix, name("account", account.trim()).map_err(|_| InvalidUri::Label)?))
}

/// The issuer of label and parameter, which must not contradict each other: an app would show the
/// one and file the key under the other.
fn agree(prefix: Option<Box<str>>, parameter: Option<&str>) -> Result<Option<Box<str>>, InvalidUri> {
    let Some(parameter) = parameter.map(str::trim).filter(|issuer| !issuer.is_empty()) else {
        return Ok(prefix);
    };
    let parameter = name("issuer", parameter).map_err(|_| InvalidUri::Issuer)?;
    match prefix {
        Some(prefix) if prefix != parameter => Err(InvalidUri::Issuer),
        _ => Ok(Some(parameter)),
    }
}

#[derive(Default)]
struct Parameters {
    secret: Option<Text>,
    issuer: Option<Text>,
    algorithm: Option<Text>,
    digits: Option<Text>,
    period: Option<Text>,
    counter: Option<Text>,
}

impl Parameters {
    fn read(query: &str) -> Result<Self, InvalidUri> {
        let mut parameters = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            // The first `=` parts name and value: the secret may end with padding.
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            // Decoded and in one case first, so that no second spelling of a name is a second value.
            let slot = match decode(key)?.to_ascii_lowercase().as_str() {
                "secret" => &mut parameters.secret,
                "issuer" => &mut parameters.issuer,
                "algorithm" => &mut parameters.algorithm,
                "digits" => &mut parameters.digits,
                "period" => &mut parameters.period,
                "counter" => &mut parameters.counter,
                _unknown => continue,
            };
            if slot.replace(decode(value)?).is_some() {
                return Err(InvalidUri::Duplicate);
            }
        }
        Ok(parameters)
    }

    fn moving(&self, kind: &str) -> Result<Moving, InvalidUri> {
        let algorithm = match self.algorithm.as_deref() {
            Some(name) => Algorithm::from_name(name).ok_or(InvalidUri::Algorithm)?,
            None => Algorithm::default(),
        };
        let digits = match self.digits.as_deref() {
            Some(digits) => number(digits).and_then(|digits| Digits::new(digits).ok()).ok_or(InvalidUri::Digits)?,
            None => Digits::default(),
        };
        if kind.eq_ignore_ascii_case("totp") {
            let period = match self.period.as_deref() {
                Some(period) => number(period).and_then(|secs| Period::new(secs).ok()).ok_or(InvalidUri::Period)?,
                None => Period::default(),
            };
            Ok(Moving::Totp(Totp::default().with_algorithm(algorithm).with_digits(digits).with_period(period)))
        } else if kind.eq_ignore_ascii_case("hotp") {
            let counter = self.counter.as_deref().and_then(|counter| number(counter)).ok_or(InvalidUri::Counter)?;
            Ok(Moving::Hotp(Hotp::default().with_algorithm(algorithm).with_digits(digits), Counter::new(counter)))
        } else {
            Err(InvalidUri::Type)
        }
    }
}

/// Digits alone; the standard parser would take a sign too.
fn number<N: std::str::FromStr>(text: &str) -> Option<N> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Percent-decodes; a `%` that begins no escape and bytes that are not UTF-8 are refused. A `+`
/// stays a plus: this is RFC 3986, no form.
fn decode(text: &str) -> Result<Text, InvalidUri> {
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let hex = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_hexdigit());
        if byte == b'%' && !(hex(rest.next()) && hex(rest.next())) {
            return Err(InvalidUri::Syntax);
        }
    }
    let bytes = Zeroizing::new(percent_decode_str(text).collect::<Vec<u8>>());
    std::str::from_utf8(&bytes).map(|text| Zeroizing::new(text.to_owned())).map_err(|_| InvalidUri::Syntax)
}
