//! The store in Redis: the suite, on one server and on a cluster, and what only it can be asked.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a helper of a test may panic like the test"
)]

mod redis_server;

use redis_server::Place;
use tower_mfa::store::conformance;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_redis_store_conforms_on_one_server() {
    let Some(place) = Place::single("the suite on one server") else { return };
    conformance::run(async || place.fresh().await).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_redis_store_conforms_on_a_cluster() {
    let Some(place) = Place::cluster("the suite on a cluster") else { return };
    conformance::run(async || place.fresh().await).await.unwrap();
}
