//! What users' own tests need: a clock to turn, randomness that repeats or fails, a software
//! authenticator, and a store that fails on demand.
//!
//! The suite with which a store proves itself stands beside the trait, in
//! [`store::conformance`](crate::store::conformance).
//!
//! ```
//! use tower_mfa::account::FirstFactor;
//! use tower_mfa::clock::Timestamp;
//! use tower_mfa::id::Subject;
//! use tower_mfa::service::{Enroller, Keys, LoginOutcome, Mfa, Reply, Responder, TotpEnrolment};
//! use tower_mfa::store::MemoryStore;
//! use tower_mfa::testing::{AuthenticatorApp, ManualClock};
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let clock = ManualClock::at(Timestamp::from_secs(1_800_000_000));
//! let mfa = Mfa::builder(MemoryStore::new())
//!     .issuer("https://id.example")
//!     .audience("api")
//!     .keys(Keys::generate().unwrap())
//!     .with_clock(clock.clone())
//!     .build()
//!     .unwrap();
//! let password = || FirstFactor::password_checked_by_host(Subject::new("alice").unwrap(), clock.time());
//!
//! // Alice adds the account to her app.
//! let LoginOutcome::Complete(tokens) = mfa.begin(password()).await.unwrap() else { panic!("nothing is bound") };
//! let session = mfa.authenticate(tokens.access_token().expose()).unwrap();
//! let enrolment = mfa.enrol_totp(Enroller::Session(&session), TotpEnrolment::new()).await.unwrap();
//! let app = AuthenticatorApp::scan(enrolment.otpauth_uri.expose()).unwrap();
//! mfa.confirm(Enroller::Session(&session), enrolment.id, app.code_at(clock.time())).await.unwrap();
//!
//! // Half a minute later she signs in with a code; the one before it was used up.
//! clock.advance(30);
//! let LoginOutcome::Challenge(asked) = mfa.begin(password()).await.unwrap() else { panic!("a code is asked for") };
//! let by = Responder::Token(&asked.token);
//! assert!(mfa.answer(by, asked.id, Reply::totp(app.code_at(clock.time().minus(30)))).await.is_err());
//! assert!(mfa.answer(by, asked.id, Reply::totp(app.code_at(clock.time()))).await.is_ok());
//! # });
//! ```

mod app;
mod clock;
mod entropy;
mod store;

pub use app::AuthenticatorApp;
pub use clock::ManualClock;
pub use entropy::{FailingEntropy, SeededEntropy};
pub use store::{Call, Fault, FaultyStore};
