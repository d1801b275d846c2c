//! The routes of a file.

use std::sync::Arc;

use super::PolicyDocument;
use super::place::{Located, PolicyFileError};
use super::shape::{AccessName, ModeName, RouteTable};
use crate::assurance::Requirement;
use crate::error::ConfigError;
use crate::middleware::route_policy::{Access, Mode, RoutePolicy, Rule};
use crate::middleware::{RequireLayer, TransactionLayer};
use crate::policy::{BoundTo, Policy};
use crate::token::{Elevate, Redeem};

/// What rules of a file need of the service they guard.
#[derive(Clone)]
#[must_use]
pub struct RouteServices {
    redeem: Arc<dyn Redeem>,
    elevate: Arc<dyn Elevate>,
}

impl RouteServices {
    /// Gives what spends approvals and what checks codes that come with a request: an `Mfa` does both.
    pub fn new(redeem: Arc<dyn Redeem>, elevate: Arc<dyn Elevate>) -> Self {
        Self { redeem, elevate }
    }
}

impl std::fmt::Debug for RouteServices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RouteServices").finish_non_exhaustive()
    }
}

impl From<ModeName> for Mode {
    fn from(mode: ModeName) -> Self {
        match mode {
            ModeName::Enforce => Self::Enforce,
            ModeName::ReportOnly => Self::ReportOnly,
            ModeName::Off => Self::Off,
        }
    }
}

impl PolicyDocument {
    /// Builds the route policy: `policy` is what [`policy`](Self::policy) has built of the same document.
    ///
    /// # Errors
    ///
    /// [`PolicyFileError`] with the place of the route: it names an action that the policy does not have, asks
    /// for what nobody can meet, is named twice, or is never asked.
    pub fn routes(&self, policy: &Policy, services: &RouteServices) -> Result<RoutePolicy, PolicyFileError> {
        let mut builder = RoutePolicy::builder().unnamed(self.unnamed).bad_paths(self.bad_paths);
        for route in self.routes.iter() {
            let wrong =
                |why: String| PolicyFileError::at(&self.text, route.at, format!("route {:?}: {why}", route.value.name));
            builder = builder.rule(rule(route, policy, services).map_err(wrong)?);
        }
        builder.build().map_err(|error| self.placed(&error))
    }
}

fn rule(route: &Located<RouteTable>, policy: &Policy, services: &RouteServices) -> Result<Rule, String> {
    let route = &route.value;
    let address = match &route.methods {
        Some(methods) => Rule::on(&route.name, methods.0.iter().map(|method| method.0.clone()), &route.path),
        None => Rule::on_any_method(&route.name, &route.path),
    };
    let access = access(route, policy, services)?;
    Ok(address.access(access).with_mode(route.mode.into()))
}

fn access(route: &RouteTable, policy: &Policy, services: &RouteServices) -> Result<Access, String> {
    let access = match (route.access, &route.require, &route.action) {
        (Some(open), None, None) => match open {
            AccessName::Public => Access::Public,
            AccessName::GuardedElsewhere => Access::GuardedElsewhere,
        },
        (None, Some(asked), None) => of_requirement(route, asked.0.clone(), services),
        (None, None, Some(action)) => of_action(route, action, policy, services)?,
        (None, None, None) => return Err("says nothing of who may pass: give it access, require or action".into()),
        _ => return Err("has more than one of access, require and action: one says who may pass".into()),
    };
    let asked = match &access {
        Access::Require(layer) => Some(layer.requirement()),
        Access::Transaction(layer) => Some(layer.requirement()),
        _ => None,
    };
    if let Some(asked) = asked {
        asked.check(&policy.attainable()).map_err(|error| error.rule().to_owned())?;
    }
    if route.inline_codes && !matches!(access, Access::Require(_)) {
        return Err("inline_codes goes with require, or with an action that is not bound".into());
    }
    if route.body_limit.is_some() && !matches!(access, Access::Transaction(_)) {
        return Err("body_limit goes with an action that is bound: no other route's body is read".into());
    }
    Ok(access)
}

fn of_requirement(route: &RouteTable, asked: Requirement, services: &RouteServices) -> Access {
    let layer = RequireLayer::new(asked);
    let codes = || Arc::clone(&services.elevate);
    Access::Require(if route.inline_codes { layer.inline_codes(codes()) } else { layer })
}

fn of_action(route: &RouteTable, action: &str, policy: &Policy, services: &RouteServices) -> Result<Access, String> {
    let Some(needs) = policy.action(action) else {
        return Err(format!("asks for the action {action:?}, which is not among the actions: name it there"));
    };
    let asked = needs.clone().for_action_named(action);
    let Some(bound) = policy.bound_to(action) else { return Ok(of_requirement(route, asked, services)) };
    let layer = TransactionLayer::builder(asked).redeem(Arc::clone(&services.redeem));
    let layer = match bound {
        BoundTo::Parameters(names) => layer.parameters(names.iter().cloned()),
        BoundTo::WholeRequest => layer.whole_request(),
    };
    let layer = match route.body_limit {
        Some(limit) => layer.body_limit(limit),
        None => layer,
    };
    layer.build().map(Access::Transaction).map_err(|error: ConfigError| error.to_string())
}
