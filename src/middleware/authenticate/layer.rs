use std::sync::Arc;

use tower::Layer;

use super::Authenticate;
use crate::clock::Clock;
use crate::error::ConfigError;
use crate::middleware::Source;
use crate::middleware::csrf::Origins;
use crate::middleware::settings::Settings;
use crate::token::Verifier;

/// Verifies the token a request carries and puts an
/// [`Authentication`](crate::assurance::Authentication) into its extensions.
///
/// It goes outside of every [`RequireLayer`](crate::middleware::RequireLayer) and extractor, which
/// take the clock, the names and the words of their answers from it.
///
/// ```
/// use http::{Request, Response};
/// use tower::{Layer, ServiceExt, service_fn};
/// use tower_mfa::assurance::Authentication;
/// use tower_mfa::middleware::{AuthenticateLayer, Source};
/// use tower_mfa::token::{KeySet, Verifier};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let jwks = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
/// # let token = concat!(
/// #     "eyJhbGciOiJFZERTQSIsImtpZCI6ImtQcktfcW14VldhWVZBOXd3QkY2SXVvM3ZWeno3VHhIQ1R3WEJ5Z3JTNGsiLC",
/// #     "J0eXAiOiJhdCtqd3QifQ.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJzdWIiOiJhbGljZSIsImF1ZCI6ImFwa",
/// #     "SIsImNsaWVudF9pZCI6IndlYiIsImV4cCI6MTgwMDAwMDkwMCwiaWF0IjoxODAwMDAwMDAwLCJqdGkiOiJkTVlvNlF",
/// #     "wSTR3UnBhRnVPQlVyRldRIiwic2lkIjoiZnNvaGt0SlN5QlFIMWJHWUFHeWNYZyIsImF1dGhfdGltZSI6MTgwMDAwM",
/// #     "DAwMCwiYWNyIjoiYWFsMiIsImFtciI6WyJwd2QiLCJvdHAiLCJtZmEiLCJ0b3RwIl0sImV2aWRlbmNlIjpbeyJ0eXB",
/// #     "lIjoidG90cCIsImF0IjoxODAwMDAwMDAwfSx7InR5cGUiOiJwd2QiLCJhdCI6MTgwMDAwMDAwMH1dfQ.nslVnuEsPj",
/// #     "x6su07GPl6QNt-0vA6P_6Wro9WdLeIbWBHzpwzmwtp4_5oWv7wM9W_ri3aCmkgGdarCGanwSzMAg",
/// # );
/// # struct At(u64);
/// # impl tower_mfa::clock::Clock for At {
/// #     fn now(&self) -> Result<tower_mfa::clock::Timestamp, tower_mfa::clock::ClockError> {
/// #         Ok(tower_mfa::clock::Timestamp::from_secs(self.0))
/// #     }
/// # }
/// # let (early, late) = (std::sync::Arc::new(At(1_800_000_100)), std::sync::Arc::new(At(1_800_000_301)));
/// # let keys = KeySet::from_jwks(jwks).unwrap();
/// # let _ = late;
/// // What the inner service sees: who is asking, if anybody is.
/// let who = service_fn(|request: Request<()>| async move {
///     let who = request.extensions().get::<Authentication>();
///     Ok::<_, std::convert::Infallible>(Response::new(who.map(|who| who.subject().id().to_owned())))
/// });
/// let verifier = Verifier::new("https://id.example", "api", keys).unwrap();
/// let layer = AuthenticateLayer::new(verifier).with_clock(early).sources([Source::SESSION_TOKEN]);
/// let service = layer.layer(who);
///
/// let request = Request::get("/").header("x-session-token", token).body(()).unwrap();
/// assert_eq!(service.clone().oneshot(request).await.unwrap().body().as_deref(), Some("alice"));
///
/// let forged = Request::get("/").header("x-session-token", format!("{token}x")).body(()).unwrap();
/// assert_eq!(service.oneshot(forged).await.unwrap().body().as_deref(), None);
/// # }
/// ```
///
/// # Security
///
/// A client controls every header that is read here. None of them can make an `Authentication`: a
/// signature of the verifier's keys does. A request with two tokens, or with a cookie that another
/// site made the browser send, is treated as one with no token, and refused where one is needed.
#[derive(Debug, Clone)]
#[must_use]
pub struct AuthenticateLayer {
    settings: Arc<Settings>,
}

impl AuthenticateLayer {
    /// Makes the layer, with `Authorization: Bearer` as the only source and the system's clock.
    ///
    /// An `Arc<Verifier>` is shared: what is revoked in it is revoked here.
    pub fn new(verifier: impl Into<Arc<Verifier>>) -> Self {
        Self { settings: Arc::new(Settings::new(verifier.into())) }
    }

    /// Takes the token from these sources, and from no other.
    pub fn sources(self, sources: impl IntoIterator<Item = Source>) -> Self {
        self.with(|settings| {
            settings.sources.clear();
            for source in sources {
                // One that is listed twice would carry two tokens.
                if !settings.sources.contains(&source) {
                    settings.sources.push(source);
                }
            }
        })
    }

    /// Reads the time from another clock.
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        self.with(|settings| settings.clock = clock)
    }

    /// Lets the pages of these origins send our cookie with unsafe methods, beside the service's
    /// own.
    pub fn trusted_origins(self, origins: Origins) -> Self {
        self.with(|settings| settings.trusted = origins)
    }

    /// Names the protection space in `WWW-Authenticate`; `api` by default.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the name is empty or has characters that may not stand there
    /// (RFC 6750 §3): printable ASCII without quote and backslash.
    pub fn realm(self, realm: impl Into<Box<str>>) -> Result<Self, ConfigError> {
        let realm = realm.into();
        let allowed = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
        if realm.is_empty() || !realm.bytes().all(allowed) {
            return Err(ConfigError::new("realm", "must be printable ASCII without quote and backslash"));
        }
        Ok(self.with(|settings| settings.realm = realm))
    }

    /// Says where a client opens a challenge; `/mfa/challenges` by default.
    pub fn step_up_uri(self, uri: impl Into<Box<str>>) -> Self {
        self.with(|settings| settings.step_up_uri = uri.into())
    }

    fn with(self, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Arc::unwrap_or_clone(self.settings);
        change(&mut settings);
        Self { settings: Arc::new(settings) }
    }
}

impl<S> Layer<S> for AuthenticateLayer {
    type Service = Authenticate<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Authenticate::new(inner, self.settings.clone())
    }
}
