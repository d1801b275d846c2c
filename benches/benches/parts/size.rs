use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Row as _};
use tokio::runtime::Runtime;
use tower_mfa::entropy::SystemEntropy;
use tower_mfa::id::Subject;
use tower_mfa::store::{Commit, Committed, MemoryStore, Revision, SqliteStore, Store};
use tower_mfa::token::Algorithm;
use tower_mfa_benches::scene::{SUBJECT, Scene};
use tower_mfa_benches::{Counting, Report, Turned};

use super::file;

const ACCOUNTS: u32 = 1_000;
const LIMIT: f64 = 2_048.0;

/// A real document, a thousand times, each for a subject of its own; events apart.
pub fn measure(runtime: &Runtime, report: &mut Report) {
    let store = MemoryStore::new();
    let scene = runtime.block_on(Scene::set(store.clone(), Algorithm::EdDsa, Turned::at(1_800_000_000)));
    let document = runtime.block_on(store.load(&scene.subject)).unwrap().unwrap().into_document();

    let full = MemoryStore::new();
    // On this thread, where allocations are counted.
    let one = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (bytes, ()) = Counting::kept(|| one.block_on(fill(&full, &document)));
    let each = f64::from(i32::try_from(bytes).unwrap()) / f64::from(ACCOUNTS);
    let details = format!("  document of {} bytes", document.len());
    report.line("an account in memory, TOTP and ten recovery codes", each, LIMIT, "B", details);

    let path = file("size");
    let (empty, filled) = runtime.block_on(async {
        let store = SqliteStore::open(&path).await.unwrap();
        let empty = bytes_on_disk(&path).await;
        fill(&store, &document).await;
        (empty, bytes_on_disk(&path).await)
    });
    let each = f64::from(filled - empty) / f64::from(ACCOUNTS);
    report.line("an account on disk (SQLite)", each, LIMIT, "B", "");
}

async fn fill(store: &impl Store, document: &str) {
    for number in 0..ACCOUNTS {
        let name = format!("user-{number:08}");
        let subject = Subject::new(name.as_str()).unwrap();
        let document = document.replace(SUBJECT, &name);
        let revision = Revision::generate(&SystemEntropy).unwrap();
        let committed = store.commit(Commit::new(&subject, None, revision, &document)).await.unwrap();
        assert_eq!(committed, Committed::Done);
    }
}

async fn bytes_on_disk(path: &Path) -> u32 {
    let mut connection: SqliteConnection = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_all(&mut connection).await.unwrap();
    let pages = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()";
    sqlx::query(pages).fetch_one(&mut connection).await.unwrap().get(0)
}
