//! A pool of connections, each used for one statement at a time.

use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, PgPool, Postgres};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::failure;
use super::names::Names;
use super::rows;
use super::statement::{Protocol, Value};
use crate::store::StoreError;

/// How long a statement waits for a connection. Then nothing was sent, which is said before the service, after 5 s, would
/// take the outcome for unknown.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(4);

/// A connection that has rested for longer is asked whether it is still there before a statement is sent on it: after
/// a restart of the server, a commit would otherwise end without an answer on each of them. It has as long to say so.
const RESTED: Duration = Duration::from_secs(1);

/// For how long a statement that its caller has given up may still be waited for.
const ABANDONED: Duration = Duration::from_secs(60);

/// How often a statement runs that the server undoes, because the host wants its transactions stricter than this store
/// needs them (REPEATABLE READ, SERIALIZABLE): each time somebody else's was done.
const SERIALIZING: u32 = 32;

/// What a standby shows may be old, and the locks of its primary are not seen there.
const STANDBY: &str = "this server is a standby: what it shows may be old";

/// The lock is taken before locks are counted, and is nobody else's.
const INSPECT: &str = "
SELECT current_setting('fsync'),
       current_setting('server_encoding') = 'UTF8' AND current_setting('client_encoding') = 'UTF8',
       CASE WHEN pg_advisory_xact_lock_shared(8390322045806440807) IS NOT NULL
            THEN (SELECT count(*) FROM pg_locks
                  WHERE locktype = 'advisory' AND mode = 'ShareLock' AND pid = pg_backend_pid()) END,
       extract(epoch FROM clock_timestamp())::bigint";

#[derive(Debug)]
pub(super) struct Connections {
    pool: PgPool,
    names: Names,
    protocol: Protocol,
    /// For connections that are kept beside the pool until a statement that was given up is answered.
    spare: Arc<Semaphore>,
}

/// A connection with a statement on it.
///
/// Where the caller goes away before the answer, as the service does after its deadline, the server does the statement
/// to its end all the same, and keeps a process for it until then. Were the connection just closed, a server whose
/// commits hang would be asked for new processes until it has none left for the host's own application. So it is kept
/// until the answer came, for a minute at most, and closed then. While there is a spare place it waits there: the pool
/// has its own back at once, and goes on where it was only this connection that had gone silent. Without one it stays
/// in the pool's.
struct Asked {
    /// Until it is answered.
    connection: Option<PoolConnection<Postgres>>,
    spare: Arc<Semaphore>,
    /// Where it was begun: it may be dropped on a thread that belongs to no runtime.
    runtime: Option<Handle>,
}

impl Asked {
    fn with(spare: &Arc<Semaphore>) -> Self {
        Self { connection: None, spare: Arc::clone(spare), runtime: Handle::try_current().ok() }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let (Some(mut connection), Some(runtime)) = (self.connection.take(), &self.runtime) else { return };
        // The next one might read this one's answer.
        connection.close_on_drop();
        let _inside = runtime.enter();
        if let Ok(spare) = Arc::clone(&self.spare).try_acquire_owned() {
            let mut connection = connection.detach();
            drop(runtime.spawn(async move {
                until_answered(&mut connection).await;
                drop((connection, spare));
            }));
        } else {
            drop(runtime.spawn(async move { until_answered(&mut connection).await }));
        }
    }
}

/// A connection answers in turn: what was asked before comes before the pong.
async fn until_answered(connection: &mut PgConnection) {
    drop(timeout(ABANDONED, connection.ping()).await);
}

/// Opens a pool of the store's own.
pub(super) async fn open(url: &str, max_connections: u32) -> Result<PgPool, StoreError> {
    if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(StoreError::unavailable("the URL must begin with postgres://"));
    }
    let options: PgConnectOptions = url.parse().map_err(StoreError::unavailable)?;
    let name = options.get_application_name().unwrap_or("tower-mfa").to_owned();
    // Of what a statement carries nothing belongs in a log; and PgBouncer refuses parameters that it does not know.
    let options = options.application_name(&name).disable_statement_logging().extra_float_digits(None);
    PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .before_acquire(|connection, rest| {
            Box::pin(async move {
                let is_fresh = rest.idle_for <= RESTED;
                Ok(is_fresh || timeout(RESTED, connection.ping()).await.is_ok_and(|pong| pong.is_ok()))
            })
        })
        .connect_with(options)
        .await
        .map_err(StoreError::unavailable)
}

