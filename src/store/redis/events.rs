//! Reading the outbox, and shortening it.

use std::collections::VecDeque;

use ::redis::Value;

use super::cursor::{Place, Reading};
use super::failure;
use super::layout::Partition;
use super::script::{DELETE_EVENTS, OLD_EVENTS, SUBJECT_EVENTS};
use super::values::{self, Entry, NOT_UNDERSTOOD};
use super::{Inner, StoreError};
use crate::clock::Timestamp;
use crate::id::Subject;
use crate::store::{EventCursor, Page, StoredEvent};

/// Entries that one script looks at when events are pruned: about a millisecond of the server.
const PRUNED_AT_ONCE: usize = 500;
/// How many of these in a row may have none from before: then none behind them is looked for.
const LOOKED_AHEAD: usize = 8;
/// How many a call removes before it leaves the rest to the next: it is to end within the service's deadline.
const PRUNED_IN_A_CALL: u64 = 10_000;

type Events = Result<Page<StoredEvent, EventCursor>, StoreError>;

impl Inner {
    pub(super) async fn events_of(&self, subject: &Subject, after: Option<&EventCursor>, size: usize) -> Events {
        let partition = self.names.of_subject(subject);
        let after = after.map(|cursor| Reading::read(cursor, &self.layout)).transpose()?;
        let after = after.map_or_else(Place::default, |reading| reading.in_partition(partition));
        let keys = [self.names.events(partition), self.names.subject_events(partition, &subject.storage_key())];
        let call = SUBJECT_EVENTS.on(keys).arg(after.behind_sorted()).arg(size.saturating_add(1).to_string());
        let found = call.read(&self.servers, self.places.of(partition)).await.map_err(failure::of_read)?;
        let found = entries(found)?;
        let follows = found.len() > size;
        let mut items = Vec::with_capacity(size.min(found.len()));
        for entry in found.into_iter().take(size) {
            let cursor = Reading::One(partition, entry.place).write(&self.layout)?;
            items.push(entry.stored(cursor));
        }
        let next = items.last().filter(|_| follows).map(|last| last.cursor().clone());
        Ok(Page::new(items, next))
    }

    /// A little from each partition, the oldest first.
    pub(super) async fn all_events(&self, after: Option<&EventCursor>, size: usize) -> Events {
        let places = self.places_behind(after)?;
        let share = size.checked_div(places.len()).unwrap_or(size).saturating_mul(2).saturating_add(2).min(size);
        let mut commands = Vec::with_capacity(places.len());
        for (partition, place) in self.names.partitions().zip(&places) {
            let mut range = ::redis::cmd("XRANGE");
            // One more than is taken, which tells whether more follow.
            range
                .arg(self.names.events(partition))
                .arg(place.behind())
                .arg("+")
                .arg("COUNT")
                .arg(share.saturating_add(1));
            commands.push((self.places.of(partition), range));
        }
        let found = self.servers.read_many(&commands).await.map_err(failure::of_read)?;
        let lists = found.into_iter().map(entries).collect::<Result<Vec<_>, _>>()?;
        self.merge(places, lists, share, size)
    }

    /// Those that revoke something. Most of the time there are none, which all partitions are asked at once.
    pub(super) async fn revocations(&self, after: Option<&EventCursor>, size: usize) -> Events {
        let places = self.places_behind(after)?;
        let mut commands = Vec::with_capacity(places.len());
        for (partition, place) in self.names.partitions().zip(&places) {
            let mut count = ::redis::cmd("ZLEXCOUNT");
            count.arg(self.names.revocations(partition)).arg(place.behind_sorted()).arg("+");
            commands.push((self.places.of(partition), count));
        }
        let found = self.servers.read_many(&commands).await.map_err(failure::of_read)?;
        let mut lists = Vec::with_capacity(places.len());
        for ((partition, place), count) in self.names.partitions().zip(&places).zip(found) {
            if count == Value::Int(0) {
                lists.push(VecDeque::new());
                continue;
            }
            let keys = [self.names.events(partition), self.names.revocations(partition)];
            let call = SUBJECT_EVENTS.on(keys).arg(place.behind_sorted()).arg(size.saturating_add(1).to_string());
            let found = call.read(&self.servers, self.places.of(partition)).await.map_err(failure::of_read)?;
            lists.push(entries(found)?);
        }
        self.merge(places, lists, size, size)
    }

