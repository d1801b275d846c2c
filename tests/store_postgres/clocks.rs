//! The clock of the database beside ours.

use tower_mfa::clock::{Clock as _, SystemClock};
use tower_mfa::store::{Commit, Committed, PostgresStore, Store as _};
use tower_mfa::testing::ManualClock;

use crate::log::Log;
use crate::postgres::Schema;
use crate::revision;

async fn commit(store: &PostgresStore, number: u32) {
    let who = tower_mfa::id::Subject::new(format!("{number}")).unwrap();
    assert_eq!(store.commit(Commit::new(&who, None, revision(), "{}")).await.unwrap(), Committed::Done);
}

/// When connecting, and with what each commit is answered; each change once.
#[tokio::test]
async fn clocks_that_differ_by_more_than_thirty_seconds_are_told_once() {
    let Some(schema) = Schema::new("clocks") else { return };
    Log::begin();
    let clock = ManualClock::at(SystemClock.now().unwrap().plus(100).as_secs());
    let store = schema.options().clock(clock.clone()).connect(schema.url()).await.unwrap();
    assert!((-100..=-90).contains(&store.clock_difference()), "{}", store.clock_difference());
    commit(&store, 1).await;
    clock.go_back(100);
    commit(&store, 2).await;
    assert!((0..=9).contains(&store.clock_difference()), "{}", store.clock_difference());
    clock.go_back(50);
    commit(&store, 3).await;
    commit(&store, 4).await;
    let told = Log::take("tower_mfa::clock");
    let [ahead, again, behind] = &*told else { panic!("{told:?}") };
    assert!(ahead.starts_with("WARN") && ahead.contains("the clock of the database and ours differ"), "{told:?}");
    assert!(again.starts_with("INFO") && again.contains("agree again"), "{told:?}");
    assert!(behind.starts_with("WARN"), "{told:?}");
    assert!(ahead.contains(" seconds=-") && behind.contains(" seconds=5"), "{told:?}");
}
