//! The extractors, in axum routers.

use axum::Router;
use axum::body::Body;
use axum::routing::get as route;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use super::*;
use crate::assurance::Requirement;
use crate::middleware::tests::{House, bearing, get, nobody, passkey, password, ready, two_factors};
use crate::middleware::{Refusal, RefusalKind, RequireLayer, Source};

enum Passkey {}

impl Require for Passkey {
    fn requirement() -> &'static Requirement {
        static PASSKEY: Requirement = Requirement::aal2().phishing_resistant().within(300);
        &PASSKEY
    }
}

fn router() -> Router {
    Router::new()
        .route("/me", route(async |who: Authenticated| who.subject().id().to_owned()))
        .route("/maybe", route(async |who: Option<Authenticated>| if who.is_some() { "somebody" } else { "nobody" }))
        .route("/aal2", route(async |who: Enforced<Aal2>| who.subject().id().to_owned()))
        .route("/aal3", route(async |_: Enforced<Aal3>| "vault"))
        .route("/passkey", route(async |_: Enforced<Passkey>| "passkey"))
        .route("/layered", route(async || "layered").route_layer(RequireLayer::new(Requirement::aal2())))
}

fn send(router: &Router, path: &str, request: Request<()>) -> (StatusCode, Response<()>, String) {
    ready(async {
        let mut request = request.map(|()| Body::empty());
        *request.uri_mut() = path.parse().unwrap();
        let (parts, body) = router.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status, Response::from_parts(parts, ()), String::from_utf8(body.to_vec()).unwrap())
    })
}

#[test]
fn each_extractor_lets_in_what_it_asks_for_and_nothing_less() {
    let house = House::new();
    let app = router().layer(house.layer());
    let statuses = |request: &Request<()>| {
        ["/me", "/aal2", "/aal3", "/passkey", "/layered"].map(|path| send(&app, path, request.clone()).0.as_u16())
    };
    assert_eq!(statuses(&nobody()), [401, 401, 401, 401, 401]);
    assert_eq!(statuses(&bearing("x")), [401, 401, 401, 401, 401]);
    assert_eq!(statuses(&bearing(&house.token(&password()))), [200, 401, 401, 401, 401]);
    assert_eq!(statuses(&bearing(&house.token(&two_factors()))), [200, 200, 401, 401, 200]);
    assert_eq!(statuses(&bearing(&house.token(&passkey()))), [200, 200, 401, 200, 200]);
    assert_eq!(send(&app, "/aal2", bearing(&house.token(&two_factors()))).2, "alice");
}

#[test]
fn a_rejection_is_the_layers_answer_to_the_letter() {
    let (house, untold) = (House::new(), House::untold());
    let unknown = bearing(&untold.token(&two_factors()));
    let refused = [nobody(), bearing("x"), bearing(&house.token(&password()))].map(|request| (&house, request));
    for (house, request) in refused.into_iter().chain([(&untold, unknown)]) {
        let app = router().layer(house.layer());
        let (layered, extracted) = (send(&app, "/layered", request.clone()), send(&app, "/aal2", request));
        assert_eq!((layered.0, layered.1.headers(), layered.2), (extracted.0, extracted.1.headers(), extracted.2));
        assert_eq!(layered.1.extensions().get::<Refusal>(), extracted.1.extensions().get::<Refusal>());
        assert!(extracted.1.extensions().get::<Refusal>().is_some());
    }
}

#[test]
fn an_optional_authentication_is_none_for_whoever_is_not_believed() {
    let house = House::new();
    let app = router().layer(house.layer().sources([Source::BEARER, Source::SESSION_TOKEN]));
    let token = house.token(&password());
    assert_eq!(send(&app, "/maybe", bearing(&token)).2, "somebody");
    let two = get().header("authorization", format!("Bearer {token}")).header("x-session-token", &token);
    for request in [nobody(), bearing("x"), two.body(()).unwrap()] {
        assert_eq!(send(&app, "/maybe", request).2, "nobody");
    }
}

#[test]
fn without_the_layer_every_extractor_is_an_error_and_not_a_nobody() {
    let token = House::new().token(&two_factors());
    for path in ["/me", "/maybe", "/aal2", "/aal3", "/layered"] {
        let (status, response, _) = send(&router(), path, bearing(&token));
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        let refusal = response.extensions().get::<Refusal>().unwrap();
        assert_eq!(refusal.kind(), RefusalKind::NotLayered);
    }
}

#[test]
fn freshness_is_judged_when_the_handler_is_about_to_run() {
    let house = House::new();
    let app = router().layer(house.layer());
    let token = house.token(&passkey());
    assert_eq!(send(&app, "/passkey", bearing(&token)).0, StatusCode::OK);
    house.turn_to(301);
    assert_eq!(send(&app, "/passkey", bearing(&token)).0, StatusCode::UNAUTHORIZED);
    assert_eq!(send(&app, "/aal2", bearing(&token)).0, StatusCode::OK);
}