    fn places_behind(&self, after: Option<&EventCursor>) -> Result<Vec<Place>, StoreError> {
        let after = after.map(|cursor| Reading::read(cursor, &self.layout)).transpose()?;
        Ok(after.unwrap_or_else(|| Reading::start(&self.layout)).into_places(&self.layout))
    }

    /// Makes one page of what was found in each partition, where one more than `share` says that more follow.
    fn merge(&self, mut places: Vec<Place>, mut lists: Vec<VecDeque<Entry>>, share: usize, size: usize) -> Events {
        let mut follows = false;
        for list in lists.iter_mut().filter(|list| list.len() > share) {
            list.pop_back();
            follows = true;
        }
        let mut items = Vec::new();
        while items.len() < size {
            let Some((partition, entry)) = oldest(&mut lists) else { break };
            if let Some(place) = places.get_mut(partition) {
                *place = entry.place;
            }
            let cursor = Reading::All(places.clone()).write(&self.layout)?;
            items.push(entry.stored(cursor));
        }
        follows |= lists.iter().any(|list| !list.is_empty());
        let next = items.last().filter(|_| follows).map(|last| last.cursor().clone());
        Ok(Page::new(items, next))
    }

    /// Events stand about in the order of their times, so no partition is read to its end for the few that do not; nor is
    /// it left for some that a clock which was ahead has dated.
    pub(super) async fn prune(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut pruned = 0_u64;
        for partition in self.names.partitions() {
            let (mut next, mut without) = (Some(Place::default()), 0_usize);
            while let Some(place) = next.filter(|_| without < LOOKED_AHEAD) {
                let (last, old) = self.old_events(partition, place, before).await?;
                without = if old.is_empty() { without.saturating_add(1) } else { 0 };
                pruned = pruned.saturating_add(self.delete(partition, old).await?);
                if pruned >= PRUNED_IN_A_CALL {
                    return Ok(pruned);
                }
                next = last;
            }
        }
        Ok(pruned)
    }

    /// Where to go on, and which of those looked at are from before.
    async fn old_events(
        &self,
        partition: Partition,
        behind: Place,
        before: Timestamp,
    ) -> Result<(Option<Place>, Vec<(String, String)>), StoreError> {
        let call = OLD_EVENTS.on([self.names.events(partition)]).arg(behind.behind());
        let call = call.arg(before.as_secs().to_string()).arg(PRUNED_AT_ONCE.to_string());
        let said = call.read(&self.servers, self.places.of(partition)).await.map_err(failure::of_read)?;
        let mut words = values::list(said)?.into_iter().map(values::text);
        let last = words.next().unwrap_or_else(|| Err(StoreError::corrupt(NOT_UNDERSTOOD)))?;
        let last = match last.as_str() {
            "" => None,
            id => Some(Place::read(id).ok_or_else(|| StoreError::corrupt(NOT_UNDERSTOOD))?),
        };
        let mut old = Vec::new();
        while let (Some(id), Some(subject)) = (words.next(), words.next()) {
            old.push((id?, subject?));
        }
        Ok((last, old))
    }

    async fn delete(&self, partition: Partition, old: Vec<(String, String)>) -> Result<u64, StoreError> {
        if old.is_empty() {
            return Ok(0);
        }
        let mut keys = vec![self.names.events(partition), self.names.revocations(partition)];
        keys.extend(old.iter().map(|(_, subject)| self.names.subject_events(partition, subject)));
        let call = DELETE_EVENTS.on(keys).args(old.into_iter().map(|(id, _)| id));
        let said = call.write(&self.servers, self.places.of(partition)).await.map_err(failure::of_read)?;
        match said {
            Value::Int(count) => u64::try_from(count).map_err(StoreError::unavailable),
            _ => Err(StoreError::unavailable(NOT_UNDERSTOOD)),
        }
    }
}

impl Entry {
    fn stored(self, cursor: EventCursor) -> StoredEvent {
        StoredEvent::new(cursor, self.subject, self.id, self.at, self.body).revoking(self.revokes)
    }
}

fn entries(found: Value) -> Result<VecDeque<Entry>, StoreError> {
    values::list(found)?.into_iter().map(values::entry).collect()
}

/// Takes the oldest of the first entries, by the servers' clocks.
fn oldest(lists: &mut [VecDeque<Entry>]) -> Option<(usize, Entry)> {
    let first = lists.iter().enumerate().filter_map(|(at, list)| list.front().map(|entry| (entry.place, at)));
    let (_, at) = first.min()?;
    let entry = lists.get_mut(at)?.pop_front()?;
    Some((at, entry))
}
