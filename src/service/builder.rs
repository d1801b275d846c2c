use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Mfa;
use super::directory::{ByName, Directory};
use super::inner::{EventHook, Inner};
use super::keys::Keys;
use super::queue::Queues;
use super::shell::STORE_DEADLINE;
use super::slow_hash::SlowHash;
use crate::account::webauthn::Ceremonies;
use crate::account::{CLOCK_TOLERANCE, Event};
use crate::assurance::AcrNames;
use crate::clock::{Clock, SystemClock};
use crate::entropy::{Entropy, SystemEntropy};
use crate::error::ConfigError;
use crate::id::Subject;
use crate::middleware::csrf::Origins;
use crate::network::Network;
use crate::policy::{Policy, PolicySource, Who};
use crate::rate_limit::{DynRateLimit, InProcess, RateLimit, RateLimits};
use crate::store::{DynStore, Store};
use crate::token::{Issuer, Verifier};
use crate::vault::Vault;

/// Builds an [`Mfa`]. Four things a host must give: store, issuer, audience, keys.
///
/// ```
/// use tower_mfa::policy::{Login, Policy};
/// use tower_mfa::service::{Keys, Mfa};
/// use tower_mfa::store::MemoryStore;
///
/// let mfa = Mfa::builder(MemoryStore::new()) // in production `SqliteStore::open("mfa.sqlite").await?`
///     .issuer("https://id.example")
///     .audience("api")
///     .keys(Keys::generate().unwrap()) // in production `Keys::from_env()?`
///     .policy(Policy::builder().login(Login::Required).build().unwrap())
///     .app_name("Example Bank")
///     .mounted_at("/account/mfa")
///     .build()
///     .unwrap();
/// assert_eq!(mfa.step_up_uri(), "/account/mfa/challenges");
///
/// // What is forgotten is refused by its name.
/// let refused = Mfa::builder(MemoryStore::new()).issuer("https://id.example").audience("api").build();
/// assert_eq!(refused.unwrap_err().field(), "keys");
/// ```
#[must_use]
pub struct MfaBuilder {
    store: Arc<dyn DynStore>,
    issuer: Option<Box<str>>,
    audience: Option<Box<str>>,
    keys: Option<Keys>,
    policies: Arc<dyn PolicySource>,
    names: AcrNames,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    store_deadline: Duration,
    on_event: Option<EventHook>,
    revocation_capacity: Option<usize>,
    revocations_within: Option<Duration>,
    app_name: Option<Box<str>>,
    mounted_at: Box<str>,
    admin_mounted_at: Option<Box<str>>,
    realm: Option<Box<str>>,
    cookies: bool,
    session_token_header: bool,
    trusted_origins: Origins,
    trusted_proxies: Vec<Network>,
    pub(super) ceremonies: Option<Box<dyn Ceremonies>>,
    directory: Arc<dyn Directory>,
    rate_limit: Arc<dyn DynRateLimit>,
    limits: RateLimits,
}

