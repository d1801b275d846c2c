//! How a store is cut into parts, its cursors, and its keys.

use tower_mfa::clock::Timestamp;
use tower_mfa::id::Subject;
use tower_mfa::store::{
    Claim, Commit, Committed, EventCursor, Feed, Lease, MemoryStore, RedisStore, SinkState, Store, StoreErrorKind,
};

use crate::server::{Own, Place};
use crate::{alice, bob, bodies, create, event, revision, story};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_make_a_store_at_once_with_other_numbers_of_partitions_one_number_holds() {
    for place in Place::both("stores made at once") {
        let connecting: Vec<_> = (1..=10)
            .map(|count| {
                let (builder, urls) = (place.builder().partitions(1 + count % 3), place.urls.clone());
                tokio::spawn(async move { (1 + count % 3, builder.connect(&urls).await) })
            })
            .collect();
        let (mut taken, mut refused) = (Vec::new(), Vec::new());
        for connected in connecting {
            match connected.await.unwrap() {
                (count, Ok(store)) => taken.push((count, store)),
                (count, Err(error)) => refused.push((count, error)),
            }
        }
        let (made, store) = taken.first().expect("one of them made it");
        assert!(taken.iter().all(|(count, _)| count == made) && refused.iter().all(|(count, _)| count != made));
        assert_eq!(taken.len() + refused.len(), 10);
        for (count, error) in &refused {
            assert_eq!(error.kind(), StoreErrorKind::Unavailable);
            let why = format!("was made with {made} partitions, and {count} are asked for");
            assert!(story(error).contains(&why), "{}", story(error));
        }
        // Whoever does not ask for a number takes the store as it is.
        create(store, alice()).await;
        assert!(place.store().await.load(alice()).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn numbers_and_prefixes_that_do_not_fit_are_refused_before_anything_is_asked() {
    for builder in [
        RedisStore::builder().partitions(0),
        RedisStore::builder().partitions(65),
        RedisStore::builder().prefix(""),
        RedisStore::builder().prefix("a{b}"),
    ] {
        let error = builder.connect("redis://127.0.0.1:1").await.unwrap_err();
        assert!(story(&error).contains("must "), "{}", story(&error));
    }
}

#[tokio::test]
async fn a_store_whose_layout_was_lost_is_not_made_anew_over_its_documents() {
    for place in Place::both("a layout that was lost") {
        create(&place.store().await, alice()).await;
        for connection in &mut place.plain() {
            // In a cluster two of three servers say that the key is elsewhere.
            let _: Result<i64, _> = redis::cmd("DEL").arg(format!("{{{}}}:layout", place.prefix)).query(connection);
        }
        let error = place.builder().connect(&place.urls).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{}", story(&error));
        assert!(story(&error).contains("made anew"), "{}", story(&error));
    }
}

/// A server that came back without its disk has nobody, and nobody must not mean that nobody has MFA.
#[tokio::test]
async fn a_partition_that_has_lost_all_is_not_taken_for_one_that_never_had_any() {
    if !Own::is_there("a partition that has lost all") {
        return;
    }
    let server = Own::durable();
    let store = RedisStore::builder().partitions(2).connect(&server.url()).await.unwrap();
    create(&store, alice()).await;
    assert!(store.load(bob()).await.unwrap().is_none(), "he is not there, and may be made");
    for partition in 0..2 {
        let () = server.run(&format!("DEL {{tower-mfa:{partition}}}:layout"));
    }
    assert!(store.load(alice()).await.unwrap().is_some(), "what is there is there");
    let error = store.load(bob()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{}", story(&error));
    let error = RedisStore::connect(&server.url()).await.unwrap_err();
    assert!(error.kind() == StoreErrorKind::Corrupt && story(&error).contains("backup"), "{}", story(&error));
    // Whoever has no backup says so, and begins anew where all was lost.
    let accepted = RedisStore::builder().accept_data_loss(true).connect(&server.url()).await.unwrap();
    assert!(accepted.load(bob()).await.unwrap().is_none());
    RedisStore::connect(&server.url()).await.unwrap();
}

#[tokio::test]
async fn what_something_else_has_written_is_corrupt_and_never_looks_like_no_document() {
    let Some(place) = Place::single("keys that something else has written") else { return };
    let store = place.builder().partitions(1).connect(&place.urls).await.unwrap();
    let first = create(&store, alice()).await;
    let state = SinkState::new(None, Some(Lease::new("worker 1", Timestamp::from_secs(90))));
    assert!(store.advance("audit", None, &state).await.unwrap());
    let connection = &mut place.plain()[0];
    let key = |what: &str| format!("{{{}:0}}:{what}", place.prefix);
    let mut set = |what: &str, value: &str| redis::cmd("SET").arg(key(what)).arg(value).exec(connection).unwrap();

    set("sink:audit", r#"{"position":null,"holder":null,"until":7}"#);
    assert_eq!(store.sink("audit").await.unwrap_err().kind(), StoreErrorKind::Corrupt);
    let document = format!("account:{}", alice().storage_key());
    for damaged in ["", "{}", "AAAAAAAAAAAAAAAAAAAAAA{}", "!!!!!!!!!!!!!!!!!!!!!!\n{}"] {
        set(&document, damaged);
        assert_eq!(store.load(alice()).await.unwrap_err().kind(), StoreErrorKind::Corrupt, "{damaged}");
        assert_eq!(store.scan(None, 9).await.unwrap_err().kind(), StoreErrorKind::Corrupt, "{damaged}");
    }
    set("events", "no stream");
    assert_eq!(store.events(Feed::All, None, 9).await.unwrap_err().kind(), StoreErrorKind::Corrupt);
    // The script asks before it writes, so a commit it cannot finish has written nothing.
    set(&document, &format!("{first}\n{{}}"));
    let (second, events) = (revision(), [event("lost")]);
    let commit = Commit::new(alice(), Some(&first), second, "lost").with_events(&events);
    let error = store.commit(commit).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::NotCommitted, "{}", story(&error));
    assert_eq!(store.load(alice()).await.unwrap().unwrap().document(), "{}");
    set("layout", "somebody's");
    let error = place.builder().connect(&place.urls).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{}", story(&error));
}

#[tokio::test]
async fn a_cursor_of_another_store_is_refused() {
    for place in Place::both("cursors of another store") {
        let (store, other) = (place.fresh().await, place.fresh().await);
        let memory = MemoryStore::new();
        create(&store, alice()).await;
        create(&other, alice()).await;
        let commit = Commit::new(alice(), None, revision(), "{}");
        assert_eq!(memory.commit(commit).await.unwrap(), Committed::Done);
        let of_other = other.events(Feed::All, None, 1).await.unwrap().items()[0].cursor().clone();
        for cursor in [of_other, "17".parse().unwrap(), "~".parse().unwrap()] {
            for feed in [Feed::All, Feed::Subject(alice())] {
                let error = store.events(feed, Some(&cursor), 9).await.unwrap_err();
                assert_eq!(error.kind(), StoreErrorKind::Cursor, "{cursor}");
            }
        }
        create(&other, bob()).await;
        let of_other = other.scan(None, 1).await.unwrap().next().cloned().unwrap();
        for cursor in [of_other, "YWxpY2U".parse().unwrap()] {
            assert_eq!(store.scan(Some(&cursor), 9).await.unwrap_err().kind(), StoreErrorKind::Cursor, "{cursor}");
        }
    }
}

#[tokio::test]
async fn a_cursor_of_one_subject_skips_nothing_in_the_whole_outbox() {
    for place in Place::both("a cursor of one subject in the whole outbox") {
        let store = place.fresh().await;
        let first = create(&store, alice()).await;
        for number in 0..20 {
            create(&store, &Subject::new(number.to_string()).unwrap()).await;
        }
        let events = [event("second")];
        let commit = Commit::new(alice(), Some(&first), revision(), "{}").with_events(&events);
        assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
        let own = store.events(Feed::Subject(alice()), None, 1).await.unwrap().items()[0].cursor().clone();
        let rest = store.events(Feed::All, Some(&own), 200).await.unwrap();
        let of_alice: Vec<_> = rest.items().iter().filter(|event| event.subject() == alice()).collect();
        assert!(of_alice.len() == 1 && of_alice[0].body() == "second", "hers are not told again");
        assert!(rest.items().len() > 15, "those of others are, rather than skipped");
        let whole: EventCursor = rest.items()[3].cursor().clone();
        assert!(whole.as_str().len() < 200, "{whole}");
    }
}

#[tokio::test]
async fn nothing_that_is_stored_expires() {
    for place in Place::both("that nothing expires") {
        let store = place.store().await;
        create(&store, alice()).await;
        let claims = [Claim::credential_id([7])];
        let commit = Commit::new(bob(), None, revision(), "{}").with_claims(&claims);
        assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
        assert!(store.advance("audit", None, &SinkState::new(None, None)).await.unwrap());
        let mut seen = 0;
        for connection in &mut place.plain() {
            for key in place.keys() {
                // A server of a cluster knows its own keys alone.
                if let Ok(left) = redis::cmd("TTL").arg(&key).query::<i64>(connection) {
                    assert_eq!(left, -1, "{key}");
                    seen += 1;
                }
            }
        }
        assert!(seen > 20, "{seen}");
    }
}

#[tokio::test]
async fn pruning_takes_old_events_of_all_partitions_a_few_hundred_at_a_time() {
    let Some(place) = Place::single("pruning many events") else { return };
    let store = place.builder().partitions(2).connect(&place.urls).await.unwrap();
    let many: Vec<_> = (0..700).map(|number| event(&number.to_string())).collect();
    for subject in ["a", "b", "c", "d"] {
        let subject = Subject::new(subject).unwrap();
        let commit = Commit::new(&subject, None, revision(), "{}").with_events(&many);
        assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
    }
    assert_eq!(store.prune(Timestamp::from_secs(7)).await.unwrap(), 0, "the bound itself is kept");
    assert_eq!(store.prune(Timestamp::from_secs(8)).await.unwrap(), 2800);
    assert_eq!(bodies(&store, Feed::All).await, Vec::<String>::new());
    assert_eq!(bodies(&store, Feed::Subject(&Subject::new("a").unwrap())).await, Vec::<String>::new());
}
