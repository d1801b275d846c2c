//! The store for many machines: Redis or Valkey, alone or as a cluster.

mod budgets;
mod builder;
mod claims;
mod commit;
mod cursor;
mod events;
mod failure;
mod layout;
mod line;
mod map;
mod node;
mod script;
mod servers;
mod settings;
mod values;

use std::fmt;
use std::sync::Arc;

use ::redis::{Cmd, Value};

use self::layout::{Layout, Names, Partition};
use self::servers::{Places, Servers};
use self::values::Swapped;
use super::skew::Skew;
use crate::clock::Timestamp;
use crate::id::Subject;
use crate::store::{
    Claim, Commit, Committed, EventCursor, Feed, Page, ScanCursor, SinkState, Store, StoreError, Stored, StoredEvent,
    UserHandle, page_size,
};

pub use builder::RedisStoreBuilder;

/// Keeps everything in Redis (6.2 or newer) or Valkey, which any number of processes may share.
///
/// A commit is one script in one round trip. Documents never expire. Clones share the connections,
/// one or two to each server.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use tower_mfa::id::Subject;
/// use tower_mfa::store::{Commit, Committed, RedisStore, Revision, Store, StoreError, StoreErrorKind};
///
/// async fn keep(url: &str) -> Result<(), StoreError> {
///     let store = RedisStore::connect(url).await?;
///     let alice = Subject::new("alice").unwrap();
///     let create = Commit::new(&alice, None, Revision::from_bytes([1; 16]), "{}");
///     assert_eq!(store.commit(create).await?, Committed::Done);
///     Ok(())
/// }
///
/// // Where no server is, or one that would lose what was committed, nothing is taken for it.
/// let refused = keep("redis://127.0.0.1:1").await.unwrap_err();
/// assert_eq!(refused.kind(), StoreErrorKind::Unavailable);
/// # });
/// ```
///
/// # What the server has to be set to
///
/// `maxmemory-policy noeviction`, `appendonly yes`, `appendfsync always`, `no-appendfsync-on-rewrite no`: so what was
/// answered survives a power cut. A server that is set to something else, or does not tell (`CONFIG` is not allowed),
/// is refused by name, unless [`RedisStoreBuilder::accept_data_loss`] says that the host knows. In a
/// cluster every master is asked, and so is every server that becomes one, when it is first used.
/// `SAVE` snapshots are no substitute: they lose all since the last one.
///
/// # What a failover can still lose
///
/// Redis replicates behind the answer. Where a server has replicas, a commit is answered when one of
/// them has it too ([`RedisStoreBuilder::replicas`]): on its disk where the server has `WAITAOF`
/// (Redis 7.2, Valkey), in its memory by `WAIT` where it has not. That narrows what can be lost, and
/// does not close it: a failover may choose a replica that was not the one, and a master that is cut
/// off goes on until it notices. What comes then is a state from a moment before: a used code is
/// good again as long as its step lasts, a counted guess is not, and an authenticator bound
/// in that moment, or the whole document of somebody who had just begun, is gone. Events of that moment
/// are gone with their documents; a reader that had read one already goes on behind it, and may miss
/// events of as long as the new master's clock is behind the old one's.
///
/// In a cluster a claim has a server of its own, and may be lost there though the document of whoever holds it is
/// whole. Until that credential is bound anew, somebody else can claim it, and a sign-in by passkey without a name does
/// not find its owner.
///
/// A server that has come back without its disk is noticed by whoever was connected before: what is looked for on it and
/// not found is [`Corrupt`](super::StoreErrorKind::Corrupt). In a cluster so is connecting, until its partitions are back
/// from a backup or [`RedisStoreBuilder::accept_data_loss`] says that they begin anew. Where there was but one server,
/// nothing is left that could tell.
///
/// A document that is gone must not mean that MFA is off. Tell
/// [`FirstFactor::known_enrolled`](crate::account::FirstFactor::known_enrolled) what your own user table says: whoever is
/// known to have MFA and is not found gets `503` from `begin`, never an enrolment. Where no commit
/// may be lost, use a database that replicates before it answers.
///
/// Where replicas do not have a commit in time, its outcome is
/// [`Unknown`](super::StoreErrorKind::Unknown), and nothing is read from that server by this process until they have;
/// other processes do read it.
///
/// # Claims in a cluster
///
/// Credential ids and user handles live on servers of their own. They are reserved before the commit
/// and belong to the subject whose document says so, whatever stops in between; a process that dies
/// there makes the next one who claims the same wait a second.
///
/// # Cursors
///
/// A cursor of the whole outbox has a place in every partition. One that was handed out with the
/// events of a single subject knows only that subject's partition: taken to the whole outbox, it
/// begins the others anew. Nothing is skipped, and events have ids to be known again by.
///
/// # Security
///
/// Whoever can write to the server can bind authenticators. Give it a user of its own (ACL), a
/// network that others are not on, and TLS (`rediss://`) where the way to it is not private.
/// `FLUSHALL` and an expiry set by others are as good as a lost disk.
#[derive(Clone)]
pub struct RedisStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    servers: Servers,
    names: Names,
    layout: Layout,
    places: Places,
    skew: Skew,
    /// The host has said that servers may lose what was committed.
    may_lose: bool,
}

