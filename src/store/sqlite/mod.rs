//! The store for one machine: a file.

mod connections;
mod failure;
mod migrate;
mod rows;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use self::connections::Connections;
use super::scan_key;
use crate::clock::Timestamp;
use crate::id::Subject;
use crate::store::{
    Claim, ClaimKind, Commit, Committed, EventCursor, Feed, NewEvent, Page, ScanCursor, SinkState, Store, StoreError,
    Stored, StoredEvent, UserHandle, page_size,
};

/// Keeps everything in an SQLite file, which several processes of one machine may share.
///
/// Commits are durable (WAL, `synchronous=FULL`): what was answered survives a power cut. Every
/// table is named `tower_mfa_…`, so the file may be one of the host's own. Clones share the
/// connections.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use tower_mfa::id::Subject;
/// use tower_mfa::store::{Commit, Committed, Revision, SqliteStore, Store};
///
/// let store = SqliteStore::in_memory().await.unwrap();
/// let alice = Subject::new("alice").unwrap();
/// let create = Commit::new(&alice, None, Revision::from_bytes([1; 16]), "{}");
/// assert_eq!(store.commit(create).await.unwrap(), Committed::Done);
/// assert_eq!(store.commit(create).await.unwrap(), Committed::Conflict);
/// # });
/// ```
///
/// # Security
///
/// A new file is readable for its owner alone (mode 0600, on Unix). Keep it on a local disk:
/// network file systems break the locks that the compare-and-swap rests on.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    connections: Arc<Connections>,
}

impl SqliteStore {
    /// Opens a file, creates it where there is none, and brings its tables up to date.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](super::StoreErrorKind::Unavailable) when the file cannot be opened or
    /// written; [`Corrupt`](super::StoreErrorKind::Corrupt) when it is not an SQLite file, its
    /// tables are of a newer version than this build knows, or some of them are missing.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Connections::open(path.as_ref(), false).await.map(Self::on)
    }

    /// Opens what a URL names: `sqlite:FILE`, `sqlite://FILE` or `sqlite::memory:`.
    ///
    /// `?mode=ro` behind the file opens it for reading alone: every commit then ends with
    /// [`NotCommitted`](super::StoreErrorKind::NotCommitted).
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and [`Unavailable`](super::StoreErrorKind::Unavailable) for another
    /// URL.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        let Some(place) = url.strip_prefix("sqlite:") else {
            return Err(StoreError::unavailable("the URL must begin with sqlite:"));
        };
        let place = place.strip_prefix("//").unwrap_or(place);
        match place.strip_suffix("?mode=ro") {
            _ if place == ":memory:" => Self::in_memory().await,
            Some(file) => Connections::open(file.as_ref(), true).await.map(Self::on),
            None if place.is_empty() || place.contains('?') => {
                Err(StoreError::unavailable("the URL must be sqlite:FILE, sqlite:FILE?mode=ro or sqlite::memory:"))
            }
            None => Self::open(place).await,
        }
    }

    /// Opens a new database in memory, for tests; it is gone with the last clone.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](super::StoreErrorKind::Unavailable) when SQLite refuses.
    pub async fn in_memory() -> Result<Self, StoreError> {
        Connections::in_memory().await.map(Self::on)
    }

    fn on(connections: Connections) -> Self {
        Self { connections: Arc::new(connections) }
    }
}

impl Store for SqliteStore {
    async fn load(&self, subject: &Subject) -> Result<Option<Stored>, StoreError> {
        let query = sqlx::query("SELECT revision, document FROM tower_mfa_account WHERE subject = $1");
        let found = self.connections.read(query.bind(subject.storage_key())).await?;
        found.first().map(|row| rows::document(subject.clone(), row)).transpose()
    }

    async fn subject_of(&self, handle: &UserHandle) -> Result<Option<Subject>, StoreError> {
        let query = sqlx::query("SELECT subject FROM tower_mfa_claim WHERE kind = $1 AND value = $2");
        let query = query.bind(ClaimKind::UserHandle.name()).bind(handle.as_bytes().to_vec());
        self.connections.read(query).await?.first().map(|row| rows::subject(row, 0)).transpose()
    }

