//! The key URI: how a key and its parameters reach an authenticator app.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use super::hotp::{Counter, Hotp};
use super::secret::{InvalidSecret, Secret};
use super::totp::Totp;
use super::uri_parse;
use crate::clock::Timestamp;
use crate::error::ConfigError;
use crate::secret::SecretString;

/// What stays as it is: the unreserved characters of RFC 3986 §2.3, and the `@` of an e-mail
/// address, which is allowed in a path and in a query. A space is therefore `%20`, and never `+`,
/// which is form encoding and which apps show as a plus.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'@');

/// Longest issuer or account name, in bytes.
const NAME_MAX: usize = 255;

/// What moves from code to code: time or a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Moving {
    /// `otpauth://totp`: an authenticator app.
    Totp(Totp),
    /// `otpauth://hotp`: a token that counts, and the counter to begin with.
    Hotp(Hotp, Counter),
}

/// A key URI, `otpauth://TYPE/LABEL?PARAMETERS`, printed or parsed.
///
/// The format is the "Key Uri Format" of the Google Authenticator wiki, with RFC 3986 encoding.
///
/// ```
/// use tower_mfa::otp::{Moving, OtpauthUri, Secret, Totp};
///
/// let secret = Secret::from_base32("HXDMVJECJJWSRB3HWIZR4IFUGFTMXBOZ").unwrap();
/// let uri = OtpauthUri::totp("ACME Co", "john.doe@email.com", secret, Totp::default()).unwrap();
/// assert_eq!(
///     uri.print().expose(),
///     "otpauth://totp/ACME%20Co:john.doe@email.com?secret=HXDMVJECJJWSRB3HWIZR4IFUGFTMXBOZ\
///      &issuer=ACME%20Co&algorithm=SHA1&digits=6&period=30",
/// );
///
/// let read = OtpauthUri::parse(uri.print().expose()).unwrap();
/// assert_eq!(read.issuer(), Some("ACME Co"));
/// assert_eq!(read.moving(), Moving::Totp(Totp::default()));
/// assert!(OtpauthUri::parse("otpauth://totp/ACME%20Co:john?issuer=ACME%20Co").is_err());
/// ```
///
/// # Security
///
/// The URI holds the key: treat it, and its QR code, as you treat the key.
#[derive(Debug, Clone)]
pub struct OtpauthUri {
    pub(super) issuer: Option<Box<str>>,
    pub(super) account: Box<str>,
    pub(super) secret: Secret,
    pub(super) moving: Moving,
}

impl OtpauthUri {
    /// Describes an authenticator app.
    ///
    /// `issuer` is who you are and `account` is whose account it is, as the app's list shows them.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when a name is empty, longer than 255 bytes, has a colon (which parts the
    /// two in the label), control characters or whitespace at its ends, or when T0 is not 1970,
    /// which the format cannot say.
    pub fn totp(issuer: &str, account: &str, secret: Secret, totp: Totp) -> Result<Self, ConfigError> {
        if totp.t0() != Timestamp::EPOCH {
            return Err(ConfigError::new("t0", "must be 1970: a key URI cannot say another"));
        }
        Self::new(issuer, account, secret, Moving::Totp(totp))
    }

    /// Describes a token that counts, beginning with `counter`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the names, as [`OtpauthUri::totp`].
    pub fn hotp(
        issuer: &str,
        account: &str,
        secret: Secret,
        hotp: Hotp,
        counter: Counter,
    ) -> Result<Self, ConfigError> {
        Self::new(issuer, account, secret, Moving::Hotp(hotp, counter))
    }

    fn new(issuer: &str, account: &str, secret: Secret, moving: Moving) -> Result<Self, ConfigError> {
        Ok(Self { issuer: Some(name("issuer", issuer)?), account: name("account", account)?, secret, moving })
    }

    /// Reads a key URI, to import what another system issued.
    ///
    /// Taken as they come: the case of scheme and type, `:` or `%3A` and spaces in the label, a
    /// secret in lower case or padded, parameters nobody knows. A `+` is a plus.
    ///
    /// # Errors
    ///
    /// [`InvalidUri`] says what is wrong, and nothing of the secret.
    pub fn parse(uri: &str) -> Result<Self, InvalidUri> {
        Self::parse_with(uri, Secret::from_base32)
    }

    /// Reads a key URI whose secret the caller reads, and can say more of.
    pub(crate) fn parse_with(
        uri: &str,
        read_secret: impl Fn(&str) -> Result<Secret, InvalidSecret>,
    ) -> Result<Self, InvalidUri> {
        uri_parse::parse(uri, read_secret)
    }

