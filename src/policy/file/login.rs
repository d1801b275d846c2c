//! The login policy of a file.

use super::place::{Located, PolicyFileError};
use super::scalar::{AtLeastOne, DateName, KindName};
use super::shape::{LoginMode, LoginRuleTable, LoginTable};
use crate::assurance::Method;
use crate::network::Network;
use crate::policy::{Grace, Login, LoginPolicy, LoginRule};

/// What login asks, and where each rule stands.
#[derive(Debug, Clone)]
pub(super) struct LoginPart {
    pub(super) policy: LoginPolicy,
    pub(super) places: Vec<(Box<str>, usize)>,
}

impl LoginPart {
    pub(super) fn of(table: LoginTable<Located<LoginRuleTable>>, text: &str) -> Result<Self, PolicyFileError> {
        let mode = mode(table.mode, table.grace_until, table.grace_sign_ins).map_err(PolicyFileError::of_file)?;
        let mut policy = LoginPolicy::new(mode);
        policy = match table.kinds {
            Some(list) => policy.kinds(kinds(list)),
            None => policy,
        };
        policy = table.at_most.map_or(policy.clone(), |count| policy.at_most(count));
        policy = table.at_least.map_or(policy.clone(), |count| policy.at_least(count));
        policy = match table.enrolled_by {
            Some(list) => policy.enrolled_by(kinds(list)),
            None => policy,
        };
        let mut places = Vec::new();
        for located in table.rules.into_iter().flatten() {
            let (name, at) = (located.value.name.as_str().into(), located.at);
            let wrong = |why: String| PolicyFileError::at(text, at, format!("login rule {name:?}: {why}"));
            policy = policy.rule(rule(located.value).map_err(wrong)?);
            places.push((name, at));
        }
        Ok(Self { policy, places })
    }
}

fn mode(mode: LoginMode, until: Option<DateName>, sign_ins: Option<u32>) -> Result<Login, String> {
    let mode = match mode {
        LoginMode::RequiredAfter => {
            let grace = Grace::new(until.map(|date| date.0), sign_ins);
            return grace
                .map(Login::RequiredAfter)
                .map_err(|error| format!("{error}: say grace_until, grace_sign_ins, or both"));
        }
        LoginMode::Off => Login::Off,
        LoginMode::Optional => Login::Optional,
        LoginMode::IfEnrolled => Login::IfEnrolled,
        LoginMode::Required => Login::Required,
    };
    if until.is_some() || sign_ins.is_some() {
        return Err("grace_until and grace_sign_ins go with the mode required_after alone".into());
    }
    Ok(mode)
}

fn rule(table: LoginRuleTable) -> Result<LoginRule, String> {
    let mut rule = LoginRule::new(table.name);
    let networks = |list: AtLeastOne<super::scalar::NetworkName>| -> Vec<Network> {
        list.0.into_iter().map(|network| network.0).collect()
    };
    rule = opt(rule, table.tenants, |rule, list| rule.tenants(list.0));
    rule = opt(rule, table.roles, |rule, list| rule.roles(list.0));
    rule = opt(rule, table.groups, |rule, list| rule.groups(list.0));
    rule = opt(rule, table.clients, |rule, list| rule.clients(list.0));
    rule = opt(rule, table.networks, |rule, list| rule.networks(networks(list)));
    rule = opt(rule, table.outside_networks, |rule, list| rule.outside_networks(networks(list)));
    rule = opt(rule, table.kinds, |rule, list| rule.kinds(kinds(list)));
    rule = opt(rule, table.at_most, LoginRule::at_most);
    rule = opt(rule, table.at_least, LoginRule::at_least);
    let Some(named) = table.mode else {
        return if table.grace_until.is_some() || table.grace_sign_ins.is_some() {
            Err("a grace needs the mode required_after".into())
        } else {
            Ok(rule)
        };
    };
    Ok(rule.mode(mode(named, table.grace_until, table.grace_sign_ins)?))
}

fn opt<R, T>(rule: R, value: Option<T>, set: impl FnOnce(R, T) -> R) -> R {
    match value {
        Some(value) => set(rule, value),
        None => rule,
    }
}

fn kinds(list: AtLeastOne<KindName>) -> impl Iterator<Item = Method> {
    list.0.into_iter().map(|kind| kind.0)
}
