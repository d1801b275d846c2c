//! The suite run on every store there is, and on two written by an outsider: a good one, which
//! shows that the public types are enough, and a careless one, which shows that the suite can fail.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a helper of a test may panic like the test"
)]

mod folder;
mod toy_store;

use std::sync::atomic::{AtomicUsize, Ordering};

use tower_mfa::store::{MemoryStore, SqliteStore, conformance};
use toy_store::{Carelessness, ToyStore};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_memory_store_conforms() {
    conformance::run(async || MemoryStore::new()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_sqlite_store_in_memory_conforms() {
    conformance::run(async || SqliteStore::in_memory().await.unwrap()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_sqlite_store_in_a_file_conforms() {
    let folder = folder::Folder::new("conformance");
    let files = AtomicUsize::new(0);
    let fresh = async || {
        let number = files.fetch_add(1, Ordering::Relaxed);
        SqliteStore::open(folder.path().join(format!("{number}.db"))).await.unwrap()
    };
    conformance::run(fresh).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_sqlite_store_conforms_through_two_doors_to_one_file() {
    let folder = folder::Folder::new("two_doors");
    let files = AtomicUsize::new(0);
    let fresh = async || {
        let file = folder.path().join(format!("{}.db", files.fetch_add(1, Ordering::Relaxed)));
        let (one, other) = tokio::join!(SqliteStore::open(&file), SqliteStore::open(&file));
        toy_store::Alternating::new(one.unwrap(), other.unwrap())
    };
    conformance::run(fresh).await.unwrap();
}

#[tokio::test]
async fn the_memory_store_conforms_on_one_thread() {
    conformance::run(async || MemoryStore::new()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_written_against_the_public_types_conforms() {
    conformance::run(async || ToyStore::new(Carelessness::None)).await.unwrap();
}

/// Runs the suite on a store with one fault and returns the property that caught it.
async fn caught(fault: Carelessness) -> String {
    let failure = conformance::run(async || ToyStore::new(fault)).await.expect_err("the suite passed a careless store");
    let property = failure.property().expect("the failure names its property").to_owned();
    assert!(failure.to_string().starts_with(&property), "{failure}");
    property
}

#[tokio::test]
async fn a_store_that_checks_and_then_acts_fails_the_suite() {
    assert_eq!(caught(Carelessness::ChecksThenActs).await, "one_commit_of_a_race_wins");
}

#[tokio::test]
async fn a_store_that_writes_events_after_the_document_fails_the_suite() {
    let by_name =
        conformance::races::a_document_is_never_seen_before_its_events(ToyStore::new(Carelessness::WritesEventsLater));
    assert!(by_name.await.is_err());
}

#[tokio::test]
async fn a_store_that_ignores_claims_fails_the_suite() {
    assert_eq!(caught(Carelessness::IgnoresClaims).await, "a_claim_of_another_subject_refuses_the_whole_commit");
}

#[tokio::test]
async fn a_store_that_folds_case_fails_the_suite() {
    assert_eq!(caught(Carelessness::FoldsCase).await, "subjects_that_look_alike_are_told_apart");
}

#[tokio::test]
async fn a_store_that_gives_a_pruned_place_again_fails_the_suite() {
    assert_eq!(caught(Carelessness::ReusesPlaces).await, "a_reader_behind_pruned_events_misses_none");
}

#[tokio::test]
async fn a_store_that_overwrites_a_lease_fails_the_suite() {
    assert_eq!(caught(Carelessness::OverwritesLeases).await, "a_position_that_was_moved_is_not_moved_again");
}
