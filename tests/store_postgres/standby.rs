//! A pool that leads to a standby now and then, as behind a name that changes its server.

use tower_mfa::id::Subject;
use tower_mfa::store::{
    Claim, Commit, Committed, EventCursor, Feed, PostgresStore, SinkState, Store, StoreError, StoreErrorKind,
    UserHandle,
};

use crate::postgres::Schema;
use crate::{alice, event, revision, story};

/// What each read of the store ends with.
async fn reads(
    store: &PostgresStore,
    who: &Subject,
    handle: &UserHandle,
) -> Vec<(&'static str, Result<(), StoreError>)> {
    vec![
        ("load", store.load(who).await.map(drop)),
        ("subject_of", store.subject_of(handle).await.map(drop)),
        ("scan", store.scan(None, 9).await.map(drop)),
        ("count", store.count().await.map(drop)),
        ("all", store.events(Feed::All, None, 9).await.map(drop)),
        ("revocations", store.events(Feed::Revocations, None, 9).await.map(drop)),
        ("own", store.events(Feed::Subject(who), None, 9).await.map(drop)),
        ("sink", store.sink("audit").await.map(drop)),
    ]
}

/// The server of the tests is none, so it is asked through a function of that name.
#[tokio::test]
async fn nothing_is_read_from_a_standby_whether_it_is_there_or_not() {
    let Some(schema) = Schema::new("standby") else { return };
    schema
        .execute(
            "CREATE SCHEMA {}; CREATE TABLE {}.told (standby boolean); INSERT INTO {}.told VALUES (false);
             CREATE FUNCTION {}.pg_is_in_recovery() RETURNS boolean LANGUAGE sql AS 'SELECT standby FROM {}.told'",
        )
        .await;
    for direct in [false, true] {
        let url = format!("{}?options[search_path]={},pg_catalog", schema.url(), schema.name());
        let options = schema.options().direct(direct).table_prefix(if direct { "d_" } else { "" }).unwrap();
        let store = options.connect(&url).await.unwrap();
        let (handle, nobody) = (UserHandle::new([7; 16]).unwrap(), Subject::new("nobody").unwrap());
        let (events, claims) = ([event("{}").revoking("[]")], [Claim::user_handle(&handle)]);
        let known = [(alice(), &handle), (&nobody, &UserHandle::new([8; 16]).unwrap())];
        for is_filled in [false, true] {
            for (who, handle) in known {
                for (read, answer) in reads(&store, who, handle).await {
                    assert!(answer.is_ok(), "{read}: {answer:?}");
                }
                schema.execute("UPDATE {}.told SET standby = true").await;
                for (read, answer) in reads(&store, who, handle).await {
                    let error = answer.expect_err(read);
                    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{read}: {}", story(&error));
                    assert!(story(&error).contains("standby"), "{read}: {}", story(&error));
                }
                schema.execute("UPDATE {}.told SET standby = false").await;
            }
            if !is_filled {
                let commit = Commit::new(alice(), None, revision(), "{}").with_events(&events).with_claims(&claims);
                assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
                assert!(store.advance("audit", None, &SinkState::new(None, None)).await.unwrap());
            }
        }
    }
}

/// The first statement of a page finds the primary, the next one a standby that has not received the event yet.
#[tokio::test]
async fn a_page_whose_second_half_comes_from_a_standby_is_refused() {
    let Some(schema) = Schema::new("halves") else { return };
    schema
        .execute(
            "CREATE SCHEMA {}; CREATE SEQUENCE {}.asked;
             CREATE FUNCTION {}.pg_is_in_recovery() RETURNS boolean LANGUAGE sql
                 AS $$ SELECT nextval('{}.asked') % 2 = 0 $$",
        )
        .await;
    let url = format!("{}?options[search_path]={},pg_catalog", schema.url(), schema.name());
    let store = schema.options().connect(&url).await.unwrap();
    schema.execute("SELECT setval('{}.asked', 2)").await;
    let after: Option<&EventCursor> = None;
    let error = store.events(Feed::All, after, 9).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{}", story(&error));
}