impl Connections {
    pub(super) fn new(pool: PgPool, names: Names, protocol: Protocol) -> Self {
        // A quarter, and at least one.
        let spare = pool.options().get_max_connections().div_ceil(4).max(1);
        let spare = usize::try_from(spare).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        let spare = Arc::new(Semaphore::new(spare));
        Self { pool, names, protocol, spare }
    }

    pub(super) const fn names(&self) -> &Names {
        &self.names
    }

    /// Takes a connection for a write; without one nothing was sent.
    pub(super) async fn acquire(&self) -> Result<PoolConnection<Postgres>, StoreError> {
        self.pool.acquire().await.map_err(StoreError::not_committed)
    }

    /// Runs one statement on a connection, and gives that back.
    ///
    /// One that a race has undone, for certain and whole, runs again: it finds what the other has written, and gives
    /// the answer that it gives where it waits for the other at READ COMMITTED.
    pub(super) async fn run(
        &self,
        connection: PoolConnection<Postgres>,
        template: &str,
        values: &[Value<'_>],
    ) -> Result<Vec<PgRow>, sqlx::Error> {
        let mut asked = Asked::with(&self.spare);
        let connection = asked.connection.insert(connection);
        let mut answer = self.protocol.run(connection, &self.names, template, values).await;
        for _ in 1..SERIALIZING {
            if !answer.as_ref().is_err_and(failure::is_serialization) {
                break;
            }
            answer = self.protocol.run(connection, &self.names, template, values).await;
        }
        drop(asked.connection.take());
        answer
    }

    /// Runs one statement that writes. PostgreSQL does so to the end, even if the caller goes away.
    pub(super) async fn write(&self, template: &str, values: &[Value<'_>]) -> Result<Vec<PgRow>, StoreError> {
        let connection = self.acquire().await?;
        self.run(connection, template, values).await.map_err(failure::of_write)
    }

    /// Runs one statement that reads, on another connection if the first turns out to be gone. Its first column must
    /// not be null; it is column 1 of the rows.
    ///
    /// Column 0 says whether the server is a standby, which is refused: the pool may lead to several servers while they
    /// change places. It is asked in the same statement, and told also where that finds nothing. With one row on the other
    /// side there is nothing to join by, so the rows come in the order that the statement asks for.
    pub(super) async fn read(&self, template: &str, values: &[Value<'_>]) -> Result<Vec<PgRow>, StoreError> {
        let template =
            ["SELECT pg_is_in_recovery(), found.* FROM (SELECT) AS one LEFT JOIN (", template, ") AS found ON true"];
        let template = template.concat();
        let mut found = match self.read_once(&template, values).await {
            Err(error) if failure::is_lost(&error) => self.read_once(&template, values).await,
            other => other,
        }
        .map_err(failure::of_read)?;
        let first = found.first().ok_or_else(|| StoreError::unavailable("no answer"))?;
        if rows::truth(first, 0)? {
            return Err(StoreError::unavailable(STANDBY));
        }
        if rows::is_null(first, 1)? {
            found.clear();
        }
        Ok(found)
    }

    async fn read_once(&self, template: &str, values: &[Value<'_>]) -> Result<Vec<PgRow>, sqlx::Error> {
        self.run(self.pool.acquire().await?, template, values).await
    }

    /// Looks whether this server can keep what it is given; returns its time.
    pub(super) async fn inspect(&self, accepts_loss: bool) -> Result<i64, StoreError> {
        let answer = self.read(INSPECT, &[]).await?;
        let row = answer.first().ok_or_else(|| StoreError::unavailable("no answer"))?;
        if !rows::truth(row, 2)? {
            return Err(StoreError::unavailable("the database and its connections must have the encoding UTF8"));
        }
        if rows::text(row, 1)? != "on" && !accepts_loss {
            return Err(StoreError::unavailable(
                "the server has fsync off, so a crash makes used codes good again: accept_data_loss(true) to mean it",
            ));
        }
        if rows::optional_number(row, 3)?.unwrap_or(0) == 0 {
            // Some that speak the protocol take the call and do nothing: events would be skipped.
            return Err(StoreError::unavailable(
                "the server shows no advisory lock that was taken: not PostgreSQL itself?",
            ));
        }
        rows::number(row, 4)
    }

    pub(super) async fn migrate(&self) -> Result<(), StoreError> {
        let mut connection = self.pool.acquire().await.map_err(StoreError::unavailable)?;
        super::migrate::migrate(&mut connection, &self.names).await
    }
}
