use super::effective::Demands;
use super::kinds::Kinds;
use super::{Login, Who};
use crate::assurance::Method;
use crate::network::Network;

/// A rule of a [`LoginPolicy`](super::LoginPolicy): for whom it is, and what it makes stricter.
///
/// It applies when every selector it has applies, and a selector does when one of its list does. What
/// it says can only be stricter than the policy's base: a rule that makes anything looser is refused.
///
/// ```
/// use std::net::IpAddr;
/// use tower_mfa::id::Subject;
/// use tower_mfa::policy::{Login, LoginRule, Who};
///
/// let away = LoginRule::new("admins away from the office")
///     .roles(["admin", "operator"])
///     .outside_networks(["10.0.0.0/8".parse().unwrap()])
///     .mode(Login::Required);
///
/// let (alice, roles) = (Subject::new("alice").unwrap(), [Box::from("admin")]);
/// let at = |address: Option<IpAddr>| Who::new(&alice, "web", &roles).address(address);
/// assert!(!away.applies_to(at("10.1.2.3".parse().ok())), "in the office");
/// assert!(away.applies_to(at("192.0.2.7".parse().ok())));
/// assert!(away.applies_to(at(None)), "nobody knows where she is: that is not the office");
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct LoginRule {
    pub(super) name: Box<str>,
    pub(super) tenants: Option<Vec<Box<str>>>,
    pub(super) roles: Option<Vec<Box<str>>>,
    pub(super) groups: Option<Vec<Box<str>>>,
    pub(super) clients: Option<Vec<Box<str>>>,
    pub(super) networks: Option<Vec<Network>>,
    pub(super) outside: Option<Vec<Network>>,
    pub(super) demands: Demands,
}

fn texts<T: Into<Box<str>>>(list: impl IntoIterator<Item = T>) -> Option<Vec<Box<str>>> {
    Some(list.into_iter().map(Into::into).collect())
}

impl LoginRule {
    /// Begins a rule. The name stands in errors and explanations: 1 to 64 characters, each name once.
    pub fn new(name: impl Into<Box<str>>) -> Self {
        Self {
            name: name.into(),
            tenants: None,
            roles: None,
            groups: None,
            clients: None,
            networks: None,
            outside: None,
            demands: Demands::default(),
        }
    }

    /// Selects subjects of these tenants; a subject without a tenant is of none.
    pub fn tenants<T: Into<Box<str>>>(mut self, tenants: impl IntoIterator<Item = T>) -> Self {
        self.tenants = texts(tenants);
        self
    }

    /// Selects sessions that have one of these roles.
    pub fn roles<T: Into<Box<str>>>(mut self, roles: impl IntoIterator<Item = T>) -> Self {
        self.roles = texts(roles);
        self
    }

    /// Selects subjects that the host has put into one of these groups
    /// (`FirstFactor::groups`).
    pub fn groups<T: Into<Box<str>>>(mut self, groups: impl IntoIterator<Item = T>) -> Self {
        self.groups = texts(groups);
        self
    }

    /// Selects sessions of these clients (`client_id`).
    pub fn clients<T: Into<Box<str>>>(mut self, clients: impl IntoIterator<Item = T>) -> Self {
        self.clients = texts(clients);
        self
    }

    /// Selects requests from these networks. An address nobody knows is in none of them.
    ///
    /// # Security
    ///
    /// For a network that is *less* trusted. A rule for whoever is not in a trusted one is written with
    /// [`outside_networks`](Self::outside_networks): there an unknown address counts as outside, so that
    /// a host that forgets to tell it, or a peer that hides, does not escape the rule.
    pub fn networks(mut self, networks: impl IntoIterator<Item = Network>) -> Self {
        self.networks = Some(networks.into_iter().collect());
        self
    }

    /// Selects requests that come from none of these networks, or from nobody knows where.
    ///
    /// The address is asked for anew at each request: give it to `FirstFactor::address` or
    /// `Mfa::from_address`, and serve the routes with axum's `ConnectInfo`. A session of a password alone
    /// that was begun inside is not refreshed outside where its rule wants more.
    pub fn outside_networks(mut self, networks: impl IntoIterator<Item = Network>) -> Self {
        self.outside = Some(networks.into_iter().collect());
        self
    }

    /// Makes the login stricter.
    pub const fn mode(mut self, mode: Login) -> Self {
        self.demands.mode = Some(mode);
        self
    }

    /// Lets only these kinds be bound. What is bound already stays.
    pub fn kinds(mut self, kinds: impl IntoIterator<Item = Method>) -> Self {
        self.demands.kinds = Some(Kinds::of(kinds));
        self
    }

    /// Sets how many authenticators may be bound (1 to 64).
    pub const fn at_most(mut self, count: usize) -> Self {
        self.demands.most = Some(count);
        self
    }

    /// Sets how many authenticators must be bound where MFA is required: 1, or 2 for two independent
    /// ones.
    pub const fn at_least(mut self, count: usize) -> Self {
        self.demands.least = Some(count);
        self
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Tells whether the rule is for `who`.
    #[must_use]
    pub fn applies_to(&self, who: Who<'_>) -> bool {
        let one_of = |list: &Option<Vec<Box<str>>>, held: &[&str]| {
            list.as_ref().is_none_or(|list| list.iter().any(|text| held.contains(&&**text)))
        };
        let any_of = |list: &Option<Vec<Box<str>>>, held: &[Box<str>]| {
            list.as_ref().is_none_or(|list| list.iter().any(|text| held.contains(text)))
        };
        let lies_in =
            |networks: &[Network]| who.address.is_some_and(|at| networks.iter().any(|network| network.contains(at)));
        one_of(&self.tenants, who.subject.tenant().as_slice())
            && one_of(&self.clients, &[who.client_id])
            && any_of(&self.roles, who.roles)
            && any_of(&self.groups, who.groups)
            && self.networks.as_deref().is_none_or(lies_in)
            && !self.outside.as_deref().is_some_and(lies_in)
    }
}
