//! One connection that writes, a few that read.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteRow, SqliteSynchronous};
use sqlx::{ConnectOptions, Row, SqliteConnection};
use tokio::sync::{Mutex, MutexGuard};

use super::failure;
use super::migrate::{Failed, migrate};
use crate::store::StoreError;

/// How long a writer waits for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Each is a thread. A read takes microseconds, so a few feed any number of tasks.
const READERS: usize = 2;

pub(super) type Query = sqlx::query::Query<'static, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

/// The connections to one file.
///
/// SQLite lets one writer in at a time; asking one connection for all writes, first come first
/// served, spares the waiting with random sleeps that SQLite does between connections.
#[derive(Debug)]
pub(super) struct Connections {
    writer: Mutex<SqliteConnection>,
    /// Empty for a database in memory, which exists in one connection alone.
    readers: Vec<Mutex<SqliteConnection>>,
    turn: AtomicUsize,
}

impl Connections {
    pub(super) async fn in_memory() -> Result<Self, StoreError> {
        let options = settings().filename(":memory:");
        let mut connection = options.connect().await.map_err(failure::of_read)?;
        migrate(&mut connection).await?;
        Ok(Self { writer: writer(connection).await?, readers: Vec::new(), turn: AtomicUsize::new(0) })
    }

    pub(super) async fn open(path: &Path, read_only: bool) -> Result<Self, StoreError> {
        if !read_only {
            create(path).map_err(StoreError::unavailable)?;
        }
        let options = settings().filename(path).read_only(read_only);
        let connection = prepare(&options, read_only).await?;
        let mut readers = Vec::new();
        for _ in 0..READERS {
            readers.push(Mutex::new(options.connect().await.map_err(failure::of_read)?));
        }
        Ok(Self { writer: writer(connection).await?, readers, turn: AtomicUsize::new(0) })
    }

    /// Runs one statement that reads.
    pub(super) async fn read(&self, query: Query) -> Result<Vec<SqliteRow>, StoreError> {
        let mut connection = self.reader().await;
        query.fetch_all(&mut *connection).await.map_err(failure::of_read)
    }

    async fn reader(&self) -> MutexGuard<'_, SqliteConnection> {
        if let Some(free) = self.readers.iter().find_map(|reader| reader.try_lock().ok()) {
            return free;
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed).checked_rem(self.readers.len());
        turn.and_then(|turn| self.readers.get(turn)).unwrap_or(&self.writer).lock().await
    }

    /// Runs one statement that writes. The connection's thread does so to the end, even if the
    /// caller goes away.
    pub(super) async fn write(&self, query: Query) -> Result<Vec<SqliteRow>, sqlx::Error> {
        query.fetch_all(&mut *self.writer.lock().await).await
    }
}

async fn writer(mut connection: SqliteConnection) -> Result<Mutex<SqliteConnection>, StoreError> {
    sqlx::raw_sql(include_str!("commit.sql")).execute(&mut connection).await.map_err(failure::of_read)?;
    Ok(Mutex::new(connection))
}

fn settings() -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        // WAL alone would lose the last commits with the power: a used code would be good again.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        .disable_statement_logging()
}

/// Creates the file for its owner alone; SQLite gives the log beside it the same permissions.
fn create(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Opens a connection and brings the file into shape.
///
/// Changing a new file to WAL does not wait for a lock as everything else does, so two processes
/// that open it at once are told to try again.
async fn prepare(options: &SqliteConnectOptions, read_only: bool) -> Result<SqliteConnection, StoreError> {
    let pause = Duration::from_millis(20);
    let mut waited = Duration::ZERO;
    loop {
        match shape(options, read_only).await {
            Err(Failed::Database(error)) if failure::is_busy(&error) && waited < BUSY_TIMEOUT => {
                tokio::time::sleep(pause).await;
                waited = waited.saturating_add(pause);
            }
            other => return Ok(other?),
        }
    }
}

async fn shape(options: &SqliteConnectOptions, read_only: bool) -> Result<SqliteConnection, Failed> {
    let mut connection = options.connect().await?;
    if !read_only {
        let mode = sqlx::query("PRAGMA journal_mode = WAL").fetch_one(&mut connection).await?;
        if mode.try_get::<String, _>(0)? != "wal" {
            return Err(Failed::Refused("the file cannot be put into WAL mode".into()));
        }
    }
    migrate(&mut connection).await?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_commit_waits_for_the_disk() {
        let path = std::env::temp_dir().join(format!("tower-mfa-synchronous-{}.db", std::process::id()));
        let connections = Connections::open(&path, false).await.unwrap();
        let rows = connections.write(sqlx::query("PRAGMA synchronous")).await.unwrap();
        assert_eq!(rows[0].get::<i64, _>(0), 2, "FULL");
        drop(connections);
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
        }
    }
}
