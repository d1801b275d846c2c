//! The tables, brought to the version this build knows.

use sqlx::{Connection as _, PgConnection};

use super::failure;
use super::names::Names;
use super::rows;
use super::statement::{Protocol, Value};
use crate::store::StoreError;

/// One script for each version, from nothing to the newest. What was released is never edited.
const MIGRATIONS: [&str; 2] = [include_str!("migrations/1.sql"), include_str!("migrations/2.sql")];

/// What of the newest version the statements need.
const TABLES: [&str; 6] = ["account", "claim", "event", "event_number", "schema_version", "sink"];

/// Asks the catalogue as it is in the statement's snapshot. `to_regclass` would ask a cache, in which a table that
/// another replica has created may still be missing.
const MISSING: &str = "
SELECT name FROM unnest($2::text[]) AS name
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_class AS class JOIN pg_catalog.pg_namespace AS schema
                  ON schema.oid = class.relnamespace WHERE schema.nspname = $1::text AND class.relname = name)";

/// Who holds this lock of the database migrates: "tower mf" as a number.
const LOCK: &str = "SELECT pg_advisory_xact_lock(8390322045806440806)";

/// Creates or upgrades the tables, or refuses a schema that is not understood.
///
/// Any number of replicas may do so at once. One that finds its own version there changes nothing, and needs no right
/// to. The others wait for the lock and find, in a snapshot that is taken behind it, what the first has done.
pub(super) async fn migrate(connection: &mut PgConnection, names: &Names) -> Result<(), StoreError> {
    if version(connection, names).await? == MIGRATIONS.len() {
        return Ok(());
    }
    let begin = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
    let mut transaction = connection.begin_with(begin).await.map_err(failure::of_read)?;
    run(&mut transaction, names, LOCK).await?;
    let present = version(&mut transaction, names).await?;
    if present == 0 {
        create_schema(&mut transaction, names).await?;
    }
    for script in MIGRATIONS.into_iter().skip(present) {
        run(&mut transaction, names, script).await?;
    }
    transaction.commit().await.map_err(failure::of_read)
}

/// Not with `IF NOT EXISTS`, which wants the right to create one even where there is one.
async fn create_schema(connection: &mut PgConnection, names: &Names) -> Result<(), StoreError> {
    let there = "SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1::text";
    let there = Protocol::Simple.run(connection, names, there, &[Value::Text(Some(names.schema()))]).await;
    if there.map_err(failure::of_read)?.is_empty() { run(connection, names, "CREATE SCHEMA {}").await } else { Ok(()) }
}

async fn run(connection: &mut PgConnection, names: &Names, script: &str) -> Result<(), StoreError> {
    Protocol::Simple.run(connection, names, script, &[]).await.map(drop).map_err(failure::of_read)
}

/// How many of the migrations the schema has.
async fn version(connection: &mut PgConnection, names: &Names) -> Result<usize, StoreError> {
    let wanted = TABLES.map(|table| names.bare(table));
    let wanted = [Value::Text(Some(names.schema())), Value::Texts(wanted.iter().map(String::as_str).collect())];
    let missing = Protocol::Simple.run(connection, names, MISSING, &wanted).await.map_err(failure::of_read)?;
    let missing = missing.iter().map(|row| rows::text(row, 0)).collect::<Result<Vec<_>, _>>()?;
    if missing.len() == TABLES.len() {
        return Ok(0);
    }
    if missing.iter().any(|name| *name == names.bare("schema_version")) {
        return Err(StoreError::corrupt(
            "some of the tables are there, but no schema_version that tells their version",
        ));
    }
    let told = "SELECT max(version), count(*) FROM {schema_version}";
    let told = Protocol::Simple.run(connection, names, told, &[]).await.map_err(failure::of_read)?;
    let row = told.first().ok_or_else(|| StoreError::corrupt("no answer"))?;
    let version = rows::optional_number(row, 0)?.and_then(|version| usize::try_from(version).ok());
    match version.filter(|version| *version > 0 && rows::number(row, 1).is_ok_and(|count| count == 1)) {
        None => Err(StoreError::corrupt("schema_version does not hold one version")),
        Some(newer) if newer > MIGRATIONS.len() => {
            let known = MIGRATIONS.len();
            Err(StoreError::corrupt(format!("the tables have version {newer}, and this build knows up to {known}")))
        }
        Some(version) => match missing.first() {
            Some(missing) if version == MIGRATIONS.len() => {
                Err(StoreError::corrupt(format!("the table {missing} is missing")))
            }
            _ => Ok(version),
        },
    }
}
