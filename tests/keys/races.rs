//! Of any number at once exactly one.

use std::sync::Arc;

use tower_mfa::account::Refusal;
use tower_mfa::service::{Enroller, KeyRequest, Reply};
use tower_mfa::store::Store;
use tower_mfa::testing::SoftAuthenticator;

use crate::bank::{ORIGIN, bank, options, with_the_id_of};
use crate::postgres::Schema;
use crate::scene::challenged;

#[tokio::test(flavor = "multi_thread")]
async fn wa_auth_11_of_sixty_four_answers_with_one_assertion_one_succeeds() {
    let s = bank();
    let mut key = SoftAuthenticator::passkey();
    s.keyed("alice", &mut key).await;
    let asked = Arc::new(challenged(s.begin("alice").await));
    let credential = key.assert(options(&asked.methods).as_str(), ORIGIN).unwrap();
    let all = (0..64).map(|_| {
        let (s, asked, reply) = (s.clone(), Arc::clone(&asked), Reply::webauthn(credential.clone()));
        tokio::spawn(async move { s.answer(&asked, reply).await })
    });
    let mut right = 0;
    for one in all.collect::<Vec<_>>() {
        match one.await.unwrap() {
            Ok(_) => right += 1,
            Err(error) => assert!(
                matches!(
                    error.refusal(),
                    Refusal::ChallengeGone | Refusal::InvalidCredential | Refusal::Unavailable { .. }
                ),
                "{error:?}"
            ),
        }
    }
    assert_eq!(right, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixty_four_sign_ins_with_one_assertion_one_succeeds() {
    let s = bank();
    let mut key = SoftAuthenticator::passkey();
    s.keyed("alice", &mut key).await;
    let started = Arc::new(s.passkey(None).await);
    let credential: Arc<str> = key.assert(started.public_key.as_str(), ORIGIN).unwrap().into();
    let all = (0..64).map(|_| {
        let (s, started, credential) = (s.clone(), Arc::clone(&started), Arc::clone(&credential));
        tokio::spawn(async move { s.mfa.finish_passkey(started.id, &started.token, &credential).await.is_ok() })
    });
    let mut right = 0;
    for one in all.collect::<Vec<_>>() {
        right += usize::from(one.await.unwrap());
    }
    assert_eq!(right, 1);
}

/// The same on a file.
#[tokio::test(flavor = "multi_thread")]
async fn wa_reg_26_of_two_subjects_with_one_credential_id_one_binds_it_on_sqlite() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("keys-race");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    one_subject_binds_it(tower_mfa::store::SqliteStore::open(folder.join("mfa.sqlite")).await.unwrap()).await;
}

/// The same in a database.
#[tokio::test(flavor = "multi_thread")]
async fn wa_reg_26_of_two_subjects_with_one_credential_id_one_binds_it_on_postgres() {
    let Some(schema) = Schema::new("keys_race") else { return };
    one_subject_binds_it(schema.store().await).await;
}

async fn one_subject_binds_it(store: impl Store) {
    let s = bank();
    let mfa = crate::scene::builder(store, &s.clock, &s.heard).webauthn(crate::bank::site().build().unwrap());
    let mfa = mfa.build().unwrap();
    let signed_in = async |name: &str| {
        let tokens = crate::scene::complete(mfa.begin(s.first(name)).await.unwrap());
        mfa.authenticate(tokens.access_token().expose()).unwrap()
    };
    for round in 0..8 {
        let (hers, his) = (signed_in(&format!("alice {round}")).await, signed_in(&format!("bob {round}")).await);
        let for_her = mfa.enrol_key(Enroller::Session(&hers), KeyRequest::passkey()).await.unwrap();
        let for_him = mfa.enrol_key(Enroller::Session(&his), KeyRequest::passkey()).await.unwrap();
        let make = |options: &str| SoftAuthenticator::passkey().unattested().register(options, ORIGIN).unwrap();
        let own = make(for_her.public_key.as_str());
        let same = with_the_id_of(&make(for_him.public_key.as_str()), &own);
        let (one, other) = tokio::join!(
            mfa.confirm_key(Enroller::Session(&hers), for_her.id, &own),
            mfa.confirm_key(Enroller::Session(&his), for_him.id, &same),
        );
        assert_eq!([one.is_ok(), other.is_ok()].iter().filter(|ok| **ok).count(), 1);
    }
}

/// On every store that `store::conformance` proves: claims are committed with the document.
///
/// Rows: WA-REG-29
#[tokio::test(flavor = "multi_thread")]
async fn wa_reg_26_of_two_subjects_with_one_credential_id_one_binds_it() {
    for _ in 0..16 {
        let s = bank();
        let (hers, his) = (s.signed_in("alice").await, s.signed_in("bob").await);
        let (for_her, for_him) =
            (s.start_key(&hers, KeyRequest::passkey()).await, s.start_key(&his, KeyRequest::passkey()).await);
        let make = |options: &str| SoftAuthenticator::passkey().unattested().register(options, ORIGIN).unwrap();
        let own = make(for_her.public_key.as_str());
        let same = with_the_id_of(&make(for_him.public_key.as_str()), &own);
        let (one, other) = tokio::join!(
            s.mfa.confirm_key(Enroller::Session(&hers), for_her.id, &own),
            s.mfa.confirm_key(Enroller::Session(&his), for_him.id, &same),
        );
        assert_eq!([one.is_ok(), other.is_ok()].iter().filter(|ok| **ok).count(), 1);
    }
}
