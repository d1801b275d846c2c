use std::net::IpAddr;
use std::sync::Arc;

use http::{Extensions, HeaderMap};
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
/// use std::convert::Infallible;
/// use std::sync::Arc;
///
/// use http::{Request, Response};
/// use tower::{Layer, ServiceExt, service_fn};
/// use tower_mfa::assurance::Authentication;
/// use tower_mfa::middleware::{AuthenticateLayer, Source};
/// use tower_mfa::testing::ManualClock;
/// use tower_mfa::token::Verifier;
///
/// // `token` was issued to Alice, at 1,800,000,000.
/// async fn example(verifier: Verifier, token: &str) {
///     let clock = ManualClock::at(1_800_000_100);
///     let layer = AuthenticateLayer::new(verifier).with_clock(Arc::new(clock)).sources([Source::SESSION_TOKEN]);
///     // What the inner service sees: who is asking, if anybody is.
///     let service = layer.layer(service_fn(async |request: Request<()>| {
///         let who = request.extensions().get::<Authentication>();
///         Ok::<_, Infallible>(Response::new(who.map(|who| who.subject().id().to_owned())))
///     }));
///     let ask = async |token: String| {
///         let request = Request::get("/").header("x-session-token", token).body(()).unwrap();
///         service.clone().oneshot(request).await.unwrap().into_body()
///     };
///     assert_eq!(ask(token.into()).await.as_deref(), Some("alice"));
///     assert_eq!(ask(format!("{token}x")).await, None, "forged");
/// }
/// # mod scene { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scene/token.rs")); }
/// # let example = example(scene::verifier(), scene::TOKEN);
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example);
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

    /// Says how to find out where a request comes from, for requirements that name networks: from what
    /// the server left in the extensions, and from headers of a proxy of one's own. Default: whatever
    /// [`ClientAddress`](crate::middleware::ClientAddress) stands in the extensions.
    ///
    /// # Security
    ///
    /// The client writes its own headers. Believe one only when the connection's peer is a proxy you run.
    pub fn client_address(
        self,
        find: impl Fn(&Extensions, &HeaderMap) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        self.with(|settings| settings.client_address = Some(Arc::new(find)))
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
