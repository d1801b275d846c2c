//! What the store says when the server refuses, and what it makes sure of.

use sqlx::{AssertSqlSafe, Row as _};
use tokio::task::JoinSet;
use tower_mfa::store::{Claim, Commit, Committed, Lease, PostgresStore, SinkState, Store, StoreErrorKind, UserHandle};

use crate::postgres::{Schema, run};
use crate::{alice, event, revision, story};

/// The URL with a setting for each of its connections.
fn with(schema: &Schema, setting: &str) -> String {
    format!("{}?options[{}", schema.url(), setting.replacen('=', "]=", 1))
}

async fn connected(schema: &Schema, setting: &str) -> PostgresStore {
    schema.options().connect(&with(schema, setting)).await.unwrap()
}

#[tokio::test]
async fn what_the_server_refuses_is_not_committed() {
    let Some(schema) = Schema::new("refuses") else { return };
    let store = schema.store().await;
    let first = revision();
    assert_eq!(store.commit(Commit::new(alice(), None, first, "{}")).await.unwrap(), Committed::Done);
    let mut by_hand = schema.by_hand().await;
    run(&mut by_hand, &format!("BEGIN; SELECT FROM {}.account FOR UPDATE", schema.name())).await;
    for setting in ["lock_timeout=20ms", "statement_timeout=50ms", "default_transaction_read_only=on"] {
        let store = connected(&schema, setting).await;
        let events = [event("{}")];
        let error =
            store.commit(Commit::new(alice(), Some(&first), revision(), "{}").with_events(&events)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::NotCommitted, "{setting}: {}", story(&error));
        assert!(store.load(alice()).await.unwrap().is_some(), "{setting}: what is there can be read");
    }
    run(&mut by_hand, "ROLLBACK").await;
    for document in ["not JSON", "{\"v\":\"\\u0000\"}", "\0"] {
        let error = store.commit(Commit::new(alice(), Some(&first), revision(), document)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::NotCommitted, "{document:?}: {}", story(&error));
    }
    assert_eq!(store.commit(Commit::new(alice(), Some(&first), revision(), "{}")).await.unwrap(), Committed::Done);
}

#[tokio::test]
async fn a_failure_in_the_middle_of_a_commit_leaves_nothing_behind() {
    let Some(schema) = Schema::new("middle") else { return };
    let store = schema.store().await;
    schema.execute("ALTER TABLE {}.event ADD CONSTRAINT no CHECK (false)").await;
    let handle = UserHandle::new([7; 16]).unwrap();
    let (events, claims) = ([event("{}")], [Claim::user_handle(&handle)]);
    let commit = Commit::new(alice(), None, revision(), "{}").with_events(&events).with_claims(&claims);
    let error = store.commit(commit).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::NotCommitted, "{}", story(&error));
    assert!(store.load(alice()).await.unwrap().is_none());
    assert!(store.subject_of(&handle).await.unwrap().is_none());
    schema.execute("ALTER TABLE {}.event DROP CONSTRAINT no").await;
    assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
}

/// Read by a trigger that runs when the transaction commits.
#[tokio::test]
async fn a_commit_is_durable_where_the_host_has_that_turned_off() {
    let Some(schema) = Schema::new("durable") else { return };
    drop(schema.store().await);
    schema
        .execute(
            "CREATE TABLE {}.told (durable text);
             CREATE FUNCTION {}.tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 INSERT INTO {}.told VALUES (current_setting('synchronous_commit')); RETURN NULL;
             END $$;
             CREATE CONSTRAINT TRIGGER tell AFTER INSERT ON {}.account DEFERRABLE INITIALLY DEFERRED
                 FOR EACH ROW EXECUTE FUNCTION {}.tell();
             CREATE CONSTRAINT TRIGGER tell AFTER INSERT ON {}.sink DEFERRABLE INITIALLY DEFERRED
                 FOR EACH ROW EXECUTE FUNCTION {}.tell()",
        )
        .await;
    let mut wanted = Vec::new();
    for (number, (host, ours)) in
        [("off", "on"), ("on", "on"), ("local", "on"), ("remote_write", "on"), ("remote_apply", "remote_apply")]
            .into_iter()
            .enumerate()
    {
        for direct in [false, true] {
            let options = schema.options().direct(direct);
            let store = options.connect(&with(&schema, &format!("synchronous_commit={host}"))).await.unwrap();
            let who = tower_mfa::id::Subject::new(format!("{number} {direct}")).unwrap();
            assert_eq!(store.commit(Commit::new(&who, None, revision(), "{}")).await.unwrap(), Committed::Done);
            assert!(store.advance(&format!("{number} {direct}"), None, &SinkState::new(None, None)).await.unwrap());
            wanted.extend([ours, ours]);
        }
    }
    let mut by_hand = schema.by_hand().await;
    let told = format!("SELECT durable FROM {}.told", schema.name());
    let told = sqlx::raw_sql(AssertSqlSafe(told)).fetch_all(&mut by_hand).await.unwrap();
    assert_eq!(told.iter().map(|row| row.get::<String, _>(0)).collect::<Vec<_>>(), wanted);
}