    /// Reads a key URI as [`OtpauthUri::parse`], with a key from 10 bytes.
    ///
    /// # Errors
    ///
    /// As [`OtpauthUri::parse`].
    ///
    /// # Security
    ///
    /// See [`Secret::danger_short_from_bytes`].
    pub fn danger_parse_short_secret(uri: &str) -> Result<Self, InvalidUri> {
        Self::parse_with(uri, Secret::danger_short_from_base32)
    }

    /// Writes the URI, every parameter spelled out.
    #[must_use]
    pub fn print(&self) -> SecretString {
        let secret = self.secret.to_base32();
        let account = utf8_percent_encode(&self.account, ENCODED);
        let issuer = self.issuer.as_deref().map(|issuer| utf8_percent_encode(issuer, ENCODED));
        let kind = match self.moving {
            Moving::Totp(_) => "totp",
            Moving::Hotp(..) => "hotp",
        };
        // Room for the longest URI, so that no grown-out copy of the secret stays behind.
        let mut uri = Zeroizing::new(String::with_capacity(PRINTED_MAX));
        // Writing to a string cannot fail.
        let _ = match &issuer {
            Some(issuer) => {
                write!(uri, "otpauth://{kind}/{issuer}:{account}?secret={}&issuer={issuer}", secret.expose())
            }
            None => write!(uri, "otpauth://{kind}/{account}?secret={}", secret.expose()),
        };
        let _ = match self.moving {
            Moving::Totp(totp) => {
                let (algorithm, digits, period) = (totp.algorithm(), totp.digits().get(), totp.period().as_secs());
                write!(uri, "&algorithm={algorithm}&digits={digits}&period={period}")
            }
            Moving::Hotp(hotp, counter) => {
                let (algorithm, digits, counter) = (hotp.algorithm(), hotp.digits().get(), counter.get());
                write!(uri, "&algorithm={algorithm}&digits={digits}&counter={counter}")
            }
        };
        SecretString::new(uri.as_str())
    }

    /// Returns who issued the key, where the URI says so.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// Returns whose account it is.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Returns the key.
    #[must_use]
    pub const fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Returns what moves from code to code, with its parameters.
    #[must_use]
    pub const fn moving(&self) -> Moving {
        self.moving
    }
}

/// Both names three times as long when encoded, the issuer twice; the key; the rest.
const PRINTED_MAX: usize = 3 * 3 * NAME_MAX + 205 + 128;

/// Checks a name: the label's grammar leaves no place for a colon in either part.
pub(super) fn name(field: &'static str, name: &str) -> Result<Box<str>, ConfigError> {
    let rule = match name {
        _ if name.is_empty() || name.len() > NAME_MAX => "must have 1 to 255 bytes",
        _ if name.contains(':') => "must not have a colon: it parts issuer and account in the key URI",
        _ if name.chars().any(char::is_control) => "must not have control characters",
        _ if name.trim().len() != name.len() => "must not begin or end with whitespace",
        _ => return Ok(name.into()),
    };
    Err(ConfigError::new(field, rule))
}

/// Why a key URI was refused. It holds nothing of the URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidUri {
    /// Not `otpauth://TYPE/LABEL?PARAMETERS`, too long, or not UTF-8 in percent-encoding.
    #[error("not a key URI: otpauth://TYPE/LABEL?PARAMETERS")]
    Syntax,
    /// The type is neither `totp` nor `hotp`.
    #[error("the type is neither totp nor hotp")]
    Type,
    /// The label is not `issuer:account` or `account`.
    #[error("the label is not an account, or an issuer, a colon and an account")]
    Label,
    /// The issuer is malformed, or differs between label and parameter.
    #[error("the issuer is malformed, or label and parameter name different ones")]
    Issuer,
    /// The secret is missing, not base 32, too short or too long.
    #[error("the secret is missing, not base 32, or too short")]
    Secret,
    /// The algorithm is none of SHA1, SHA256 and SHA512.
    #[error("the algorithm is none of SHA1, SHA256 and SHA512")]
    Algorithm,
    /// The digits are not 6, 7 or 8.
    #[error("the digits are not 6, 7 or 8")]
    Digits,
    /// The period is not 1 to 120 seconds.
    #[error("the period is not 1 to 120 seconds")]
    Period,
    /// The counter is missing or no number.
    #[error("the counter is missing or no number")]
    Counter,
    /// A parameter stands there twice.
    #[error("a parameter stands there twice")]
    Duplicate,
}
