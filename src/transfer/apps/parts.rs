//! The parts of an entry, checked the same way whatever the format.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::found::Names;
use super::reason::Reason;
use crate::otp::{Digits, InvalidSecret, Period, Secret};

/// How short a key may be.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Keys {
    pub(super) short: bool,
}

impl Keys {
    pub(super) fn take(self, bytes: &[u8]) -> Result<Secret, Reason> {
        let read = if self.short { Secret::danger_short_from_bytes } else { Secret::from_bytes };
        match bytes {
            [] => Err(Reason::SecretMissing),
            bytes => Ok(read(bytes)?),
        }
    }

    pub(super) fn take_decoded(self, bytes: Option<Zeroizing<Vec<u8>>>) -> Result<Secret, Reason> {
        self.take(&bytes.ok_or(Reason::SecretEncoding)?)
    }

    pub(super) fn read_base32(self, text: &str) -> Result<Secret, InvalidSecret> {
        if self.short { Secret::danger_short_from_base32(text) } else { Secret::from_base32(text) }
    }
}

/// Longest name, in bytes.
const NAME_MAX: usize = 255;

/// A name as it came, without the whitespace around it; nothing where there is nothing.
pub(super) fn name(text: &str) -> Result<Option<Box<str>>, Reason> {
    let text = text.trim();
    if text.len() > NAME_MAX || text.chars().any(char::is_control) {
        return Err(Reason::Name);
    }
    Ok((!text.is_empty()).then(|| text.into()))
}

/// Some systems write the issuer before the account, as a label has it: `issuer:account`.
pub(super) fn part_label(names: &mut Names) {
    let Some((issuer, account)) = names.account.as_deref().and_then(|account| account.split_once(':')) else { return };
    let (issuer, account) = (issuer.trim(), account.trim());
    if account.is_empty() || names.issuer.as_deref().is_some_and(|known| known != issuer) {
        return;
    }
    let (issuer, account) = (Some(issuer).filter(|issuer| !issuer.is_empty()).map(Into::into), account.into());
    names.issuer = names.issuer.take().or(issuer);
    names.account = Some(account);
}

pub(super) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Digits alone; the standard parser would take a sign too.
pub(super) fn number<N: std::str::FromStr>(text: &str) -> Option<N> {
    is_digits(text).then(|| text.parse().ok()).flatten()
}

pub(super) fn digits(text: &str) -> Result<Digits, Reason> {
    number(text).and_then(|digits| Digits::new(digits).ok()).ok_or(Reason::Digits)
}

pub(super) fn period(text: &str) -> Result<Period, Reason> {
    number(text).and_then(|secs| Period::new(secs).ok()).ok_or(Reason::Period)
}

/// Padded or not; bits that no encoder writes are refused.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Reads base 64 of either alphabet, in lines or not, into memory that is wiped.
pub(super) fn base64(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut bare = Zeroizing::new(String::with_capacity(text.len()));
    bare.extend(text.chars().filter(|c| !c.is_ascii_whitespace()).map(|c| match c {
        '-' => '+',
        '_' => '/',
        c => c,
    }));
    let mut bytes = Zeroizing::new(vec![0_u8; base64::decoded_len_estimate(bare.len())]);
    let len = BASE64.decode_slice(bare.as_bytes(), &mut bytes).ok()?;
    bytes.truncate(len);
    Some(bytes)
}

/// Reads hexadecimal in either case, in groups or not, into memory that is wiped.
pub(super) fn hex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut digits = text.chars().filter(|c| !matches!(c, ' ' | '-' | ':')).map(|c| c.to_digit(16));
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    while let Some(high) = digits.next() {
        let byte = high?.checked_mul(16)?.checked_add(digits.next()??)?;
        bytes.push(u8::try_from(byte).ok()?);
    }
    Some(bytes)
}