/// Both of them hold what the other one wants, in the order in which they were given; one has it all.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_that_claim_the_same_in_another_order_one_succeeds() {
    let Some(schema) = Schema::new("claims") else { return };
    let stores = [schema.store().await, schema.store().await];
    for round in 0..20_u8 {
        let claims: Vec<Claim> = (0..8).map(|n| Claim::credential_id([round, n])).collect();
        let mut racing = JoinSet::new();
        for (number, store) in stores.iter().cloned().enumerate() {
            let mut claims = claims.clone();
            if number == 1 {
                claims.reverse();
            }
            racing.spawn(async move {
                let who = tower_mfa::id::Subject::new(format!("{round} {number}")).unwrap();
                store.commit(Commit::new(&who, None, revision(), "{}").with_claims(&claims)).await
            });
        }
        let mut ended: Vec<_> = racing.join_all().await.into_iter().map(Result::unwrap).collect();
        ended.sort_by_key(|committed| *committed != Committed::Done);
        assert_eq!(ended, [Committed::Done, Committed::Claimed]);
    }
}

#[tokio::test]
async fn damaged_rows_are_corrupt_and_never_look_like_no_document() {
    let Some(schema) = Schema::new("damaged") else { return };
    let store = schema.store().await;
    let events = [event("{}")];
    assert_eq!(
        store.commit(Commit::new(alice(), None, revision(), "{}").with_events(&events)).await.unwrap(),
        Committed::Done
    );
    let lease = Lease::new("worker 1", tower_mfa::clock::Timestamp::from_secs(90));
    assert!(store.advance("audit", None, &SinkState::new(None, Some(lease))).await.unwrap());
    let feed = tower_mfa::store::Feed::All;
    schema.execute("UPDATE {}.event SET id = 'not an id'").await;
    assert_eq!(store.events(feed, None, 9).await.unwrap_err().kind(), StoreErrorKind::Corrupt);
    schema.execute("UPDATE {}.sink SET until = NULL").await;
    assert_eq!(store.sink("audit").await.unwrap_err().kind(), StoreErrorKind::Corrupt);
    schema.execute("UPDATE {}.account SET subject = ' '").await;
    assert_eq!(store.scan(None, 9).await.unwrap_err().kind(), StoreErrorKind::Corrupt);
    schema.execute("DROP TABLE {}.account CASCADE").await;
    assert_eq!(store.load(alice()).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
    for cursor in ["17", "x.1", "~"] {
        assert_eq!(
            store.events(feed, Some(&cursor.parse().unwrap()), 9).await.unwrap_err().kind(),
            StoreErrorKind::Cursor
        );
    }
    assert_eq!(store.scan(Some(&"~".parse().unwrap()), 9).await.unwrap_err().kind(), StoreErrorKind::Cursor);
}

/// As some servers have them that are not PostgreSQL.
#[tokio::test]
async fn a_server_whose_advisory_locks_do_nothing_is_refused() {
    let Some(schema) = Schema::new("no_locks") else { return };
    let stub = "CREATE FUNCTION {}.pg_advisory_xact_lock_shared(bigint) RETURNS void LANGUAGE sql AS ''";
    schema.execute(&format!("CREATE SCHEMA {{}}; {stub}")).await;
    let url = with(&schema, &format!("search_path={},pg_catalog", schema.name()));
    let refused = schema.options().connect(&url).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Unavailable, "{}", story(&refused));
    assert!(story(&refused).contains("advisory lock"), "{}", story(&refused));
}

