//! A service with one customer, who has an app, on whatever store.

use std::sync::Arc;
use std::time::Duration;

use tower_mfa::account::{FirstFactor, Refusal};
use tower_mfa::clock::Clock as _;
use tower_mfa::entropy::SystemEntropy;
use tower_mfa::service::{
    AnswerOutcome, Enroller, Keys, LoginChallenge, LoginOutcome, Mfa, Reply, Responder, TotpEnrolment,
};
use tower_mfa::store::Store;
use tower_mfa::testing::{AuthenticatorApp, ManualClock};
use tower_mfa::token::{Algorithm, KeySet, SigningKey};
use tower_mfa::vault::{LocalKeyRing, MasterKey};

use crate::alice;

/// A service, one after the other on several stores.
pub(crate) struct House {
    keys: Keys,
    clock: ManualClock,
}

impl House {
    pub(crate) fn new() -> Self {
        let master = MasterKey::generate("first", &SystemEntropy).unwrap();
        let signing = KeySet::new(SigningKey::generate(Algorithm::EdDsa).unwrap());
        let keys = Keys::new(signing, Arc::new(LocalKeyRing::new(vec![master]).unwrap()));
        Self { keys, clock: ManualClock::at(1_800_000_000) }
    }

    pub(crate) fn on(&self, store: impl Store) -> Mfa {
        let mfa = Mfa::builder(store).issuer("https://id.example").audience("api").keys(self.keys.clone());
        mfa.with_clock(self.clock.clone()).store_deadline(Duration::from_secs(2)).build().unwrap()
    }

    pub(crate) fn first_factor(&self) -> FirstFactor {
        FirstFactor::password_checked_by_host(alice().clone(), self.clock.now().unwrap())
    }

    pub(crate) async fn enrolled(&self, mfa: &Mfa) -> AuthenticatorApp {
        let LoginOutcome::Complete(tokens) = mfa.begin(self.first_factor()).await.unwrap() else { panic!("enrolled?") };
        let by = mfa.authenticate(tokens.access_token().expose()).unwrap();
        let started = mfa.enrol_totp(Enroller::Session(&by), TotpEnrolment::new()).await.unwrap();
        let app = AuthenticatorApp::scan(started.otpauth_uri.expose()).unwrap();
        drop(mfa.confirm(Enroller::Session(&by), started.id, app.code(self.clock.time())).await.unwrap());
        app
    }

    pub(crate) async fn asked(&self, mfa: &Mfa) -> LoginChallenge {
        self.clock.advance(60);
        let LoginOutcome::Challenge(asked) = mfa.begin(self.first_factor()).await.unwrap() else { panic!("not asked") };
        asked
    }

    /// Answers with the code of now.
    pub(crate) async fn answer(
        &self,
        mfa: &Mfa,
        asked: &LoginChallenge,
        app: &AuthenticatorApp,
    ) -> Result<(), Refusal> {
        let reply = Reply::totp(app.code(self.clock.time()));
        let answer = mfa.answer(Responder::Token(&asked.token), asked.id, reply).await;
        answer.map(|outcome| assert!(matches!(outcome, AnswerOutcome::Complete(_)))).map_err(|e| e.refusal().clone())
    }
}

pub(crate) fn is_unavailable(answer: &Result<(), Refusal>) -> bool {
    matches!(answer, Err(Refusal::Unavailable { .. }))
}