    async fn commit(&self, commit: Commit<'_>) -> Result<Committed, StoreError> {
        let query = sqlx::query("INSERT INTO tower_mfa_commit VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(commit.subject().storage_key())
            .bind(commit.expected().map(|revision| revision.as_bytes().to_vec()))
            .bind(commit.revision().as_bytes().to_vec())
            .bind(commit.document().to_owned())
            .bind(events_json(commit.events()))
            .bind(claims_json(commit.claims()));
        match self.connections.write(query).await {
            Ok(_) => Ok(Committed::Done),
            Err(error) => failure::refusal(&error).ok_or_else(|| failure::of_write(error)),
        }
    }

    async fn scan(&self, after: Option<&ScanCursor>, limit: usize) -> Result<Page<Stored, ScanCursor>, StoreError> {
        let query = sqlx::query(
            "SELECT revision, document, subject FROM tower_mfa_account WHERE subject > $1 ORDER BY subject LIMIT $2",
        );
        let after = after.map(scan_key::read).transpose()?.unwrap_or_default();
        let found = self.connections.read(query.bind(after).bind(one_more(limit))).await?;
        let wanted = found.iter().take(page_size(limit));
        let items = wanted.map(|row| rows::document(rows::subject(row, 2)?, row)).collect::<Result<Vec<_>, _>>()?;
        let last = items.last().filter(|_| found.len() > items.len());
        let next = last.map(|last| scan_key::write(last.subject())).transpose()?;
        Ok(Page::new(items, next))
    }

    async fn count(&self) -> Result<u64, StoreError> {
        let found = self.connections.read(sqlx::query("SELECT count(*) FROM tower_mfa_account")).await?;
        let count = found.first().map(rows::number).transpose()?.unwrap_or_default();
        u64::try_from(count).map_err(StoreError::corrupt)
    }

    async fn events(
        &self,
        of: Feed<'_>,
        after: Option<&EventCursor>,
        limit: usize,
    ) -> Result<Page<StoredEvent, EventCursor>, StoreError> {
        let after = after.map(rows::read_event_cursor).transpose()?.unwrap_or_default();
        let query = match of {
            Feed::Revocations => sqlx::query(
                "SELECT number, subject, id, at, body, revokes FROM tower_mfa_event
                 WHERE revokes IS NOT NULL AND number > $1 ORDER BY number LIMIT $2",
            )
            .bind(after)
            .bind(one_more(limit)),
            Feed::All => sqlx::query(
                "SELECT number, subject, id, at, body, revokes FROM tower_mfa_event
                 WHERE number > $1 ORDER BY number LIMIT $2",
            )
            .bind(after)
            .bind(one_more(limit)),
            Feed::Subject(subject) => sqlx::query(
                "SELECT number, subject, id, at, body, revokes FROM tower_mfa_event
                 WHERE subject = $3 AND number > $1 ORDER BY number LIMIT $2",
            )
            .bind(after)
            .bind(one_more(limit))
            .bind(subject.storage_key()),
        };
        let found = self.connections.read(query).await?;
        let items = found.iter().take(page_size(limit)).map(rows::event).collect::<Result<Vec<_>, _>>()?;
        let next = items.last().filter(|_| found.len() > items.len()).map(|last| last.cursor().clone());
        Ok(Page::new(items, next))
    }

    async fn sink(&self, name: &str) -> Result<Option<SinkState>, StoreError> {
        let query = sqlx::query("SELECT position, holder, until FROM tower_mfa_sink WHERE name = $1");
        self.connections.read(query.bind(name.to_owned())).await?.first().map(rows::sink).transpose()
    }

    async fn advance(&self, name: &str, expected: Option<&SinkState>, new: &SinkState) -> Result<bool, StoreError> {
        let to = rows::sink_columns(new);
        let query = match expected.map(rows::sink_columns) {
            None => sqlx::query(
                "INSERT INTO tower_mfa_sink (name, position, holder, until) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (name) DO NOTHING RETURNING 1",
            )
            .bind(name.to_owned())
            .bind(to.0)
            .bind(to.1)
            .bind(to.2),
            Some(from) => sqlx::query(
                "UPDATE tower_mfa_sink SET position = $2, holder = $3, until = $4
                 WHERE name = $1 AND position IS $5 AND holder IS $6 AND until IS $7 RETURNING 1",
            )
            .bind(name.to_owned())
            .bind(to.0)
            .bind(to.1)
            .bind(to.2)
            .bind(from.0)
            .bind(from.1)
            .bind(from.2),
        };
        Ok(!self.connections.write(query).await.map_err(failure::of_write)?.is_empty())
    }

    async fn prune(&self, before: Timestamp) -> Result<u64, StoreError> {
        let (before, mut pruned) = (rows::seconds(before), 0_u64);
        for _ in 0..PRUNED_PAGES {
            // A few hundred at a time, so that commits get in between. Where none of the oldest of the outbox is from
            // before, none behind them is looked for: that would be all that retention keeps, each time.
            let query = sqlx::query(
                "DELETE FROM tower_mfa_event WHERE number IN (
                     SELECT number FROM (SELECT number, at FROM tower_mfa_event ORDER BY number LIMIT 10000)
                     WHERE at < $1 LIMIT 500)
                 RETURNING 1",
            );
            let gone = self.connections.write(query.bind(before)).await.map_err(failure::of_write);
            match gone.map_err(StoreError::unavailable)?.len() {
                0 => break,
                gone => pruned = pruned.saturating_add(u64::try_from(gone).unwrap_or(u64::MAX)),
            }
        }
        Ok(pruned)
    }
}

/// How many pages one call prunes: ten thousand events.
const PRUNED_PAGES: usize = 20;

/// One row more than a page holds tells whether another page follows.
fn one_more(limit: usize) -> i64 {
    i64::try_from(page_size(limit)).unwrap_or(i64::MAX).saturating_add(1)
}

fn events_json(events: &[NewEvent]) -> String {
    json!(
        events
            .iter()
            .map(|event| json!([event.id(), rows::seconds(event.at()), event.body(), event.revokes()]))
            .collect::<Vec<_>>()
    )
    .to_string()
}

fn claims_json(claims: &[Claim]) -> String {
    json!(claims.iter().map(|claim| json!([claim.kind().name(), hex(claim.value())])).collect::<Vec<_>>()).to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