/// Addresses may hold a password, which does not belong in a log.
impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("partitions", &self.inner.layout.partitions).finish_non_exhaustive()
    }
}

impl RedisStore {
    /// Begins to say how to connect.
    #[must_use]
    pub fn builder() -> RedisStoreBuilder {
        RedisStoreBuilder::new()
    }

    /// Connects as [`RedisStoreBuilder::connect`] does, with every default.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Cancel safety
    ///
    /// As there.
    pub async fn connect(urls: &str) -> Result<Self, StoreError> {
        Self::builder().connect(urls).await
    }

    /// Returns by how many seconds the clock of the server that was heard last was ahead of ours then, at the last
    /// commit or when connecting; negative when it was behind, 0 where the server does not tell (`TIME` is not allowed).
    ///
    /// Each part of a cluster's store is compared for itself. When one grows beyond 30 s either way, that is logged at
    /// `warn`, target `tower_mfa::clock`, once until all of them agree again.
    #[must_use]
    pub fn clock_difference(&self) -> i64 {
        self.inner.skew.difference()
    }

    fn on(inner: Inner) -> Self {
        Self { inner: Arc::new(inner) }
    }
}

impl Inner {
    async fn read(&self, partition: Partition, command: &Cmd) -> Result<Value, StoreError> {
        self.servers.read(self.places.of(partition), command).await.map_err(failure::of_read)
    }

    /// Whether a partition has what it had when it was made. Of a server that came back without its disk nobody is found,
    /// and nobody found would mean that nobody has MFA.
    async fn is_whole(&self, partition: Partition) -> Result<(), StoreError> {
        let (key, mut get) = (self.names.layout(partition), ::redis::cmd("GET"));
        get.arg(&key);
        let found = values::text_or_none(self.read(partition, &get).await?)?;
        if found.as_deref().and_then(Layout::read) == Some(self.layout) {
            return Ok(());
        }
        Err(StoreError::corrupt(format!("{key} is gone: its server has lost all it had, bring it back from a backup")))
    }

    async fn scan(&self, after: Option<&ScanCursor>, size: usize) -> Result<Page<Stored, ScanCursor>, StoreError> {
        let after = after.map(|cursor| cursor::read_scan(cursor, &self.layout)).transpose()?;
        let mut bound = after.as_ref().map_or_else(|| "-".to_owned(), |(_, last)| format!("({last}"));
        let first = after.map_or(Partition(0), |(partition, _)| partition);
        let mut found: Vec<(Partition, String)> = Vec::new();
        for partition in self.names.partitions().filter(|partition| *partition >= first) {
            // One more than a page holds tells whether another page follows.
            let missing = size.saturating_add(1).saturating_sub(found.len());
            if missing == 0 {
                break;
            }
            let mut range = ::redis::cmd("ZRANGEBYLEX");
            range.arg(self.names.subjects(partition)).arg(&bound).arg("+").arg("LIMIT").arg(0).arg(missing);
            for subject in values::list(self.read(partition, &range).await?)? {
                found.push((partition, values::text(subject)?));
            }
            "-".clone_into(&mut bound);
        }
        let follows = found.len() > size;
        found.truncate(size);
        let next = found.last().filter(|_| follows);
        let next = next.map(|(partition, last)| cursor::write_scan(*partition, last, &self.layout)).transpose()?;
        Ok(Page::new(self.documents(found).await?, next))
    }

