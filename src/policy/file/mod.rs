//! Policy as data: routes, actions and the login policy from a TOML or JSON file.
//!
//! ```
//! use std::sync::Arc;
//!
//! use http::Method;
//! use tower_mfa::policy::Policy;
//! use tower_mfa::policy::file::{PolicyDocument, RouteServices};
//! use tower_mfa::service::{Keys, Mfa};
//! use tower_mfa::store::MemoryStore;
//!
//! let document = PolicyDocument::from_toml(r#"
//!     version = 1
//!
//!     [actions.transfer_funds]
//!     require = { level = "aal2", within = "5 minutes" }
//!     bind = ["to", "amount"]
//!
//!     [[routes]]
//!     name = "transfer"
//!     path = "/transfer"
//!     methods = ["POST"]
//!     action = "transfer_funds"
//! "#).unwrap();
//! let policy = document.policy(Policy::builder()).unwrap();
//! assert_eq!(policy.action("transfer_funds").unwrap().max_age(), Some(300));
//!
//! let mfa = Mfa::builder(MemoryStore::new()).issuer("https://id.example").audience("api");
//! let mfa = Arc::new(mfa.keys(Keys::generate().unwrap()).policy(policy.clone()).build().unwrap());
//! let routes = document.routes(&policy, &RouteServices::new(mfa.clone(), mfa)).unwrap();
//! assert_eq!(routes.find(&Method::POST, "/transfer").rule().unwrap().name(), "transfer");
//! assert!(routes.find(&Method::GET, "/elsewhere").rule().is_none(), "what no route names is denied");
//!
//! // A slip is refused with its place, and what was meant instead.
//! let refused = PolicyDocument::from_toml("version = 1\n\n[[routes]]\nname = \"home\"\npth = \"/\"").unwrap_err();
//! assert_eq!((refused.line(), refused.column()), (Some(5), Some(1)));
//! assert!(refused.message().starts_with("unknown field `pth`, expected one of"));
//! ```
//!
//! The format is described by a JSON Schema, `docs/policy.schema.json` ([`json_schema`]): editors that know it
//! complete and check while one writes. A file that is to be reloaded while serving is
//! [`service::PolicyFile`](crate::service::PolicyFile).

mod login;
mod place;
mod requirement;
mod routes;
mod scalar;
mod shape;
mod webauthn;

pub use place::PolicyFileError;
pub use routes::RouteServices;

use std::sync::Arc;

use serde_json::value::RawValue;

use super::{BoundTo, Policy, PolicyBuilder};
use crate::assurance::Requirement;
use crate::error::ConfigError;
use crate::middleware::route_policy::Mode;
use login::LoginPart;
use place::{Located, json_error, toml_error};
use shape::{ActionTable, Bind, LoginRuleTable, LoginTable, Named, RouteTable, Top};
use webauthn::WebAuthnTable;

/// A policy file that was read: routes, actions and the login policy, with their places.
///
/// What it says is checked by [`policy`](Self::policy) and [`routes`](Self::routes), which build it.
#[derive(Debug, Clone)]
pub struct PolicyDocument {
    text: Box<str>,
    actions: Vec<Action>,
    login: Option<LoginPart>,
    webauthn: Option<Located<WebAuthnTable>>,
    routes: Arc<[Located<RouteTable>]>,
    unnamed: Mode,
    bad_paths: Mode,
}

#[derive(Debug, Clone)]
struct Action {
    name: Box<str>,
    at: usize,
    requirement: Requirement,
    bound: Option<BoundTo>,
}

/// Largest file that is read, in bytes: a hundred thousand routes.
const LARGEST: usize = 32 * 1024 * 1024;

impl PolicyDocument {
    /// Reads a TOML file.
    ///
    /// # Errors
    ///
    /// [`PolicyFileError`] with line and column: it is no TOML, has a member that is not known, or one of another
    /// form.
    pub fn from_toml(text: &str) -> Result<Self, PolicyFileError> {
        type Part<T> = toml::Spanned<T>;
        type Read = Top<Part<ActionTable>, Part<RouteTable>, Part<LoginRuleTable>, Part<WebAuthnTable>>;
        check_size(text)?;
        let top: Read = toml::from_str(text).map_err(|error| toml_error(text, &error))?;
        Self::of(
            top,
            text,
            |part| Ok(Located::toml(part)),
            |part| Ok(Located::toml(part)),
            |part| Ok(Located::toml(part)),
            |part| Ok(Located::toml(part)),
        )
    }

    /// Reads a JSON file.
    ///
    /// # Errors
    ///
    /// As [`from_toml`](Self::from_toml).
    pub fn from_json(text: &str) -> Result<Self, PolicyFileError> {
        type Read<'a> = Top<&'a RawValue, &'a RawValue, &'a RawValue, &'a RawValue>;
        check_size(text)?;
        // RFC 8259 §8.1: what an editor on Windows puts in front is no part of it.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let top: Read<'_> = serde_json::from_str(text).map_err(|error| json_error(text, 0, text, &error))?;
        let (action, route) = (|part| Located::json(text, part), |part| Located::json(text, part));
        Self::of(top, text, action, route, |part| Located::json(text, part), |part| Located::json(text, part))
    }

