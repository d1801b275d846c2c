//! A disk that is full.

use tower_mfa::id::Subject;
use tower_mfa::store::{Commit, Committed, Feed, SqliteStore, Store as _, StoreErrorKind};

use crate::house::{House, is_unavailable};
use crate::small_disk::SmallDisk;
use crate::{alice, by_hand, event, revision, story};

/// Writes for others until there is no room for one more of them, however small.
async fn until_full(store: &SqliteStore) {
    for number in 0..10_000 {
        let (who, events) = (Subject::new(format!("{number}")).unwrap(), [event("{}")]);
        match store.commit(Commit::new(&who, None, revision(), "{}").with_events(&events)).await {
            Ok(committed) => assert_eq!(committed, Committed::Done),
            Err(error) => {
                // It may have come into the log whole, so that is not known before it was looked up.
                assert_eq!(error.kind(), StoreErrorKind::Unknown, "{}", story(&error));
                assert!(story(&error).contains("database or disk is full"), "{}", story(&error));
                assert!(store.load(&who).await.unwrap().is_none(), "nor is half of it there");
                return;
            }
        }
    }
    panic!("the disk does not get full");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_lets_nobody_in_and_takes_nothing_and_is_forgotten_when_there_is_room() {
    let Some(disk) = SmallDisk::new("sqlite_full", 4) else { return };
    let file = disk.path().join("mfa.db");
    let store = SqliteStore::open(&file).await.unwrap();
    let house = House::new();
    let mfa = house.on(store.clone());
    let app = house.enrolled(&mfa).await;
    let asked = house.asked(&mfa).await;
    let before = store.load(alice()).await.unwrap().unwrap();
    let told = store.events(Feed::Subject(alice()), None, 200).await.unwrap().items().len();

    disk.fill();
    until_full(&store).await;
    for _ in 0..3 {
        let answer = house.answer(&mfa, &asked, &app).await;
        assert!(is_unavailable(&answer), "{answer:?}");
    }
    let begun = mfa.begin(house.first_factor()).await.map(drop).map_err(|error| error.refusal().clone());
    assert!(is_unavailable(&begun), "nor is anybody asked what could not be answered: {begun:?}");
    let after = store.load(alice()).await.unwrap().unwrap();
    assert_eq!(
        (after.revision(), after.document()),
        (before.revision(), before.document()),
        "what is there can be read"
    );
    // As a process finds it that starts now.
    let again = house.on(SqliteStore::open(&file).await.unwrap());
    assert!(is_unavailable(&house.answer(&again, &asked, &app).await));

    disk.make_room();
    assert_eq!(house.answer(&mfa, &asked, &app).await, Ok(()), "none of the codes was taken");
    assert!(house.answer(&mfa, &asked, &app).await.is_err());
    let events = store.events(Feed::Subject(alice()), None, 200).await.unwrap();
    assert_eq!(events.items().len(), told + 2, "the answer and the sign-in, each once");
    assert!(mfa.verify_chain(alice()).await.is_ok());
    let found: String =
        sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut by_hand(&file).await).await.unwrap();
    assert_eq!(found, "ok");
}

/// There is no half of a file that a later start would refuse.
#[tokio::test]
async fn a_new_file_on_a_full_disk_is_unavailable_and_is_made_when_there_is_room() {
    let Some(disk) = SmallDisk::new("sqlite_new", 1) else { return };
    let file = disk.path().join("mfa.db");
    disk.fill();
    let refused = SqliteStore::open(&file).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Unavailable, "{}", story(&refused));
    disk.make_room();
    let store = SqliteStore::open(&file).await.unwrap();
    assert_eq!(store.commit(Commit::new(alice(), None, revision(), "{}")).await.unwrap(), Committed::Done);
}
