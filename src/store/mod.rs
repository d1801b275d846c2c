//! Where accounts are kept: one trait whose only way to write is compare-and-swap.
//!
//! All MFA state of a subject is one document with a [`Revision`]. *Commit this document and these
//! events if the stored revision is still the one I read*: on that one primitive rest replay
//! protection, single use, throttling and lockout, on every backend alike. Beside the documents a
//! store keeps an outbox of events, written in the same transaction, and the positions of those
//! who read it.
//!
//! | store | feature | for |
//! |---|---|---|
//! | [`MemoryStore`] | `service` | tests and demos: gone when the process ends |
//! | `SqliteStore` | `sqlite` | one machine: a file, shared by several processes |
//! | `PostgresStore` | `postgres` | any number of machines on one PostgreSQL database |
//! | `RedisStore` | `redis` | many machines: Redis or Valkey, a cluster included |
//! | your own | | implement [`Store`] and run `store::conformance` (feature `testing`) on it |
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! use tower_mfa::entropy::SystemEntropy;
//! use tower_mfa::id::Subject;
//! use tower_mfa::store::{Commit, Committed, MemoryStore, Revision, Store};
//!
//! let store = MemoryStore::new();
//! let alice = Subject::new("alice").unwrap();
//! let first = Revision::generate(&SystemEntropy).unwrap();
//!
//! let create = Commit::new(&alice, None, first, r#"{"v":1}"#);
//! assert_eq!(store.commit(create).await.unwrap(), Committed::Done);
//! assert_eq!(store.load(&alice).await.unwrap().unwrap().document(), r#"{"v":1}"#);
//!
//! // Whoever still believes that there is no document has lost the race, and nothing is written.
//! let second = Revision::generate(&SystemEntropy).unwrap();
//! let late = Commit::new(&alice, None, second, r#"{"v":2}"#);
//! assert_eq!(store.commit(late).await.unwrap(), Committed::Conflict);
//! # });
//! ```

#[cfg(feature = "testing")]
pub mod conformance;
mod erased;
mod error;
mod memory;
mod outbox;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
mod scan_key;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod skew;
#[cfg(feature = "sqlite")]
mod sqlite;
mod types;

pub(crate) use erased::DynStore;
pub use error::{StoreError, StoreErrorKind};
pub use memory::MemoryStore;
pub use outbox::{EventCursor, Feed, InvalidCursor, Lease, NewEvent, Page, ScanCursor, SinkState, StoredEvent};
#[cfg(feature = "postgres")]
pub use postgres::{PostgresOptions, PostgresStore};
#[cfg(feature = "redis")]
pub use redis::{RedisStore, RedisStoreBuilder};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;
pub use types::{Claim, ClaimKind, Commit, Committed, InvalidUserHandle, Revision, Stored, UserHandle};

use std::future::Future;

use crate::clock::Timestamp;
use crate::id::Subject;

/// The most items one page holds, whatever the caller asks for.
pub const MAX_PAGE: usize = 200;

/// Returns the number of items a page may hold when the caller asks for `limit`: 1 to [`MAX_PAGE`].
///
/// ```
/// use tower_mfa::store::page_size;
///
/// assert_eq!(page_size(50), 50);
/// assert_eq!(page_size(0), 1, "a page that can hold nothing would never end");
/// assert_eq!(page_size(usize::MAX), 200);
/// ```
#[must_use]
pub const fn page_size(limit: usize) -> usize {
    match limit {
        0 => 1,
        1..=MAX_PAGE => limit,
        _ => MAX_PAGE,
    }
}

