//! From no policy to a policy: what reports only changes nothing, and says what it would have done.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use http::{Method, Request};
use proptest::prelude::*;
use serde_json::json;
use tower::{Layer as _, ServiceExt as _};
use tower_mfa::assurance::{Missing, Requirement};
use tower_mfa::middleware::route_policy::{Mode, Report, RoutePolicy, RoutePolicySource, Rule, Tally};
use tower_mfa::middleware::{RefusalKind, RequireLayer, RoutePolicyLayer, TransactionLayer};

use super::{Answer, Reached, request, rules, send};
use crate::bank::{Bank, requirement};

type Reports = Arc<Mutex<Vec<Report>>>;

fn heard(layer: RoutePolicyLayer) -> (RoutePolicyLayer, Reports) {
    let reports = Reports::default();
    let kept = Arc::clone(&reports);
    (layer.on_report(move |report| kept.lock().unwrap().push(report.clone())), reports)
}

fn tally(policy: &RoutePolicy, name: Option<&str>) -> (u64, u64, u64) {
    let found = policy.tally().into_iter().find(|(rule, _)| rule.map(Rule::name) == name);
    let Tally { allowed, would_refuse, refused, .. } = found.unwrap().1;
    (allowed, would_refuse, refused)
}

/// A service with answers of many kinds: bodies, headers, errors, and one that says what it was asked.
fn service() -> Router {
    Router::new().fallback(async |request: Request<Body>| {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 1 << 16).await.unwrap();
        let status = http::StatusCode::from_u16([200, 204, 303, 404, 500][parts.uri.path().len() % 5]).unwrap();
        let mut names: Vec<String> = parts.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
        names.push(format!("{} {}", parts.method, parts.uri));
        (status, [("x-own", "1"), ("etag", "\"e\"")], [names.join("\n").into_bytes(), body.to_vec()].concat())
    })
}

fn whole(answer: &Answer) -> String {
    format!("{} {:?} {}", answer.status, answer.response.headers, answer.body)
}

