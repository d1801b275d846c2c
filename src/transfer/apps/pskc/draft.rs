//! One key as the document has it, gathered element by element and judged when it is whole.

use zeroize::Zeroizing;

use super::crypto::Sealed;
use super::policy::Policy;
use super::tags::Tag;
use super::xml::Attributes;
use crate::transfer::apps::found::Names;
use crate::transfer::apps::parts;
use crate::transfer::apps::reason::Reason;

/// A value of a key, as it is read.
#[derive(Default)]
pub(super) struct Value {
    plain: Option<Zeroizing<String>>,
    sealed: Option<Sealed>,
    /// A MAC may stand before what it is of.
    mac: Option<Vec<u8>>,
}

/// A value of a key that was read.
pub(super) enum Content {
    Plain(Zeroizing<String>),
    Sealed(Sealed),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Date {
    Start,
    Expiry,
}

#[derive(Default)]
pub(super) struct Draft {
    pub(super) algorithm: Option<Box<str>>,
    pub(super) suite: Option<Box<str>>,
    pub(super) names: Names,
    pub(super) response: Option<Attributes>,
    pub(super) secret: Value,
    pub(super) time: Value,
    pub(super) interval: Value,
    pub(super) drift: Value,
    pub(super) dates: Vec<(Date, Box<str>)>,
    pub(super) policy: Policy,
    /// What was wrong first.
    pub(super) damage: Option<Reason>,
}

/// Most dates of one key or device.
const DATES_MAX: usize = 32;

impl Draft {
    pub(super) fn new(attributes: &Attributes) -> Self {
        Self { algorithm: attributes.get("Algorithm").map(Into::into), ..Self::default() }
    }

    /// An element begins; `above` are those around it inside of the key, the nearest last.
    pub(super) fn start(&mut self, tag: Tag, above: &[Tag], attributes: Attributes) {
        match (tag, above) {
            (Tag::ResponseFormat, [Tag::AlgorithmParameters]) if self.response.is_some() => {
                self.spoil(Reason::Duplicate);
            }
            (Tag::ResponseFormat, [Tag::AlgorithmParameters]) => self.response = Some(attributes),
            (Tag::EncryptedValue, [Tag::Data, field]) => {
                let twice = self.value(*field).is_some_and(|value| value.sealed.replace(Sealed::default()).is_some());
                if twice {
                    self.spoil(Reason::Duplicate);
                }
            }
            (Tag::EncryptionMethod, [Tag::Data, field, Tag::EncryptedValue]) => {
                if let Some(sealed) = self.value(*field).and_then(|value| value.sealed.as_mut()) {
                    sealed.method = attributes.get("Algorithm").map(Into::into);
                }
            }
            (Tag::Policy, []) | (_, [Tag::Policy, ..]) => self.policy.start(tag, above, &attributes),
            _ => {}
        }
    }

    /// An element ends that had no elements inside; `above` as for the start.
    pub(super) fn end(&mut self, tag: Tag, above: &[Tag], text: &str) {
        match (tag, above) {
            (Tag::Issuer, []) => name(&mut self.names.issuer, &mut self.damage, text),
            (Tag::UserId, []) => name(&mut self.names.subject, &mut self.damage, text),
            // It may stand there in several languages.
            (Tag::FriendlyName, []) if self.names.label.is_none() => {
                name(&mut self.names.label, &mut self.damage, text);
            }
            (Tag::Suite, [Tag::AlgorithmParameters]) if self.suite.is_some() => self.spoil(Reason::Duplicate),
            (Tag::Suite, [Tag::AlgorithmParameters]) => self.suite = Some(text.trim().into()),
            (Tag::StartDate, [Tag::Policy]) => date(&mut self.dates, &mut self.damage, Date::Start, text),
            (Tag::ExpiryDate, [Tag::Policy]) => date(&mut self.dates, &mut self.damage, Date::Expiry, text),
            (Tag::KeyUsage, [Tag::Policy]) => self.policy.usage(text.trim()),
            (Tag::PlainValue, [Tag::Data, field]) => self.plain(*field, text),
            (Tag::CipherValue, [Tag::Data, field, Tag::EncryptedValue, Tag::CipherData]) => {
                self.cipher(*field, text);
            }
            (Tag::ValueMac, [Tag::Data, field]) => self.mac(*field, text),
            _ => {}
        }
    }

    fn value(&mut self, field: Tag) -> Option<&mut Value> {
        match field {
            Tag::Secret => Some(&mut self.secret),
            Tag::Time => Some(&mut self.time),
            Tag::TimeInterval => Some(&mut self.interval),
            Tag::TimeDrift => Some(&mut self.drift),
            // A counter has no meaning for TOTP.
            _ => None,
        }
    }

    fn plain(&mut self, field: Tag, text: &str) {
        let Some(value) = self.value(field) else { return };
        if value.plain.replace(Zeroizing::new(text.trim().to_owned())).is_some() {
            self.spoil(Reason::Duplicate);
        }
    }

    fn cipher(&mut self, field: Tag, text: &str) {
        let Some(sealed) = self.value(field).and_then(|value| value.sealed.as_mut()) else { return };
        let twice = !sealed.bytes.is_empty();
        let read = parts::base64(text).map(|bytes| sealed.bytes = bytes.to_vec());
        if twice || read.is_none() {
            self.spoil(if twice { Reason::Duplicate } else { Reason::SecretEncoding });
        }
    }

    fn mac(&mut self, field: Tag, text: &str) {
        let Some(value) = self.value(field) else { return };
        let twice = value.mac.is_some();
        let read = parts::base64(text).map(|mac| value.mac = Some(mac.to_vec()));
        if twice || read.is_none() {
            self.spoil(if twice { Reason::Duplicate } else { Reason::MacWrong });
        }
    }

    fn spoil(&mut self, why: Reason) {
        self.damage.get_or_insert(why);
    }
}

impl Value {
    /// Puts a value together with its MAC, once all of it was read. A MAC is of what is encrypted: one
    /// without it stands where somebody took that away.
    pub(super) fn into_content(self) -> Result<Option<Content>, Reason> {
        match (self.plain, self.sealed, self.mac) {
            (None, None, None) => Ok(None),
            (Some(plain), None, None) => Ok(Some(Content::Plain(plain))),
            (None, Some(sealed), mac) => Ok(Some(Content::Sealed(Sealed { mac, ..sealed }))),
            (Some(_), Some(_), _) => Err(Reason::Duplicate),
            (_, None, Some(_)) => Err(Reason::MacPlain),
        }
    }
}

pub(super) fn name(slot: &mut Option<Box<str>>, damage: &mut Option<Reason>, text: &str) {
    match parts::name(text) {
        Ok(_) if slot.is_some() => _ = damage.get_or_insert(Reason::Duplicate),
        Ok(name) => *slot = name,
        Err(why) => _ = damage.get_or_insert(why),
    }
}

pub(super) fn date(dates: &mut Vec<(Date, Box<str>)>, damage: &mut Option<Reason>, kind: Date, text: &str) {
    if dates.len() < DATES_MAX {
        dates.push((kind, text.trim().into()));
    } else {
        damage.get_or_insert(Reason::Duplicate);
    }
}
