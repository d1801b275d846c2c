//! What the store says when the way to the server fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tower_mfa::store::{Commit, Committed, Store, StoreErrorKind};

use crate::postgres::Schema;
use crate::{alice, event, revision, story};

pub(crate) const OPEN: u8 = 0;
/// Hands a commit on and cuts when the server has answered it.
pub(crate) const CUT_AFTER: u8 = 1;
/// Cuts when a commit comes.
pub(crate) const CUT_BEFORE: u8 = 2;
/// Cuts when anything comes.
pub(crate) const DOWN: u8 = 3;
/// Hands nothing on any more, of a connection on which a commit comes, and does not cut it.
pub(crate) const SILENT: u8 = 4;

/// All of what sqlx sends when a connection comes back to its pool; nobody waits for the answer.
const SYNC: &[u8; 5] = b"S\0\0\0\x04";

/// What stands between the store and the server.
pub(crate) struct Wire {
    pub(crate) url: String,
    mode: Arc<AtomicU8>,
    trips: Arc<AtomicUsize>,
    listener: AbortHandle,
}

impl Wire {
    pub(crate) async fn to(schema: &Schema) -> Self {
        let server: PgConnectOptions = schema.url().parse().unwrap();
        let address = (server.get_host().to_owned(), server.get_port());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (user, database) = (server.get_username(), server.get_database().unwrap());
        let url = format!("postgres://{user}@127.0.0.1:{port}/{database}");
        let mode = Arc::new(AtomicU8::new(OPEN));
        let trips = Arc::new(AtomicUsize::new(0));
        let (theirs, counted) = (Arc::clone(&mode), Arc::clone(&trips));
        let accepting = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let server = TcpStream::connect(&address).await.unwrap();
                tokio::spawn(carry(client, server, Arc::clone(&theirs), Arc::clone(&counted)));
            }
        });
        Self { url, mode, trips, listener: accepting.abort_handle() }
    }

    pub(crate) fn set(&self, mode: u8) {
        self.mode.store(mode, Ordering::Relaxed);
    }

    /// How often something was asked and waited for.
    pub(crate) fn trips(&self) -> usize {
        self.trips.load(Ordering::Relaxed)
    }
}

async fn carry(mut client: TcpStream, mut server: TcpStream, mode: Arc<AtomicU8>, trips: Arc<AtomicUsize>) {
    let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    let (mut cuts, mut waits) = (false, false);
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
                            if asked[..count] != *SYNC && !std::mem::replace(&mut waits, true) {
                                trips.fetch_add(1, Ordering::Relaxed);
                            }
                            server.write_all(&asked[..count]).await.unwrap();
                        }
                    }
                }
                _ => return,
            },
            read = server.read(&mut answered) => match read {
                Ok(1..) if cuts => return,
                Ok(count @ 1..) => {
                    waits = false;
                    client.write_all(&answered[..count]).await.unwrap();
                }
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
