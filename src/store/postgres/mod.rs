//! The store for several machines.

mod commit;
mod connections;
mod failure;
#[cfg(feature = "postgres-pool-sqlx-0-9")]
mod host_pool;
mod migrate;
mod names;
mod options;
mod outbox;
mod rows;
mod statement;

use std::sync::Arc;

pub use self::options::PostgresOptions;

use self::commit::{DURABLE, Given};
use self::connections::Connections;
use self::outbox::one_more;
use self::statement::Value;
use super::scan_key;
use super::skew::Skew;
use crate::clock::Timestamp;
use crate::id::Subject;
use crate::store::{
    ClaimKind, Commit, Committed, EventCursor, Feed, Page, ScanCursor, SinkState, Store, StoreError, Stored,
    StoredEvent, UserHandle, page_size,
};

/// Keeps everything in a PostgreSQL database (13 or newer), which any number of replicas share.
///
/// A verification is one indexed read and one statement that writes document, claims and events in one round trip;
/// it is durable when it returns, also where the host has `synchronous_commit` at less than `on`. Tables and views stand
/// in a schema of their own. The views `authenticators`, `sessions` and `events` show plain rows to people with an SQL
/// client. Clones share the connections.
///
/// A pooler in between may be in transaction mode (PgBouncer); without one, [`PostgresOptions::direct`] is faster.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use tower_mfa::id::Subject;
/// use tower_mfa::store::{Commit, Committed, PostgresStore, Revision, Store};
///
/// let store = PostgresStore::connect("postgres://user@db.example/app?sslmode=verify-full").await?;
/// let alice = Subject::new("alice")?;
/// let create = Commit::new(&alice, None, Revision::from_bytes([1; 16]), "{}");
/// assert_eq!(store.commit(create).await?, Committed::Done);
/// assert_eq!(store.commit(create).await?, Committed::Conflict);
/// # Ok(())
/// # }
/// ```
///
/// # Security
///
/// Connect to the primary: what a standby shows is old, and a used code looks unused. It is refused, also where only one
/// of the pool's connections leads to it. After a fail-over to a standby that was not synchronous, and after a restore
/// to an earlier time, the last commits are gone.
///
/// Whoever has read their events then stands beyond the last one, and would skip new ones that get the same numbers. It
/// hears [`Cursor`](crate::store::StoreErrorKind::Cursor) and begins anew, but only if it asks before the numbers have
/// come as far as it has. So restart the services after such a change: positions that the database keeps have gone back
/// with it.
///
/// A commit that waits for a synchronous standby must not be cancelled (`pg_cancel_backend`): PostgreSQL then reports
/// success, though the standby has nothing. Terminate it (`pg_terminate_backend`), which is answered as unknown.
#[derive(Debug, Clone)]
pub struct PostgresStore {
    connections: Arc<Connections>,
    skew: Arc<Skew>,
}

impl PostgresStore {
    /// Connects to what a URL names, `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, with
    /// [the defaults](PostgresOptions::new).
    ///
    /// # Errors
    ///
    /// As [`PostgresOptions::connect`].
    ///
    /// # Security
    ///
    /// As [`PostgresOptions::connect`].
    ///
    /// # Cancel safety
    ///
    /// As [`PostgresOptions::connect`].
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        PostgresOptions::new().connect(url).await
    }

    /// Returns by how many seconds the database's clock was ahead of ours when it was last told, at the last commit or
    /// when connecting; negative when it was behind.
    ///
    /// When it grows beyond 30 s either way, that is logged at `warn`, target `tower_mfa::clock`.
    #[must_use]
    pub fn clock_difference(&self) -> i64 {
        self.skew.difference()
    }
}

impl Store for PostgresStore {
    async fn load(&self, subject: &Subject) -> Result<Option<Stored>, StoreError> {
        let query = "SELECT revision::text, document::text FROM {account} WHERE subject = $1::text";
        let found = self.connections.read(query, &[Value::Text(Some(&subject.storage_key()))]).await?;
        found.first().map(|row| rows::document(subject.clone(), row, 1)).transpose()
    }

    async fn subject_of(&self, handle: &UserHandle) -> Result<Option<Subject>, StoreError> {
        let query = "SELECT subject FROM {claim} WHERE kind = $1::text AND value = $2::bytea";
        let values = [Value::Text(Some(ClaimKind::UserHandle.name())), Value::Bytes(handle.as_bytes())];
        self.connections.read(query, &values).await?.first().map(|row| rows::subject(row, 1)).transpose()
    }

    async fn commit(&self, commit: Commit<'_>) -> Result<Committed, StoreError> {
        let (statement, given) = (commit::statement(&commit), Given::by(commit));
        let connection = self.connections.acquire().await?;
        let asked = self.skew.now();
        let answer = match self.connections.run(connection, &statement, &given.values()).await {
            Ok(answer) => answer,
            Err(error) if failure::is_claimed(&error, self.connections.names()) => return Ok(Committed::Claimed),
            Err(error) => return Err(failure::of_write(error)),
        };
        let row = answer.first().ok_or_else(|| StoreError::unknown("no answer"))?;
        let (committed, theirs) = commit::answer(row).map_err(StoreError::unknown)?;
        self.skew.observe(0, asked, theirs);
        Ok(committed)
    }

