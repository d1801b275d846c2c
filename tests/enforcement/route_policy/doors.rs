//! Where the layer stands: around a router, in it, in what is nested, in what is nested in that.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Method, Request, Response};
use tower::{Layer as _, Service, ServiceBuilder};
use tower_mfa::assurance::Requirement;
use tower_mfa::extract::original_uri;
use tower_mfa::middleware::route_policy::{RoutePolicy, Rule};
use tower_mfa::middleware::{RefusalKind, RoutePolicyLayer};

use super::{Reached, policy, request, rules, send};
use crate::bank::Bank;

/// CVE-2022-24857: a second login view was not protected.
#[tokio::test]
async fn cve_2022_24857_what_no_rule_names_is_denied() {
    let reached = Reached::default();
    let app = RoutePolicyLayer::new(policy()).layer(reached.router());
    for (method, path) in [("GET", "/login2"), ("POST", "/"), ("GET", "/accounts"), ("DELETE", "/accounts/7")] {
        let answer = send(app.clone(), request(method, path)).await;
        assert_eq!((answer.status, answer.refusal.unwrap().kind()), (403, RefusalKind::NotNamed), "{method} {path}");
    }
    assert!(reached.take().is_empty());
}

#[tokio::test]
async fn cve_2025_12760_the_inner_service_is_called_after_the_decision_or_never() {
    let reached = Reached::default();
    let app = RoutePolicyLayer::new(policy()).layer(reached.router());
    for path in ["/admin/a", "/accounts/7", "/nowhere", "/open//a"] {
        assert_ne!(send(app.clone(), request("GET", path)).await.status, 200);
    }
    assert!(reached.take().is_empty());
}

/// What asks for nothing needs no layer outside; what asks for something is not open for want of one.
#[tokio::test]
async fn without_an_authenticate_layer_a_rule_that_asks_refuses_and_the_others_pass() {
    let app = RoutePolicyLayer::new(policy()).layer(Reached::default().router());
    for path in ["/", "/open/a", "/mfa/status"] {
        assert_eq!(send(app.clone(), request("GET", path)).await.status, 200, "{path}");
    }
    let answer = send(app, request("GET", "/accounts/7")).await;
    let refusal = answer.refusal.unwrap();
    assert_eq!((answer.status, refusal.kind(), refusal.rule()), (500, RefusalKind::NotLayered, Some("accounts")));
}

/// The users of a tenant are public, those of the administration are not.
fn two_users() -> RoutePolicy {
    RoutePolicy::builder()
        .rule(Rule::on("users", [Method::GET], "/users").public())
        .rule(Rule::on("root", [Method::GET], "/").public())
        .rule(Rule::on("api", [Method::GET], "/api/v1/users").public())
        .rule(Rule::on("admin-users", [Method::GET], "/admin/users").require(Requirement::aal2()))
        .rule(Rule::on("admin", [Method::GET], "/admin").require(Requirement::aal2()))
        .build()
        .unwrap()
}

fn users() -> Router {
    Router::new().route("/users", get(async || "users")).route("/", get(async || "root"))
}

async fn status(app: &Router, path: &str) -> u16 {
    send(app.clone(), request("GET", path)).await.status
}

#[tokio::test]
async fn inside_of_nest_the_uri_that_was_sent_counts() {
    let layer = RoutePolicyLayer::new(two_users()).original_uri(original_uri);
    let guarded = users().layer(layer.clone());
    let by_route = users().route_layer(layer.clone());
    let service = layer.layer(users());
    for (how, app) in [
        ("layer", Router::new().nest("/admin", guarded.clone()).merge(guarded.clone())),
        ("route_layer", Router::new().nest("/admin", by_route.clone()).merge(by_route)),
        ("nest_service", Router::new().nest_service("/admin", service.clone()).fallback_service(service)),
        ("after nest", Router::new().nest("/admin", users()).merge(users()).layer(layer.clone())),
    ] {
        let app = app.layer(Bank::new().mfa.authenticate_layer());
        assert_eq!(status(&app, "/users").await, 200, "{how}");
        assert_eq!(status(&app, "/admin/users").await, 401, "{how}");
        assert_eq!(status(&app, "/admin").await, 401, "{how}");
    }
    let deep = Router::new().nest("/api", Router::new().nest("/v1", guarded.clone()));
    assert_eq!(status(&deep, "/api/v1/users").await, 200);
    assert_eq!(status(&deep, "/api/v1").await, 403);
    let tenant = Router::new().nest("/{tenant}", guarded);
    assert_eq!(status(&tenant, "/a/users").await, 403, "a prefix that is a parameter is a prefix");
}

