//! A policy file, as TOML and as JSON: whatever is taken of the one is taken of the other, and says the same. What is
//! taken can be decided by, explained and joined; what is refused is refused with a place inside of the file.
#![no_main]

use std::sync::{Arc, LazyLock};

use http::Method;
use libfuzzer_sys::fuzz_target;
use tower_mfa::clock::Timestamp;
use tower_mfa::middleware::route_policy::RoutePolicy;
use tower_mfa::policy::Policy;
use tower_mfa::policy::file::{PolicyDocument, PolicyFileError, RouteServices};
use tower_mfa::service::{Keys, Mfa};
use tower_mfa::store::MemoryStore;

static SERVICES: LazyLock<RouteServices> = LazyLock::new(|| {
    let mfa = Mfa::builder(MemoryStore::new()).issuer("https://id.example").audience("api");
    let mfa = Arc::new(mfa.keys(Keys::generate().expect("keys")).build().expect("it is whole"));
    RouteServices::new(mfa.clone(), mfa)
});

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let of_toml = built(text, PolicyDocument::from_toml(text));
    built(text, PolicyDocument::from_json(text)).ok();
    let Ok(value) = toml::from_str::<toml::Table>(text) else { return };
    // A date of TOML's own is nothing that JSON has.
    let Ok(json) = serde_json::to_string(&value) else { return };
    if json.contains("$__toml_private_datetime") {
        return;
    }
    let of_json = built(&json, PolicyDocument::from_json(&json));
    match (of_toml, of_json) {
        (Ok(toml), Ok(json)) => assert_eq!(lines(&toml), lines(&json)),
        (Err(_), Err(_)) => {}
        (toml, json) => panic!("as TOML {toml:?}, as JSON {json:?}"),
    }
});

fn built(text: &str, read: Result<PolicyDocument, PolicyFileError>) -> Result<RoutePolicy, PolicyFileError> {
    let built = read.and_then(|document| {
        let policy = document.policy(Policy::builder())?;
        document.routes(&policy, &SERVICES)
    });
    match built {
        Ok(routes) => {
            use_all(&routes);
            Ok(routes)
        }
        Err(error) => {
            let lines = text.split('\n').count();
            assert!(error.line().is_none_or(|line| (1..=lines).contains(&line)), "{error} of {lines} lines");
            assert!(!error.message().is_empty());
            Err(error)
        }
    }
}

fn use_all(routes: &RoutePolicy) {
    let wanted: Vec<_> = routes.rules().iter().filter_map(|rule| rule.access().requirement()).collect();
    for (one, other) in wanted.iter().zip(wanted.iter().skip(1)) {
        assert!(one.and(other).implies(one));
    }
    for rule in routes.rules() {
        let method = rule.methods().and_then(|methods| methods.first()).cloned().unwrap_or(Method::GET);
        let explained = routes.explain(&method, rule.pattern(), None, Timestamp::from_secs(1_800_000_000));
        assert!(!explained.to_string().is_empty());
    }
}

fn lines(routes: &RoutePolicy) -> Vec<String> {
    routes.rules().iter().map(ToString::to_string).collect()
}
