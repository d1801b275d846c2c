//! A pool of the host's own: the only place where a type of sqlx is seen from outside.

use super::{PostgresOptions, PostgresStore};
use crate::store::StoreError;

impl PostgresOptions {
    /// As [`connect`](Self::connect), through a pool of the host's. `max_connections` is the pool's own affair; of
    /// statements that were given up a quarter of it may be open beyond it, and others keep their places in it, as
    /// [`max_connections`](Self::max_connections) says.
    ///
    /// Set its `acquire_timeout` below the [deadline](crate::service::MfaBuilder::store_deadline) of the service, 5
    /// seconds by default, such as to 4: sqlx waits 30 seconds, and whoever finds no connection would be told that the
    /// outcome is unknown, where nothing was sent. Behind PgBouncer, give its connections `extra_float_digits(None)`,
    /// which is otherwise a parameter that PgBouncer refuses (`ignore_startup_parameters` there does as well), and leave
    /// [`direct`](Self::direct) off unless it is in session mode.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    ///
    /// # Security
    ///
    /// Turn off the pool's logging of statements (`disable_statement_logging`): unless
    /// [`direct`](Self::direct) is set, documents stand in their text.
    ///
    /// # Cancel safety
    ///
    /// As [`connect`](Self::connect).
    pub async fn with_pool(self, pool: sqlx::PgPool) -> Result<PostgresStore, StoreError> {
        self.on(pool).await
    }
}
