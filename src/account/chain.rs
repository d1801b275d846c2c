//! The chain of a subject's events: whoever has the store and no master key takes none out, changes none, puts none
//! in and cuts none off unseen.
//!
//! Each event carries its number and a MAC over itself and all that came before it. Where the chain ends stands in
//! the document, sealed: with the last events gone, the document cannot be made to fit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Account;
use super::event::Event;
use super::refusal::Refusal;
use super::turn::Turn;
use super::webauthn::base64url;
use crate::clock::Timestamp;
use crate::entropy;
use crate::id::Subject;
use crate::secret::constant_time_eq;
use crate::vault::{CHAIN_MAC, ChainKey, ChainMac, Purpose, Vault, VaultError};

/// A chain, and where it ends.
pub(crate) struct Chain {
    /// The subject's own. It outlives every master key: old events are verified with it for ever.
    pub(crate) key: ChainKey,
    pub(crate) end: Place,
}

/// Behind an event, or before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    /// The event's number; the first is 1.
    pub(crate) n: u64,
    pub(crate) at: Timestamp,
    #[serde(with = "base64url")]
    mac: ChainMac,
}

/// What an event carries of the chain, beside what it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Link {
    pub(crate) n: u64,
    /// The event before it, so that the rest can be verified when retention has taken that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<Before>,
    #[serde(with = "base64url")]
    mac: ChainMac,
}

/// The event before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Before {
    at: Timestamp,
    #[serde(with = "base64url")]
    mac: ChainMac,
}

impl Place {
    pub(crate) const START: Self = Self { n: 0, at: Timestamp::from_secs(0), mac: [0; CHAIN_MAC] };

    /// Before an event, by what that says itself of the one before it.
    pub(crate) fn before(link: &Link) -> Option<Self> {
        let n = link.n.checked_sub(1)?;
        match link.after {
            Some(Before { at, mac }) => Some(Self { n, at, mac }),
            None => (n == 0).then_some(Self::START),
        }
    }

    /// The link of the next event, which says `text` at `at`, and the place behind it.
    fn next(self, key: &ChainKey, text: &str, at: Timestamp) -> Option<(Link, Self)> {
        let n = self.n.checked_add(1)?;
        let after = (self.n > 0).then_some(Before { at: self.at, mac: self.mac });
        let [n_bytes, before, now] = [n, self.at.as_secs(), at.as_secs()].map(u64::to_be_bytes);
        let mac = key.mac(&[&n_bytes, &before, &self.mac, &now, text.as_bytes()]);
        Some((Link { n, after, mac }, Self { n, at, mac }))
    }

    /// The place behind an event, if its link is the one that was written.
    pub(crate) fn verified(self, key: &ChainKey, link: &Link, text: &str, at: Timestamp) -> Option<Self> {
        let (wanted, place) = self.next(key, text, at)?;
        let is_it = wanted.n == link.n && wanted.after == link.after && constant_time_eq(&wanted.mac, &link.mac);
        is_it.then_some(place)
    }

    /// Goes behind an event; returns what is stored of it.
    fn append(&mut self, key: &ChainKey, event: &Event) -> Option<String> {
        let text = serde_json::to_string(event).ok()?;
        let (link, place) = self.next(key, &text, event.at)?;
        *self = place;
        // The event's own members, and one more.
        Some(format!("{},\"chain\":{}}}", text.strip_suffix('}')?, serde_json::to_string(&link).ok()?))
    }
}

impl Chain {
    fn begin(turn: &Turn<'_>) -> Result<Self, Refusal> {
        let key: [u8; 32] = entropy::bytes(turn.entropy)?;
        Ok(Self { key: ChainKey::new(&key), end: Place::START })
    }

    pub(crate) fn open(vault: &Vault, subject: &Subject, sealed: &str) -> Result<Self, VaultError> {
        let opened = vault.open(Purpose::EventChain, subject, b"", sealed)?;
        let parts = opened.expose().split_first_chunk::<32>().and_then(|(key, rest)| {
            let (mac, rest) = rest.split_first_chunk::<CHAIN_MAC>()?;
            let (n, at) = rest.split_first_chunk::<8>()?;
            Some((key, *mac, u64::from_be_bytes(*n), u64::from_be_bytes(at.try_into().ok()?)))
        });
        let (key, mac, n, at) = parts.ok_or(VaultError::Closed)?;
        Ok(Self { key: ChainKey::new(key), end: Place { n, at: Timestamp::from_secs(at), mac } })
    }

    fn seal(&self, turn: &Turn<'_>, subject: &Subject) -> Result<String, VaultError> {
        let [n, at] = [self.end.n, self.end.at.as_secs()].map(u64::to_be_bytes);
        let parts = zeroize::Zeroizing::new([self.key.expose(), &self.end.mac, &n, &at].concat());
        turn.vault.seal(Purpose::EventChain, subject, b"", &parts, turn.entropy)
    }
}

impl Account {
    /// Writes the events of a turn as the store keeps them, each linked to the one before.
    pub(crate) fn chain_events(&mut self, turn: &Turn<'_>) -> Result<Vec<String>, Refusal> {
        if turn.events.is_empty() {
            return Ok(Vec::new());
        }
        let opened = self.chain.as_ref().and_then(|sealed| Chain::open(turn.vault, &self.subject, sealed).ok());
        // Where its key is lost, a new chain begins: nobody is locked out of an account for the sake of its audit
        // trail, and whoever verifies that finds the break.
        let mut chain = opened.map_or_else(|| Chain::begin(turn), Ok)?;
        let bodies = turn.events.iter().map(|event| chain.end.append(&chain.key, event)).collect::<Option<Vec<_>>>();
        self.chain = Some(chain.seal(turn, &self.subject)?.into());
        bodies.ok_or(Refusal::unavailable())
    }

    /// The chain, sealed.
    pub(crate) fn sealed_chain(&self) -> Option<&str> {
        self.chain.as_deref()
    }

    /// Seals the end of the chain with the newest master key, where it is not.
    pub(super) fn reseal_chain(&mut self, turn: &mut Turn<'_>) -> Result<(), Refusal> {
        let Some(sealed) = self.chain.as_ref().filter(|sealed| !turn.vault.is_newest(sealed)) else { return Ok(()) };
        let chain = Chain::open(turn.vault, &self.subject, sealed)?;
        self.chain = Some(chain.seal(turn, &self.subject)?.into());
        turn.touched = true;
        Ok(())
    }
}

/// An event as it is stored: what was linked of it, what it tells, and its link. A store may have ordered its members
/// anew; one too many or too few is another event.
pub(crate) fn linked(body: &str) -> Option<(String, Event, Link)> {
    let mut members: BTreeMap<&str, &RawValue> = serde_json::from_str(body).ok()?;
    let link = serde_json::from_str(members.remove("chain")?.get()).ok()?;
    let told: Event = serde_json::from_str(body).ok()?;
    let text = serde_json::to_string(&told).ok()?;
    let written: BTreeMap<&str, &RawValue> = serde_json::from_str(&text).ok()?;
    let alike = written.keys().eq(members.keys());
    alike.then_some((text, told, link))
}
