//! One key as the document has it, gathered element by element and judged when it is whole.

use zeroize::Zeroizing;

use super::crypto::Sealed;
use super::tags::Tag;
use super::xml::Attributes;
use crate::transfer::apps::found::Names;
use crate::transfer::apps::parts;
use crate::transfer::apps::reason::Reason;

/// A value of a key: plain, or encrypted.
#[derive(Default)]
pub(super) struct Value {
    pub(super) plain: Option<Zeroizing<String>>,
    pub(super) sealed: Option<Sealed>,
    /// A MAC may stand before what it is of.
    mac: Option<Vec<u8>>,
}

/// What is said of the device, for every key of its package.
#[derive(Clone, Default)]
pub(super) struct Device {
    names: Names,
    dates: Vec<(Date, Box<str>)>,
    damage: Option<Reason>,
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
    pub(super) dates: Vec<(Date, Box<str>)>,
    /// Usages that the policy lists; none means all.
    pub(super) usages: Vec<Box<str>>,
    /// The policy says something that is not understood or cannot be kept.
    pub(super) policy_broken: bool,
    /// What was wrong first.
    pub(super) damage: Option<Reason>,
}

/// Most usages, and dates, of one key.
const LIST_MAX: usize = 32;

impl Device {
    pub(super) fn end(&mut self, tag: Tag, text: &str) {
        let slot = match tag {
            Tag::Manufacturer => &mut self.names.manufacturer,
            Tag::SerialNo => &mut self.names.serial,
            Tag::UserId => &mut self.names.subject,
            Tag::StartDate => return date(&mut self.dates, &mut self.damage, Date::Start, text),
            Tag::ExpiryDate => return date(&mut self.dates, &mut self.damage, Date::Expiry, text),
            _ => return,
        };
        name(slot, &mut self.damage, text);
    }
}

impl Draft {
    pub(super) fn new(device: &Device, attributes: &Attributes) -> Self {
        Self {
            algorithm: attributes.get("Algorithm").map(Into::into),
            // The key's own user counts, not the device's (RFC 6030 §4.3).
            names: device.names.clone(),
            dates: device.dates.clone(),
            damage: device.damage,
            ..Self::default()
        }
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
            (Tag::PinPolicy, [Tag::Policy]) => self.policy_broken |= !stays_on_the_device(&attributes),
            (Tag::StartDate | Tag::ExpiryDate | Tag::KeyUsage, [Tag::Policy]) => {}
            // §5: whoever does not understand an element of a policy must not use the key. A number of
            // transactions is understood, but nobody here would count them.
            (_, [Tag::Policy, ..]) => self.policy_broken = true,
            _ => {}
        }
    }

    /// An element ends that had no elements inside; `above` as for the start.
    pub(super) fn end(&mut self, tag: Tag, above: &[Tag], text: &str) {
        match (tag, above) {
            (Tag::Issuer, []) => name(&mut self.names.issuer, &mut self.damage, text),
            (Tag::UserId, []) => {
                self.names.subject = None;
                name(&mut self.names.subject, &mut self.damage, text);
            }
            // It may stand there in several languages.
            (Tag::FriendlyName, []) if self.names.label.is_none() => {
                name(&mut self.names.label, &mut self.damage, text);
            }
            (Tag::Suite, [Tag::AlgorithmParameters]) if self.suite.is_some() => self.spoil(Reason::Duplicate),
            (Tag::Suite, [Tag::AlgorithmParameters]) => self.suite = Some(text.trim().into()),
            (Tag::StartDate, [Tag::Policy]) => date(&mut self.dates, &mut self.damage, Date::Start, text),
            (Tag::ExpiryDate, [Tag::Policy]) => date(&mut self.dates, &mut self.damage, Date::Expiry, text),
            (Tag::KeyUsage, [Tag::Policy]) if self.usages.len() < LIST_MAX => self.usages.push(text.trim().into()),
            (Tag::KeyUsage, [Tag::Policy]) => self.policy_broken = true,
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
            // A counter has no meaning for TOTP, and a drift is a hint that a first code corrects.
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
    /// Puts a value together with its MAC, once all of it was read.
    pub(super) fn into_parts(self) -> (Option<Zeroizing<String>>, Option<Sealed>) {
        let mac = self.mac;
        (self.plain, self.sealed.map(|sealed| Sealed { mac, ..sealed }))
    }
}

/// A PIN that is checked by the device before it shows a code changes nothing for whoever checks the
/// code; one that is sent along, or goes into the code, would (§5, `PINUsageMode`).
fn stays_on_the_device(policy: &Attributes) -> bool {
    const KNOWN: &[&str] = &["PINKeyId", "PINUsageMode", "MaxFailedAttempts", "MinLength", "MaxLength", "PINEncoding"];
    policy.get("PINUsageMode") == Some("Local") && policy.names().all(|name| KNOWN.contains(&name))
}

fn name(slot: &mut Option<Box<str>>, damage: &mut Option<Reason>, text: &str) {
    match parts::name(text) {
        Ok(_) if slot.is_some() => _ = damage.get_or_insert(Reason::Duplicate),
        Ok(name) => *slot = name,
        Err(why) => _ = damage.get_or_insert(why),
    }
}

fn date(dates: &mut Vec<(Date, Box<str>)>, damage: &mut Option<Reason>, kind: Date, text: &str) {
    if dates.len() < LIST_MAX {
        dates.push((kind, text.trim().into()));
    } else {
        damage.get_or_insert(Reason::Duplicate);
    }
}