    fn of<A, R, L, W>(
        top: Top<A, R, L, W>,
        text: &str,
        action: impl Fn(A) -> Result<Located<ActionTable>, PolicyFileError>,
        route: impl Fn(R) -> Result<Located<RouteTable>, PolicyFileError>,
        rule: impl Fn(L) -> Result<Located<LoginRuleTable>, PolicyFileError>,
        webauthn: impl Fn(W) -> Result<Located<WebAuthnTable>, PolicyFileError>,
    ) -> Result<Self, PolicyFileError> {
        let actions = top.actions.into_iter().flat_map(|Named(actions)| actions);
        let actions = actions.map(|(name, part)| Ok(Action::of(name, action(part)?)));
        let login = match top.login {
            Some(LoginTable { rules, mode, grace_until, grace_sign_ins, kinds, at_most, at_least, enrolled_by }) => {
                let rules = rules.into_iter().flatten().map(rule).collect::<Result<_, _>>()?;
                let table = LoginTable {
                    rules: Some(rules),
                    mode,
                    grace_until,
                    grace_sign_ins,
                    kinds,
                    at_most,
                    at_least,
                    enrolled_by,
                };
                Some(LoginPart::of(table, text)?)
            }
            None => None,
        };
        Ok(Self {
            text: text.into(),
            actions: actions.collect::<Result<_, PolicyFileError>>()?,
            login,
            webauthn: top.webauthn.map(webauthn).transpose()?,
            routes: top.routes.into_iter().flatten().map(route).collect::<Result<_, _>>()?,
            unnamed: top.unnamed.into(),
            bad_paths: top.bad_paths.into(),
        })
    }

    /// Builds the policy: what `base` says, with the actions and the login policy of the file, and what it says of
    /// passkeys and security keys.
    ///
    /// # Errors
    ///
    /// [`PolicyFileError`], with the place of the action, the login rule or the rules for keys where they are to
    /// blame; else it is the base, or what the file says beside it.
    pub fn policy(&self, base: PolicyBuilder) -> Result<Policy, PolicyFileError> {
        let mut policy = base;
        for Action { name, requirement, bound, .. } in &self.actions {
            policy = match bound {
                Some(bound) => policy.bound_action(name.clone(), requirement.clone(), bound.clone()),
                None => policy.action(name.clone(), requirement.clone()),
            };
        }
        if let Some(login) = &self.login {
            policy = policy.login(login.policy.clone());
        }
        if let Some(webauthn) = &self.webauthn {
            let rules = webauthn.value.over(policy.policy.webauthn.clone());
            policy = policy.webauthn(rules);
        }
        policy.build().map_err(|error| self.placed(&error))
    }

    /// Finds the place of what an error is about.
    fn placed(&self, error: &ConfigError) -> PolicyFileError {
        let mut actions = self.actions.iter().map(|action| (&*action.name, action.at));
        let mut routes = self.routes.iter().map(|route| (route.value.name.as_str(), route.at));
        let mut rules = self.login.iter().flat_map(|login| &login.places).map(|(name, at)| (&**name, *at));
        // Of two of one name the later one is the one too many.
        let place = |item: &str| match error.field() {
            "action" => actions.rfind(|(name, _)| *name == item),
            "rule" => routes.rfind(|(name, _)| *name == item),
            "login" => rules.rfind(|(name, _)| *name == item),
            _ => None,
        };
        let named = error.item().and_then(place).map(|(_, at)| at);
        let keys = ["webauthn", "passkey_valid_for", "security_key_valid_for"];
        let of_keys = self.webauthn.as_ref().filter(|_| keys.contains(&error.field())).map(|table| table.at);
        match named.or(of_keys) {
            Some(at) => PolicyFileError::at(&self.text, at, error.rule()),
            None => PolicyFileError::of_file(error.to_string()),
        }
    }
}

fn check_size(text: &str) -> Result<(), PolicyFileError> {
    let fits = text.len() <= LARGEST;
    fits.then_some(()).ok_or_else(|| PolicyFileError::of_file(format!("is larger than {LARGEST} bytes")))
}

impl Action {
    fn of(name: String, table: Located<ActionTable>) -> Self {
        let Located { value: ActionTable { require, bind }, at } = table;
        let bound = bind.map(|bind| match bind {
            Bind::Whole(_) => BoundTo::WholeRequest,
            Bind::Members(names) => BoundTo::parameters(names),
        });
        Self { name: name.into(), at, requirement: require.0, bound }
    }
}

/// Returns the JSON Schema of a policy file (draft 2020-12), as `docs/policy.schema.json` has it.
#[must_use]
pub fn json_schema() -> String {
    let schema = schemars::schema_for!(Top<ActionTable, RouteTable, LoginRuleTable, WebAuthnTable>);
    serde_json::to_string_pretty(&schema).unwrap_or_default()
}
