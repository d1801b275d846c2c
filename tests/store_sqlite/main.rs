//! What only the store in a file can be asked: restarts, foreign files, locks, permissions.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a helper of a test may panic like the test"
)]

#[path = "../folder/mod.rs"]
mod folder;
#[cfg(unix)]
mod full;
#[path = "../common/house.rs"]
mod house;
#[path = "../common/left_out.rs"]
mod left_out;
mod migration;
#[cfg(unix)]
#[path = "../common/small_disk.rs"]
mod small_disk;
#[path = "../common/tools.rs"]
#[expect(dead_code, reason = "what other tests ask of it")]
mod tools;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use folder::Folder;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tower_mfa::clock::Timestamp;
use tower_mfa::entropy::SystemEntropy;
use tower_mfa::id::{EventId, Subject};
use tower_mfa::store::{
    Claim, Commit, Committed, Feed, Lease, NewEvent, Revision, SinkState, SqliteStore, Store, StoreError,
    StoreErrorKind, UserHandle,
};

fn alice() -> &'static Subject {
    static ALICE: LazyLock<Subject> = LazyLock::new(|| Subject::with_tenant("acme", "alice").unwrap());
    &ALICE
}

fn revision() -> Revision {
    Revision::generate(&SystemEntropy).unwrap()
}

fn event(body: &str) -> NewEvent {
    NewEvent::new(EventId::generate(&SystemEntropy).unwrap(), Timestamp::from_secs(7), body)
}

/// Opens the file behind the store's back.
async fn by_hand(file: &Path) -> SqliteConnection {
    sqlx::sqlite::SqliteConnectOptions::new().filename(file).create_if_missing(true).connect().await.unwrap()
}

