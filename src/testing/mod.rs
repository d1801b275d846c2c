//! For tests of your own: a clock to turn, randomness that repeats, an authenticator app, passkeys and
//! security keys (feature `webauthn`), and a store that fails when told to.
//!
//! ```
//! use tower_mfa::account::FirstFactor;
//! use tower_mfa::id::Subject;
//! use tower_mfa::service::{Enroller, Keys, LoginOutcome, Mfa, Reply, Responder, TotpEnrolment};
//! use tower_mfa::store::MemoryStore;
//! use tower_mfa::testing::{AuthenticatorApp, ManualClock};
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let clock = ManualClock::at(1_800_000_000);
//! let mfa = Mfa::builder(MemoryStore::new())
//!     .issuer("https://id.example")
//!     .audience("api")
//!     .keys(Keys::generate().unwrap())
//!     .with_clock(clock.clone())
//!     .build()
//!     .unwrap();
//! let login = || async {
//!     let alice = Subject::new("alice").unwrap();
//!     mfa.begin(FirstFactor::password_checked_by_host(alice, clock.time())).await.unwrap()
//! };
//!
//! let LoginOutcome::Complete(tokens) = login().await else { panic!("nothing is bound yet") };
//! let session = mfa.authenticate(tokens.access_token().expose()).unwrap();
//! let started = mfa.enrol_totp(Enroller::Session(&session), TotpEnrolment::new()).await.unwrap();
//! let app = AuthenticatorApp::scan(started.otpauth_uri.expose()).unwrap();
//! mfa.confirm(Enroller::Session(&session), started.id, app.code(clock.time())).await.unwrap();
//!
//! clock.advance(30);
//! let LoginOutcome::Challenge(asked) = login().await else { panic!("an app is bound") };
//! let answer = |code| mfa.answer(Responder::Token(&asked.token), asked.id, Reply::totp(code));
//! assert!(answer("000000".to_owned()).await.is_err());
//! assert!(answer(app.code(clock.time())).await.is_ok());
//! # });
//! ```

mod app;
mod clock;
mod entropy;
mod faulty;
#[cfg(feature = "webauthn")]
mod soft;

pub use app::AuthenticatorApp;
pub use clock::ManualClock;
pub use entropy::{FailingEntropy, SeededEntropy};
pub use faulty::{Fault, FaultyStore};
#[cfg(feature = "webauthn")]
pub use soft::{KeyType, Lie, SoftAttestationCa, SoftAuthenticator, SoftAuthenticatorError};
