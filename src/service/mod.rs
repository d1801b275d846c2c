//! The shell: [`Mfa`], its builder, and every operation as a call.
//!
//! Each operation does three steps, `load → transition → commit`, then runs the effects. The
//! transition is a pure function of the room `account`; here is only the plumbing: one line per
//! subject, a compare-and-swap that is run again when it is lost, a deadline for the store, a
//! place for slow hashes off the runtime, and the signing of what the account granted.
//!
//! ```
//! use tower_mfa::account::FirstFactor;
//! use tower_mfa::clock::{Clock, SystemClock};
//! use tower_mfa::id::Subject;
//! use tower_mfa::service::{Keys, LoginOutcome, Mfa};
//! use tower_mfa::store::MemoryStore;
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let mfa = Mfa::builder(MemoryStore::new())
//!     .issuer("https://id.example")
//!     .audience("api")
//!     .keys(Keys::generate().unwrap())
//!     .build()
//!     .unwrap();
//!
//! // The host has checked the password; nothing is bound yet, so the login is complete at AAL1.
//! let now = SystemClock.now().unwrap();
//! let alice = Subject::new("alice").unwrap();
//! let login = mfa.begin(FirstFactor::password_checked_by_host(alice, now)).await.unwrap();
//! let LoginOutcome::Complete(tokens) = login else { panic!("nothing is bound") };
//! assert_eq!(tokens.acr(), "aal1");
//!
//! // The token verifies here, and a changed one does not.
//! assert!(mfa.authenticate(tokens.access_token().expose()).is_ok());
//! assert!(mfa.authenticate("eyJhbGciOiJub25lIn0.e30.").is_err());
//! # });
//! ```
//!
//! # Cancel safety
//!
//! Every operation may be dropped at any point. A commit that has begun is finished without the
//! caller, and what belongs to it happens: an attempt that was counted stays counted, an ended
//! session's access tokens are withdrawn, the host hears of it. Nothing is granted without its answer.

mod audit;
mod authenticators;
mod builder;
mod ceremonies;
mod chain_verifier;
mod challenges;
mod detached;
mod directory;
mod elevate;
mod error;
mod explain;
mod feed;
mod inner;
mod introspect;
mod key_rotation;
mod keys;
mod limited;
mod login;
#[cfg(feature = "transfer")]
mod moving;
mod operators;
mod outcome;
mod passkeys;
#[cfg(feature = "policy-file")]
mod policy_file;
mod queue;
mod recovery;
mod redeem;
mod revocation_feed;
mod sessions;
mod shell;
mod slow_hash;
mod stop;
mod tokens;
#[cfg(feature = "tracing")]
mod trace;
#[cfg(not(feature = "tracing"))]
#[path = "trace_off.rs"]
mod trace;

pub use audit::AuditError;
pub use authenticators::{Enroller, TotpEnrolment};
pub use builder::MfaBuilder;
pub use chain_verifier::{ChainError, ChainErrorKind, ChainReport, ChainVerifier};
pub use challenges::{ChallengeRequest, Reply, Responder};
pub use directory::{Directory, DirectoryFuture};
pub use error::Error;
pub use explain::Asking;
pub(crate) use feed::{GivenUp, Outbox};
pub use key_rotation::KeyRotation;
#[cfg(feature = "transfer")]
pub(crate) use key_rotation::rate;
pub use keys::{Keys, KeysError};
#[cfg(feature = "transfer")]
pub(crate) use moving::{Moving, is_of_service};
pub use outcome::{Answer, AnswerOutcome, Binding, ChallengeOutcome, LoginChallenge, LoginOutcome};
pub use passkeys::{KeyRequest, PasskeyChallenge};
#[cfg(feature = "policy-file")]
pub use policy_file::{FilePolicies, FileRoutes, PolicyFile, PolicyLoadError, Reloaded};
pub use revocation_feed::RevocationFeed;
pub use sessions::{EventPage, SessionPage};
pub(crate) use stop::until_stopped;
pub use tokens::Tokens;

use std::net::IpAddr;
use std::sync::Arc;

use crate::assurance::Authentication;
use crate::clock::Clock;
use crate::middleware::csrf::Origins;
use crate::network::Network;
use crate::store::Store;
use crate::token::Verifier;
use inner::Inner;