/// The server of the tests has it on, so it is asked through a function of that name.
#[tokio::test]
async fn a_server_that_may_forget_is_refused_unless_the_host_means_it() {
    let Some(schema) = Schema::new("forgets") else { return };
    let stub = "CREATE FUNCTION {}.current_setting(text) RETURNS text LANGUAGE sql
                AS $$ SELECT CASE $1 WHEN 'fsync' THEN 'off' ELSE pg_catalog.current_setting($1) END $$";
    schema.execute(&format!("CREATE SCHEMA {{}}; {stub}")).await;
    let url = with(&schema, &format!("search_path={},pg_catalog", schema.name()));
    let refused = schema.options().connect(&url).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Unavailable, "{}", story(&refused));
    assert!(story(&refused).contains("accept_data_loss"), "{}", story(&refused));
    assert!(schema.options().accept_data_loss(true).connect(&url).await.is_ok());
}

#[tokio::test]
async fn a_url_of_another_kind_is_refused() {
    for url in ["sqlite:mfa.db", "", "postgres:/x", "mysql://localhost/mfa", "postgres://[::1"] {
        let error = PostgresStore::connect(url).await.expect_err(url);
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{url}");
    }
}

/// Quotes, backslashes, and all that PostgreSQL's settings read in more than one way.
#[tokio::test]
async fn every_text_comes_back_whatever_the_settings() {
    let Some(schema) = Schema::new("texts") else { return };
    let mut names: Vec<String> = (1..=0x2ff).filter_map(char::from_u32).map(|c| format!("{c}'{c}\\{c}")).collect();
    names.extend(["\\'; DROP TABLE x; --", "$1", "$$", "{account}", "E'", "\\x00", "🔑"].map(str::to_owned));
    for setting in ["standard_conforming_strings=off", "standard_conforming_strings=on", "backslash_quote=off"] {
        for direct in [false, true] {
            let store = schema.options().direct(direct).connect(&with(&schema, setting)).await.unwrap();
            for chunk in names.chunks(64) {
                let (sink, text) = (format!("{setting} {direct} {}", chunk.concat()), chunk.concat());
                let state = SinkState::new(None, Some(Lease::new(&*text, tower_mfa::clock::Timestamp::from_secs(1))));
                assert!(store.advance(&sink, None, &state).await.unwrap());
                assert_eq!(store.sink(&sink).await.unwrap(), Some(state));
            }
        }
    }
}

/// More tasks than connections: they wait their turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn more_commits_than_connections_wait_for_their_turn() {
    let Some(schema) = Schema::new("turns") else { return };
    let store = schema.options().max_connections(2).connect(schema.url()).await.unwrap();
    let mut racing = JoinSet::new();
    for number in 0..64 {
        let store = store.clone();
        racing.spawn(async move {
            let who = tower_mfa::id::Subject::new(format!("{number}")).unwrap();
            store.commit(Commit::new(&who, None, revision(), "{}")).await.unwrap()
        });
    }
    assert!(racing.join_all().await.into_iter().all(|committed| committed == Committed::Done));
}

/// So that the call is answered in time, however many there are.
#[tokio::test]
async fn pruning_many_events_takes_several_calls() {
    let Some(schema) = Schema::new("prunes") else { return };
    let store = schema.store().await;
    schema
        .execute(
            "INSERT INTO {}.event (number, part, subject, id, at, body)
                 SELECT number, 1, 'alice', 'an id', 7, 'null' FROM generate_series(1, 10500) AS number",
        )
        .await;
    let before = tower_mfa::clock::Timestamp::from_secs(8);
    for gone in [10_000, 500, 0] {
        assert_eq!(store.prune(before).await.unwrap(), gone);
    }
}
