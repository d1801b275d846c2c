//! One connection that writes, a few that read.

use std::fs::OpenOptions;
use std::io;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteRow, SqliteSynchronous};
use sqlx::{ConnectOptions, Row, SqliteConnection};
use tokio::sync::{Mutex, MutexGuard, OwnedMutexGuard};

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
    writer: Arc<Mutex<Writer>>,
    /// Empty for a database in memory, which exists in one connection alone.
    readers: Vec<Mutex<SqliteConnection>>,
    turn: AtomicUsize,
}

impl Connections {
    pub(super) async fn in_memory() -> Result<Self, StoreError> {
        let options = settings().filename(":memory:");
        let mut connection = options.connect().await.map_err(failure::of_read)?;
        migrate(&mut connection).await?;
        let writer = Writer { connection, reopen: None, broken: false };
        Ok(Self { writer: Arc::new(Mutex::new(writer)), readers: Vec::new(), turn: AtomicUsize::new(0) })
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
        let writer = Writer { connection, reopen: Some(options), broken: false };
        Ok(Self { writer: Arc::new(Mutex::new(writer)), readers, turn: AtomicUsize::new(0) })
    }

    /// Runs one statement that reads.
    pub(super) async fn read(&self, query: Query) -> Result<Vec<SqliteRow>, StoreError> {
        let mut connection = self.reader().await?;
        query.fetch_all(&mut *connection).await.map_err(failure::of_read)
    }

    async fn reader(&self) -> Result<Reader<'_>, StoreError> {
        if let Some(free) = self.readers.iter().find_map(|reader| reader.try_lock().ok()) {
            return Ok(Reader::Own(free));
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed).checked_rem(self.readers.len());
        match turn.and_then(|turn| self.readers.get(turn)) {
            Some(reader) => Ok(Reader::Own(reader.lock().await)),
            None => Ok(Reader::Writer(self.writer.lock().await)),
        }
    }

    /// Runs one script that writes, to its end even if the caller goes away: a transaction left
    /// open would keep every other writer out.
    pub(super) async fn write(&self, query: Query) -> Result<Vec<SqliteRow>, StoreError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(StoreError::not_committed)?;
        let writer = Arc::clone(&self.writer).lock_owned().await;
        runtime.spawn(Writer::run(writer, query)).await.map_err(StoreError::unknown)?
    }
}

#[derive(Debug)]
pub(super) struct Writer {
    connection: SqliteConnection,
    /// `None` for a database in memory, which would be lost.
    reopen: Option<SqliteConnectOptions>,
    broken: bool,
}

impl Writer {
    async fn run(mut this: OwnedMutexGuard<Self>, query: Query) -> Result<Vec<SqliteRow>, StoreError> {
        this.repair().await?;
        match query.fetch_all(&mut this.connection).await {
            Ok(rows) => Ok(rows),
            Err(error) => {
                this.roll_back().await;
                Err(failure::of_write(error))
            }
        }
    }

    /// Leaves no transaction open, or sees to it that this connection is not used again.
    async fn roll_back(&mut self) {
        if let Err(error) = sqlx::raw_sql("ROLLBACK").execute(&mut self.connection).await {
            self.broken = !failure::is_no_transaction(&error);
        }
    }

    async fn repair(&mut self) -> Result<(), StoreError> {
        if !self.broken {
            return Ok(());
        }
        let Some(options) = &self.reopen else {
            return Err(StoreError::not_committed("the connection is broken"));
        };
        self.connection = options.connect().await.map_err(StoreError::not_committed)?;
        self.broken = false;
        Ok(())
    }
}

enum Reader<'a> {
    Own(MutexGuard<'a, SqliteConnection>),
    Writer(MutexGuard<'a, Writer>),
}

impl Deref for Reader<'_> {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        match self {
            Self::Own(connection) => connection,
            Self::Writer(writer) => &writer.connection,
        }
    }
}

impl DerefMut for Reader<'_> {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        match self {
            Self::Own(connection) => connection,
            Self::Writer(writer) => &mut writer.connection,
        }
    }
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

    #[tokio::test]
    async fn a_broken_connection_is_opened_again_and_one_in_memory_is_refused() {
        let path = std::env::temp_dir().join(format!("tower-mfa-broken-{}.db", std::process::id()));
        let connections = Connections::open(&path, false).await.unwrap();
        connections.writer.lock().await.broken = true;
        connections.write(sqlx::query("SELECT 1")).await.unwrap();
        assert!(!connections.writer.lock().await.broken);
        drop(connections);
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
        }
        let connections = Connections::in_memory().await.unwrap();
        connections.writer.lock().await.broken = true;
        let error = connections.write(sqlx::query("SELECT 1")).await.unwrap_err();
        assert_eq!(error.kind(), crate::store::StoreErrorKind::NotCommitted);
    }
}
