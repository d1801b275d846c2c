//! What a policy writes to the log: enough to switch a rule on, and nothing that a client could forge.

use std::cell::RefCell;
use std::fmt::{Debug, Write as _};

use http::Method;
use tower::Layer as _;
use tower_mfa::middleware::RoutePolicyLayer;
use tower_mfa::middleware::route_policy::Rule;
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber, span};

use super::{Reached, request, rules, send};

thread_local! {
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// The subscriber of the whole program, with lines for each thread apart.
struct Log;

impl Log {
    fn begin() {
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(|| tracing::subscriber::set_global_default(Self).unwrap());
        LINES.with_borrow_mut(Vec::clear);
    }

    fn lines() -> Vec<String> {
        LINES.with_borrow(Vec::clone)
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "tower_mfa::middleware"
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        LINES.with_borrow_mut(|lines| lines.push(line.0));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
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
    let lines = Log::lines();
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
    assert!(Log::lines().is_empty());
    assert_eq!(send(app, request("GET", "/accounts/7")).await.status, 500);
    assert!(Log::lines().iter().any(|line| line.starts_with("DEBUG") && line.contains("rule=\"accounts\"")));
}
