//! Two places, with stores and master keys of their own.

use tower_mfa::entropy::SystemEntropy;
use tower_mfa::secret::SecretBytes;
use tower_mfa::store::{Commit, Committed, MemoryStore, Revision, Store};
use tower_mfa::testing::FaultyStore;
use tower_mfa::transfer::{Move, MoveReport, TransferError, TransferKey};
use tower_mfa::vault::MasterKey;

use crate::bank::{built, policy};
use crate::scene::{Scene, keys_of, subject};

/// A bank with passkeys.
pub(crate) fn here() -> Scene {
    built(|mfa| mfa.policy(policy(Default::default()).build().unwrap()))
}

/// The same bank with another store and other master keys, at the same time.
pub(crate) fn there(here: &Scene) -> Scene {
    let other = keys_of(vec![MasterKey::generate("there", &SystemEntropy).unwrap()]);
    let place = built(|mfa| mfa.policy(policy(Default::default()).build().unwrap()).keys(other));
    place.clock.advance(here.now().since(place.now()));
    place
}

pub(crate) fn key() -> TransferKey {
    TransferKey::new("move", SecretBytes::new([7; 32])).unwrap()
}

pub(crate) fn why() -> Move<'static> {
    Move::by("ops-7", "ticket 4711").unwrap()
}

impl Scene {
    pub(crate) async fn export(&self) -> Vec<u8> {
        let mut file = Vec::new();
        let report = self.mfa.export_accounts(&mut file, &key(), why()).await.unwrap();
        assert_eq!(report.refused, 0, "{report:?}");
        file
    }

    pub(crate) async fn import(&self, file: &[u8]) -> Result<MoveReport, TransferError> {
        self.mfa.import_accounts(file, &key(), why()).await
    }

    /// Whose documents there are, notes of the service apart.
    pub(crate) async fn subjects(&self) -> Vec<String> {
        let page = self.store.scan(None, 200).await.unwrap();
        let mut all: Vec<_> = page.items().iter().filter(|stored| stored.subject().tenant().is_none()).collect();
        all.sort_by_key(|stored| stored.subject().to_string());
        all.into_iter().map(|stored| stored.subject().to_string()).collect()
    }
}

/// Puts a document in the place of what is stored.
pub(crate) async fn put(store: &FaultyStore<MemoryStore>, name: &str, document: &str) {
    let subject = subject(name);
    let before = *store.load(&subject).await.unwrap().unwrap().revision();
    let commit = Commit::new(&subject, Some(&before), Revision::generate(&SystemEntropy).unwrap(), document);
    assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
}
