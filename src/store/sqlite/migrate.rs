//! The tables, brought to the version this build knows.

use sqlx::{Row, SqliteConnection};

use super::failure;
use crate::store::StoreError;

/// One script for each version, from nothing to the newest. What was released is never edited.
const MIGRATIONS: [&str; 2] = [include_str!("migrations/1.sql"), include_str!("migrations/2.sql")];

/// The tables of the newest version.
const TABLES: [&str; 5] =
    ["tower_mfa_account", "tower_mfa_claim", "tower_mfa_event", "tower_mfa_schema", "tower_mfa_sink"];

/// Creates or upgrades the tables, or refuses a file that is not understood.
///
/// Several processes may do so at once: the first takes the write lock, the others find it done.
pub(super) async fn migrate(connection: &mut SqliteConnection) -> Result<(), Failed> {
    if version(connection).await? == MIGRATIONS.len() {
        return Ok(());
    }
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut *connection).await?;
    let migrated = catch_up(connection).await;
    let end = if migrated.is_ok() { "COMMIT" } else { "ROLLBACK" };
    sqlx::raw_sql(end).execute(connection).await?;
    migrated
}

async fn catch_up(connection: &mut SqliteConnection) -> Result<(), Failed> {
    let present = version(connection).await?;
    for script in MIGRATIONS.into_iter().skip(present) {
        sqlx::raw_sql(script).execute(&mut *connection).await?;
    }
    Ok(())
}

/// How many of the migrations the file has.
async fn version(connection: &mut SqliteConnection) -> Result<usize, Failed> {
    let found = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'tower_mfa_*'";
    let rows = sqlx::query(found).fetch_all(&mut *connection).await?;
    let names = rows.iter().map(|row| row.try_get::<String, _>(0)).collect::<Result<Vec<_>, _>>()?;
    if names.is_empty() {
        return Ok(0);
    }
    if !names.iter().any(|name| name == "tower_mfa_schema") {
        return Err(Failed::refused(
            "there are tables named tower_mfa_…, but no tower_mfa_schema that tells their version",
        ));
    }
    let row = sqlx::query("SELECT max(version), count(*) FROM tower_mfa_schema").fetch_one(connection).await?;
    let (version, count) = (row.try_get::<Option<i64>, _>(0)?, row.try_get::<i64, _>(1)?);
    let version = version.and_then(|version| usize::try_from(version).ok());
    match version.filter(|version| *version > 0 && count == 1) {
        None => Err(Failed::refused("tower_mfa_schema does not hold one version")),
        Some(newer) if newer > MIGRATIONS.len() => {
            let known = MIGRATIONS.len();
            Err(Failed::refused(format!("its tables have version {newer}, and this build knows up to {known}")))
        }
        Some(version) => match TABLES.iter().find(|table| !names.iter().any(|name| name == *table)) {
            Some(missing) if version == MIGRATIONS.len() => {
                Err(Failed::refused(format!("the table {missing} is missing")))
            }
            _ => Ok(version),
        },
    }
}

/// Why the tables cannot be used.
#[derive(Debug)]
pub(super) enum Failed {
    Database(sqlx::Error),
    Refused(String),
}

impl Failed {
    fn refused(why: impl Into<String>) -> Self {
        Self::Refused(why.into())
    }
}

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<Failed> for StoreError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Database(error) => failure::of_read(error),
            Failed::Refused(why) => Self::corrupt(why),
        }
    }
}