/// Multi-factor authentication for one service: the handle every operation is called on.
///
/// `Clone` is cheap and there is no type parameter, so it sits in an axum state as it is.
///
/// ```
/// use tower_mfa::account::{FirstFactor, Refusal};
/// use tower_mfa::id::Subject;
/// use tower_mfa::service::{AnswerOutcome, Enroller, Keys, LoginOutcome, Mfa, Reply, Responder, TotpEnrolment};
/// use tower_mfa::store::MemoryStore;
/// use tower_mfa::testing::{AuthenticatorApp, ManualClock};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let clock = ManualClock::at(1_800_000_000);
/// let mfa = Mfa::builder(MemoryStore::new())
///     .issuer("https://id.example")
///     .audience("api")
///     .keys(Keys::generate().unwrap())
///     .with_clock(clock.clone())
///     .build()
///     .unwrap();
/// let login = async || {
///     // The host's own check of the password comes first.
///     let alice = Subject::new("alice").unwrap();
///     mfa.begin(FirstFactor::password_checked_by_host(alice, clock.time())).await.unwrap()
/// };
///
/// // Nothing is bound yet, so the password is all there is.
/// let LoginOutcome::Complete(tokens) = login().await else { panic!("nothing is bound") };
/// assert_eq!(tokens.acr(), "aal1");
///
/// // Alice scans the QR code and types the first code. It comes with recovery codes, shown once.
/// let session = mfa.authenticate(tokens.access_token().expose()).unwrap();
/// let started = mfa.enrol_totp(Enroller::Session(&session), TotpEnrolment::new().label("phone")).await.unwrap();
/// let app = AuthenticatorApp::scan(started.otpauth_uri.expose()).unwrap();
/// let first_code = app.code(clock.time());
/// let bound = mfa.confirm(Enroller::Session(&session), started.id, first_code.as_str()).await.unwrap();
/// assert_eq!(bound.recovery_codes.unwrap().len(), 10);
///
/// // From now on the password is answered with a question.
/// clock.advance(30);
/// let LoginOutcome::Challenge(asked) = login().await else { panic!("an app is bound") };
/// let answer = |code: &str| mfa.answer(Responder::Token(&asked.token), asked.id, Reply::totp(code));
///
/// let refused = answer(&first_code).await.unwrap_err();
/// assert!(matches!(refused.refusal(), Refusal::InvalidCode { .. }), "wrong or used before: one answer for both");
///
/// let right = answer(&app.code(clock.time())).await.unwrap();
/// let AnswerOutcome::Complete(right) = right else { panic!("one code is enough") };
/// assert_eq!(right.tokens.acr(), "aal2");
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct Mfa {
    inner: Arc<Inner>,
    address: Option<Arc<str>>,
}

impl Mfa {
    /// Starts with the store; issuer, audience and keys must follow.
    pub fn builder<S: Store>(store: S) -> MfaBuilder {
        MfaBuilder::new(store)
    }

    /// Returns a handle whose operations are recorded as coming from `address`.
    ///
    /// Give the connection's peer, or what a proxy you trust says of it.
    #[must_use]
    pub fn from_address(&self, address: &str) -> Self {
        Self { inner: Arc::clone(&self.inner), address: Some(address.into()) }
    }

    /// Returns the verifier of this service's own tokens, for the tower layers.
    #[must_use]
    pub fn verifier(&self) -> Arc<Verifier> {
        Arc::clone(&self.inner.verifier)
    }

    /// Returns the issuer (`iss`): the URL clients know this service by.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.inner.issuer.issuer()
    }

    /// Returns where the routes are nested, as clients see it.
    #[must_use]
    pub fn mounted_at(&self) -> &str {
        &self.inner.mounted_at
    }

    /// Returns where the routes of the administration are nested, as clients see it, where the builder was told.
    #[must_use]
    pub fn admin_mounted_at(&self) -> Option<&str> {
        self.inner.admin_mounted_at.as_deref()
    }

    /// Returns the protection space named in `WWW-Authenticate`.
    #[must_use]
    pub fn realm(&self) -> &str {
        &self.inner.realm
    }

    /// Tells whether browsers carry their tokens in cookies.
    #[must_use]
    pub fn uses_cookies(&self) -> bool {
        self.inner.cookies
    }

    /// Tells whether `X-Session-Token` carries this service's tokens, too.
    #[must_use]
    pub fn uses_session_token_header(&self) -> bool {
        self.inner.session_token_header
    }

    /// Returns where a challenge is opened: what a step-up answer points to.
    #[must_use]
    pub fn step_up_uri(&self) -> String {
        format!("{}/challenges", self.inner.mounted_at)
    }

    /// Returns the origins, beside the service's own, whose pages may send its cookies.
    #[must_use]
    pub fn trusted_origins(&self) -> &Origins {
        &self.inner.trusted_origins
    }

    /// Returns the proxies whose word of where a request comes from counts.
    #[must_use]
    pub fn trusted_proxies(&self) -> &[Network] {
        &self.inner.trusted_proxies
    }

    /// Tells whether the issuer is served over http on loopback, where cookies cannot be `Secure`.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let issuer: Option<http::Uri> = self.inner.issuer.issuer().parse().ok();
        let host = issuer.as_ref().filter(|uri| uri.scheme_str() == Some("http")).and_then(http::Uri::host);
        let is_loopback = |ip: IpAddr| ip.is_loopback();
        host.is_some_and(|host| host == "localhost" || host.trim_matches(['[', ']']).parse().is_ok_and(is_loopback))
    }

    /// Returns the clock everything here is decided by.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.inner.clock)
    }

    /// Verifies an access token of this service.
    ///
    /// # Errors
    ///
    /// [`Refusal::InvalidToken`](crate::account::Refusal::InvalidToken) when it is not one, is
    /// expired, or its session has ended here; the source says which.
    pub fn authenticate(&self, token: &str) -> Result<Authentication, Error> {
        let now = self.inner.clock.now()?;
        self.inner.verifier.verify(token, now).map_err(Error::from)
    }

    /// Returns the public keys as a JWK Set (RFC 7517): what `/.well-known/jwks.json` serves.
    ///
    /// # Errors
    ///
    /// [`Error`] when the clock cannot be read: keys are published until a time.
    pub fn jwks_json(&self) -> Result<String, Error> {
        Ok(self.inner.issuer.keys().jwks_json(self.inner.clock.now()?))
    }
}
