//! `--routes`: every route that is served, with what the policy asks for there.

use std::fmt::Write as _;

use axum::http::Method;
use tower_mfa::middleware::route_policy::RoutePolicy;
use tower_mfa::service::{Keys, Mfa};
use tower_mfa::store::MemoryStore;

use crate::args::Args;
use crate::{chain, policy, routes};

/// Writes the list, and says whether nothing is forgotten: every route has a rule, every rule a route.
pub(crate) fn routes(args: &Args) -> Result<(String, bool), String> {
    let mfa = Mfa::builder(MemoryStore::new()).issuer("http://localhost").audience("quickstart");
    let mfa = mfa.keys(Keys::generate().map_err(|e| chain(&e))?).build().map_err(|e| chain(&e))?;
    let policy = policy::routes(args, mfa.clone())?;
    Ok(list(&routes::served(&mfa), &policy))
}

fn list(served: &[(Method, String)], policy: &RoutePolicy) -> (String, bool) {
    let (mut text, mut used, mut is_whole) = (String::new(), Vec::new(), true);
    for (method, path) in served {
        // A path that the pattern fits.
        let example = path.replace(['{', '}', '*'], "");
        let rule = policy.find(method, &example).rule();
        let said = rule.map_or_else(|| "NO RULE: denied".to_owned(), ToString::to_string);
        let _ = writeln!(text, "{:<6} {path:<24} {said}", method.as_str());
        is_whole &= rule.is_some();
        used.extend(rule.map(|rule| rule.name().to_owned()));
    }
    for rule in policy.rules().iter().filter(|rule| used.iter().all(|name| name != rule.name())) {
        let _ = writeln!(text, "{:<6} {:<24} {rule}", "-", "NO ROUTE");
        is_whole = false;
    }
    (text, is_whole)
}
