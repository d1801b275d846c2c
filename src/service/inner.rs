use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::directory::Directory;
use super::queue::Queues;
use super::slow_hash::SlowHash;
use crate::account::Event;
use crate::account::webauthn::Ceremonies;
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::id::Subject;
use crate::middleware::csrf::Origins;
use crate::network::Network;
use crate::policy::PolicySource;
use crate::rate_limit::{DynRateLimit, RateLimits};
use crate::store::DynStore;
use crate::token::{Issuer, Verifier};
use crate::vault::Vault;

/// What is told of every event once it is committed.
pub(super) type EventHook = Arc<dyn Fn(&Subject, &Event) + Send + Sync>;

/// Everything an [`Mfa`](super::Mfa) is made of.
pub(super) struct Inner {
    pub(super) store: Arc<dyn DynStore>,
    pub(super) issuer: Issuer,
    pub(super) verifier: Arc<Verifier>,
    pub(super) policies: Arc<dyn PolicySource>,
    pub(super) vault: Vault,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) store_deadline: Duration,
    pub(super) on_event: Option<EventHook>,
    pub(super) queues: Queues,
    pub(super) slow_hash: SlowHash,
    /// How the service is called in an authenticator app.
    /// Who checks what authenticators sign.
    pub(super) ceremonies: Option<Box<dyn Ceremonies>>,
    pub(super) directory: Arc<dyn Directory>,
    pub(super) rate_limit: Arc<dyn DynRateLimit>,
    pub(super) limits: RateLimits,
    pub(super) app_name: Box<str>,
    /// Where the routes are nested, as clients see it.
    pub(super) mounted_at: Box<str>,
    /// Where those of the administration are, if they are described at all.
    pub(super) admin_mounted_at: Option<Box<str>>,
    pub(super) realm: Box<str>,
    pub(super) cookies: bool,
    pub(super) session_token_header: bool,
    pub(super) trusted_origins: Origins,
    pub(super) trusted_proxies: Vec<Network>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mfa").field("issuer", &self.issuer.issuer()).finish_non_exhaustive()
    }
}
