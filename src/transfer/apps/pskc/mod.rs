//! The file that comes with hardware tokens: Portable Symmetric Key Container (RFC 6030).

mod crypto;
mod draft;
mod judge;
mod tags;
mod xml;

use std::fmt;
use std::io::BufRead;

pub use crypto::PskcKey;
use crypto::{Derivation, Envelope, Opener, Sealed};
use draft::{Device, Draft};
use tags::Tag;
use xml::{Attributes, Token, Xml};

use super::error::{ReadError, ReadErrorKind};
use super::found::{AppKey, Found, Place, Skipped};
use super::parts::{self, Keys};
use crate::clock::Timestamp;

/// Most keys of one container.
const KEYS_MAX: u64 = 100_000;

/// Reads a key container of RFC 6030, version 1.
///
/// Values are plain, or encrypted by AES-CBC under a pre-shared key or a password, each with a MAC
/// that is checked before anything is decrypted. `now` decides about keys that have a start or an
/// end. A document type, an entity, more than 32 levels, 16 KiB in one piece or 100,000 keys end the
/// reading; what is refused of single keys stands in `docs/TRANSFER.md`.
///
/// ```
/// use tower_mfa::clock::Timestamp;
/// use tower_mfa::transfer::apps::{self, Found, PskcKey};
///
/// let container = |algorithm: &str| format!(
///     r#"<KeyContainer Version="1.0" xmlns="urn:ietf:params:xml:ns:keyprov:pskc"><KeyPackage>
///          <DeviceInfo><SerialNo>987654321</SerialNo></DeviceInfo>
///          <Key Id="1" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:{algorithm}">
///            <AlgorithmParameters><ResponseFormat Length="8" Encoding="DECIMAL"/></AlgorithmParameters>
///            <Data><Secret><PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</PlainValue></Secret></Data>
///          </Key></KeyPackage></KeyContainer>"#);
/// let read = |xml: &str| {
///     apps::pskc(xml.as_bytes(), PskcKey::none(), Timestamp::from_secs(1_800_000_000)).next().unwrap().unwrap()
/// };
///
/// let Found::Key(key) = read(&container("totp")) else { panic!("a key") };
/// assert_eq!((key.serial(), key.secret().expose()), (Some("987654321"), &b"12345678901234567890"[..]));
/// let Found::Skipped(skipped) = read(&container("hotp")) else { panic!("it counts") };
/// assert_eq!(skipped.why().code(), "counter");
/// ```
///
/// # Security
///
/// MACs protect values, not the rest: whoever can change the file gives a key to another user or
/// device. Signatures (`ds:Signature`) are not checked. It takes what PBKDF2 takes: up to 10,000,000
/// iterations, some seconds, before the first key; do not call it on an asynchronous thread.
pub fn pskc<R: BufRead>(from: R, key: PskcKey, now: Timestamp) -> Pskc<R> {
    let container = Container {
        given: key,
        envelope: Envelope::default(),
        opener: None,
        device: Device::default(),
        draft: None,
        keys: Keys::default(),
        now,
        read: 0,
    };
    Pskc { xml: Xml::new(from), container, ended: false, leaf: false }
}

/// The reader of [`pskc()`].
#[must_use = "an iterator does nothing until it is asked"]
pub struct Pskc<R> {
    xml: Xml<R>,
    container: Container,
    /// Whether the last tag was a start: then the text is the whole of its element.
    leaf: bool,
    ended: bool,
}

impl<R> Pskc<R> {
    /// Takes keys from 10 bytes instead of 16.
    ///
    /// # Security
    ///
    /// See [`Secret::danger_short_from_bytes`](crate::otp::Secret::danger_short_from_bytes).
    pub fn danger_short_keys(mut self) -> Self {
        self.container.keys = Keys { short: true };
        self
    }
}

impl<R> fmt::Debug for Pskc<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pskc").field("key", &self.container.given).finish_non_exhaustive()
    }
}

impl<R: BufRead> Iterator for Pskc<R> {
    type Item = Result<Found, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.read();
        let next = next
            .map_err(|error| match self.container.place() {
                Some(place) => error.at(place),
                None => error,
            })
            .transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

impl<R: BufRead> Pskc<R> {
    fn read(&mut self) -> Result<Option<Found>, ReadError> {
        loop {
            match self.xml.next()? {
                Token::Start(tag, attributes) => {
                    self.leaf = true;
                    self.container.start(tag, self.xml.open(), attributes)?;
                }
                Token::End(tag) => {
                    let text = if self.leaf { self.xml.text() } else { "" };
                    self.leaf = false;
                    if let Some(found) = self.container.end(tag, self.xml.open(), text)? {
                        return Ok(Some(found));
                    }
                }
                Token::End0 => return Ok(None),
            }
        }
    }
}

/// What is known of a container so far.
struct Container {
    given: PskcKey,
    envelope: Envelope,
    /// Made when the first key needs it: §6 has keys and MAC method before.
    opener: Option<Opener>,
    device: Device,
    draft: Option<Draft>,
    keys: Keys,
    now: Timestamp,
    read: u64,
}

impl Container {
    /// An element begins: the last of `open`.
    fn start(&mut self, tag: Tag, open: &[Tag], attributes: Attributes) -> Result<(), ReadError> {
        let above = open.split_last().map_or(open, |(_, above)| above);
        match (tag, above) {
            (Tag::KeyContainer, []) if attributes.get("Version") == Some("1.0") => {}
            (_, []) => return Err(xml::container()),
            (Tag::KeyPackage, [Tag::KeyContainer]) => self.device = Device::default(),
            (Tag::Key, [Tag::KeyContainer, Tag::KeyPackage]) => {
                if self.read >= KEYS_MAX {
                    return Err(ReadError::new(ReadErrorKind::Limit));
                }
                self.draft = Some(Draft::new(&self.device, &attributes));
            }
            (_, [Tag::KeyContainer, Tag::EncryptionKey | Tag::MacMethod, ..])
            | (Tag::EncryptionKey | Tag::MacMethod, [Tag::KeyContainer]) => {
                return self.envelope.start(tag, above, &attributes);
            }
            _ => {
                if let Some(draft) = &mut self.draft {
                    draft.start(tag, inside(above), attributes);
                }
            }
        }
        Ok(())
    }

