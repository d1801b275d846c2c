//! Pruning a large outbox, a part at a time.

use tower_mfa::clock::Timestamp;
use tower_mfa::entropy::SystemEntropy;
use tower_mfa::id::{EventId, Subject};
use tower_mfa::store::{Commit, Committed, Feed, NewEvent, RedisStore, Store};

use crate::server::Place;
use crate::{bodies, revision};

/// One commit with so many events of a time.
async fn write(store: &RedisStore, subject: &str, count: usize, at: u64) {
    let id = || EventId::generate(&SystemEntropy).unwrap();
    let events: Vec<NewEvent> =
        (0..count).map(|_| NewEvent::new(id(), Timestamp::from_secs(at), at.to_string())).collect();
    let commit = Subject::new(subject).unwrap();
    let commit = Commit::new(&commit, None, revision(), "{}").with_events(&events);
    assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_call_prunes_a_part_and_the_last_says_that_nothing_is_left() {
    for place in Place::both("a large outbox that is pruned") {
        let store = place.builder().partitions(2).connect(&place.urls).await.unwrap();
        for number in 0..13 {
            write(&store, &number.to_string(), 1_000, 10).await;
        }
        write(&store, "young", 1, 50).await;
        let mut pruned = Vec::new();
        loop {
            match store.prune(Timestamp::from_secs(50)).await.unwrap() {
                0 => break,
                count => pruned.push(count),
            }
        }
        assert_eq!(pruned, [10_000, 3_000]);
        assert_eq!(bodies(&store, Feed::All).await, ["50"]);
    }
}

/// Else every call would read the whole outbox, of which nearly all stays.
#[tokio::test(flavor = "multi_thread")]
async fn what_stays_is_not_read_to_its_end() {
    for place in Place::both("an outbox that stays") {
        let store = place.builder().partitions(1).connect(&place.urls).await.unwrap();
        write(&store, "of a clock that was ahead", 600, 99).await;
        write(&store, "old", 1, 10).await;
        assert_eq!(store.prune(Timestamp::from_secs(20)).await.unwrap(), 1, "some that stay do not hide it");
        write(&store, "young", 4_000, 50).await;
        write(&store, "of a clock that was behind", 1, 10).await;
        assert_eq!(store.prune(Timestamp::from_secs(20)).await.unwrap(), 0);
        assert_eq!(store.prune(Timestamp::from_secs(51)).await.unwrap(), 4_001, "it goes with those before it");
    }
}