/// Without it, the shortened path is judged: what `original_uri` is for.
#[tokio::test]
async fn a_layer_around_the_router_needs_nothing_to_know_the_whole_path() {
    let app = Router::new().nest("/admin", users()).merge(users());
    let app = ServiceBuilder::new()
        .layer(Bank::new().mfa.authenticate_layer())
        .layer(RoutePolicyLayer::new(two_users()))
        .service(app);
    assert_eq!(send(app.clone(), request("GET", "/users")).await.status, 200);
    assert_eq!(send(app.clone(), request("GET", "/admin/users")).await.status, 401);
    assert_eq!(send(app, request("GET", "/nowhere")).await.status, 403);
}

/// Something between the router and the layer makes `/users` of `/open`: neither is what is routed.
#[tokio::test]
async fn a_path_that_was_rewritten_behind_the_router_is_refused_as_the_hosts_mistake() {
    let layer = RoutePolicyLayer::new(two_users()).original_uri(original_uri);
    let inner = layer.layer(users());
    let rewritten = tower::util::MapRequest::new(inner, |mut request: Request<Body>| {
        *request.uri_mut() = "/admin/users".parse().unwrap();
        request
    });
    let app = Router::new().fallback_service(rewritten);
    let answer = send(app, request("GET", "/users")).await;
    assert_eq!((answer.status, answer.refusal.unwrap().kind()), (500, RefusalKind::Misplaced));
}

/// The routes of an `Mfa` decide for themselves, and are still behind the path check.
#[tokio::test]
async fn the_routes_of_an_mfa_pass_and_guard_themselves() {
    let bank = Bank::new();
    let app = Router::new().nest("/mfa", bank.mfa.routes());
    let app = bank.mfa.authenticate_layer().layer(bank.mfa.route_policy_layer(policy()).layer(app));
    let answer = send(app.clone(), request("GET", "/mfa/status")).await;
    assert_eq!((answer.status, answer.refusal.is_some_and(|refusal| refusal.rule().is_some())), (401, false));
    assert_eq!(send(app, request("GET", "/mfa/%73tatus")).await.status, 400);
}

/// Panics unless the very value that was polled ready is called.
struct Strict(AtomicBool);

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self(AtomicBool::new(false))
    }
}

impl Service<Request<Body>> for Strict {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.store(true, Ordering::SeqCst);
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        assert!(self.0.swap(false, Ordering::SeqCst), "called without being ready");
        std::future::ready(Ok(Response::new(Body::from("served"))))
    }
}

#[tokio::test]
async fn the_service_that_was_polled_ready_is_the_one_called() {
    let bank = Bank::new();
    let token = bank.password("alice").await;
    let signed_in = rules().rule(Rule::on("me", [Method::GET], "/me").require(Requirement::aal1())).build().unwrap();
    let layer = RoutePolicyLayer::new(signed_in).with_bodies();
    let app = bank.mfa.authenticate_layer().layer(layer.layer(Strict(AtomicBool::new(false))));
    for path in ["/", "/open/a", "/me"] {
        let mut request = request("GET", path);
        let bearer = format!("Bearer {}", token.access_token().expose());
        request.headers_mut().insert("authorization", bearer.parse().unwrap());
        assert_eq!(send(app.clone(), request).await.status, 200, "{path}");
    }
}
