//! Every route of the quickstart has a rule, and every rule a route.

use std::process::Command;

use serde_json::json;
use tower_mfa::clock::{Clock as _, SystemClock};
use tower_mfa::otp::{Secret, Step, Totp};

use super::client::{body, log_in, send, status};
use super::quickstart::Quickstart;
use super::{built, folder, root};

/// The list of routes by a policy: whether it is whole, and what it says.
fn listed(test: &str, policy: &str) -> (bool, String) {
    let folder = folder(test);
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("policy.toml");
    std::fs::write(&file, policy).unwrap();
    let output = Command::new(built(root(), "quickstart")).arg("--routes").arg("--policy").arg(&file).output().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

fn template() -> String {
    std::fs::read_to_string(root().join("examples/quickstart/policy.toml")).unwrap()
}

/// The policy without one of its routes.
fn without(name: &str) -> String {
    let policy = template();
    let parts = policy.split("[[routes]]");
    let kept: Vec<&str> = parts.filter(|part| !part.contains(&format!("name = \"{name}\""))).collect();
    kept.join("[[routes]]")
}

#[test]
fn every_route_is_listed_with_what_it_asks_for_and_a_forgotten_one_is_told() {
    let (is_whole, list) = listed("scan", &template());
    assert!(is_whole, "{list}");
    // As docs/HTTP.md has them.
    for (route, rule) in [
        ("GET /public", "public: GET /public, public, enforce"),
        ("GET /profile", "asks for AAL1, enforce"),
        ("GET /account", "asks for AAL2, enforce"),
        ("POST /transfer", "asks for an approval of the request and AAL2, at most 5 minutes old"),
        ("GET /vault", "asks for AAL3, phishing resistant, enforce"),
        ("GET /admin", "asks for AAL2, role admin, enforce"),
        ("GET /admin/mfa/{*rest}", "asks for AAL2, role admin, enforce"),
        ("GET /", "page: GET /, public, enforce"),
        ("DELETE /mfa/{*rest}", "guarded elsewhere, enforce"),
    ] {
        let line = list.lines().find(|line| line.split_whitespace().take(2).eq(route.split(' ')));
        assert!(line.is_some_and(|line| line.contains(rule)), "{route} in\n{list}");
    }
    let names = names(&list);
    assert!(names.len() >= 12, "{names:?}");
    for name in names {
        let (is_whole, list) = listed("scan", &without(name));
        assert!(!is_whole && list.contains("NO RULE: denied"), "without {name}:\n{list}");
    }
}

/// The names of the rules in a list.
fn names(list: &str) -> Vec<&str> {
    let mut names: Vec<&str> =
        list.lines().filter_map(|line| line.split_whitespace().nth(2)?.strip_suffix(':')).collect();
    names.dedup();
    names
}

#[test]
fn a_rule_for_a_route_that_is_not_there_is_told() {
    let more = "[[routes]]\nname = \"debug\"\npath = \"/debug\"\naccess = \"public\"\n";
    let (is_whole, list) = listed("scan-more", &format!("{}\n{more}", template()));
    assert!(!is_whole && list.contains("NO ROUTE"), "{list}");
    assert!(list.lines().last().unwrap().contains("debug: any method /debug"), "{list}");
}

/// Else a route could be added that the list does not have.
#[test]
fn the_router_is_made_of_the_list_alone() {
    let source = std::fs::read_to_string(root().join("examples/quickstart/routes.rs")).unwrap();
    assert_eq!(source.matches(".route(").count(), 1, "each route stands in the list `own`");
    assert_eq!((source.matches(".nest(").count(), source.matches(".merge(").count()), (2, 1), "see `served`");
}

/// Binds an app to somebody's account, so that the next sign-in asks for its code.
fn bind_app(bank: &Quickstart, name: &str) {
    let token = log_in(bank, name, "access_token");
    let post = |path: &str, sent: serde_json::Value| send(bank, "POST", path, Some(&token), &sent.to_string());
    let started = body(&post("/mfa/authenticators", json!({ "type": "totp" })));
    let secret = Secret::from_base32(started["secret"].as_str().unwrap()).unwrap();
    let step = Step::new(SystemClock.now().unwrap().as_secs() / 30);
    let code = Totp::default().code_at(&secret, step);
    let confirm = format!("/mfa/authenticators/{}/confirm", started["id"].as_str().unwrap());
    assert_eq!(status(&post(&confirm, json!({ "code": code.expose() }))), 200);
}

#[test]
fn cve_2026_32246_a_sign_in_that_awaits_its_code_opens_no_route_that_asks_for_anything() {
    let bank = Quickstart::start(root(), &["--store", "memory:"], &[]);
    bind_app(&bank, "root");
    let awaits = log_in(&bank, "root", "challenge_token");
    let (_, list) = listed("scan-awaits", &template());
    let asking: Vec<&str> = list.lines().filter(|line| line.contains("asks for")).collect();
    assert!(asking.len() >= 6, "{list}");
    for line in asking {
        let mut words = line.split_whitespace();
        let (method, path) = (words.next().unwrap(), words.next().unwrap().replace("{*rest}", "explain"));
        for token in [None, Some(&*awaits)] {
            let answer = send(&bank, method, &path, token, r#"{"to":"bob","amount":100}"#);
            assert_eq!(status(&answer), 401, "{method} {path}: {answer}");
        }
    }
}
