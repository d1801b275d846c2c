//! Readers of what was revoked, who must never take "not yet" for "nothing"; and readers of a database that has lost
//! some.

use std::time::Duration;

use tower_mfa::store::{Commit, Committed, Feed, PostgresStore, Store, StoreErrorKind, StoredEvent};

use crate::elsewhere::what_ends_at_one_is_over_at_the_other;
use crate::order::{Gate, bodies, put, subject};
use crate::postgres::Schema;
use crate::{event, revision, story};

async fn revoke(store: &PostgresStore, id: &str) {
    let (who, events) = (subject(id), [event(&format!("\"{id}\"")).revoking("[]")]);
    let commit = Commit::new(&who, None, revision(), "{}").with_events(&events);
    assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
}

/// One that has its number stalls; a later one is done, and its caller told so.
#[tokio::test(flavor = "multi_thread")]
async fn who_reads_revocations_is_not_told_that_this_is_all_while_an_earlier_commit_stalls() {
    let Some(schema) = Schema::new("revocations") else { return };
    let store = schema.store().await;
    let mut gate = Gate::shut(&schema).await;
    let slow = gate.held(&store, "slow", 1).await;
    revoke(&store, "fast").await;

    let told = store.events(Feed::Revocations, None, 9).await.unwrap_err();
    assert_eq!(told.kind(), StoreErrorKind::Unavailable, "{}", story(&told));
    assert!(store.events(Feed::All, None, 9).await.unwrap().items().is_empty(), "a relay may be late");

    let reader = store.clone();
    let reading = tokio::spawn(async move { reader.events(Feed::Revocations, None, 9).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    gate.open().await;
    slow.await.unwrap();
    let page = reading.await.unwrap().unwrap();
    assert_eq!(bodies(page.items()), ["\"fast\""]);
    assert!(page.next().is_none(), "and now it is all");
}

/// Nor are those held back that can be read, from a replica that starts meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn revocations_before_a_commit_that_stalls_are_read_and_are_not_all() {
    let Some(schema) = Schema::new("before") else { return };
    let store = schema.store().await;
    revoke(&store, "before").await;
    let mut gate = Gate::shut(&schema).await;
    let slow = gate.held(&store, "slow", 1).await;
    let page = store.events(Feed::Revocations, None, 9).await.unwrap();
    assert_eq!(bodies(page.items()), ["\"before\""]);
    let told = store.events(Feed::Revocations, Some(page.next().expect("more")), 9).await.unwrap_err();
    assert_eq!(told.kind(), StoreErrorKind::Unavailable, "{}", story(&told));
    gate.open().await;
    slow.await.unwrap();
    let page = store.events(Feed::Revocations, page.next(), 9).await.unwrap();
    assert!(page.items().is_empty() && page.next().is_none());
}

/// There is always one between its number and its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_reads_revocations_keeps_up_with_many_who_write() {
    let Some(schema) = Schema::new("busy") else { return };
    let store = schema.store().await;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..6 {
        let store = store.clone();
        writers.spawn(async move {
            for number in 0.. {
                put(&store, &format!("{writer} {number}")).await;
            }
        });
    }
    for _ in 0..20 {
        let page = store.events(Feed::Revocations, None, 9).await.unwrap();
        assert!(page.items().is_empty() && page.next().is_none());
    }
}

/// A standby that had not received all, or a restore: the sequence is back where it was.
#[tokio::test]
async fn a_cursor_beyond_the_last_event_is_refused_before_the_reader_skips_any() {
    let Some(schema) = Schema::new("lossy") else { return };
    let store = schema.store().await;
    for id in ["a", "b", "c"] {
        put(&store, id).await;
    }
    let all = store.events(Feed::All, None, 9).await.unwrap().into_items();
    let last = all.last().map(StoredEvent::cursor);
    let b = subject("b");
    let feeds = [Feed::All, Feed::Revocations, Feed::Subject(&b)];
    for feed in feeds {
        assert!(store.events(feed, last, 9).await.unwrap().items().is_empty());
    }
    schema.execute("DELETE FROM {}.event WHERE number > 1; SELECT setval('{}.event_number', 1)").await;
    for feed in feeds {
        let refused = store.events(feed, last, 9).await.unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::Cursor, "{feed:?}: {}", story(&refused));
        assert!(store.events(feed, all.first().map(StoredEvent::cursor), 9).await.is_ok(), "{feed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_at_one_service_is_over_at_another_on_the_same_database() {
    let Some(schema) = Schema::new("elsewhere") else { return };
    what_ends_at_one_is_over_at_the_other(schema.store().await, schema.store().await).await;
}
