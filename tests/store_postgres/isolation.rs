//! A pool of the host's whose transactions are stricter than the store needs: who loses a race there is undone by the
//! server, which is no reason to turn anybody away.

use std::sync::Arc;

use sqlx::postgres::PgPoolOptions;
use tokio::task::JoinSet;
use tower_mfa::store::conformance;

use crate::house::{House, is_unavailable};
use crate::postgres::{Schema, run};

const STRICTER: [&str; 2] = ["repeatable read", "serializable"];

/// As a host has it that wants this of all its transactions.
async fn pool(schema: &Schema, isolation: &'static str) -> sqlx::PgPool {
    let pool = PgPoolOptions::new().max_connections(8).after_connect(move |connection, _| {
        Box::pin(async move {
            run(connection, &format!("SET default_transaction_isolation = '{isolation}'")).await;
            Ok(())
        })
    });
    pool.connect(schema.url()).await.unwrap()
}

/// Four replicas, eight at each: nobody stands too far back in a line.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_with_one_code_one_is_let_in_and_none_is_turned_away_for_the_isolation() {
    for isolation in STRICTER {
        for direct in [false, true] {
            let Some(schema) = Schema::new("isolation") else { return };
            let house = Arc::new(House::new());
            let mut replicas = Vec::new();
            for _ in 0..4 {
                let options = schema.options().direct(direct);
                replicas.push(house.on(options.with_pool(pool(&schema, isolation).await).await.unwrap()));
            }
            let app = Arc::new(house.enrolled(&replicas[0]).await);
            let asked = Arc::new(house.asked(&replicas[0]).await);
            let mut racing = JoinSet::new();
            for mfa in replicas.iter().cycle().take(32) {
                let mfa = mfa.clone();
                let (house, asked, app) = (Arc::clone(&house), Arc::clone(&asked), Arc::clone(&app));
                racing.spawn(async move { house.answer(&mfa, &asked, &app).await });
            }
            let answers = racing.join_all().await;
            let count = |which: fn(&Result<(), _>) -> bool| answers.iter().filter(|answer| which(answer)).count();
            let told = (count(Result::is_ok), count(is_unavailable));
            assert_eq!(told, (1, 0), "{isolation}, direct {direct}: {answers:?}");
        }
    }
}

/// What a race ends with is the same as elsewhere: "conflict" or "claimed", and never "not committed".
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_postgres_store_conforms_however_strict_the_hosts_pool_is() {
    let Some(schema) = Schema::new("strict") else { return };
    let pool = pool(&schema, "serializable").await;
    conformance::run(async || schema.fresh().with_pool(pool.clone()).await.unwrap()).await.unwrap();
}
