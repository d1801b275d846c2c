//! A pool of the host's own: the only place where a type of sqlx is seen from outside.

use super::{PostgresOptions, PostgresStore};
use crate::store::StoreError;

impl PostgresOptions {
    /// As [`connect`](Self::connect), through a pool of the host's. `max_connections` is the pool's own affair.
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
