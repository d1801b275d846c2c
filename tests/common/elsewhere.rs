//! Two services, each with a store of its own on one database: what ends at one of them is over at the other.

use std::sync::Arc;
use std::time::Duration;

use tower_mfa::account::{FirstFactor, Refusal};
use tower_mfa::assurance::Authentication;
use tower_mfa::entropy::SystemEntropy;
use tower_mfa::id::Subject;
use tower_mfa::policy::Policy;
use tower_mfa::recovery_code::{Count, Scheme};
use tower_mfa::service::{AnswerOutcome, Enroller, Keys, LoginOutcome, Mfa, Reply, Responder, Tokens, TotpEnrolment};
use tower_mfa::store::Store;
use tower_mfa::testing::{AuthenticatorApp, ManualClock};
use tower_mfa::token::{Algorithm, KeySet, SigningKey};
use tower_mfa::vault::{LocalKeyRing, MasterKey};

/// The one where everything happens, and the one that hears of it.
struct Two {
    here: Mfa,
    elsewhere: Mfa,
    clock: ManualClock,
}

impl Two {
    fn new(here: impl Store, elsewhere: impl Store) -> Self {
        let clock = ManualClock::at(1_800_000_000);
        let master = MasterKey::generate("first", &SystemEntropy).unwrap();
        let signing = KeySet::new(SigningKey::generate(Algorithm::EdDsa).unwrap());
        let keys = Keys::new(signing, Arc::new(LocalKeyRing::new(vec![master]).unwrap()));
        let (scheme, few) = (Scheme::argon2id(7_168, 5, 1).unwrap(), Count::new(2).unwrap());
        let policy = Policy::builder().recovery_scheme(scheme).recovery_codes(few).max_sessions(3).build().unwrap();
        let of = |builder: tower_mfa::service::MfaBuilder| {
            let builder = builder.issuer("https://id.example").audience("api").keys(keys.clone());
            builder.policy(policy.clone()).with_clock(clock.clone()).revocations_within(Duration::from_secs(1))
        };
        let (here, elsewhere) = (of(Mfa::builder(here)).build().unwrap(), of(Mfa::builder(elsewhere)).build().unwrap());
        Self { here, elsewhere, clock }
    }

    async fn begin(&self) -> LoginOutcome {
        let alice = Subject::new("alice").unwrap();
        self.here.begin(FirstFactor::password_checked_by_host(alice, self.clock.time())).await.unwrap()
    }

    async fn password(&self) -> Tokens {
        let LoginOutcome::Complete(tokens) = self.begin().await else { panic!("nothing is bound") };
        tokens
    }

    async fn with_a_code(&self, app: &AuthenticatorApp) -> Tokens {
        self.clock.advance(30);
        let LoginOutcome::Challenge(asked) = self.begin().await else { panic!("an app is bound") };
        let code = Reply::totp(app.code(self.clock.time()));
        let answered = self.here.answer(Responder::Token(&asked.token), asked.id, code).await.unwrap();
        let AnswerOutcome::Complete(answer) = answered else { panic!("{answered:?} is not complete") };
        answer.tokens
    }

    /// Whose it is, where it was given: there it is known at once.
    async fn of(&self, tokens: &Tokens) -> Authentication {
        comes_to_say(&self.here, tokens, Result::is_ok).await;
        self.here.authenticate(tokens.access_token().expose()).unwrap()
    }

    async fn is_good_elsewhere(&self, tokens: &Tokens) {
        comes_to_say(&self.elsewhere, tokens, Result::is_ok).await;
    }

    async fn is_over_elsewhere(&self, tokens: &Tokens) {
        comes_to_say(&self.elsewhere, tokens, |said| *said == Err(Refusal::InvalidToken)).await;
    }
}

/// Waits until it says so. A minute is no figure: it ends a test that would never end.
async fn comes_to_say(mfa: &Mfa, tokens: &Tokens, what: impl Fn(&Result<(), Refusal>) -> bool) {
    let says = || mfa.authenticate(tokens.access_token().expose()).map(drop).map_err(|error| error.refusal().clone());
    for _ in 0..6_000 {
        if what(&says()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it still says {:?}", says());
}

/// A log-out, an app that is bound and one that is removed: who goes is refused at both, who stays is not.
pub(crate) async fn what_ends_at_one_is_over_at_the_other(here: impl Store, elsewhere: impl Store) {
    let two = Two::new(here, elsewhere);
    let feeds =
        [&two.here, &two.elsewhere].map(|mfa| tokio::spawn(mfa.revocation_feed().run(std::future::pending::<()>())));
    let (phone, laptop) = (two.password().await, two.password().await);
    two.is_good_elsewhere(&laptop).await;
    two.here.log_out(&two.of(&laptop).await).await.unwrap();
    two.is_over_elsewhere(&laptop).await;
    two.is_good_elsewhere(&phone).await;

    let laptop = two.password().await;
    two.is_good_elsewhere(&laptop).await;
    let by = two.of(&phone).await;
    let started = two.here.enrol_totp(Enroller::Session(&by), TotpEnrolment::new()).await.unwrap();
    let app = AuthenticatorApp::scan(started.otpauth_uri.expose()).unwrap();
    let code = app.code(two.clock.time());
    let bound = two.here.confirm(Enroller::Session(&by), started.id, code).await.unwrap();
    two.is_over_elsewhere(&laptop).await;
    two.is_good_elsewhere(&bound.tokens).await;

    let laptop = two.with_a_code(&app).await;
    two.is_good_elsewhere(&laptop).await;
    two.here.remove(&two.of(&bound.tokens).await, bound.authenticator.id).await.unwrap();
    two.is_over_elsewhere(&laptop).await;
    two.is_good_elsewhere(&bound.tokens).await;
    feeds.iter().for_each(tokio::task::JoinHandle::abort);
}
