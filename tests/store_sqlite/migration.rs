//! Files from before, as the builds of then left them.

use sqlx::Connection as _;
use tower_mfa::clock::Timestamp;
use tower_mfa::id::EventId;
use tower_mfa::store::{
    Claim, Commit, Committed, Feed, Lease, Revision, SinkState, SqliteStore, Store as _, UserHandle,
};

use crate::folder::Folder;
use crate::{alice, by_hand, event, execute, revision};

/// A row in each of its tables.
const ROWS: &str = r#"
    INSERT INTO tower_mfa_account VALUES ('acme' || char(31) || 'alice', x'0102030405060708090a0b0c0d0e0f10', '{"v":1}');
    INSERT INTO tower_mfa_claim VALUES ('user_handle', x'09090909090909090909090909090909', 'acme' || char(31) || 'alice');
    INSERT INTO tower_mfa_claim VALUES ('credential_id', x'0707', 'acme' || char(31) || 'alice');
    INSERT INTO tower_mfa_event VALUES (7, 'acme' || char(31) || 'alice', 'AAAAAAAAAAAAAAAAAAAAAA', 1800000000, '"bound"');
    INSERT INTO tower_mfa_sink VALUES ('audit', '7', 'worker 1', 1800000090);
"#;

#[tokio::test]
async fn a_file_of_version_1_is_read_whole_and_goes_on() {
    let folder = Folder::new("version_1");
    let file = folder.path().join("mfa.db");
    execute(&file, include_str!("../../src/store/sqlite/migrations/1.sql")).await;
    execute(&file, ROWS).await;
    // The second time it is found to be done.
    for _ in 0..2 {
        drop(SqliteStore::open(&file).await.unwrap());
    }
    let store = SqliteStore::open(&file).await.unwrap();
    let stored = store.load(alice()).await.unwrap().unwrap();
    let first = Revision::from_bytes([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
    assert_eq!((*stored.revision(), stored.document()), (first, r#"{"v":1}"#));
    assert_eq!(store.count().await.unwrap(), 1);
    assert_eq!(store.subject_of(&UserHandle::new([9; 16]).unwrap()).await.unwrap(), Some(alice().clone()));
    for feed in [Feed::All, Feed::Subject(alice())] {
        let page = store.events(feed, None, 9).await.unwrap();
        let [bound] = page.items() else { panic!("{} events", page.items().len()) };
        let (id, at): (EventId, _) = ("AAAAAAAAAAAAAAAAAAAAAA".parse().unwrap(), Timestamp::from_secs(1_800_000_000));
        assert_eq!((bound.subject(), bound.id(), bound.at()), (alice(), &id, at));
        assert_eq!((bound.body(), bound.revokes()), ("\"bound\"", None));
    }
    let lease = Lease::new("worker 1", Timestamp::from_secs(1_800_000_090));
    let state = SinkState::new(Some("7".parse().unwrap()), Some(lease));
    assert_eq!(store.sink("audit").await.unwrap(), Some(state));

    let (events, claims) = ([event("\"ended\"").revoking("{}")], [Claim::credential_id([7, 7])]);
    let other = tower_mfa::id::Subject::new("bob").unwrap();
    let theirs = Commit::new(&other, None, revision(), "{}").with_claims(&claims);
    assert_eq!(store.commit(theirs).await.unwrap(), Committed::Claimed, "what was claimed is claimed");
    let next = Commit::new(alice(), Some(&first), revision(), "{}").with_events(&events);
    assert_eq!(store.commit(next).await.unwrap(), Committed::Done);
    let page = store.events(Feed::Revocations, None, 9).await.unwrap();
    assert_eq!(page.items().iter().map(|event| event.body()).collect::<Vec<_>>(), ["\"ended\""]);
    let behind = "7".parse().unwrap();
    assert_eq!(store.events(Feed::All, Some(&behind), 9).await.unwrap().items().len(), 1, "a reader of then goes on");
    let mut by_hand = by_hand(&file).await;
    let versions: Vec<i64> =
        sqlx::query_scalar("SELECT version FROM tower_mfa_schema").fetch_all(&mut by_hand).await.unwrap();
    assert_eq!(versions, [2]);
    by_hand.close().await.unwrap();
}
