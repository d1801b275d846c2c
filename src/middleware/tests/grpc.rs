//! gRPC: the same answers, as status and metadata.

use super::*;
use crate::middleware::problem::{Code, Problem};

fn call(content_type: &str) -> http::request::Builder {
    Request::post("https://api.example/bank.Bank/Transfer").header("content-type", content_type)
}

#[test]
fn a_grpc_call_gets_trailers_only_with_the_same_challenge() {
    let house = House::new();
    let low = format!("Bearer {}", house.token(&password()));
    let over_http = house.ask(Requirement::aal2().within(60), post().header("authorization", &low).body(()).unwrap());
    for content_type in ["application/grpc", "application/grpc+proto", "Application/gRPC;x=y", "application/grpc-web"] {
        let request = call(content_type).header("authorization", &low).body(()).unwrap();
        let answer = house.ask(Requirement::aal2().within(60), request);
        assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 0));
        assert_eq!(answer.header("content-type"), "application/grpc");
        assert_eq!(answer.header("grpc-status"), "16");
        assert!(answer.header("grpc-message").contains("stronger"));
        assert_eq!(answer.challenge(), over_http.challenge());
        assert_eq!(answer.kind(), RefusalKind::StepUp);
    }
    assert_eq!(house.served(), 0);
}

#[test]
fn what_is_not_grpc_gets_a_problem() {
    let house = House::new();
    for content_type in ["application/json", "application/grp", "text/plain; application/grpc", ""] {
        let answer = house.ask(Requirement::aal2(), call(content_type).body(()).unwrap());
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{content_type}");
    }
}

#[test]
fn each_refusal_has_its_grpc_status() {
    let house = House::new();
    let token = format!("Bearer {}", house.token(&two_factors()));
    let with_token = || call("application/grpc").header("authorization", &token);
    let status = |requirement, request: http::request::Builder| {
        let answer = house.ask(requirement, request.body(()).unwrap());
        answer.header("grpc-status").to_owned()
    };
    assert_eq!(status(Requirement::aal1(), with_token()), "", "a yes is the service's own answer");
    assert_eq!(status(Requirement::aal1(), call("application/grpc")), "16");
    assert_eq!(status(Requirement::aal1().with_role("admin"), with_token()), "7");
    assert_eq!(status(Requirement::aal1(), with_token().header("authorization", &token)), "3");
    house.watch.stop();
    assert_eq!(status(Requirement::aal1(), with_token()), "14");
    let alone = RequireLayer::new(Requirement::aal1()).layer(house.inner());
    assert_eq!(answer(alone, with_token().body(()).unwrap()).header("grpc-status"), "13");
}

#[test]
fn a_message_is_percent_encoded() {
    let answer = Problem::new(Code::Forbidden).detail("100 % ä\n").into_grpc_response();
    assert_eq!(answer.headers()["grpc-message"], "100 %25 %C3%A4%0A");
}
