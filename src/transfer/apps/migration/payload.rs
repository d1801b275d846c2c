//! What Google Authenticator writes into its codes: `MigrationPayload`, reconstructed by many who
//! read them and published by nobody.

use super::wire::{Damaged, Fields, Value};
use crate::otp::{Algorithm, Digits, Secret, Totp};
use crate::transfer::apps::found::Names;
use crate::transfer::apps::parts::{self, Keys};
use crate::transfer::apps::reason::Reason;

/// Most keys of one code; the app writes ten.
const KEYS_MAX: usize = 128;

/// One code of an export.
#[derive(Default)]
pub(super) struct Payload<'a> {
    pub(super) keys: Vec<&'a [u8]>,
    pub(super) part: Part,
}

/// Which part of an export a code is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Part {
    pub(super) of: u64,
    pub(super) index: u64,
    pub(super) id: u64,
}

impl<'a> Payload<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Damaged> {
        let mut payload = Self::default();
        for field in Fields(bytes) {
            match field? {
                (1, Value::Bytes(key)) if payload.keys.len() < KEYS_MAX => payload.keys.push(key),
                (1, _) => return Err(Damaged),
                (3, Value::Number(of)) => payload.part.of = of,
                (4, Value::Number(index)) => payload.part.index = index,
                (5, Value::Number(id)) => payload.part.id = id,
                (3..=5, _) => return Err(Damaged),
                // 2 is the version; what else there may be one day is passed over.
                _ => {}
            }
        }
        Ok(payload)
    }
}

/// One key as it stands there. What is missing is its default, what is there twice counts last, as
/// the format has it.
#[derive(Default)]
struct Parameters<'a> {
    secret: &'a [u8],
    name: &'a [u8],
    issuer: &'a [u8],
    algorithm: u64,
    digits: u64,
    kind: u64,
}

impl<'a> Parameters<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Damaged> {
        let mut read = Self::default();
        for field in Fields(bytes) {
            match field? {
                (1, Value::Bytes(secret)) => read.secret = secret,
                (2, Value::Bytes(name)) => read.name = name,
                (3, Value::Bytes(issuer)) => read.issuer = issuer,
                (4, Value::Number(algorithm)) => read.algorithm = algorithm,
                (5, Value::Number(digits)) => read.digits = digits,
                (6, Value::Number(kind)) => read.kind = kind,
                (1..=6, _) => return Err(Damaged),
                // 7 is the counter of a key that is refused anyway.
                _ => {}
            }
        }
        Ok(read)
    }

    fn names(&self) -> Result<Names, Reason> {
        let text = |bytes| std::str::from_utf8(bytes).map_err(|_| Reason::NotText);
        let mut names = Names {
            account: parts::name(text(self.name)?)?,
            issuer: parts::name(text(self.issuer)?)?,
            ..Names::default()
        };
        parts::part_label(&mut names);
        Ok(names)
    }

    fn totp(&self) -> Result<Totp, Reason> {
        match self.kind {
            1 => return Err(Reason::Counter),
            2 => {}
            _ => return Err(Reason::Kind),
        }
        // 0 is "unspecified", and older versions of the app write it for what every app can do.
        let algorithm = match self.algorithm {
            0 | 1 => Algorithm::Sha1,
            2 => Algorithm::Sha256,
            3 => Algorithm::Sha512,
            _ => return Err(Reason::Algorithm),
        };
        let digits = match self.digits {
            0 | 1 => Digits::SIX,
            2 => Digits::EIGHT,
            _ => return Err(Reason::Digits),
        };
        // The format has no period: the app knows 30 seconds and nothing else.
        Ok(Totp::default().with_algorithm(algorithm).with_digits(digits))
    }
}

/// Reads one key: whose it is, and the key or why there is none.
pub(super) fn key(bytes: &[u8], keys: Keys) -> (Names, Result<(Totp, Secret), Reason>) {
    let Ok(parameters) = Parameters::read(bytes) else { return (Names::default(), Err(Reason::Syntax)) };
    match parameters.names() {
        Ok(names) => {
            let key = parameters.totp().and_then(|totp| Ok((totp, keys.take(parameters.secret)?)));
            (names, key)
        }
        Err(why) => (Names::default(), Err(why)),
    }
}
