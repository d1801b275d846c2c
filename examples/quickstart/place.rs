//! The store, and the keys that its secrets are sealed with.

use std::path::Path;
use std::time::Duration;

use tower_mfa::service::{Keys, Mfa, MfaBuilder};
use tower_mfa::store::{MemoryStore, PostgresStore, RedisStore, SqliteStore, Store};

use crate::args::{Args, Place};
use crate::chain;

pub(crate) async fn open(args: &Args) -> Result<MfaBuilder, String> {
    let folder = args.keys_folder();
    let has_keys = folder.as_ref().is_some_and(|folder| folder.exists());
    match &args.place {
        Place::Memory => Ok(Mfa::builder(MemoryStore::new()).keys(keys(folder.as_deref())?)),
        Place::Sqlite(file) => {
            make_folder_of(file)?;
            if file.exists() && !has_keys {
                return Err(gone(&file.display().to_string(), folder.as_deref(), "delete the file"));
            }
            let keys = keys(folder.as_deref())?;
            let store = SqliteStore::open(file).await.map_err(|e| format!("{}: {}", file.display(), chain(&e)))?;
            Ok(Mfa::builder(store).keys(keys))
        }
        Place::Postgres(url) => {
            let store = PostgresStore::connect(url).await.map_err(|e| format!("--store postgres: {}", chain(&e)))?;
            shared(store, folder.as_deref(), "drop the schema tower_mfa").await
        }
        Place::Redis(urls) => {
            let store = RedisStore::connect(urls).await.map_err(|e| format!("--store redis: {}", chain(&e)))?;
            shared(store, folder.as_deref(), "delete the keys that begin with {tower-mfa").await
        }
    }
}

/// A store that others may have, too.
async fn shared(store: impl Store, folder: Option<&Path>, otherwise: &str) -> Result<MfaBuilder, String> {
    let page = store.scan(None, 1).await.map_err(|e| chain(&e))?;
    // Another may have made them since, and somebody an account.
    if !page.items().is_empty() && folder.is_none_or(|folder| !folder.exists()) {
        return Err(gone("the accounts in the database", folder, otherwise));
    }
    if let Some(folder) = folder {
        make_folder_of(folder)?;
    }
    // Others may end a session that has a token here.
    Ok(Mfa::builder(store).revocations_within(Duration::from_secs(5)).keys(keys(folder)?))
}

/// Hears what others on the same database revoke.
pub(crate) fn follow(args: &Args, mfa: &Mfa) {
    if matches!(args.place, Place::Postgres(_) | Place::Redis(_)) {
        tokio::spawn(mfa.revocation_feed().run(std::future::pending::<()>()));
    }
}

fn keys(folder: Option<&Path>) -> Result<Keys, String> {
    match folder {
        None => Keys::generate().map_err(|e| chain(&e)),
        Some(folder) => Keys::load_or_create(folder).map_err(|e| format!("{}: {}", folder.display(), chain(&e))),
    }
}

fn gone(whose: &str, folder: Option<&Path>, otherwise: &str) -> String {
    let folder = folder.unwrap_or(Path::new("")).display();
    format!("the keys of {whose} are gone: put {folder} back, or {otherwise} to begin again")
}

fn make_folder_of(file: &Path) -> Result<(), String> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|e| format!("cannot make the folder {}: {e}", folder.display()))
}
