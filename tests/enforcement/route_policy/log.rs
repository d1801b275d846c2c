//! What a policy writes to the log: enough to switch a rule on, and nothing that a client could forge.

use http::Method;
use tower::Layer as _;
use tower_mfa::middleware::RoutePolicyLayer;
use tower_mfa::middleware::route_policy::Rule;

use crate::log::Log;

use super::{Reached, request, rules, send};

fn lines() -> Vec<String> {
    Log::take("tower_mfa::middleware")
}

#[tokio::test]
async fn what_would_have_been_refused_is_written_by_rule() {
    Log::begin();
    let policy = rules().report_only().build().unwrap();
    let app = RoutePolicyLayer::new(policy).layer(Reached::default().router());
    let long = format!("/nowhere/{}", "a".repeat(5_000));
    for path in ["/", "/accounts/7?code=123456", "/open/%0aERROR", "/open/\u{85}x", &long] {
        assert_eq!(send(app.clone(), request("GET", path)).await.status, 200, "{path}");
    }
    let lines = lines();
    assert_eq!(lines.len(), 4, "nothing is said against the first: {lines:?}");
    assert!(lines.iter().all(|line| line.starts_with("INFO message=request would be refused")), "{lines:?}");
    for part in ["rule=\"accounts\"", "method=\"GET\"", "path=\"/accounts/7\"", "kind=NotLayered"] {
        assert!(lines[0].contains(part), "{} {part}", lines[0]);
    }
    assert!(!lines[0].contains("123456"), "the query is nobody's business");
    assert!(lines[1].contains("EncodedControl") && lines[2].contains("Character"), "{lines:?}");
    assert!(lines.iter().all(|line| line.len() < 500 && !line.contains(char::is_control)), "{lines:?}");
}

#[tokio::test]
async fn a_rule_that_refuses_is_named_in_the_log() {
    Log::begin();
    let policy = rules().rule(Rule::on("own", [Method::GET], "/own").public()).build().unwrap();
    let app = RoutePolicyLayer::new(policy).layer(Reached::default().router());
    assert_eq!(send(app.clone(), request("GET", "/own")).await.status, 200);
    assert!(lines().is_empty());
    assert_eq!(send(app, request("GET", "/accounts/7")).await.status, 500);
    assert!(lines().iter().any(|line| line.starts_with("DEBUG") && line.contains("rule=\"accounts\"")));
}
