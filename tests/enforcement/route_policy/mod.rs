//! One policy for a whole service: what it says, through every door.

mod asks;
mod doors;
mod explain;
mod log;
mod matching;
mod report;
mod rules;
mod tricks;

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::{Service, ServiceExt as _};
use tower_mfa::assurance::Requirement;
use tower_mfa::middleware::Refusal;
use tower_mfa::middleware::route_policy::{RoutePolicy, RoutePolicyBuilder, Rule};

/// What a small service has: a page, an open area, accounts, and something nobody may reach.
fn rules() -> RoutePolicyBuilder {
    RoutePolicy::builder()
        .rule(Rule::on("landing", [Method::GET], "/").public())
        .rule(Rule::on_any_method("open", "/open/{*rest}").public())
        .rule(Rule::on("accounts", [Method::GET], "/accounts/{id}").require(Requirement::aal2()))
        .rule(Rule::on("send", [Method::POST], "/accounts/{id}/send").require(Requirement::aal2()))
        .rule(Rule::on_any_method("admin", "/admin/{*rest}").require(Requirement::aal2().with_role("admin")))
        .rule(Rule::on_any_method("mfa", "/mfa/{*rest}").guarded_elsewhere())
}

fn policy() -> RoutePolicy {
    rules().build().unwrap()
}

/// Which requests have reached the inside, as `METHOD path`.
#[derive(Clone, Default)]
struct Reached(Arc<Mutex<Vec<String>>>);

impl Reached {
    fn note<B>(&self, request: &Request<B>) {
        self.0.lock().unwrap().push(format!("{} {}", request.method(), request.uri().path()));
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// A router that serves whatever is asked of it.
    fn router(&self) -> Router {
        let reached = self.clone();
        Router::new().fallback(async move |request: Request<Body>| {
            reached.note(&request);
            "served"
        })
    }
}

struct Answer {
    status: u16,
    body: Value,
    refusal: Option<Refusal>,
    response: http::response::Parts,
}

async fn send<S, R>(service: S, request: Request<Body>) -> Answer
where
    S: Service<Request<Body>, Response = Response<R>, Error = Infallible>,
    R: http_body::Body<Error: std::fmt::Debug>,
{
    let (response, body) = service.oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let text = String::from_utf8_lossy(&body).into_owned();
    Answer {
        status: response.status.as_u16(),
        body: serde_json::from_slice(&body).unwrap_or(Value::String(text)),
        refusal: response.extensions.get().cloned(),
        response,
    }
}

fn request(method: &str, path: &str) -> Request<Body> {
    Request::builder().method(method).uri(path).body(Body::empty()).unwrap()
}
