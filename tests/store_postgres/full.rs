//! A server whose disk is full: one of the test's own, on a file system that is small.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sqlx::{Connection as _, PgConnection};
use tower_mfa::account::Refusal;
use tower_mfa::id::Subject;
use tower_mfa::service::Mfa;
use tower_mfa::store::{Commit, Committed, PostgresOptions, PostgresStore, Store as _, StoreErrorKind};
use tower_mfa::testing::AuthenticatorApp;

use crate::house::{House, is_unavailable};
use crate::small_disk::{SmallDisk, is_root};
use crate::{alice, event, revision, story, tools};

/// A cluster on a file system of 64 MB in memory, ended and unmounted with the test.
struct Small {
    programs: PathBuf,
    disk: SmallDisk,
    port: u16,
}

impl Small {
    /// `None` where there is no server to start, or no file system may be mounted; either is said, and fails where
    /// nothing may be left out.
    fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            tools::none_missing(&["PostgreSQL's initdb"]);
            return None;
        };
        let disk = SmallDisk::new("full", 64)?;
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let small = Self { programs, disk, port };
        let made = small.program("initdb", &["-U", "postgres", "-A", "trust", "-E", "UTF8", "--wal-segsize=1"]);
        assert!(made, "initdb");
        small.up();
        Some(small)
    }

    /// Runs a program of PostgreSQL's, which refuse to run as root.
    fn program(&self, name: &str, arguments: &[&str]) -> bool {
        let program = self.programs.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.arg("-D").arg(self.disk.path().join("data")).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
    }

    /// Starts the server, unless it is there: after a crash it may have come back by itself.
    fn up(&self) {
        let settings = format!("-h 127.0.0.1 -p {} -k '' -c max_connections=20 -c shared_buffers=4MB", self.port);
        let begun = Instant::now();
        while !self.is_ready() {
            assert!(begun.elapsed() < Duration::from_secs(30), "the server does not start");
            self.program("pg_ctl", &["-w", "-t", "20", "-l", "/dev/null", "-o", &settings, "start"]);
        }
    }

    /// Whether it takes connections: while it puts its tables right it listens and refuses them.
    fn is_ready(&self) -> bool {
        let mut asked = Command::new(self.programs.join("pg_isready"));
        asked.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]).status().is_ok_and(|it| it.success())
    }

    fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // Before the disk is gone.
        self.program("pg_ctl", &["-m", "immediate", "stop"]);
    }
}

fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(Result::ok);
    let mut found: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    found.retain(|programs| programs.join("initdb").exists());
    found.sort();
    found.pop()
}

/// Writes for others until no page is left for one more event.
async fn until_full(store: &PostgresStore) {
    for number in 0..10_000 {
        let (who, events) = (Subject::new(format!("{number}")).unwrap(), [event("{}")]);
        match store.commit(Commit::new(&who, None, revision(), "{}").with_events(&events)).await {
            Ok(committed) => assert_eq!(committed, Committed::Done),
            Err(error) => {
                assert_eq!(error.kind(), StoreErrorKind::NotCommitted, "{}", story(&error));
                assert!(story(&error).contains("No space left on device"), "{}", story(&error));
                assert!(store.load(&who).await.unwrap().is_none());
                return;
            }
        }
    }
    panic!("the disk does not get full");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_lets_nobody_in_and_takes_nothing_and_is_forgotten_when_there_is_room() {
    let Some(server) = Small::start() else { return };
    let house = House::new();
    let store = PostgresOptions::new().max_connections(4).connect(&server.url()).await.unwrap();
    let mfa = house.on(store.clone());
    let app = house.enrolled(&mfa).await;

    let asked = house.asked(&mfa).await;
    let before = store.load(alice()).await.unwrap().unwrap();
    server.disk.fill();
    until_full(&store).await;
    for _ in 0..3 {
        let answer = house.answer(&mfa, &asked, &app).await;
        assert!(is_unavailable(&answer), "{answer:?}");
    }
    let after = store.load(alice()).await.unwrap().unwrap();
    assert_eq!(after.revision(), before.revision(), "nothing is written, and what is there can be read");
    server.disk.make_room();
    assert_eq!(house.answer(&mfa, &asked, &app).await, Ok(()), "none of the codes was taken");
    assert!(house.answer(&mfa, &asked, &app).await.is_err());
    without_a_log(&server, &house, &mfa, &store, &app).await;
}

/// Without room for its log the server ends, and comes back with all that it has answered; by itself, where beginning
/// anew makes some room.
async fn without_a_log(server: &Small, house: &House, mfa: &Mfa, store: &PostgresStore, app: &AuthenticatorApp) {
    let asked = house.asked(mfa).await;
    let before = store.load(alice()).await.unwrap().unwrap();
    server.disk.fill();
    let mut by_hand = PgConnection::connect(&server.url()).await.unwrap();
    let log = "SELECT pg_logical_emit_message(false, '', repeat('x', 100000))";
    while sqlx::raw_sql(log).execute(&mut by_hand).await.is_ok() {}
    let first = house.answer(mfa, &asked, app).await;
    assert!(first.is_ok() || is_unavailable(&first), "{first:?}");
    server.disk.make_room();
    server.up();
    // A read tries two connections; of those that were open when the server ended there may be more.
    let found = loop {
        match store.load(alice()).await {
            Ok(found) => break found.unwrap(),
            Err(error) => assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{}", story(&error)),
        }
    };
    let is_taken = found.revision() != before.revision();
    assert!(is_taken || first.is_err(), "what was answered is still there");
    let again = house.answer(mfa, &asked, app).await;
    assert_eq!(again, if is_taken { Err(Refusal::ChallengeGone) } else { Ok(()) });
    assert_eq!(house.answer(mfa, &asked, app).await, Err(Refusal::ChallengeGone));
    assert!(mfa.verify_chain(alice()).await.is_ok(), "and the trail has each of it once");
}