    /// An element ended, with the text it had where it had no elements inside.
    fn end(&mut self, tag: Tag, above: &[Tag], text: &str) -> Result<Option<Found>, ReadError> {
        match (tag, above) {
            (Tag::Key, [Tag::KeyContainer, Tag::KeyPackage]) => return self.key().map(Some),
            (_, [Tag::KeyContainer, Tag::KeyPackage, Tag::DeviceInfo]) => self.device.end(tag, text),
            (_, [Tag::KeyContainer, Tag::EncryptionKey | Tag::MacMethod, ..]) => self.envelope.end(tag, above, text)?,
            _ => {
                if let Some(draft) = &mut self.draft {
                    draft.end(tag, inside(above), text);
                }
            }
        }
        Ok(None)
    }

    fn key(&mut self) -> Result<Found, ReadError> {
        let opener = match self.opener.take() {
            Some(opener) => opener,
            None => Opener::new(&self.given, &self.envelope)?,
        };
        let opener = self.opener.insert(opener);
        self.read = self.read.saturating_add(1);
        let place = Place::entry_number(self.read);
        let mut draft = self.draft.take().unwrap_or_default();
        Ok(match judge::judge(&mut draft, opener, self.now, self.keys) {
            Ok(usable) => Found::Key(AppKey {
                place,
                names: draft.names,
                totp: usable.totp,
                secret: usable.secret,
                used_until: usable.used_until,
            }),
            Err(why) => Found::Skipped(Skipped::new(place, &draft.names, why)),
        })
    }

    /// Where the reading is: in which key.
    fn place(&self) -> Option<Place> {
        self.draft.as_ref().map(|_| Place::entry_number(self.read.saturating_add(1)))
    }
}

impl Envelope {
    fn start(&mut self, tag: Tag, above: &[Tag], attributes: &Attributes) -> Result<(), ReadError> {
        let algorithm = || attributes.get("Algorithm").map(Into::into);
        match (tag, above) {
            (Tag::DerivedKey, [_, Tag::EncryptionKey]) => once(&mut self.derived, Derivation::default())?,
            (Tag::KeyDerivationMethod, [.., Tag::DerivedKey]) => {
                if let Some(derived) = &mut self.derived {
                    derived.method = algorithm();
                }
            }
            (Tag::Prf, [.., Tag::Pbkdf2Params]) => {
                if let Some(derived) = &mut self.derived {
                    derived.prf = algorithm();
                }
            }
            (Tag::X509Data | Tag::KeyValue | Tag::EncryptedKey, [_, Tag::EncryptionKey]) => self.asymmetric = true,
            (Tag::MacMethod, _) => once(&mut self.mac_method, algorithm().unwrap_or_default())?,
            (Tag::MacKey, [_, Tag::MacMethod]) => once(&mut self.mac_key, Sealed::default())?,
            (Tag::EncryptionMethod, [_, Tag::MacMethod, Tag::MacKey]) => {
                if let Some(sealed) = &mut self.mac_key {
                    sealed.method = algorithm();
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, tag: Tag, above: &[Tag], text: &str) -> Result<(), ReadError> {
        match (tag, above) {
            (Tag::CipherValue, [_, Tag::MacMethod, Tag::MacKey, Tag::CipherData]) => {
                let bytes = parts::base64(text).ok_or_else(|| ReadError::new(ReadErrorKind::MacKey))?;
                if let Some(sealed) = &mut self.mac_key {
                    sealed.bytes = bytes.to_vec();
                }
            }
            // What cannot be read is missing, and a derivation that lacks something derives nothing.
            (Tag::Specified, [.., Tag::Pbkdf2Params, Tag::Salt]) => {
                self.derivation(|derived| derived.salt = parts::base64(text).map(|salt| salt.to_vec()));
            }
            (Tag::IterationCount, [.., Tag::Pbkdf2Params]) => {
                self.derivation(|derived| derived.iterations = parts::number(text.trim()));
            }
            (Tag::KeyLength, [.., Tag::Pbkdf2Params]) => {
                self.derivation(|derived| derived.key_len = parts::number(text.trim()));
            }
            // Some makers write as text what the schema has as an attribute.
            (Tag::Prf, [.., Tag::Pbkdf2Params]) if !text.trim().is_empty() => {
                self.derivation(|derived| derived.prf = Some(text.trim().into()));
            }
            _ => {}
        }
        Ok(())
    }

    fn derivation(&mut self, set: impl FnOnce(&mut Derivation)) {
        if let Some(derived) = &mut self.derived {
            set(derived);
        }
    }
}

/// What is open inside of a key: without container, package and key.
fn inside(above: &[Tag]) -> &[Tag] {
    above.get(3..).unwrap_or_default()
}

/// Sets what a container has once.
fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), ReadError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(xml::container()),
    }
}