fn paths() -> impl Strategy<Value = String> {
    r"(/(open|admin|accounts|mfa|transfer|7|send|%2e%2e|a;b|)){1,4}"
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_reports_only_never_changes_a_byte_of_an_answer(
        path in paths(),
        method in prop::sample::select(vec!["GET", "HEAD", "POST", "OPTIONS", "DELETE", "CONNECT"]),
        code in prop::option::of("[0-9]{6}"),
        token in prop::option::of("[a-z]{1,9}"),
        grpc in any::<bool>(),
        is_layered in any::<bool>(),
        body in "[a-z]{0,20}",
    ) {
        let bank = Bank::new();
        let elevate = Arc::new(bank.mfa.clone());
        let transfer = TransactionLayer::builder(requirement()).parameters(["to"]).danger_reusable().build().unwrap();
        let policy = rules()
            .rule(Rule::on("transfer", [Method::POST], "/transfer").transaction(transfer))
            .rule(Rule::on("coded", [Method::GET], "/transfer").require(RequireLayer::new(Requirement::aal2()).inline_codes(elevate)))
            .report_only()
            .build()
            .unwrap();
        let request = || {
            let mut request = Request::builder().method(method).uri(&path);
            if let Some(code) = &code {
                request = request.header("x-mfa-token", code);
            }
            if let Some(token) = &token {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            if grpc {
                request = request.header("content-type", "application/grpc");
            }
            request.body(Body::from(body.clone())).unwrap()
        };
        let layer = bank.mfa.route_policy_layer(policy).on_report(|_| {});
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let with = if is_layered {
            runtime.block_on(send(bank.mfa.authenticate_layer().layer(layer.layer(service())), request()))
        } else {
            runtime.block_on(send(layer.layer(service()), request()))
        };
        let without = runtime.block_on(send(service(), request()));
        prop_assert_eq!(whole(&with), whole(&without));
        prop_assert!(with.refusal.is_none());
    }
}

#[tokio::test]
async fn what_would_have_been_refused_is_said_by_rule() {
    let policy = rules().report_only().build().unwrap();
    let (layer, reports) = heard(RoutePolicyLayer::new(policy.clone()));
    let app = Bank::new().mfa.authenticate_layer().layer(layer.layer(Reached::default().router()));
    for path in ["/", "/accounts/7?secret=1", "/nowhere", "/admin/%2e%2e"] {
        assert_eq!(send(app.clone(), request("GET", path)).await.status, 200, "{path}");
    }
    let reports = std::mem::take(&mut *reports.lock().unwrap());
    let said: Vec<_> = reports.iter().map(|r| (r.rule(), r.path(), r.refusal().kind())).collect();
    assert_eq!(
        said,
        [
            (Some("accounts"), "/accounts/7", RefusalKind::Unauthenticated),
            (None, "/nowhere", RefusalKind::NotNamed),
            (None, "/admin/%2e%2e", RefusalKind::BadPath),
            (Some("admin"), "/admin/%2e%2e", RefusalKind::Unauthenticated),
        ]
    );
    assert!(reports.iter().all(|report| report.mode() == Mode::ReportOnly && report.method() == Method::GET));
    assert_eq!(tally(&policy, Some("landing")), (1, 0, 0));
    assert_eq!(tally(&policy, Some("accounts")), (0, 1, 0));
    assert_eq!(tally(&policy, Some("admin")), (0, 1, 0), "a request counts once");
    assert_eq!(tally(&policy, None), (0, 1, 0));
}

#[tokio::test]
async fn a_refusal_is_reported_and_names_its_rule() {
    let policy = rules().build().unwrap();
    let (layer, reports) = heard(RoutePolicyLayer::new(policy.clone()));
    let bank = Bank::new();
    let token = bank.password("alice").await.access_token().expose().to_owned();
    let app = bank.mfa.authenticate_layer().layer(layer.layer(Reached::default().router()));
    let mut asked = request("GET", "/accounts/7");
    asked.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    let answer = send(app.clone(), asked).await;
    assert_eq!((answer.status, answer.refusal.unwrap().rule()), (401, Some("accounts")));
    assert_eq!(send(app.clone(), request("GET", "/nowhere")).await.refusal.unwrap().rule(), None);
    assert!(!answer.body.to_string().contains("accounts"), "the client is not told");
    let reports = reports.lock().unwrap();
    assert_eq!(reports[0].refusal().missing(), [Missing::Level]);
    let said: Vec<_> = reports.iter().map(|r| (r.rule(), r.mode(), r.refusal().kind())).collect();
    let enforced = Mode::Enforce;
    assert_eq!(said, [(Some("accounts"), enforced, RefusalKind::StepUp), (None, enforced, RefusalKind::NotNamed)]);
    assert_eq!((tally(&policy, Some("accounts")), tally(&policy, None)), ((0, 0, 1), (0, 0, 1)));
}

#[tokio::test]
async fn each_rule_has_a_mode_of_its_own() {
    let with = |mode| {
        let rule = Rule::on_any_method("admin", "/admin/{*rest}").require(Requirement::aal2()).with_mode(mode);
        RoutePolicy::builder().rule(rule).build().unwrap()
    };
    for (mode, status, counted) in
        [(Mode::Enforce, 401, (0, 0, 1)), (Mode::ReportOnly, 200, (0, 1, 0)), (Mode::Off, 200, (1, 0, 0))]
    {
        let policy = with(mode);
        let layer = RoutePolicyLayer::new(policy.clone());
        let app = Bank::new().mfa.authenticate_layer().layer(layer.layer(Reached::default().router()));
        assert_eq!(send(app.clone(), request("GET", "/admin/a")).await.status, status, "{mode}");
        assert_eq!(tally(&policy, Some("admin")), counted, "{mode}");
        assert_eq!(send(app, request("GET", "/elsewhere")).await.status, 403, "the others stay as they are");
    }
}

/// A rule that is enforced is enforced, whatever else only reports.
#[tokio::test]
async fn a_trick_that_is_only_reported_meets_the_rule_it_fits() {
    let policy = rules().unnamed(Mode::ReportOnly).bad_paths(Mode::ReportOnly).build().unwrap();
    let (layer, reports) = heard(RoutePolicyLayer::new(policy));
    let app = Bank::new().mfa.authenticate_layer().layer(layer.layer(Reached::default().router()));
    assert_eq!(send(app.clone(), request("GET", "/admin/a;b")).await.status, 401);
    assert_eq!(send(app.clone(), request("GET", "/nowhere//a")).await.status, 200);
    let modes: Vec<_> = reports.lock().unwrap().iter().map(|r| (r.mode(), r.refusal().kind())).collect();
    assert_eq!(modes[..2], [(Mode::ReportOnly, RefusalKind::BadPath), (Mode::Enforce, RefusalKind::Unauthenticated)]);
}

/// The policy in force is asked for at each request.
#[tokio::test]
async fn a_policy_is_changed_while_it_serves() {
    struct Changing(Mutex<RoutePolicy>);
    impl RoutePolicySource for Changing {
        fn current(&self) -> RoutePolicy {
            self.0.lock().unwrap().clone()
        }
    }
    let source = Arc::new(Changing(Mutex::new(rules().build().unwrap())));
    let app = RoutePolicyLayer::new(Arc::clone(&source)).layer(Reached::default().router());
    assert_eq!(send(app.clone(), request("GET", "/new")).await.status, 403);
    *source.0.lock().unwrap() = rules().rule(Rule::on("new", [Method::GET], "/new").public()).build().unwrap();
    assert_eq!(send(app.clone(), request("GET", "/new")).await.status, 200);
    *source.0.lock().unwrap() = RoutePolicy::builder().build().unwrap();
    assert_eq!(send(app.clone(), request("GET", "/")).await.status, 403, "a policy without rules denies");
    drop(app.oneshot(request("GET", "/")).await);
}

#[tokio::test]
async fn a_refusal_of_the_policy_says_what_to_do_in_the_form_that_is_read() {
    let app = RoutePolicyLayer::new(rules().build().unwrap()).layer(Reached::default().router());
    let denied = send(app.clone(), request("GET", "/nowhere")).await;
    assert_eq!(
        denied.body,
        json!({"type": "about:blank", "title": "Forbidden", "status": 403, "code": "forbidden",
               "detail": "No rule of the policy names this address."})
    );
    assert_eq!(denied.response.headers["cache-control"], "no-store");
    assert!(!denied.response.headers.contains_key("www-authenticate"), "no token would help");
    let mut call = request("POST", "/bank.Accounts/List");
    call.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
    let grpc = send(app, call).await;
    assert_eq!((grpc.status, grpc.response.headers["grpc-status"].to_str().unwrap()), (200, "7"));
}