impl fmt::Debug for MfaBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MfaBuilder").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl MfaBuilder {
    pub(super) fn new<S: Store>(store: S) -> Self {
        Self {
            store: Arc::new(store),
            issuer: None,
            audience: None,
            keys: None,
            policies: Arc::new(Arc::new(Policy::default())),
            names: AcrNames::default(),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            store_deadline: STORE_DEADLINE,
            on_event: None,
            revocation_capacity: None,
            revocations_within: None,
            app_name: None,
            mounted_at: "/mfa".into(),
            admin_mounted_at: None,
            realm: None,
            cookies: false,
            session_token_header: false,
            trusted_origins: Origins::default(),
            trusted_proxies: Vec::new(),
            ceremonies: None,
            directory: Arc::new(ByName),
            rate_limit: Arc::new(InProcess::default()),
            limits: RateLimits::new(),
        }
    }

    /// Says who the host's users are, for sign-ins that begin with a passkey. Default: a name is the
    /// subject's id, and everybody may sign in without roles.
    pub fn directory(mut self, directory: impl Directory) -> Self {
        self.directory = Arc::new(directory);
        self
    }

    /// Says who keeps the budgets of addresses. Default: [`InProcess`], each replica for itself; a `RedisStore`
    /// (feature `redis`) keeps them for all replicas together.
    ///
    /// One that fails, or does not answer in time ([`store_deadline`](Self::store_deadline)), is a `503`: nothing is
    /// checked for free.
    pub fn rate_limit(mut self, rate_limit: impl RateLimit) -> Self {
        self.rate_limit = Arc::new(rate_limit);
        self
    }

    /// Says how large the budgets of addresses are. Default: [`RateLimits::new`].
    pub const fn rate_limits(mut self, limits: RateLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Names this issuer (`iss`): the URL clients know it by.
    pub fn issuer(mut self, issuer: impl Into<Box<str>>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Names who its tokens are for (`aud`).
    pub fn audience(mut self, audience: impl Into<Box<str>>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Gives the keys to sign and to seal with.
    pub fn keys(mut self, keys: Keys) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Sets one policy for everybody. Default: [`Policy::default`].
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policies = Arc::new(Arc::new(policy));
        self
    }

    /// Sets where policies come from, when tenants, groups or clients differ.
    pub fn policy_source(mut self, source: impl PolicySource) -> Self {
        self.policies = Arc::new(source);
        self
    }

    /// Renames the levels on the wire.
    pub fn acr_names(mut self, names: AcrNames) -> Self {
        self.names = names;
        self
    }

    /// Names the service in authenticator apps. Default: the audience.
    pub fn app_name(mut self, name: impl Into<Box<str>>) -> Self {
        self.app_name = Some(name.into());
        self
    }

    /// Says where the routes are nested, as clients see it. Default: `/mfa`.
    pub fn mounted_at(mut self, path: impl Into<Box<str>>) -> Self {
        self.mounted_at = path.into();
        self
    }

    /// Says where the routes of the administration are nested, as clients see it: then they are described in
    /// the OpenAPI document. Default: they are not.
    pub fn admin_mounted_at(mut self, path: impl Into<Box<str>>) -> Self {
        self.admin_mounted_at = Some(path.into());
        self
    }

    /// Names the protection space in `WWW-Authenticate`. Default: the audience.
    pub fn realm(mut self, realm: impl Into<Box<str>>) -> Self {
        self.realm = Some(realm.into());
        self
    }

    /// Lets browsers carry their tokens in cookies that a page cannot read. Default: no.
    pub const fn cookies(mut self, on: bool) -> Self {
        self.cookies = on;
        self
    }

    /// Lets `X-Session-Token` carry this service's tokens, for a host that keeps its own primary
    /// token in `Authorization`. Default: no.
    pub const fn session_token_header(mut self, on: bool) -> Self {
        self.session_token_header = on;
        self
    }

    /// Names the origins, beside the service's own, whose pages may send its cookies. Default: none.
    pub fn trusted_origins(mut self, origins: Origins) -> Self {
        self.trusted_origins = origins;
        self
    }

    /// Names the proxies whose `X-Forwarded-For` counts, by range or by address. Default: none, and an
    /// address is the connection's peer. A proxy is no client: where it does not say whom it speaks for, the address
    /// is unknown.
    ///
    /// ```
    /// use std::net::IpAddr;
    /// use tower_mfa::network::Network;
    /// use tower_mfa::service::{Keys, Mfa};
    /// use tower_mfa::store::MemoryStore;
    ///
    /// const BALANCERS: Network = Network::v4([10, 0, 0, 0], 8);
    /// let mfa = Mfa::builder(MemoryStore::new()).issuer("https://id.example").audience("api");
    /// let mfa = mfa.keys(Keys::generate().unwrap()).trusted_proxies([BALANCERS]).build().unwrap();
    /// let trusts = |address: &str| mfa.trusted_proxies().iter().any(|range| range.contains(address.parse().unwrap()));
    /// assert!(trusts("10.1.2.3"));
    /// assert!(!trusts("192.0.2.7"));
    ///
    /// // One that stands alone is a range of one.
    /// let sidecar: IpAddr = "127.0.0.1".parse().unwrap();
    /// let _ = Mfa::builder(MemoryStore::new()).trusted_proxies([sidecar]);
    /// ```
    ///
    /// # Security
    ///
    /// Everybody in a range may say to be anybody: name no range that clients come from.
    pub fn trusted_proxies<N: Into<Network>>(mut self, proxies: impl IntoIterator<Item = N>) -> Self {
        self.trusted_proxies = proxies.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the clock. Default: the operating system's.
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets the source of random bytes. Default: the operating system's.
    ///
    /// # Security
    ///
    /// Anything else is for tests.
    pub fn with_entropy(mut self, entropy: impl Entropy) -> Self {
        self.entropy = Arc::new(entropy);
        self
    }

    /// Sets how long a call of the store may take (1 ms to 60 s). Default: 5 s. One that takes
    /// longer is answered `503`, and nothing is granted.
    pub const fn store_deadline(mut self, deadline: Duration) -> Self {
        self.store_deadline = deadline;
        self
    }

    /// Sets how many revocations this process remembers: sessions that ended before their access
    /// tokens expired. Default: 65,536; for more than 70 such sessions a second, take more.
    ///
    /// When it is full, the sessions of each subject become one entry, which refuses what that
    /// subject was issued until then. When that makes no room either, every token issued so far is
    /// refused, everybody's: clients refresh, and no ended session lives on for want of memory.
    pub const fn revocation_capacity(mut self, revocations: usize) -> Self {
        self.revocation_capacity = Some(revocations);
        self
    }

    /// For several replicas: believes an access token only where it is known what all of them have revoked, as of at
    /// most `within` ago (1 to 300 seconds). What is older is answered `503`.
    ///
    /// Run [`Mfa::revocation_feed`] beside the service: until it has read once, no token is believed. Default: 5 s from
    /// the call of [`Mfa::revocation_feed`] on; without that call, tokens of a session that another replica has ended
    /// are believed here until they expire.
    pub const fn revocations_within(mut self, within: Duration) -> Self {
        self.revocations_within = Some(within);
        self
    }

    /// Calls `hook` with every event once it is committed.
    ///
    /// It is called on the way of the request: hand over and return. A process that dies between
    /// the commit and the call has not called it; what must not be missed is read from the store.
    pub fn on_event(mut self, hook: impl Fn(&Subject, &Event) + Send + Sync + 'static) -> Self {
        self.on_event = Some(Arc::new(hook));
        self
    }

    /// Checks the settings and builds.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with the field and the rule: issuer, audience or keys are missing or empty,
    /// a mount path does not begin with `/` or ends with it, both are the same, the deadline is out of range,
    /// nothing could ever be bound for want of a relying party.
    pub fn build(self) -> Result<Mfa, ConfigError> {
        let missing = |field| ConfigError::new(field, "must be given");
        let issuer = self.issuer.ok_or_else(|| missing("issuer"))?;
        let audience = self.audience.ok_or_else(|| missing("audience"))?;
        let keys = self.keys.ok_or_else(|| missing("keys"))?;
        check_mounts(&self.mounted_at, self.admin_mounted_at.as_deref())?;
        let app_name = self.app_name.unwrap_or_else(|| audience.clone());
        let is_padded = app_name.trim().len() != app_name.len();
        if app_name.is_empty() || app_name.len() > 64 || is_padded || app_name.chars().any(char::is_control) {
            let rule = "must be 1 to 64 bytes without control characters and without whitespace around them";
            return Err(ConfigError::new("app_name", rule));
        }
        if !(Duration::from_millis(1)..=Duration::from_secs(60)).contains(&self.store_deadline) {
            return Err(ConfigError::new("store_deadline", "must be 1 ms to 60 s"));
        }
        let realm = self.realm.unwrap_or_else(|| audience.clone());
        // RFC 6750 §3: what may stand in a quoted parameter.
        if realm.is_empty() || !realm.bytes().all(|b| matches!(b, b' '..=b'~') && b != b'"' && b != b'\\') {
            return Err(ConfigError::new("realm", "must be printable ASCII without quote and backslash"));
        }
        let signing = keys.signing().clone();
        let mut verifier = Verifier::new(issuer.clone(), audience.clone(), signing.clone())?;
        verifier = verifier.issued_ahead(CLOCK_TOLERANCE);
        if let Some(revocations) = self.revocation_capacity {
            verifier = verifier.with_revocation_capacity(revocations);
        }
        if let Some(within) = self.revocations_within {
            verifier = verifier.expect_feed(within)?;
        }
        if self.ceremonies.is_none() {
            check_bindable(&*self.policies, &audience)?;
        }
        let inner = Inner {
            store: self.store,
            verifier: Arc::new(verifier.with_acr_names(self.names.clone())),
            app_name,
            realm,
            issuer: Issuer::new(issuer, audience, signing)?.with_acr_names(self.names),
            policies: self.policies,
            vault: Vault::new(keys.ring()),
            clock: self.clock,
            entropy: self.entropy,
            store_deadline: self.store_deadline,
            on_event: self.on_event,
            queues: Queues::default(),
            slow_hash: SlowHash::default(),
            mounted_at: self.mounted_at,
            admin_mounted_at: self.admin_mounted_at,
            cookies: self.cookies,
            session_token_header: self.session_token_header,
            trusted_origins: self.trusted_origins,
            trusted_proxies: self.trusted_proxies,
            ceremonies: self.ceremonies,
            directory: self.directory,
            rate_limit: self.rate_limit,
            limits: self.limits,
        };
        Ok(Mfa { inner: Arc::new(inner), address: None })
    }
}

/// Where no relying party is given, something else must be there to bind. Asked of the policy for whoever has not
/// said who it is: those for others are not known before they come.
fn check_bindable(policies: &dyn PolicySource, audience: &str) -> Result<(), ConfigError> {
    let Ok(nobody) = Subject::new("nobody") else { return Ok(()) };
    let who = Who::new(&nobody, audience, &[]);
    if policies.policy(who).login_for(who).needs_relying_party() {
        let rule = "must be given: the policy lets nothing be bound but passkeys and security keys";
        return Err(ConfigError::new("webauthn", rule));
    }
    Ok(())
}

fn check_mounts(routes: &str, admin: Option<&str>) -> Result<(), ConfigError> {
    for (field, path) in [("mounted_at", Some(routes)), ("admin_mounted_at", admin)] {
        if path.is_some_and(|path| !path.starts_with('/') || path.ends_with('/')) {
            return Err(ConfigError::new(field, "must begin with a slash and not end with one"));
        }
    }
    // Both have a route `/events`.
    if admin == Some(routes) {
        return Err(ConfigError::new("admin_mounted_at", "must not be where the other routes are nested"));
    }
    Ok(())
}