/// Keeps documents, events, claims and the positions of event readers.
///
/// Authors write `async fn` for each method. There are no default bodies: a default that is not
/// atomic would look like one that is. Run `store::conformance::run` (feature `testing`) in a test
/// of your own; it races every method against itself.
///
/// ```
/// use tower_mfa::entropy::SystemEntropy;
/// use tower_mfa::id::Subject;
/// use tower_mfa::store::{Commit, Committed, MemoryStore, Revision, Store, Stored};
///
/// // Two who have read the same revision both write on top of it, on whatever store.
/// async fn race(store: impl Store, subject: &Subject) -> (Committed, Committed) {
///     let read = store.load(subject).await.unwrap();
///     let expected = read.as_ref().map(Stored::revision);
///     let write = |document| {
///         let revision = Revision::generate(&SystemEntropy).unwrap();
///         store.commit(Commit::new(subject, expected, revision, document))
///     };
///     (write("{}").await.unwrap(), write("{}").await.unwrap())
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (first, second) = race(MemoryStore::new(), &Subject::new("alice").unwrap()).await;
/// assert_eq!(first, Committed::Done);
/// assert_eq!(second, Committed::Conflict, "nothing was written: load and decide again");
/// # });
/// ```
///
/// # Security
///
/// A store is trusted: who can write to it can bind authenticators, who can roll it back can make
/// used codes usable again. It never sees an open secret. Both parts of a [`Subject`] belong to
/// its key ([`Subject::storage_key`]); compare it byte by byte, without a collation.
///
/// # Cancel safety
///
/// Any future may be dropped before it ends. A dropped [`commit`](Self::commit) or
/// [`advance`](Self::advance) has then happened whole or not at all, and holds no lock for longer
/// than it would have.
pub trait Store: Send + Sync + 'static {
    /// Reads the subject's document; `None` if there never was one.
    ///
    /// Sees every commit that was answered before the call.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Unavailable`] when it cannot be read now, [`StoreErrorKind::Corrupt`] when
    /// what is stored cannot be understood. Neither may ever look like `None`: "no document" means
    /// "no MFA".
    fn load(&self, subject: &Subject) -> impl Future<Output = Result<Option<Stored>, StoreError>> + Send;

    /// Finds the subject that claimed a WebAuthn user handle (usernameless sign-in).
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    fn subject_of(&self, handle: &UserHandle) -> impl Future<Output = Result<Option<Subject>, StoreError>> + Send;

    /// Writes document, events and claims in one transaction, if the stored revision is still the
    /// expected one.
    ///
    /// | answer | when | what was written |
    /// |---|---|---|
    /// | [`Committed::Done`] | the revision was the expected one and no claim is another subject's | everything, durably |
    /// | [`Committed::Conflict`] | the revision was another one, or there was a document where none was expected, or none where one was | nothing |
    /// | [`Committed::Claimed`] | the revision fitted, but a claim belongs to another subject | nothing |
    ///
    /// Events keep their order, behind all that were committed for the subject before. A claim the
    /// subject holds already is kept. Documents are never deleted: erasing is a commit that leaves
    /// a tombstone.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::NotCommitted`] only when it is certain that nothing was written; every
    /// other kind means that the outcome is unknown, and the caller loads again to find out.
    fn commit(&self, commit: Commit<'_>) -> impl Future<Output = Result<Committed, StoreError>> + Send;

    /// Pages through all documents: reports, key rotation, export.
    ///
    /// Holds at most [`page_size`]`(limit)` documents. Every document that exists from the first
    /// page to the last is met exactly once; one that is created meanwhile may be met.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load); [`StoreErrorKind::Cursor`] for a cursor of another store.
    fn scan(
        &self,
        after: Option<&ScanCursor>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<Stored, ScanCursor>, StoreError>> + Send;

    /// Returns how many documents there are, for whoever is told how far a scan has come. An estimate will do where
    /// counting costs.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    fn count(&self) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Pages through one subject's events, those that revoke something, or the whole outbox.
    ///
    /// Holds at most [`page_size`]`(limit)` events, ordered per subject as they were committed. No
    /// event is ever committed *behind* a cursor that was handed out, so a reader that goes on
    /// from the last cursor it has seen misses none. (Where writers are concurrent and numbers are
    /// drawn before the commit, the store must hold back what could still be overtaken.) A cursor
    /// stays good when the event it names is pruned.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load); [`StoreErrorKind::Cursor`] for a cursor of another store.
    fn events(
        &self,
        of: Feed<'_>,
        after: Option<&EventCursor>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<StoredEvent, EventCursor>, StoreError>> + Send;

    /// Reads where a reader of the outbox stands and who holds its lease; `None` before its first
    /// [`advance`](Self::advance).
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    fn sink(&self, name: &str) -> impl Future<Output = Result<Option<SinkState>, StoreError>> + Send;

    /// Moves a reader of the outbox, if its state is still `expected`; returns whether it did.
    ///
    /// # Errors
    ///
    /// As [`commit`](Self::commit).
    fn advance(
        &self,
        name: &str,
        expected: Option<&SinkState>,
        new: &SinkState,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Removes events from before a time, read or not, and returns how many; 0 when none is left.
    ///
    /// A call may remove a part, some thousands of them: so many that it is answered in time. It is called again until
    /// none is left. Where clocks were far off, and some thousand events that are younger by their dates stand before an
    /// older one in the outbox, it may stay until these go.
    /// Documents, claims and positions stay. An interrupted call may have removed some.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Unavailable`]; call it again later.
    fn prune(&self, before: Timestamp) -> impl Future<Output = Result<u64, StoreError>> + Send;
}
