//! What the store says when the server, or the way to it, fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Row as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tower_mfa::clock::{Clock, SystemClock};
use tower_mfa::store::{Claim, Commit, Committed, Lease, PostgresStore, SinkState, Store, StoreErrorKind, UserHandle};
use tower_mfa::testing::ManualClock;

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
        [("off", "on"), ("on", "on"), ("local", "local"), ("remote_apply", "remote_apply")].into_iter().enumerate()
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

#[tokio::test]
async fn a_url_of_another_kind_is_refused() {
    for url in ["sqlite:mfa.db", "", "postgres:/x", "mysql://localhost/mfa", "postgres://[::1"] {
        let error = PostgresStore::connect(url).await.expect_err(url);
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{url}");
    }
}

#[tokio::test]
async fn clocks_that_differ_are_told() {
    let Some(schema) = Schema::new("clocks") else { return };
    let now = SystemClock.now().unwrap();
    let clock = ManualClock::at(now.plus(100).as_secs());
    let store = schema.options().clock(clock.clone()).connect(schema.url()).await.unwrap();
    assert!((-101..=-90).contains(&store.clock_difference()), "{}", store.clock_difference());
    clock.go_back(150);
    assert_eq!(store.commit(Commit::new(alice(), None, revision(), "{}")).await.unwrap(), Committed::Done);
    assert!((45..=52).contains(&store.clock_difference()), "{}", store.clock_difference());
}

const OPEN: u8 = 0;
/// Hands a commit on and cuts when the server has answered it.
const CUT_AFTER: u8 = 1;
/// Cuts when a commit comes.
const CUT_BEFORE: u8 = 2;
/// Cuts when anything comes.
const DOWN: u8 = 3;
/// Hands nothing on any more, of a connection on which a commit comes, and does not cut it.
const SILENT: u8 = 4;

/// What stands between the store and the server.
struct Wire {
    url: String,
    mode: Arc<AtomicU8>,
    listener: AbortHandle,
}

impl Wire {
    async fn to(schema: &Schema) -> Self {
        let server: PgConnectOptions = schema.url().parse().unwrap();
        let address = (server.get_host().to_owned(), server.get_port());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (user, database) = (server.get_username(), server.get_database().unwrap());
        let url = format!("postgres://{user}@127.0.0.1:{port}/{database}");
        let mode = Arc::new(AtomicU8::new(OPEN));
        let theirs = Arc::clone(&mode);
        let accepting = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let server = TcpStream::connect(&address).await.unwrap();
                tokio::spawn(carry(client, server, Arc::clone(&theirs)));
            }
        });
        Self { url, mode, listener: accepting.abort_handle() }
    }
}

async fn carry(mut client: TcpStream, mut server: TcpStream, mode: Arc<AtomicU8>) {
    let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    let mut cuts = false;
    loop {
        tokio::select! {
            read = client.read(&mut asked) => match read {
                Ok(count @ 1..) => {
                    // Only a commit says this; the pool has messages of its own.
                    let commits = asked[..count].windows(18).any(|text| text == b"synchronous_commit");
                    match mode.load(Ordering::Relaxed) {
                        DOWN => return,
                        CUT_BEFORE if commits => return,
                        SILENT if commits => std::future::pending().await,
                        now => {
                            cuts |= commits && now == CUT_AFTER;
                            server.write_all(&asked[..count]).await.unwrap();
                        }
                    }
                }
                _ => return,
            },
            read = server.read(&mut answered) => match read {
                Ok(1..) if cuts => return,
                Ok(count @ 1..) => client.write_all(&answered[..count]).await.unwrap(),
                _ => return,
            },
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_connection_that_is_cut_the_outcome_is_unknown_and_is_found_on_loading() {
    let Some(schema) = Schema::new("cut") else { return };
    let wire = Wire::to(&schema).await;
    let store = schema.options().max_connections(1).connect(&wire.url).await.unwrap();
    let mut stored = None;
    for (mode, is_committed) in [(CUT_AFTER, true), (CUT_BEFORE, false), (CUT_AFTER, true)] {
        assert!(store.load(alice()).await.is_ok(), "the store goes on with another connection");
        let (new, events) = (revision(), [event("{}")]);
        let commit = Commit::new(alice(), stored.as_ref(), new, "{}").with_events(&events);
        wire.mode.store(mode, Ordering::Relaxed);
        let error = store.commit(commit).await.unwrap_err();
        wire.mode.store(OPEN, Ordering::Relaxed);
        assert_eq!(error.kind(), StoreErrorKind::Unknown, "{}", story(&error));
        let found = store.load(alice()).await.unwrap().map(|found| *found.revision());
        assert_eq!(found == Some(new), is_committed);
        stored = found;
    }
    let events = store.events(tower_mfa::store::Feed::All, None, 9).await.unwrap();
    assert_eq!(events.items().len(), 2, "one for each commit that was done");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_finds_no_connection_is_not_committed() {
    let Some(schema) = Schema::new("down") else { return };
    let wire = Wire::to(&schema).await;
    let store = schema.options().max_connections(1).connect(&wire.url).await.unwrap();
    wire.listener.abort();
    wire.mode.store(DOWN, Ordering::Relaxed);
    assert_eq!(store.load(alice()).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
    let error = store.commit(Commit::new(alice(), None, revision(), "{}")).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::NotCommitted, "{}", story(&error));
}

/// Nothing tells that the other end is gone: no more than a machine without power does.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_silent_does_not_keep_the_pool() {
    let Some(schema) = Schema::new("silent") else { return };
    let wire = Wire::to(&schema).await;
    let store = schema.options().max_connections(1).connect(&wire.url).await.unwrap();
    wire.mode.store(SILENT, Ordering::Relaxed);
    let commit = store.commit(Commit::new(alice(), None, revision(), "{}"));
    let given_up = tokio::time::timeout(std::time::Duration::from_millis(500), commit).await;
    assert!(given_up.is_err(), "there is no answer");
    wire.mode.store(OPEN, Ordering::Relaxed);
    assert!(store.load(alice()).await.unwrap().is_none());
    assert_eq!(store.commit(Commit::new(alice(), None, revision(), "{}")).await.unwrap(), Committed::Done);
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
