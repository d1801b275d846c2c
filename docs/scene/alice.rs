// What the examples in the documentation take as given: a service, and Alice, who has just signed in with
// her password. Included where it is needed; part of no build.

use std::sync::Arc;

use tower_mfa::account::FirstFactor;
use tower_mfa::assurance::{Authentication, Requirement};
use tower_mfa::entropy::SystemEntropy;
use tower_mfa::id::Subject;
use tower_mfa::policy::Policy;
use tower_mfa::recovery_code::{Count, RecoveryCode};
use tower_mfa::service::{Enroller, Keys, LoginChallenge, LoginOutcome, Mfa, TotpEnrolment};
use tower_mfa::store::MemoryStore;
use tower_mfa::testing::{AuthenticatorApp, ManualClock, SeededEntropy};
use tower_mfa::token::{Algorithm, KeySet, SigningKey};
use tower_mfa::vault::{LocalKeyRing, MasterKey};

pub struct Alice {
    pub mfa: Mfa,
    pub clock: ManualClock,
    pub session: Authentication,
}

impl Alice {
    /// Nothing is bound yet. "read_mail" needs AAL1, "pay" AAL2.
    pub async fn signs_in() -> Self {
        let clock = ManualClock::at(1_800_000_000);
        let policy = Policy::builder().action("read_mail", Requirement::aal1()).action("pay", Requirement::aal2());
        // An elliptic curve and one recovery code are quick to make; the bytes repeat, so that no guess is lucky.
        let ring = LocalKeyRing::new(vec![MasterKey::generate("2026-11", &SystemEntropy).unwrap()]).unwrap();
        let mfa = Mfa::builder(MemoryStore::new())
            .issuer("https://id.example")
            .audience("api")
            .keys(Keys::new(KeySet::new(SigningKey::generate(Algorithm::Es256).unwrap()), Arc::new(ring)))
            .policy(policy.recovery_codes(Count::new(1).unwrap()).build().unwrap())
            .with_clock(clock.clone())
            .with_entropy(SeededEntropy::new(1))
            .build()
            .unwrap();
        let login = mfa.begin(password(&clock)).await.unwrap();
        let LoginOutcome::Complete(tokens) = login else { panic!("nothing is bound") };
        let session = mfa.authenticate(tokens.access_token().expose()).unwrap();
        Self { mfa, clock, session }
    }

    /// Binds an authenticator app, whose first code makes the session one of AAL2; another code is due
    /// when this returns. There is one recovery code.
    pub async fn binds_an_app(&mut self) -> (AuthenticatorApp, RecoveryCode) {
        let by = Enroller::Session(&self.session);
        let started = self.mfa.enrol_totp(by, TotpEnrolment::new()).await.unwrap();
        let app = AuthenticatorApp::scan(started.otpauth_uri.expose()).unwrap();
        let bound = self.mfa.confirm(by, started.id, app.code(self.clock.time())).await.unwrap();
        self.session = self.mfa.authenticate(bound.tokens.access_token().expose()).unwrap();
        self.clock.advance(30);
        (app, bound.recovery_codes.unwrap().remove(0))
    }

    /// Types the password again and is asked for more.
    pub async fn is_asked(&self) -> LoginChallenge {
        let login = self.mfa.begin(password(&self.clock)).await.unwrap();
        let LoginOutcome::Challenge(asked) = login else { panic!("nothing is bound") };
        asked
    }
}

fn password(clock: &ManualClock) -> FirstFactor {
    FirstFactor::password_checked_by_host(Subject::new("alice").unwrap(), clock.time())
}
