//! The chain of a subject's events: whoever has the store and no master key takes none out, changes none, puts none
//! in and cuts none off unseen.
//!
//! Each event carries its number and a MAC over itself and all that came before it. Where the chain ends stands in
//! the document, sealed: with the last events gone, the document cannot be made to fit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Account;
use super::event::{About, Event, EventKind};
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
    /// When it was begun for an account that should have had one: what was told of it until then hangs on nothing.
    pub(crate) begun_anew: Option<Timestamp>,
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
    fn begin(turn: &Turn<'_>, begun_anew: Option<Timestamp>) -> Result<Self, Refusal> {
        let key: [u8; 32] = entropy::bytes(turn.entropy)?;
        Ok(Self { key: ChainKey::new(&key), end: Place::START, begun_anew })
    }

    pub(crate) fn open(vault: &Vault, subject: &Subject, sealed: &str) -> Result<Self, VaultError> {
        let opened = vault.open(Purpose::EventChain, subject, b"", sealed)?;
        Self::read(opened.expose()).ok_or(VaultError::Closed)
    }

    fn read(parts: &[u8]) -> Option<Self> {
        let (key, rest) = parts.split_first_chunk::<32>()?;
        let (mac, rest) = rest.split_first_chunk::<CHAIN_MAC>()?;
        let (n, rest) = rest.split_first_chunk::<8>()?;
        let (at, rest) = rest.split_first_chunk::<8>()?;
        let seconds = |bytes: &[u8; 8]| Timestamp::from_secs(u64::from_be_bytes(*bytes));
        let begun_anew = if rest.is_empty() { None } else { Some(seconds(rest.try_into().ok()?)) };
        let end = Place { n: u64::from_be_bytes(*n), at: seconds(at), mac: *mac };
        Some(Self { key: ChainKey::new(key), end, begun_anew })
    }

    fn write(&self) -> zeroize::Zeroizing<Vec<u8>> {
        let [n, at] = [self.end.n, self.end.at.as_secs()].map(u64::to_be_bytes);
        let anew = self.begun_anew.map(|at| at.as_secs().to_be_bytes());
        let anew: &[u8] = anew.as_ref().map_or(&[], |anew| anew);
        zeroize::Zeroizing::new([self.key.expose(), &self.end.mac, &n, &at, anew].concat())
    }

    fn seal(&self, turn: &Turn<'_>, subject: &Subject) -> Result<String, VaultError> {
        turn.vault.seal(Purpose::EventChain, subject, b"", &self.write(), turn.entropy)
    }

    /// Seals it with the key that it was sealed with, until keys are rotated: while a new key is rolled out, a replica
    /// that has not got it yet goes on with the chain.
    fn seal_again(&self, turn: &Turn<'_>, subject: &Subject, before: &str) -> Result<String, VaultError> {
        turn.vault.seal_like(before, (Purpose::EventChain, subject, b""), &self.write(), turn.entropy)
    }
}

impl Account {
    /// Writes the events of a turn as the store keeps them, each linked to the one before.
    ///
    /// Whatever is stored has a chain. Where it is gone, or does not open since its key is lost, a new one begins:
    /// nobody is locked out of an account for the sake of its audit trail. It says of itself that it was begun anew, so
    /// that taking it out of the document, and the events with it, leaves no trail that looks whole.
    pub(crate) fn chain_events(&mut self, turn: &mut Turn<'_>) -> Result<Vec<String>, Refusal> {
        if turn.events.is_empty() && self.chain.is_some() {
            return Ok(Vec::new());
        }
        let before = self.chain.take();
        let opened = before.as_deref().map(|sealed| (sealed, Chain::open(turn.vault, &self.subject, sealed)));
        let (mut chain, sealed) = match opened {
            Some((sealed, Ok(chain))) => (chain, Some(sealed)),
            Some((_, Err(_))) => (self.begin_anew(turn)?, None),
            None if self.is_stored => (self.begin_anew(turn)?, None),
            None => (Chain::begin(turn, None)?, None),
        };
        let bodies = turn.events.iter().map(|event| chain.end.append(&chain.key, event)).collect::<Option<Vec<_>>>();
        let subject = &self.subject;
        let sealed = sealed.map_or_else(|| chain.seal(turn, subject), |was| chain.seal_again(turn, subject, was))?;
        self.chain = Some(sealed.into());
        bodies.ok_or(Refusal::unavailable())
    }

    fn begin_anew(&self, turn: &mut Turn<'_>) -> Result<Chain, Refusal> {
        turn.record(EventKind::ChainBegunAnew, About::default())?;
        Chain::begin(turn, Some(turn.now))
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
