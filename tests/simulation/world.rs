//! Two people with an app, a passkey and two recovery codes each, and the replicas that serve them.

use std::sync::{Arc, LazyLock, Mutex};

use tower_mfa::account::FirstFactor;
use tower_mfa::clock::Timestamp;
use tower_mfa::id::{AuthenticatorId, Subject};
use tower_mfa::policy::Policy;
use tower_mfa::recovery_code::{Count, Scheme};
use tower_mfa::service::{Enroller, KeyRequest, Keys, LoginOutcome, Mfa, TotpEnrolment};
use tower_mfa::testing::{AuthenticatorApp, ManualClock, SeededEntropy, SoftAuthenticator};
use tower_mfa::token::{Algorithm, KeySet, SigningKey};
use tower_mfa::vault::{LocalKeyRing, MasterKey};
use tower_mfa::webauthn::RelyingParty;

use super::plant::Plant;
use super::store::{Handle, Shared, State};

pub(crate) const START: u64 = 1_800_000_000;
pub(crate) const ORIGIN: &str = "https://bank.example";
pub(crate) const NAMES: [&str; 2] = ["alice", "bob"];
/// How many wrong answers a session with two factors has, here.
pub(crate) const ELEVATED_BUDGET: usize = 1;
/// How many one after the other disable for good, by default.
pub(crate) const HARD_LIMIT: u32 = 100;

pub(crate) struct Person {
    pub(crate) subject: Subject,
    pub(crate) app: AuthenticatorApp,
    pub(crate) app_id: AuthenticatorId,
    /// One that is synced: its counter stays where it is, so it can be asked in any order.
    pub(crate) key: Mutex<SoftAuthenticator>,
    pub(crate) recovery_codes: Vec<String>,
}

/// Where every story begins: made once, for hashing recovery codes is slow by design.
pub(crate) struct Beginning {
    pub(crate) state: State,
    pub(crate) people: Vec<Person>,
}

pub(crate) static BEGINNING: LazyLock<Beginning> = LazyLock::new(|| {
    // On a thread of its own: the first who asks is on a runtime already.
    std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let shared = Shared::new(State::default(), Plant::Nothing);
            // Randomness that no seed draws again.
            let mfa = replica(&shared, 0, &ManualClock::at(START - 3_600), u64::MAX - 1, HARD_LIMIT);
            let mut people = Vec::new();
            for name in NAMES {
                people.push(enrol(&mfa, name).await);
            }
            let state = shared.lock().state.clone();
            Beginning { state, people }
        })
    })
    .join()
    .unwrap()
});

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let master = MasterKey::generate("first", &SeededEntropy::new(7)).unwrap();
    let signing = KeySet::new(SigningKey::generate(Algorithm::EdDsa).unwrap());
    Keys::new(signing, Arc::new(LocalKeyRing::new(vec![master]).unwrap()))
});

/// A replica, as it is after it was started.
pub(crate) fn replica(shared: &Shared, number: usize, clock: &ManualClock, entropy: u64, hard_limit: u32) -> Mfa {
    let policy = Policy::builder()
        .elevated_budget(u32::try_from(ELEVATED_BUDGET).unwrap())
        .hard_limit(hard_limit)
        .recovery_scheme(Scheme::argon2id(7_168, 5, 1).unwrap())
        .recovery_codes(Count::new(2).unwrap())
        .bypass_at_most(3_600);
    Mfa::builder(Handle { shared: shared.clone(), replica: number, clock: clock.clone() })
        .issuer("https://id.example")
        .audience("api")
        .keys(KEYS.clone())
        .policy(policy.build().unwrap())
        .webauthn(RelyingParty::builder("bank.example", ORIGIN).build().unwrap())
        .with_clock(clock.clone())
        .with_entropy(SeededEntropy::new(entropy))
        .build()
        .unwrap()
}

pub(crate) fn first_factor(subject: &Subject, now: Timestamp) -> FirstFactor {
    FirstFactor::password_checked_by_host(subject.clone(), now)
}

async fn enrol(mfa: &Mfa, name: &str) -> Person {
    let subject = Subject::new(name).unwrap();
    let now = mfa.clock().now().unwrap();
    let LoginOutcome::Complete(tokens) = mfa.begin(first_factor(&subject, now)).await.unwrap() else {
        panic!("nothing is bound yet")
    };
    let by = mfa.authenticate(tokens.access_token().expose()).unwrap();
    let begun = mfa.enrol_totp(Enroller::Session(&by), TotpEnrolment::new()).await.unwrap();
    let app = AuthenticatorApp::scan(begun.otpauth_uri.expose()).unwrap();
    let bound = mfa.confirm(Enroller::Session(&by), begun.id, app.code(now)).await.unwrap();
    let recovery_codes = bound.recovery_codes.unwrap().iter().map(|code| code.expose().to_owned()).collect();
    let by = mfa.authenticate(bound.tokens.access_token().expose()).unwrap();
    let mut key = SoftAuthenticator::passkey();
    let started = mfa.enrol_key(Enroller::Session(&by), KeyRequest::passkey()).await.unwrap();
    let credential = key.register(started.public_key.as_str(), ORIGIN).unwrap();
    drop(mfa.confirm_key(Enroller::Session(&by), started.id, &credential).await.unwrap());
    Person { subject, app, app_id: begun.id, key: Mutex::new(key), recovery_codes }
}