    async fn scan(&self, after: Option<&ScanCursor>, limit: usize) -> Result<Page<Stored, ScanCursor>, StoreError> {
        let query = "SELECT subject, revision::text, document::text FROM {account}
             WHERE subject > $1::text ORDER BY subject LIMIT $2::bigint";
        let after = after.map(scan_key::read).transpose()?.unwrap_or_default();
        let found =
            self.connections.read(query, &[Value::Text(Some(&after)), Value::Number(Some(one_more(limit)))]).await?;
        let wanted = found.iter().take(page_size(limit));
        let items = wanted.map(|row| rows::document(rows::subject(row, 1)?, row, 2)).collect::<Result<Vec<_>, _>>()?;
        let last = items.last().filter(|_| found.len() > items.len());
        let next = last.map(|last| scan_key::write(last.subject())).transpose()?;
        Ok(Page::new(items, next))
    }

    async fn count(&self) -> Result<u64, StoreError> {
        let found = self.connections.read(COUNT, &[]).await?;
        let count = found.first().map(|row| rows::number(row, 1)).transpose()?.unwrap_or_default();
        u64::try_from(count).map_err(StoreError::corrupt)
    }

    async fn events(
        &self,
        of: Feed<'_>,
        after: Option<&EventCursor>,
        limit: usize,
    ) -> Result<Page<StoredEvent, EventCursor>, StoreError> {
        outbox::page(&self.connections, of, after, limit).await
    }

    async fn sink(&self, name: &str) -> Result<Option<SinkState>, StoreError> {
        let query = "SELECT name, position, holder, until FROM {sink} WHERE name = $1::text";
        self.connections.read(query, &[Value::Text(Some(name))]).await?.first().map(rows::sink).transpose()
    }

    async fn advance(&self, name: &str, expected: Option<&SinkState>, new: &SinkState) -> Result<bool, StoreError> {
        let ([position, holder, until], from) = (sink_values(new), expected.map(sink_values));
        let query = if from.is_some() { MOVE } else { BEGIN };
        let mut values = vec![Value::Text(Some(name)), position, holder, until];
        values.extend(from.into_iter().flatten());
        let moved = self.connections.write(&format!("{query} RETURNING 1, {DURABLE}"), &values).await?;
        Ok(!moved.is_empty())
    }

    async fn prune(&self, before: Timestamp) -> Result<u64, StoreError> {
        let before = [Value::Number(Some(rows::seconds(before)))];
        let mut pruned = 0_u64;
        for _ in 0..PRUNED_AT_ONCE {
            let gone = self.connections.write(PRUNE, &before).await.map_err(StoreError::unavailable)?;
            match gone.len() {
                0 => break,
                gone => pruned = pruned.saturating_add(u64::try_from(gone).unwrap_or(u64::MAX)),
            }
        }
        Ok(pruned)
    }
}

/// Counts few rows, and believes the planner about many: to count a thousand million takes minutes.
const COUNT: &str = "SELECT CASE WHEN few.count <= 100000 THEN few.count
             ELSE greatest(few.count, (SELECT reltuples::bigint FROM pg_class WHERE oid = '{account}'::regclass)) END
     FROM (SELECT count(*) FROM (SELECT FROM {account} LIMIT 100001) AS one) AS few";

const BEGIN: &str = "INSERT INTO {sink} (name, position, holder, until)
     VALUES ($1::text, $2::text, $3::text, $4::bigint) ON CONFLICT (name) DO NOTHING";

const MOVE: &str = "UPDATE {sink} SET position = $2::text, holder = $3::text, until = $4::bigint
     WHERE name = $1::text AND position IS NOT DISTINCT FROM $5::text AND holder IS NOT DISTINCT FROM $6::text
       AND until IS NOT DISTINCT FROM $7::bigint";

/// A thousand at a time, so that none of the transactions is long. Two who prune at once share the work.
const PRUNE: &str = "DELETE FROM {event} WHERE (number, part) IN (
         SELECT number, part FROM {event} WHERE at < $1::bigint ORDER BY at LIMIT 1000 FOR UPDATE SKIP LOCKED)
     RETURNING 1";

/// How many of these one call does: ten thousand events.
const PRUNED_AT_ONCE: usize = 10;

/// The columns `position`, `holder`, `until`.
fn sink_values(state: &SinkState) -> [Value<'_>; 3] {
    let lease = state.lease();
    [
        Value::Text(state.position().map(EventCursor::as_str)),
        Value::Text(lease.map(|lease| lease.holder())),
        Value::Number(lease.map(|lease| rows::seconds(lease.until()))),
    ]
}