    async fn documents(&self, of: Vec<(Partition, String)>) -> Result<Vec<Stored>, StoreError> {
        let mut commands = Vec::with_capacity(of.len());
        for (partition, subject) in &of {
            let mut get = ::redis::cmd("GET");
            get.arg(self.names.document(*partition, subject));
            commands.push((self.places.of(*partition), get));
        }
        let found = self.servers.read_many(&commands).await.map_err(failure::of_read)?;
        let mut documents = Vec::with_capacity(of.len());
        for ((_, subject), value) in of.into_iter().zip(found) {
            let subject = Subject::from_storage_key(&subject).map_err(StoreError::corrupt)?;
            let document = values::document(subject, value)?;
            documents.push(document.ok_or_else(|| StoreError::corrupt("a subject in the list has no document"))?);
        }
        Ok(documents)
    }
}

impl Inner {
    /// Compares our clock with that of each partition. A server that does not tell its time is as good as any other.
    async fn compare_clocks(&self) {
        let time = |partition| (self.places.of(partition), ::redis::cmd("TIME"));
        let commands: Vec<_> = self.names.partitions().map(time).collect();
        let asked = self.skew.now();
        let Ok(told) = self.servers.read_many(&commands).await else { return };
        for (partition, theirs) in self.names.partitions().zip(told) {
            if let Some(theirs) = values::time(theirs) {
                self.skew.observe(partition.0, asked, theirs);
            }
        }
    }

    async fn count(&self) -> Result<u64, StoreError> {
        let count = |partition| {
            let mut card = ::redis::cmd("ZCARD");
            card.arg(self.names.subjects(partition));
            (self.places.of(partition), card)
        };
        let commands: Vec<_> = self.names.partitions().map(count).collect();
        let found = self.servers.read_many(&commands).await.map_err(failure::of_read)?;
        found.into_iter().try_fold(0_u64, |sum, count| match count {
            ::redis::Value::Int(count) => Ok(sum.saturating_add(u64::try_from(count).unwrap_or_default())),
            _ => Err(StoreError::corrupt(values::NOT_UNDERSTOOD)),
        })
    }
}

impl Store for RedisStore {
    async fn load(&self, subject: &Subject) -> Result<Option<Stored>, StoreError> {
        let inner = &*self.inner;
        let partition = inner.names.of_subject(subject);
        let mut get = ::redis::cmd("GET");
        get.arg(inner.names.document(partition, &subject.storage_key()));
        let found = values::document(subject.clone(), inner.read(partition, &get).await?)?;
        if found.is_none() && !inner.may_lose {
            inner.is_whole(partition).await?;
        }
        Ok(found)
    }

    async fn subject_of(&self, handle: &UserHandle) -> Result<Option<Subject>, StoreError> {
        self.inner.owner_of(&Claim::user_handle(handle)).await
    }

    async fn commit(&self, commit: Commit<'_>) -> Result<Committed, StoreError> {
        self.inner.commit(commit).await
    }

    async fn scan(&self, after: Option<&ScanCursor>, limit: usize) -> Result<Page<Stored, ScanCursor>, StoreError> {
        self.inner.scan(after, page_size(limit)).await
    }

    async fn count(&self) -> Result<u64, StoreError> {
        self.inner.count().await
    }

    async fn events(
        &self,
        of: Feed<'_>,
        after: Option<&EventCursor>,
        limit: usize,
    ) -> Result<Page<StoredEvent, EventCursor>, StoreError> {
        match of {
            Feed::Subject(subject) => self.inner.events_of(subject, after, page_size(limit)).await,
            Feed::All => self.inner.all_events(after, page_size(limit)).await,
            Feed::Revocations => self.inner.revocations(after, page_size(limit)).await,
        }
    }

    async fn sink(&self, name: &str) -> Result<Option<SinkState>, StoreError> {
        let inner = &*self.inner;
        let partition = inner.names.of_sink(name);
        let mut get = ::redis::cmd("GET");
        get.arg(inner.names.sink(partition, name));
        values::text_or_none(inner.read(partition, &get).await?)?.as_deref().map(values::sink).transpose()
    }

    async fn advance(&self, name: &str, expected: Option<&SinkState>, new: &SinkState) -> Result<bool, StoreError> {
        let inner = &*self.inner;
        let partition = inner.names.of_sink(name);
        let expected = expected.map(values::sink_text).transpose()?.unwrap_or_default();
        let call = script::SWAP.on([inner.names.sink(partition, name)]).arg(expected).arg(values::sink_text(new)?);
        let said = call.write(&inner.servers, inner.places.of(partition)).await.map_err(failure::of_write)?;
        Ok(values::swapped(said).map_err(StoreError::unknown)? == Swapped::Done)
    }

    async fn prune(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.inner.prune(before).await
    }
}
