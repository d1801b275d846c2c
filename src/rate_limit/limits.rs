use std::net::IpAddr;
use std::num::NonZeroU32;

use super::{Budget, Quota, Scope};

/// How many answers may be wrong, by where they come from.
///
/// | what has a budget | default |
/// |---|---|
/// | an address | 30 in 300 s |
/// | a /64 of IPv6, beside that of the address | 120 in 300 s |
/// | a /48 of IPv6, beside those two | 3,000 in 300 s |
/// | passkeys and security keys of an address of IPv4 or a /64 of IPv6, which count for nothing else | 120 in 300 s |
/// | all requests together of which the address is not known | 30,000 in 300 s |
///
/// ```
/// use tower_mfa::rate_limit::{Quota, RateLimits, Scope};
/// use tower_mfa::service::{Keys, Mfa};
/// use tower_mfa::store::MemoryStore;
///
/// // A school: a thousand people behind one address, or in one /64.
/// let school = Quota::new(300, 300).unwrap();
/// let limits = RateLimits::new().address(school).network64(school);
/// assert_eq!(limits.quota(Scope::Address).unwrap().burst(), 300);
/// assert_eq!(limits.quota(Scope::Network48).unwrap().burst(), 3_000, "as it was");
/// let mfa = Mfa::builder(MemoryStore::new()).issuer("https://id.example").audience("api").rate_limits(limits);
/// assert!(mfa.keys(Keys::generate().unwrap()).build().is_ok());
///
/// // Without a budget is only what was said to be.
/// assert_eq!(limits.insecure_without(Scope::Address).quota(Scope::Address), None);
/// ```
///
/// They stand beside the policy, not in it: a policy is for a subject, and an address is nobody's.
///
/// None of them counts all addresses together: whoever has many would spend it and hold up everybody. What all of them
/// try at one account is counted there.
///
/// # Security
///
/// Where nothing tells the address, whoever sends wrong answers fast enough spends the one budget of all. Serve with
/// `ConnectInfo<SocketAddr>`, or call [`Mfa::from_address`](crate::service::Mfa::from_address).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct RateLimits {
    address: Option<Quota>,
    network64: Option<Quota>,
    network48: Option<Quota>,
    webauthn: Option<Quota>,
    global: Option<Quota>,
}

const ADDRESS: Quota = in_five_minutes(NonZeroU32::new(30));
const NETWORK64: Quota = in_five_minutes(NonZeroU32::new(120));
/// A provider of mobile access has all its customers of a region in one.
const NETWORK48: Quota = in_five_minutes(NonZeroU32::new(3_000));
const WEBAUTHN: Quota = in_five_minutes(NonZeroU32::new(120));
const GLOBAL: Quota = in_five_minutes(NonZeroU32::new(30_000));

/// A burst of none is the least there is.
const fn in_five_minutes(burst: Option<NonZeroU32>) -> Quota {
    match burst {
        Some(burst) => Quota::fixed(burst, 300),
        None => Quota::fixed(NonZeroU32::MIN, 300),
    }
}

impl Default for RateLimits {
    fn default() -> Self {
        Self::new()
    }
}

impl RateLimits {
    /// Begins with the defaults.
    pub const fn new() -> Self {
        Self {
            address: Some(ADDRESS),
            network64: Some(NETWORK64),
            network48: Some(NETWORK48),
            webauthn: Some(WEBAUTHN),
            global: Some(GLOBAL),
        }
    }

    /// Sets what an address has.
    pub const fn address(self, quota: Quota) -> Self {
        Self { address: Some(quota), ..self }
    }

    /// Sets what a /64 of IPv6 has.
    pub const fn network64(self, quota: Quota) -> Self {
        Self { network64: Some(quota), ..self }
    }

    /// Sets what a /48 of IPv6 has.
    pub const fn network48(self, quota: Quota) -> Self {
        Self { network48: Some(quota), ..self }
    }

    /// Sets what the passkeys and security keys of an address of IPv4, or of a /64 of IPv6, have.
    pub const fn webauthn(self, quota: Quota) -> Self {
        Self { webauthn: Some(quota), ..self }
    }

    /// Sets what all requests together have of which the address is not known.
    pub const fn without_address(self, quota: Quota) -> Self {
        Self { global: Some(quota), ..self }
    }

    /// Counts no more by `scope`. Destinations are counted by whoever sends to them, and not here.
    ///
    /// # Security
    ///
    /// Then one machine tries one code at each of any number of accounts, as fast as it is answered. Do so where
    /// something in front counts wrong answers, not requests.
    pub const fn insecure_without(self, scope: Scope) -> Self {
        match scope {
            Scope::Address => Self { address: None, ..self },
            Scope::Network64 => Self { network64: None, ..self },
            Scope::Network48 => Self { network48: None, ..self },
            Scope::WebAuthn => Self { webauthn: None, ..self },
            Scope::Global => Self { global: None, ..self },
            Scope::Destination => self,
        }
    }

    /// Returns what a scope has; `None` where it is not counted by.
    #[must_use]
    pub const fn quota(&self, scope: Scope) -> Option<Quota> {
        match scope {
            Scope::Address => self.address,
            Scope::Network64 => self.network64,
            Scope::Network48 => self.network48,
            Scope::WebAuthn => self.webauthn,
            Scope::Global => self.global,
            Scope::Destination => None,
        }
    }

    /// The budgets an answer from `address` takes from.
    pub(crate) fn budgets(&self, address: Option<IpAddr>, what: Tried) -> Vec<Budget> {
        match (address, what) {
            (None, _) => self.global.map(Budget::global).into_iter().collect(),
            (Some(address), Tried::Key) => {
                self.webauthn.map(|quota| Budget::webauthn(address, quota)).into_iter().collect()
            }
            (Some(address), Tried::Code) => {
                let own = self.address.map(|quota| Budget::address(address, quota));
                let link = self.network64.and_then(|quota| Budget::network64(address, quota));
                let site = self.network48.and_then(|quota| Budget::network48(address, quota));
                own.into_iter().chain(link).chain(site).collect()
            }
        }
    }
}

/// What is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tried {
    /// What can be guessed.
    Code,
    /// A signature or a new key, which cannot.
    Key,
}
