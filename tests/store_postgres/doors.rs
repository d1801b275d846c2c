//! What somebody with a right code hears while the database fails: "unavailable", never "come in" unless it is stored;
//! and what is stored is found afterwards.

use tower_mfa::store::{MemoryStore, Store as _};

use crate::alice;
use crate::house::{House, is_unavailable};
use crate::postgres::{Schema, run};
use crate::wire::{CUT_AFTER, CUT_BEFORE, DOWN, OPEN, SILENT, Wire};

#[tokio::test(flavor = "multi_thread")]
async fn a_right_code_is_taken_once_whatever_happens_to_the_database() {
    let Some(schema) = Schema::new("doors") else { return };
    let (house, wire) = (House::new(), Wire::to(&schema).await);
    let mfa = house.on(schema.options().max_connections(4).connect(&wire.url).await.unwrap());
    let app = house.enrolled(&mfa).await;
    for (mode, is_stored) in [(CUT_BEFORE, false), (DOWN, false), (SILENT, false), (CUT_AFTER, true)] {
        let asked = house.asked(&mfa).await;
        wire.set(mode);
        let answer = house.answer(&mfa, &asked, &app).await;
        wire.set(OPEN);
        // Where the commit was done and only its answer was lost, it is found again.
        assert_eq!(answer.is_ok(), is_stored, "{mode}: {answer:?}");
        assert!(is_stored || is_unavailable(&answer), "{mode}: {answer:?}");
        let again = house.answer(&mfa, &asked, &app).await;
        assert_eq!(again.is_ok(), !is_stored, "{mode}: what was not taken is still good, what was is not: {again:?}");
    }
    assert!(mfa.verify_chain(alice()).await.is_ok(), "and the trail has each of it once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_answered_in_two_round_trips() {
    let Some(schema) = Schema::new("trips") else { return };
    for direct in [true, false] {
        let (house, wire) = (House::new(), Wire::to(&schema).await);
        let options = schema.options().table_prefix(if direct { "direct_" } else { "pooled_" }).unwrap();
        let mfa = house.on(options.max_connections(1).direct(direct).connect(&wire.url).await.unwrap());
        let own = house.enrolled(&mfa).await;
        let another = house.enrolled(&house.on(MemoryStore::new())).await;
        for (app, is_right) in [(&own, true), (&another, false), (&own, true)] {
            // Statements are prepared the first time.
            let first = house.asked(&mfa).await;
            house.answer(&mfa, &first, &own).await.unwrap();
            let asked = house.asked(&mfa).await;
            let before = wire.trips();
            let answer = house.answer(&mfa, &asked, app).await;
            assert_eq!((answer.is_ok(), wire.trips() - before), (is_right, 2), "a load and a commit");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_read_only_or_has_no_connection_left_lets_nobody_in() {
    let Some(schema) = Schema::new("doors_closed") else { return };
    let house = House::new();
    let mfa = house.on(schema.store().await);
    let app = house.enrolled(&mfa).await;
    let asked = house.asked(&mfa).await;
    let read_only = format!("{}?options[default_transaction_read_only]=on", schema.url());
    let read_only = house.on(schema.options().connect(&read_only).await.unwrap());
    assert!(is_unavailable(&house.answer(&read_only, &asked, &app).await));

    // One connection, and somebody who waits with it for a lock of the host's.
    let one = schema.options().max_connections(1).connect(schema.url()).await.unwrap();
    let crowded = house.on(one.clone());
    let mut host = schema.by_hand().await;
    run(&mut host, &format!("BEGIN; LOCK {}.account", schema.name())).await;
    let waits = tokio::spawn(async move { one.count().await });
    let answer = house.answer(&crowded, &asked, &app).await;
    assert!(is_unavailable(&answer), "{answer:?}");
    run(&mut host, "ROLLBACK").await;
    drop(waits.await);
    assert_eq!(house.answer(&mfa, &asked, &app).await, Ok(()), "nothing of it was taken");
}
