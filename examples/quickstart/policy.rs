//! The policy: a file that says what every route asks for, read again while the quickstart serves.

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use tower_mfa::middleware::route_policy::{RoutePolicy, RoutePolicySource as _, Rule};
use tower_mfa::policy::file::{PolicyDocument, RouteServices};
use tower_mfa::policy::{Conveyance, Policy, PolicyBuilder, WebAuthnPolicy};
use tower_mfa::service::{FileRoutes, Mfa, PolicyFile, PolicyLoadError, Reloaded};

use crate::args::Args;
use crate::terminal::Terminal;

/// What the file says at first.
const TEMPLATE: &str = include_str!("policy.toml");

/// How often the file is looked at; it is taken when it says the same twice.
const INTERVAL: Duration = Duration::from_millis(500);

/// What the file says nothing of.
fn base(args: &Args) -> PolicyBuilder {
    let mut keys = WebAuthnPolicy::default().trust_aaguids(args.trusted_models.iter().copied());
    if !args.attestation_roots.is_empty() {
        keys = keys.attestation(Conveyance::Direct);
    }
    Policy::builder().disable_by_code(true).webauthn(keys)
}

/// Opens the policy file; where none is, and none was named, one is written.
pub(crate) fn open(args: &Args) -> Result<PolicyFile, String> {
    let path = args.policy_file();
    if args.policy.is_none() && !path.exists() {
        write(&path).map_err(|error| format!("cannot write the policy file {}: {error}", path.display()))?;
    }
    PolicyFile::open(path, base(args)).map_err(|error| match error.document() {
        Some(_) => error.to_string(),
        None => format!("{error}; without --policy, a policy file is written where the data is"),
    })
}

/// Nobody finds half a file: it gets its name when it is whole.
fn write(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let unnamed = path.with_extension(format!("{}.new", std::process::id()));
    fs::write(&unnamed, TEMPLATE)?;
    fs::rename(unnamed, path)
}

/// Reads the routes as they would be in force, and writes nothing.
pub(crate) fn routes(args: &Args, mfa: Mfa) -> Result<RoutePolicy, String> {
    let path = args.policy_file();
    let text = if args.policy.is_none() && !path.exists() {
        TEMPLATE.to_owned()
    } else {
        fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?
    };
    let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let read = if is_json { PolicyDocument::from_json } else { PolicyDocument::from_toml };
    let mfa = std::sync::Arc::new(mfa);
    let built = read(&text).and_then(|document| {
        let policy = document.policy(base(args))?;
        document.routes(&policy, &RouteServices::new(mfa.clone(), mfa))
    });
    built.map_err(|error| format!("{}: {error}", path.display()))
}

/// Takes the file anew whenever it is saved, and says what has changed.
pub(crate) fn watch(file: PolicyFile, routes: FileRoutes, terminal: Terminal) {
    let before = Mutex::new(routes.current());
    let hear = move |outcome: &Result<Reloaded, PolicyLoadError>| match outcome {
        Ok(_) => {
            let now = routes.current();
            let Ok(mut before) = before.lock() else { return };
            news(before.rules(), now.rules()).into_iter().for_each(|line| terminal.say(line));
            *before = now;
        }
        Err(error) => terminal.say(format!("policy: {error}; what was in force before stays so")),
    };
    tokio::spawn(file.watch(INTERVAL, hear));
}

/// What is new in the rules, a line each.
fn news(before: &[Rule], now: &[Rule]) -> Vec<String> {
    let known: Vec<String> = before.iter().map(ToString::to_string).collect();
    let said = now.iter().map(ToString::to_string).filter(|rule| !known.contains(rule));
    let gone = before.iter().filter(|old| now.iter().all(|rule| rule.name() != old.name()));
    let lines = said.map(|rule| format!("policy: in force now: {rule}"));
    let lines: Vec<String> = lines.chain(gone.map(|rule| format!("policy: no longer there: {rule}"))).collect();
    if lines.is_empty() { vec!["policy: in force now, with the same rules for routes".to_owned()] } else { lines }
}
