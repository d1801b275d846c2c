//! Numbers are drawn before the commit: what a reader must not do, and that this store's does not.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::{AssertSqlSafe, PgConnection, Row as _};
use tokio::task::JoinHandle;
use tower_mfa::id::Subject;
use tower_mfa::store::{Commit, Committed, EventCursor, Feed, PostgresStore, Store, StoredEvent};

use crate::postgres::{Schema, run};
use crate::{event, revision};

pub(crate) fn subject(id: &str) -> Subject {
    Subject::new(id).unwrap()
}

pub(crate) async fn put(store: &PostgresStore, id: &str) {
    let events = [event(&format!("\"{id}\""))];
    let who = subject(id);
    let commit = Commit::new(&who, None, revision(), "{}").with_events(&events);
    assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
}

async fn read(store: &PostgresStore, of: Feed<'_>, after: Option<&EventCursor>) -> Vec<StoredEvent> {
    store.events(of, after, 200).await.unwrap().into_items()
}

pub(crate) fn bodies(events: &[StoredEvent]) -> Vec<&str> {
    events.iter().map(StoredEvent::body).collect()
}

/// Holds up the commit of the subject `slow` where it has drawn its number and not yet ended.
pub(crate) struct Gate {
    connection: PgConnection,
    /// Its lock: this process and a number of its own, for other tests have gates, too.
    key: (u32, u32),
}

impl Gate {
    pub(crate) async fn shut(schema: &Schema) -> Self {
        static GATES: AtomicU32 = AtomicU32::new(1);
        let key = (std::process::id(), GATES.fetch_add(1, Ordering::Relaxed));
        let (process, gate) = key;
        schema
            .execute(&format!(
                "CREATE FUNCTION {{}}.gate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                     IF NEW.subject LIKE 'slow%' THEN PERFORM pg_advisory_xact_lock({process}, {gate}); END IF;
                     RETURN NEW;
                 END $$;
                 CREATE TRIGGER gate BEFORE INSERT ON {{}}.event FOR EACH ROW EXECUTE FUNCTION {{}}.gate()"
            ))
            .await;
        let mut connection = schema.by_hand().await;
        run(&mut connection, &format!("SELECT pg_advisory_lock({process}, {gate})")).await;
        Self { connection, key }
    }

