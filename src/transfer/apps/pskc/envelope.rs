//! What stands before the keys of a container: how it is encrypted, and how its MACs are made.

use super::crypto::{Derivation, Sealed};
use super::tags::Tag;
use super::xml::{self, Attributes};
use crate::transfer::apps::error::{ReadError, ReadErrorKind};
use crate::transfer::apps::parts;

/// What the container says of its encryption, as it stands there.
#[derive(Debug, Default)]
pub(super) struct Envelope {
    pub(super) derived: Option<Derivation>,
    /// A certificate, or a key wrapped under another: §6.3, and what is beyond the RFC.
    pub(super) asymmetric: bool,
    pub(super) mac_method: Option<Box<str>>,
    pub(super) mac_key: Option<Sealed>,
    /// The key of the MACs was agreed on beforehand (`MACKeyReference`).
    pub(super) mac_key_is_elsewhere: bool,
}

impl Envelope {
    pub(super) fn start(&mut self, tag: Tag, above: &[Tag], attributes: &Attributes) -> Result<(), ReadError> {
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
            (Tag::MacKeyReference, [_, Tag::MacMethod]) => self.mac_key_is_elsewhere = true,
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

    pub(super) fn end(&mut self, tag: Tag, above: &[Tag], text: &str) -> Result<(), ReadError> {
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

/// Sets what a container has once.
fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), ReadError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(xml::container()),
    }
}
