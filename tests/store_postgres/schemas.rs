//! Schemas, tables and versions.

use sqlx::Row as _;
use tokio::task::JoinSet;
use tower_mfa::store::{Commit, Committed, PostgresOptions, Store, StoreErrorKind};

use crate::postgres::{Database, Schema};
use crate::{alice, revision, story};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_replicas_that_start_at_once_create_the_tables_once() {
    let Some(schema) = Schema::new("ten") else { return };
    for round in 0..3 {
        let options = schema.options().table_prefix(&format!("r{round}_")).unwrap().max_connections(1);
        let mut replicas = JoinSet::new();
        for _ in 0..10 {
            let (options, url) = (options.clone(), schema.url().to_owned());
            replicas.spawn(async move { options.connect(&url).await.map(drop) });
        }
        while let Some(connected) = replicas.join_next().await {
            connected.unwrap().unwrap();
        }
        let mut by_hand = schema.by_hand().await;
        let versions = format!("SELECT count(*) FROM {}.r{round}_schema_version", schema.name());
        let versions = sqlx::raw_sql(sqlx::AssertSqlSafe(versions)).fetch_one(&mut by_hand).await.unwrap();
        assert_eq!(versions.get::<i64, _>(0), 1);
    }
}

#[tokio::test]
async fn a_restart_keeps_everything() {
    let Some(schema) = Schema::new("restart") else { return };
    let first = revision();
    let commit = Commit::new(alice(), None, first, "{}");
    assert_eq!(schema.store().await.commit(commit).await.unwrap(), Committed::Done);
    let again = schema.store().await;
    assert_eq!(*again.load(alice()).await.unwrap().unwrap().revision(), first);
    assert_eq!(again.commit(commit).await.unwrap(), Committed::Conflict);
}

/// Neither those of the host, nor those of sqlx, nor another prefix in the same schema.
#[tokio::test]
async fn the_tables_stand_beside_those_of_others() {
    let Some(schema) = Schema::new("beside") else { return };
    schema
        .execute("CREATE SCHEMA {}; CREATE TABLE {}.account (id text); CREATE TABLE {}._sqlx_migrations (version int)")
        .await;
    let connect =
        async |prefix: &str| schema.options().table_prefix(prefix).unwrap().connect(schema.url()).await.unwrap();
    let (one, other) = (connect("mfa_").await, connect("another_").await);
    let create = Commit::new(alice(), None, revision(), "{}");
    assert_eq!(one.commit(create).await.unwrap(), Committed::Done);
    assert!(other.load(alice()).await.unwrap().is_none());
    let clash = schema.options().connect(schema.url()).await.unwrap_err();
    assert_eq!(clash.kind(), StoreErrorKind::Corrupt, "a table of the host's is not taken for ours: {}", story(&clash));
}

#[tokio::test]
async fn tables_of_a_version_that_is_not_known_are_refused() {
    let Some(schema) = Schema::new("version") else { return };
    for (prefix, sql, why) in [
        ("newer_", "UPDATE {}.newer_schema_version SET version = 1000", "version 1000"),
        ("none_", "DELETE FROM {}.none_schema_version", "does not hold one version"),
        ("two_", "INSERT INTO {}.two_schema_version VALUES (1)", "does not hold one version"),
        ("zero_", "UPDATE {}.zero_schema_version SET version = 0", "does not hold one version"),
        ("missing_", "DROP TABLE {}.missing_claim", "missing_claim is missing"),
        ("unversioned_", "DROP TABLE {}.unversioned_schema_version", "no schema_version"),
    ] {
        let options = schema.options().table_prefix(prefix).unwrap();
        drop(options.clone().connect(schema.url()).await.unwrap());
        schema.execute(sql).await;
        let refused = options.connect(schema.url()).await.unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::Corrupt, "{prefix}: {}", story(&refused));
        assert!(story(&refused).contains(why), "{prefix}: {}", story(&refused));
    }
}

/// Names of people would be refused, or turned into others.
#[tokio::test]
async fn a_database_that_has_not_every_letter_is_refused() {
    let settings = "ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'";
    let Some(database) = Database::with("latin1", settings) else { return };
    let refused = PostgresOptions::new().connect(&database.url).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Unavailable, "{}", story(&refused));
    assert!(story(&refused).contains("UTF8"), "{}", story(&refused));
}

#[test]
fn a_name_that_would_need_escaping_is_refused() {
    let long = "x".repeat(64);
    for name in ["", "1a", "a b", "a\"", "a;", "Ä", "A", "a-b", "pg_mfa", &long] {
        assert_eq!(PostgresOptions::new().schema(name).unwrap_err().field(), "schema", "{name}");
    }
    for prefix in ["a.", "\"", "A", &long] {
        assert_eq!(PostgresOptions::new().table_prefix(prefix).unwrap_err().field(), "table_prefix", "{prefix}");
    }
    assert!(PostgresOptions::new().schema("select").unwrap().table_prefix("1_").is_ok());
}

/// A word of SQL, and names as long as they may be.
#[tokio::test]
async fn every_name_that_is_accepted_works() {
    let Some(schema) = Schema::new("names") else { return };
    let options = schema.options().table_prefix(&"p".repeat(32)).unwrap();
    let store = options.connect(schema.url()).await.unwrap();
    assert_eq!(store.commit(Commit::new(alice(), None, revision(), "{}")).await.unwrap(), Committed::Done);
}
