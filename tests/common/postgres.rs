//! A PostgreSQL server to test against, and a schema of a test's own in it.

use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tower_mfa::store::{PostgresOptions, PostgresStore};

use crate::left_out::left_out;

/// The server's URL; where none is given, the test is left out, and says so.
fn url(test: &str) -> Option<String> {
    let url = std::env::var("TEST_POSTGRES_URL").ok();
    if url.is_none() {
        left_out(test, "TEST_POSTGRES_URL is not set, it asked no server");
    }
    url
}

/// A schema of a test's own, dropped when the test ends.
pub(crate) struct Schema {
    url: String,
    name: String,
    stores: AtomicUsize,
}

impl Schema {
    /// `None` where there is no server.
    pub(crate) fn new(test: &str) -> Option<Self> {
        let name = format!("tower_mfa_test_{}_{test}", std::process::id());
        Some(Self { url: url(test)?, name, stores: AtomicUsize::new(0) })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn options(&self) -> PostgresOptions {
        PostgresOptions::new().schema(&self.name).unwrap()
    }

    pub(crate) async fn store(&self) -> PostgresStore {
        self.options().connect(&self.url).await.unwrap()
    }

    /// Options for tables that nobody else in this schema has.
    pub(crate) fn fresh(&self) -> PostgresOptions {
        let number = self.stores.fetch_add(1, Ordering::Relaxed);
        self.options().table_prefix(&format!("s{number}_")).unwrap().max_connections(8)
    }

    pub(crate) async fn by_hand(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.unwrap()
    }

    /// Runs a script behind the store's back; `{}` in it is the schema.
    pub(crate) async fn execute(&self, sql: &str) {
        run(&mut self.by_hand().await, &sql.replace("{}", &self.name)).await;
    }
}

pub(crate) async fn run(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.unwrap();
}

impl Drop for Schema {
    fn drop(&mut self) {
        let sql = format!("SET client_min_messages = warning; DROP SCHEMA IF EXISTS {} CASCADE", self.name);
        apart(self.url.clone(), sql);
    }
}

/// A database of a test's own, for a program that takes the default schema; dropped when the test ends.
pub(crate) struct Database {
    pub(crate) url: String,
    server: String,
    name: String,
}

impl Database {
    /// `None` where there is no server.
    pub(crate) fn new(test: &str) -> Option<Self> {
        Self::with(test, "")
    }

    /// One with settings of its own.
    pub(crate) fn with(test: &str, settings: &str) -> Option<Self> {
        let server = url(test)?;
        let name = format!("tower_mfa_test_{}_{test}", std::process::id());
        let at = server.rfind('/').unwrap();
        let database = Self { url: format!("{}/{name}", &server[..at]), server, name };
        database.apart(format!("CREATE DATABASE {} {settings}", database.name));
        Some(database)
    }

    fn apart(&self, sql: String) {
        apart(self.server.clone(), sql);
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.apart(format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

/// Runs a statement on a runtime of its own, from wherever that is.
fn apart(url: String, sql: String) {
    let run_apart = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { run(&mut PgConnection::connect(&url).await.unwrap(), &sql).await });
    };
    let _ = std::thread::spawn(run_apart).join();
}