    /// Starts a commit, and returns when it waits at the gate.
    pub(crate) async fn held(&mut self, store: &PostgresStore, id: &'static str, waiting: i64) -> JoinHandle<()> {
        let store = store.clone();
        let commit = tokio::spawn(async move { put(&store, id).await });
        let at_gate = format!("SELECT count(*) FROM pg_locks WHERE {}", self.waits());
        while number(&mut self.connection, &at_gate).await < waiting {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        commit
    }

    /// Which locks are of those that wait here.
    fn waits(&self) -> String {
        let (process, gate) = self.key;
        format!("locktype = 'advisory' AND classid = {process} AND objid = {gate} AND objsubid = 2 AND NOT granted")
    }

    pub(crate) async fn open(&mut self) {
        let (process, gate) = self.key;
        run(&mut self.connection, &format!("SELECT pg_advisory_unlock({process}, {gate})")).await;
    }

    async fn shut_again(&mut self) {
        let (process, gate) = self.key;
        run(&mut self.connection, &format!("SELECT pg_advisory_lock({process}, {gate})")).await;
    }
}

async fn number(connection: &mut PgConnection, sql: &str) -> i64 {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch_one(connection).await.unwrap().get(0)
}

/// The events behind a number, as a reader with a sequence alone reads them.
async fn naive(connection: &mut PgConnection, schema: &str, after: i64) -> Vec<(i64, String)> {
    let sql = format!("SELECT number, body FROM {schema}.event WHERE number > {after} ORDER BY number");
    let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(connection).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn a_reader_that_goes_by_the_sequence_skips_an_event_and_the_stores_does_not() {
    let Some(schema) = Schema::new("skips") else { return };
    let store = schema.store().await;
    let mut gate = Gate::shut(&schema).await;
    let slow = gate.held(&store, "slow", 1).await;
    put(&store, "fast").await;

    let mut by_hand = schema.by_hand().await;
    let seen = naive(&mut by_hand, schema.name(), 0).await;
    assert_eq!(seen.len(), 1, "the later number is committed, and met first");
    let first = read(&store, Feed::All, None).await;
    assert!(first.is_empty(), "what could still be overtaken is held back: {:?}", bodies(&first));

    gate.open().await;
    slow.await.unwrap();
    assert!(
        naive(&mut by_hand, schema.name(), seen[0].0).await.is_empty(),
        "the reader of the sequence never meets it"
    );
    let all = read(&store, Feed::All, first.last().map(StoredEvent::cursor)).await;
    assert_eq!(bodies(&all), ["\"slow\"", "\"fast\""]);
}

#[tokio::test]
async fn a_subjects_own_events_are_read_at_once_and_their_cursor_skips_nobody_elses() {
    let Some(schema) = Schema::new("own") else { return };
    let store = schema.store().await;
    put(&store, "before").await;
    let mut gate = Gate::shut(&schema).await;
    let slow = gate.held(&store, "slow", 1).await;
    put(&store, "fast").await;
    let own = read(&store, Feed::Subject(&subject("fast")), None).await;
    assert_eq!(bodies(&own), ["\"fast\""]);
    gate.open().await;
    slow.await.unwrap();
    let rest = read(&store, Feed::All, Some(own[0].cursor())).await;
    assert_eq!(bodies(&rest), ["\"slow\"", "\"fast\""], "the one in between is met, and one is met again");
    assert!(read(&store, Feed::Subject(&subject("fast")), Some(own[0].cursor())).await.is_empty());
}

#[tokio::test]
async fn the_reader_goes_on_up_to_the_first_commit_that_is_not_done() {
    let Some(schema) = Schema::new("upto") else { return };
    let store = schema.store().await;
    put(&store, "a").await;
    let mut gate = Gate::shut(&schema).await;
    let one = gate.held(&store, "slow 1", 1).await;
    put(&store, "b").await;
    let two = gate.held(&store, "slow 2", 2).await;
    put(&store, "c").await;
    assert_eq!(bodies(&read(&store, Feed::All, None).await), ["\"a\""]);
    gate.open().await;
    one.await.unwrap();
    two.await.unwrap();
    let all = read(&store, Feed::All, None).await;
    assert_eq!(bodies(&all), ["\"a\"", "\"slow 1\"", "\"b\"", "\"slow 2\"", "\"c\""]);
}

/// Whose number is drawn and never used: a commit that was undone, and one whose server process was killed.
#[tokio::test]
async fn a_number_that_is_never_used_stalls_nobody() {
    let Some(schema) = Schema::new("unused") else { return };
    let store = schema.store().await;
    let mut gate = Gate::shut(&schema).await;
    let who = store.clone();
    let lost = tokio::spawn(async move {
        let (slow, events) = (subject("slow"), [event("\"lost\"")]);
        who.commit(Commit::new(&slow, None, revision(), "{}").with_events(&events)).await.map(drop)
    });
    let waits = format!("SELECT coalesce(min(pid), 0)::bigint FROM pg_locks WHERE {}", gate.waits());
    let mut by_hand = schema.by_hand().await;
    let mut pid = 0;
    while pid == 0 {
        pid = number(&mut by_hand, &waits).await;
    }
    run(&mut by_hand, &format!("SELECT pg_terminate_backend({pid})")).await;
    let error = lost.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), tower_mfa::store::StoreErrorKind::Unknown, "{}", crate::story(&error));
    put(&store, "next").await;
    assert_eq!(bodies(&read(&store, Feed::All, None).await), ["\"next\""]);
    gate.open().await;
}

/// Open for any time, with and without a transaction id, with and without a snapshot of old.
#[tokio::test]
async fn long_transactions_of_the_host_do_not_stall_the_reader() {
    let Some(schema) = Schema::new("host") else { return };
    let store = schema.store().await;
    schema.execute("CREATE TABLE {}.orders (id int)").await;
    let (mut writes, mut reads) = (schema.by_hand().await, schema.by_hand().await);
    let insert =
        format!("BEGIN; INSERT INTO {}.orders VALUES (1); SELECT pg_advisory_xact_lock_shared(7)", schema.name());
    run(&mut writes, &insert).await;
    run(&mut reads, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class").await;
    put(&store, "alice").await;
    let mut by_hand = schema.by_hand().await;
    let passed = format!(
        "SELECT (pg_snapshot_xmin(pg_current_snapshot())::text::bigint > max(xmin::text::bigint))::int::bigint FROM {}.event",
        schema.name()
    );
    assert_eq!(number(&mut by_hand, &passed).await, 0, "the oldest transaction is older than the event");
    assert_eq!(bodies(&read(&store, Feed::All, None).await), ["\"alice\""]);
    run(&mut writes, "ROLLBACK").await;
    run(&mut reads, "ROLLBACK").await;
}

/// The place in a lock has 32 bits.
#[tokio::test]
async fn numbers_beyond_32_bits_are_told_apart() {
    let Some(schema) = Schema::new("wrap") else { return };
    let store = schema.store().await;
    let mut gate = Gate::shut(&schema).await;
    for (round, last) in [u32::MAX.into(), 5_000_000_000_i64].into_iter().enumerate() {
        schema.execute(&format!("SELECT setval('{{}}.event_number', {last})")).await;
        let slow = gate.held(&store, ["slow 1", "slow 2"][round], 1).await;
        let before = read(&store, Feed::All, None).await.len();
        put(&store, ["fast 1", "fast 2"][round]).await;
        assert_eq!(read(&store, Feed::All, None).await.len(), before, "held back at {last}");
        gate.open().await;
        slow.await.unwrap();
        assert_eq!(read(&store, Feed::All, None).await.len(), before + 2, "read to the end at {last}");
        gate.shut_again().await;
    }
    gate.open().await;
}
