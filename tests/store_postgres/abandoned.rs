//! Statements that were given up while the server still does them.

use std::time::Duration;

use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};
use tokio::time::timeout;
use tower_mfa::id::Subject;
use tower_mfa::store::{Commit, Committed, PostgresStore, Store, StoreErrorKind};

use crate::postgres::{Schema, run};
use crate::{revision, story};

/// How many processes the server has for the store.
async fn processes(by_hand: &mut PgConnection, name: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM pg_stat_activity WHERE application_name = '{name}'");
    sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(by_hand).await.unwrap().get(0)
}

async fn commit(store: &PostgresStore, id: &str) -> Result<Committed, tower_mfa::store::StoreError> {
    store.commit(Commit::new(&Subject::new(id).unwrap(), None, revision(), "{}")).await
}

/// As the service does, which waits for a commit no longer than for its deadline; only not for as long.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_not_asked_for_ever_more_processes() {
    let Some(schema) = Schema::new("hangs") else { return };
    let mut by_hand = schema.by_hand().await;
    for hosts_pool in [false, true] {
        // A name of a server process has 63 bytes.
        let name = format!("hangs {} {hosts_pool}", std::process::id());
        let url = format!("{}?application_name={name}", schema.url());
        let options = schema.options().max_connections(2);
        let store = if hosts_pool {
            let wait = Duration::from_secs(4);
            let pool = PgPoolOptions::new().max_connections(2).acquire_timeout(wait).connect(&url).await.unwrap();
            options.with_pool(pool).await.unwrap()
        } else {
            options.connect(&url).await.unwrap()
        };
        run(&mut by_hand, &format!("BEGIN; LOCK {}.account", schema.name())).await;
        for number in 0..12 {
            let given_up = timeout(Duration::from_millis(100), commit(&store, &format!("{number}"))).await;
            assert!(given_up.is_err(), "it does not answer: {given_up:?}");
        }
        let there = processes(&mut by_hand, &name).await;
        assert!(there <= 3, "two of the pool and one beside it, not {there}");
        let refused = commit(&store, "late").await.unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::NotCommitted, "{}", story(&refused));

        run(&mut by_hand, "ROLLBACK").await;
        let id = format!("after {hosts_pool}");
        assert_eq!(commit(&store, &id).await.unwrap(), Committed::Done, "what was given up is done, and makes room");
        let (again, conflict) = (commit(&store, "0").await.unwrap(), Committed::Conflict);
        assert_eq!(again, conflict, "and what was sent was done to its end");
        run(&mut by_hand, &format!("DELETE FROM {}.account", schema.name())).await;
    }
}

/// Clients that hang up, one after the other, while the server is well.
#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_up_costs_nobody_else_a_connection() {
    let Some(schema) = Schema::new("hang_up") else { return };
    let store = schema.options().max_connections(2).connect(schema.url()).await.unwrap();
    let who = Subject::new("alice").unwrap();
    for number in 0..60 {
        drop(timeout(Duration::from_micros(300 * (number % 7)), store.load(&who)).await);
    }
    for number in 0..4 {
        let done = timeout(Duration::from_secs(2), commit(&store, &format!("{number}"))).await;
        assert_eq!(done.expect("in time").unwrap(), Committed::Done);
    }
}