async fn execute(file: &Path, sql: &'static str) {
    let mut connection = by_hand(file).await;
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// Opens a file that must be refused, and returns the whole story.
async fn refused(file: &Path) -> (StoreErrorKind, String) {
    let error = SqliteStore::open(file).await.expect_err("the file was accepted");
    (error.kind(), story(&error))
}

fn story(error: &StoreError) -> String {
    format!("{error}: {}", std::error::Error::source(error).expect("a store error has a source"))
}

#[tokio::test]
async fn a_restart_keeps_everything() {
    let folder = Folder::new("restart");
    let file = folder.path().join("mfa.db");
    let (first, handle) = (revision(), UserHandle::new([9; 16]).unwrap());
    let (events, claims) = ([event("\"bound\"")], [Claim::user_handle(&handle)]);
    let state = {
        let store = SqliteStore::open(&file).await.unwrap();
        let commit = Commit::new(alice(), None, first, r#"{"v":1}"#).with_events(&events).with_claims(&claims);
        assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
        let at = store.events(Feed::All, None, 1).await.unwrap().items()[0].cursor().clone();
        let state = SinkState::new(Some(at), Some(Lease::new("worker 1", Timestamp::from_secs(90))));
        assert!(store.advance("audit", None, &state).await.unwrap());
        state
    };
    let store = SqliteStore::open(&file).await.unwrap();
    let stored = store.load(alice()).await.unwrap().unwrap();
    assert_eq!((*stored.revision(), stored.document()), (first, r#"{"v":1}"#));
    assert_eq!(store.subject_of(&handle).await.unwrap(), Some(alice().clone()));
    assert_eq!(store.events(Feed::All, None, 9).await.unwrap().items()[0].body(), "\"bound\"");
    assert_eq!(store.sink("audit").await.unwrap(), Some(state));
    let late = revision();
    assert_eq!(store.commit(Commit::new(alice(), None, late, "{}")).await.unwrap(), Committed::Conflict);
    assert_eq!(store.commit(Commit::new(alice(), Some(&first), late, "{}")).await.unwrap(), Committed::Done);
}

#[tokio::test]
async fn what_a_crash_leaves_on_the_disk_holds_every_commit() {
    let folder = Folder::new("killed");
    let file = folder.path().join("mfa.db");
    let kept = std::fs::canonicalize(folder.path()).unwrap().join("copy.db");
    let store = SqliteStore::open(&file).await.unwrap();
    let first = revision();
    assert_eq!(store.commit(Commit::new(alice(), None, first, "{}")).await.unwrap(), Committed::Done);
    // What is on the disk while the store is still open is what a crash leaves.
    std::fs::copy(&file, &kept).unwrap();
    std::fs::copy(folder.path().join("mfa.db-wal"), folder.path().join("copy.db-wal")).unwrap();
    let found = SqliteStore::open(&kept).await.unwrap().load(alice()).await.unwrap().unwrap();
    assert_eq!(*found.revision(), first);
}

/// A call prunes some thousands, and looks through as many that stay.
#[tokio::test]
async fn one_call_prunes_a_part_and_events_that_stay_at_the_head_do_not_hide_the_others() {
    let folder = Folder::new("pruning");
    let store = SqliteStore::open(folder.path().join("mfa.db")).await.unwrap();
    let mut last = None;
    for (count, at) in [(600, 99), (10_700, 10), (1, 50)] {
        let id = || EventId::generate(&SystemEntropy).unwrap();
        let events: Vec<_> = (0..count).map(|_| NewEvent::new(id(), Timestamp::from_secs(at), "{}")).collect();
        let next = revision();
        let commit = Commit::new(alice(), last.as_ref(), next, "{}").with_events(&events);
        assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
        last = Some(next);
    }
    let mut pruned = Vec::new();
    while let count @ 1.. = store.prune(Timestamp::from_secs(50)).await.unwrap() {
        pruned.push(count);
    }
    assert_eq!(pruned, [10_000, 700]);
}

#[tokio::test]
async fn readers_do_not_wait_for_a_writer_of_another_process() {
    let folder = Folder::new("modes");
    let file = folder.path().join("mfa.db");
    let store = SqliteStore::open(&file).await.unwrap();
    let mut other = by_hand(&file).await;
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut other).await.unwrap();
    assert_eq!(mode, "wal");
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    assert!(store.load(alice()).await.unwrap().is_none(), "a reader gets through while another process writes");
}

#[tokio::test]
async fn a_busy_file_is_not_committed() {
    let folder = Folder::new("busy");
    let file = folder.path().join("mfa.db");
    let store = SqliteStore::open(&file).await.unwrap();
    let mut other = by_hand(&file).await;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let error = store.commit(Commit::new(alice(), None, revision(), "{}")).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::NotCommitted, "{}", story(&error));
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    let again = store.commit(Commit::new(alice(), None, revision(), "{}")).await;
    assert_eq!(again.unwrap(), Committed::Done, "the store goes on when the lock is gone");
}

#[tokio::test]
async fn a_failure_in_the_middle_of_a_commit_leaves_nothing_behind() {
    let folder = Folder::new("middle");
    let file = folder.path().join("mfa.db");
    let store = SqliteStore::open(&file).await.unwrap();
    execute(&file, "CREATE TRIGGER no BEFORE INSERT ON tower_mfa_event BEGIN SELECT RAISE(ABORT, 'no'); END").await;
    let events = [event("{}")];
    let commit = Commit::new(alice(), None, revision(), "{}").with_events(&events);
    let error = store.commit(commit).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::NotCommitted, "{}", story(&error));
    assert!(store.load(alice()).await.unwrap().is_none(), "the document went back with its event");
    execute(&file, "DROP TRIGGER no").await;
    assert_eq!(store.commit(commit).await.unwrap(), Committed::Done, "no transaction was left open");
}

#[tokio::test]
async fn a_file_opened_for_reading_is_read_and_not_committed() {
    let folder = Folder::new("readonly");
    let file = folder.path().join("mfa.db");
    let url = format!("sqlite:{}", file.display());
    let missing = SqliteStore::connect(&format!("{url}?mode=ro")).await.unwrap_err();
    assert_eq!(missing.kind(), StoreErrorKind::Unavailable, "{}", story(&missing));
    let writer = SqliteStore::connect(&url).await.unwrap();
    let first = revision();
    assert_eq!(writer.commit(Commit::new(alice(), None, first, "{}")).await.unwrap(), Committed::Done);
    let reader = SqliteStore::connect(&format!("{url}?mode=ro")).await.unwrap();
    assert!(reader.load(alice()).await.unwrap().is_some());
    let error = reader.commit(Commit::new(alice(), Some(&first), revision(), "{}")).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::NotCommitted, "{}", story(&error));
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_unavailable() {
    let folder = Folder::new("nowhere");
    let (kind, _) = refused(&folder.path().join("nowhere").join("mfa.db")).await;
    assert_eq!(kind, StoreErrorKind::Unavailable);
}

#[tokio::test]
async fn a_url_of_another_kind_is_refused() {
    for url in ["postgres://localhost/mfa", "sqlite:", "sqlite://", "sqlite:mfa.db?mode=memory", "mfa.db"] {
        let error = SqliteStore::connect(url).await.expect_err(url);
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{url}");
    }
    let store = SqliteStore::connect("sqlite::memory:").await.unwrap();
    assert!(store.load(alice()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let folder = Folder::new("no_database");
    let file = folder.path().join("notes.txt");
    let text = "this is not a database, it is somebody's notes. ".repeat(100);
    std::fs::write(&file, &text).unwrap();
    let (kind, story) = refused(&file).await;
    assert_eq!(kind, StoreErrorKind::Corrupt, "{story}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}

#[tokio::test]
async fn the_tables_stand_beside_those_of_the_host() {
    let folder = Folder::new("host");
    let file = folder.path().join("app.db");
    execute(&file, "CREATE TABLE users (id TEXT); INSERT INTO users VALUES ('alice');").await;
    execute(&file, "CREATE TABLE _sqlx_migrations (version INTEGER); PRAGMA user_version = 42;").await;
    let store = SqliteStore::open(&file).await.unwrap();
    assert_eq!(store.commit(Commit::new(alice(), None, revision(), "{}")).await.unwrap(), Committed::Done);
    let mut host = by_hand(&file).await;
    let others = "SELECT count(*) FROM sqlite_schema WHERE name NOT GLOB 'tower_mfa_*' AND name NOT GLOB 'sqlite_*'";
    let others: i64 = sqlx::query_scalar(others).fetch_one(&mut host).await.unwrap();
    assert_eq!(others, 2, "every table, index and trigger bears the prefix");
    let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut host).await.unwrap();
    assert_eq!(version, 42, "the host's own version number is left alone");
}

#[tokio::test]
async fn tables_of_a_version_that_is_not_known_are_refused() {
    let folder = Folder::new("version");
    for (name, sql, why) in [
        ("newer", "UPDATE tower_mfa_schema SET version = 1000", "version 1000"),
        ("none", "DELETE FROM tower_mfa_schema", "does not hold one version"),
        ("two", "INSERT INTO tower_mfa_schema VALUES (1)", "does not hold one version"),
        ("negative", "UPDATE tower_mfa_schema SET version = -1", "does not hold one version"),
        ("zero", "UPDATE tower_mfa_schema SET version = 0", "does not hold one version"),
        ("missing", "DROP TABLE tower_mfa_claim", "the table tower_mfa_claim is missing"),
        ("unversioned", "DROP TABLE tower_mfa_schema", "no tower_mfa_schema"),
    ] {
        let file = folder.path().join(name);
        drop(SqliteStore::open(&file).await.unwrap());
        execute(&file, sql).await;
        let (kind, story) = refused(&file).await;
        assert_eq!(kind, StoreErrorKind::Corrupt, "{name}: {story}");
        assert!(story.contains(why), "{name}: {story}");
    }
}

#[tokio::test]
async fn damaged_rows_are_corrupt_and_never_look_like_no_document() {
    let folder = Folder::new("damaged");
    let file = folder.path().join("mfa.db");
    let store = SqliteStore::open(&file).await.unwrap();
    let events = [event("{}")];
    let commit = Commit::new(alice(), None, revision(), "{}").with_events(&events);
    assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
    let state = SinkState::new(None, Some(Lease::new("worker 1", Timestamp::from_secs(90))));
    assert!(store.advance("audit", None, &state).await.unwrap());

    execute(&file, "UPDATE tower_mfa_account SET revision = x'00'").await;
    assert_eq!(store.load(alice()).await.unwrap_err().kind(), StoreErrorKind::Corrupt);
    execute(&file, "UPDATE tower_mfa_account SET subject = ' '").await;
    assert_eq!(store.scan(None, 9).await.unwrap_err().kind(), StoreErrorKind::Corrupt);
    execute(&file, "UPDATE tower_mfa_event SET id = 'not an id'").await;
    assert_eq!(store.events(Feed::All, None, 9).await.unwrap_err().kind(), StoreErrorKind::Corrupt);
    execute(&file, "UPDATE tower_mfa_sink SET until = NULL").await;
    assert_eq!(store.sink("audit").await.unwrap_err().kind(), StoreErrorKind::Corrupt);
    execute(&file, "DROP TABLE tower_mfa_account").await;
    assert_eq!(store.load(alice()).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
}

#[tokio::test]
async fn a_cursor_of_another_store_is_refused() {
    let store = SqliteStore::in_memory().await.unwrap();
    let event = "x".parse().unwrap();
    assert_eq!(store.events(Feed::All, Some(&event), 9).await.unwrap_err().kind(), StoreErrorKind::Cursor);
    let scan = "~".parse().unwrap();
    assert_eq!(store.scan(Some(&scan), 9).await.unwrap_err().kind(), StoreErrorKind::Cursor);
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_file_is_readable_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new("mode");
    let file = folder.path().join("mfa.db");
    let store = SqliteStore::open(&file).await.unwrap();
    assert_eq!(store.commit(Commit::new(alice(), None, revision(), "{}")).await.unwrap(), Committed::Done);
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.file_name());
    }
}

/// Set in a child process: the file it works on.
const CHILD: &str = "TOWER_MFA_TEST_CHILD";

/// Counts the number in the subject's document up, `times` times, with one event each.
async fn count_up(store: &SqliteStore, times: u32) {
    for _ in 0..times {
        loop {
            let before = store.load(alice()).await.unwrap();
            let count = before.as_ref().map_or(0, |stored| stored.document().parse::<u64>().unwrap());
            let text = (count + 1).to_string();
            let events = [event(&text)];
            let expected = before.as_ref().map(|stored| stored.revision());
            let commit = Commit::new(alice(), expected, revision(), &text).with_events(&events);
            if store.commit(commit).await.unwrap() == Committed::Done {
                break;
            }
        }
    }
}

#[tokio::test]
#[ignore = "a process that the next test starts"]
async fn child_counts_in_the_file_of_its_parent() {
    let file = std::env::var_os(CHILD).expect("the parent names the file");
    count_up(&SqliteStore::open(file).await.unwrap(), 50).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_processes_open_one_new_file_at_once_and_lose_nothing() {
    let folder = Folder::new("processes");
    let file = folder.path().join("mfa.db");
    let child = || {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--ignored", "--exact", "child_counts_in_the_file_of_its_parent"]).env(CHILD, &file);
        child.stdout(Stdio::null()).spawn().unwrap()
    };
    let children = [child(), child(), child()];
    let own = SqliteStore::open(&file).await.unwrap();
    count_up(&own, 50).await;
    for child in children {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    assert_eq!(own.load(alice()).await.unwrap().unwrap().document(), "200");
    let page = own.events(Feed::All, None, 200).await.unwrap();
    let counts: Vec<u64> = page.items().iter().map(|event| event.body().parse().unwrap()).collect();
    assert_eq!(counts, (1..=200).collect::<Vec<_>>(), "one event for each commit, in their order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_open_one_new_file_at_once() {
    let folder = Folder::new("many");
    for round in 0..5 {
        let file = folder.path().join(round.to_string());
        let opening: Vec<_> = (0..8).map(|_| tokio::spawn(SqliteStore::open(file.clone()))).collect();
        for opened in opening {
            opened.await.unwrap().unwrap();
        }
    }
}
