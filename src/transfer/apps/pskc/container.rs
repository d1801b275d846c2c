//! A container as it is read: what stands in it goes to where it counts.

use std::collections::VecDeque;

use super::crypto::{Opener, PskcKey};
use super::device::Device;
use super::draft::Draft;
use super::envelope::Envelope;
use super::judge::{self, Terms, Usable};
use super::tags::Tag;
use super::xml::{self, Attributes};
use crate::transfer::apps::error::{ReadError, ReadErrorKind};
use crate::transfer::apps::found::{AppKey, Found, Names, Place, Skipped};
use crate::transfer::apps::parts;
use crate::transfer::apps::reason::Reason;

/// Most keys of one container.
const KEYS_MAX: u64 = 100_000;
/// Most keys of one package: they wait in memory for what is said of their device.
const PACKAGE_MAX: usize = 1_000;

/// What is known of a container so far.
pub(super) struct Container {
    pub(super) given: PskcKey,
    pub(super) terms: Terms,
    envelope: Envelope,
    /// Made when the first key needs it: §6 has keys and MAC method before.
    opener: Option<Opener>,
    device: Device,
    draft: Option<Draft>,
    package: Vec<Waiting>,
    read: u64,
}

/// A key that was judged by itself, and waits for the end of its package: the device may stand behind it.
struct Waiting {
    place: Place,
    names: Names,
    judged: Result<Usable, Reason>,
}

impl Container {
    pub(super) fn new(given: PskcKey, terms: Terms) -> Self {
        Self {
            given,
            terms,
            envelope: Envelope::default(),
            opener: None,
            device: Device::default(),
            draft: None,
            package: Vec::new(),
            read: 0,
        }
    }

    /// An element begins: the last of `open`.
    pub(super) fn start(&mut self, tag: Tag, open: &[Tag], attributes: Attributes) -> Result<(), ReadError> {
        let above = open.split_last().map_or(open, |(_, above)| above);
        match (tag, above) {
            (Tag::KeyContainer, []) if attributes.get("Version").is_some_and(is_version_one) => {}
            (_, []) => return Err(xml::container()),
            (Tag::KeyPackage, [Tag::KeyContainer]) => self.device = Device::default(),
            (Tag::Key, [Tag::KeyContainer, Tag::KeyPackage]) => {
                if self.read >= KEYS_MAX || self.package.len() >= PACKAGE_MAX {
                    return Err(xml::limit());
                }
                self.draft = Some(Draft::new(&attributes));
            }
            (_, [Tag::KeyContainer, Tag::EncryptionKey | Tag::MacMethod, ..])
            | (Tag::EncryptionKey | Tag::MacMethod, [Tag::KeyContainer]) => {
                if self.opener.is_some() {
                    return Err(ReadError::new(ReadErrorKind::Order));
                }
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

    /// An element ended, with the text it had where it had no elements inside. With a package come its keys.
    pub(super) fn end(
        &mut self,
        tag: Tag,
        above: &[Tag],
        text: &str,
        found: &mut VecDeque<Found>,
    ) -> Result<(), ReadError> {
        match (tag, above) {
            (Tag::KeyPackage, [Tag::KeyContainer]) => self.package(found),
            (Tag::Key, [Tag::KeyContainer, Tag::KeyPackage]) => self.key()?,
            (_, [Tag::KeyContainer, Tag::KeyPackage, Tag::DeviceInfo]) => self.device.end(tag, text),
            (_, [Tag::KeyContainer, Tag::EncryptionKey | Tag::MacMethod, ..]) => self.envelope.end(tag, above, text)?,
            _ => {
                if let Some(draft) = &mut self.draft {
                    draft.end(tag, inside(above), text);
                }
            }
        }
        Ok(())
    }

    fn key(&mut self) -> Result<(), ReadError> {
        let opener = match self.opener.take() {
            Some(opener) => opener,
            None => Opener::new(&self.given, &self.envelope)?,
        };
        let opener = self.opener.insert(opener);
        self.read = self.read.saturating_add(1);
        let mut draft = self.draft.take().unwrap_or_default();
        let judged = judge::judge(&mut draft, opener, self.terms);
        self.package.push(Waiting { place: Place::entry_number(self.read), names: draft.names, judged });
        Ok(())
    }

    fn package(&mut self, found: &mut VecDeque<Found>) {
        for Waiting { place, mut names, judged } in self.package.drain(..) {
            self.device.complete(&mut names);
            let judged = judged.and_then(|usable| self.device.permits(self.terms.now).map(|()| usable));
            found.push_back(match judged {
                Ok(Usable { totp, secret, used_until }) => {
                    Found::Key(AppKey { place, names, totp, secret, used_until })
                }
                Err(why) => Found::Skipped(Skipped::new(place, &names, why)),
            });
        }
    }

    /// Where the reading is: in which key.
    pub(super) fn place(&self) -> Option<Place> {
        self.draft.as_ref().map(|_| Place::entry_number(self.read.saturating_add(1)))
    }
}

/// `1.0`, and the later ones that may only add what an older reader can pass by.
fn is_version_one(version: &str) -> bool {
    let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
    major == "1" && parts::is_digits(minor)
}

/// What is open inside of a key: without container, package and key.
fn inside(above: &[Tag]) -> &[Tag] {
    above.get(3..).unwrap_or_default()
}
