use std::fmt::Write as _;

use tokio::runtime::Runtime;
use tower_mfa::entropy::SystemEntropy;
use tower_mfa::id::Subject;
use tower_mfa::otp::{Algorithm as Otp, Secret};
use tower_mfa::store::{MemoryStore, SqliteStore, Store};
use tower_mfa::token::Algorithm;
use tower_mfa::transfer::apps::{self, AppKey};
use tower_mfa::transfer::{Move, MoveReport, TransferKey};
use tower_mfa_benches::scene::Scene;
use tower_mfa_benches::{Report, Turned};

use super::file;

const ACCOUNTS: usize = 20_000;
/// Of a store that waits for a disk.
const FEWER: usize = 2_000;

/// How many a second move: keys of apps from a list of URIs, and the accounts that come of it, out and in.
pub fn measure(runtime: &Runtime, _: &mut Report) {
    runtime.block_on(async {
        let (here, there) = (place(MemoryStore::new()).await, place(MemoryStore::new()).await);
        moved("memory", &here, &there, ACCOUNTS).await;
        let [here, there] = ["transfer-here", "transfer-there"].map(file);
        let (here, there) = (SqliteStore::open(here).await.unwrap(), SqliteStore::open(there).await.unwrap());
        moved("SQLite", &place(here).await, &place(there).await, FEWER).await;
    });
}

async fn place(store: impl Store) -> Scene {
    Scene::set(store, Algorithm::EdDsa, Turned::at(1_800_000_000)).await
}

async fn moved(store: &str, here: &Scene, there: &Scene, accounts: usize) {
    let list = (0..accounts).fold(String::new(), |mut list, number| {
        let secret = Secret::generate(Otp::Sha1, &SystemEntropy).unwrap();
        writeln!(list, "otpauth://totp/Old:person-{number}?secret={}", secret.to_base32().expose()).unwrap();
        list
    });
    let whose = |key: &AppKey| Subject::new(key.account()?).ok();
    say(
        store,
        "keys of apps from a list",
        &here.mfa.import_apps(apps::otpauth(list.as_bytes()), whose, why()).await.unwrap(),
    );
    let (key, mut lines) = (TransferKey::generate("bench", &SystemEntropy).unwrap(), Vec::new());
    say(store, "accounts out", &here.mfa.export_accounts(&mut lines, &key, why()).await.unwrap());
    // The bench's own person is there already.
    say(store, "accounts in", &there.mfa.import_accounts(lines.as_slice(), &key, why()).await.unwrap());
}

fn why() -> Move<'static> {
    Move::by("bench", "to see how long it takes").unwrap()
}

fn say(store: &str, what: &str, report: &MoveReport) {
    let what = format!("{what}, {store} ({})", report.moved);
    println!("-       {what:<58} {:>9.0} a second", report.per_second);
}
