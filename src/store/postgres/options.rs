use std::fmt;
use std::sync::Arc;

use super::PostgresStore;
use super::connections::{self, Connections};
use super::names::Names;
use super::statement::Protocol;
use crate::clock::{Clock, SystemClock};
use crate::error::ConfigError;
use crate::store::StoreError;
use crate::store::skew::Skew;

/// How a [`PostgresStore`] is opened.
///
/// ```
/// use tower_mfa::store::PostgresOptions;
///
/// let options = PostgresOptions::new().schema("app").unwrap().table_prefix("mfa_").unwrap().max_connections(20);
/// # let _ = options;
/// let refused = PostgresOptions::new().schema("app; DROP TABLE users").unwrap_err();
/// assert_eq!(refused.field(), "schema");
/// // async: options.connect("postgres://user@db.example/app?sslmode=verify-full")
/// ```
#[derive(Clone)]
#[must_use]
pub struct PostgresOptions {
    names: Names,
    max_connections: u32,
    protocol: Protocol,
    accepts_loss: bool,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("names", &self.names)
            .field("max_connections", &self.max_connections)
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl PostgresOptions {
    /// Makes the default: schema `tower_mfa`, no prefix, up to ten connections, any pooler in between.
    pub fn new() -> Self {
        Self {
            names: Names::default(),
            max_connections: 10,
            protocol: Protocol::Simple,
            accepts_loss: false,
            clock: Arc::new(SystemClock),
        }
    }

    /// Sets the schema of the tables; it is created where it is not there. Default: `tower_mfa`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] unless it is 1 to 63 of `a–z`, `0–9` and `_`, and begins with neither a digit nor `pg_`.
    pub fn schema(self, schema: &str) -> Result<Self, ConfigError> {
        Ok(Self { names: self.names.in_schema(schema)?, ..self })
    }

    /// Sets what the name of each table begins with, for a schema that others use too. Default: nothing.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] unless it is at most 32 of `a–z`, `0–9` and `_`.
    pub fn table_prefix(self, prefix: &str) -> Result<Self, ConfigError> {
        Ok(Self { names: self.names.prefixed(prefix)?, ..self })
    }

    /// Sets how many connections are opened at most, 1 or more. Default: 10.
    ///
    /// Each does one statement at a time; who finds none free waits up to 4 seconds.
    ///
    /// A statement that the service has given up goes on in the server until it is done. Its connection counts until
    /// then, for a minute at most; a quarter of this number, and at least one, is opened beyond it for those. A server
    /// that hangs for longer is asked for as many again each minute. `client_connection_check_interval` (PostgreSQL 14)
    /// lets it end those that wait for a lock.
    pub fn max_connections(self, connections: u32) -> Self {
        Self { max_connections: connections.max(1), ..self }
    }

    /// Says that each connection leads to one and the same server process for as long as it is open, as it does without
    /// a pooler or with one in session mode. Default: `false`, which works with any.
    ///
    /// Statements are then prepared once for each connection, which spares the server their planning.
    ///
    /// # Security
    ///
    /// Behind a pooler in transaction mode a prepared statement may be met by another one of the same name.
    ///
    /// With `false` the values stand in the text of the statement, so that they can be met in the logs of the server
    /// where it logs statements that fail or are slow: nothing in them opens anything, but names and addresses are
    /// among them.
    pub fn direct(self, direct: bool) -> Self {
        Self { protocol: if direct { Protocol::Prepared } else { Protocol::Simple }, ..self }
    }

    /// Accepts a server with `fsync` off, which is otherwise refused. Default: `false`.
    ///
    /// # Security
    ///
    /// A crash of such a server takes commits back: used codes are good again, and failures uncounted.
    pub fn accept_data_loss(self, accept: bool) -> Self {
        Self { accepts_loss: accept, ..self }
    }

    /// Sets the clock that the database's is compared with. Default: [`SystemClock`].
    pub fn clock(self, clock: impl Clock) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    /// Connects, and brings the tables up to date. Any number of replicas may do so at once.
    ///
    /// Whether the connection is encrypted is up to the URL (`sslmode`) and to the host's build: sqlx has TLS when one
    /// of its `tls-…` features is on.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::store::StoreErrorKind::Unavailable) when the server cannot be reached, is a standby, has
    /// another encoding than UTF-8, has `fsync` off or no advisory locks, or refuses to create the tables;
    /// [`Corrupt`](crate::store::StoreErrorKind::Corrupt) when the tables are of a newer version than this build knows,
    /// or some of them are missing.
    ///
    /// # Security
    ///
    /// Without `sslmode=require` or stricter in the URL, the connection may be in the clear.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it has changed nothing or has created all tables.
    pub async fn connect(self, url: &str) -> Result<PostgresStore, StoreError> {
        let pool = connections::open(url, self.max_connections).await?;
        self.on(pool).await
    }

    pub(super) async fn on(self, pool: sqlx::PgPool) -> Result<PostgresStore, StoreError> {
        let (connections, skew) = (Connections::new(pool, self.names, self.protocol), Skew::new(self.clock));
        let asked = skew.now();
        skew.observe(0, asked, connections.inspect(self.accepts_loss).await?);
        connections.migrate().await?;
        Ok(PostgresStore { connections: Arc::new(connections), skew: Arc::new(skew) })
    }
}
