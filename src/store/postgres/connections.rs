//! A pool of connections, each used for one statement at a time.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::{ConnectOptions as _, Connection as _, PgPool, Postgres};

use super::failure;
use super::names::Names;
use super::outbox::STANDBY;
use super::rows;
use super::statement::{Protocol, Value};
use crate::store::StoreError;

/// How long a statement waits for a connection. Then nothing was sent, which is said before the service, after 5 s, would
/// take the outcome for unknown.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(4);

/// A connection that has rested for longer is asked whether it is still there before a statement is sent on it: after
/// a restart of the server, a commit would otherwise end without an answer on each of them. It has as long to say so.
const RESTED: Duration = Duration::from_secs(1);

/// How often a statement runs that the server undoes, because the host wants its transactions stricter than this store
/// needs them (REPEATABLE READ, SERIALIZABLE): each time somebody else's was done.
const SERIALIZING: u32 = 32;

/// The lock is taken before locks are counted, and is nobody else's.
const INSPECT: &str = "
SELECT pg_is_in_recovery(), current_setting('fsync'),
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
}

/// A connection with a statement on it.
///
/// Where the caller goes away before the answer, as the service does after its deadline, the connection is closed: the
/// pool would wait for the answer before it gives it to anybody else, and of a server that has gone silent it would
/// wait for a quarter of an hour, with all its connections in the end. The server does the statement to its end.
struct Asked {
    connection: PoolConnection<Postgres>,
    is_answered: bool,
}

impl Drop for Asked {
    fn drop(&mut self) {
        if !self.is_answered {
            self.connection.close_on_drop();
        }
    }
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
                Ok(is_fresh || tokio::time::timeout(RESTED, connection.ping()).await.is_ok_and(|pong| pong.is_ok()))
            })
        })
        .connect_with(options)
        .await
        .map_err(StoreError::unavailable)
}

impl Connections {
    pub(super) const fn new(pool: PgPool, names: Names, protocol: Protocol) -> Self {
        Self { pool, names, protocol }
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
        let mut asked = Asked { connection, is_answered: false };
        let mut answer = self.protocol.run(&mut asked.connection, &self.names, template, values).await;
        for _ in 1..SERIALIZING {
            if !answer.as_ref().is_err_and(failure::is_serialization) {
                break;
            }
            answer = self.protocol.run(&mut asked.connection, &self.names, template, values).await;
        }
        asked.is_answered = true;
        answer
    }

    /// Runs one statement that writes. PostgreSQL does so to the end, even if the caller goes away.
    pub(super) async fn write(&self, template: &str, values: &[Value<'_>]) -> Result<Vec<PgRow>, StoreError> {
        let connection = self.acquire().await?;
        self.run(connection, template, values).await.map_err(failure::of_write)
    }

    /// Runs one statement that reads, on another connection if the first turns out to be gone.
    pub(super) async fn read(&self, template: &str, values: &[Value<'_>]) -> Result<Vec<PgRow>, StoreError> {
        match self.read_once(template, values).await {
            Err(error) if failure::is_lost(&error) => self.read_once(template, values).await,
            other => other,
        }
        .map_err(failure::of_read)
    }

    async fn read_once(&self, template: &str, values: &[Value<'_>]) -> Result<Vec<PgRow>, sqlx::Error> {
        self.run(self.pool.acquire().await?, template, values).await
    }

    /// Looks whether this server can keep what it is given; returns its time.
    pub(super) async fn inspect(&self, accepts_loss: bool) -> Result<i64, StoreError> {
        let answer = self.read(INSPECT, &[]).await?;
        let row = answer.first().ok_or_else(|| StoreError::unavailable("no answer"))?;
        if rows::truth(row, 0)? {
            return Err(StoreError::unavailable(STANDBY));
        }
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
