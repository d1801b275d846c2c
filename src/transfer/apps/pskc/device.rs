//! What a package says of its device, for each of its keys.

use super::draft::{self, Date};
use super::judge;
use super::tags::Tag;
use crate::clock::Timestamp;
use crate::transfer::apps::found::Names;
use crate::transfer::apps::reason::Reason;

#[derive(Default)]
pub(super) struct Device {
    names: Names,
    dates: Vec<(Date, Box<str>)>,
    /// What was wrong first.
    damage: Option<Reason>,
}

impl Device {
    /// An element inside of it ended.
    pub(super) fn end(&mut self, tag: Tag, text: &str) {
        let slot = match tag {
            Tag::Manufacturer => &mut self.names.manufacturer,
            Tag::SerialNo => &mut self.names.serial,
            Tag::UserId => &mut self.names.subject,
            Tag::StartDate => return draft::date(&mut self.dates, &mut self.damage, Date::Start, text),
            Tag::ExpiryDate => return draft::date(&mut self.dates, &mut self.damage, Date::Expiry, text),
            _ => return,
        };
        draft::name(slot, &mut self.damage, text);
    }

    /// Gives a key the names it has none of. Its own user counts, not the device's (RFC 6030 §4.3).
    pub(super) fn complete(&self, names: &mut Names) {
        names.manufacturer.clone_from(&self.names.manufacturer);
        names.serial.clone_from(&self.names.serial);
        if names.subject.is_none() {
            names.subject.clone_from(&self.names.subject);
        }
    }

    /// Whether its keys may be used now, by what it says.
    pub(super) fn permits(&self, now: Timestamp) -> Result<(), Reason> {
        self.damage.map_or(Ok(()), Err)?;
        judge::in_force(&self.dates, now)
    }
}
