//! `tower-mfa` with `token` and `middleware` alone: a service that only checks tokens, somewhere
//! else issued. It asserts a yes and a no, and ends.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use http::{Request, Response, StatusCode};
use tower::{Layer, ServiceExt, service_fn};
use tower_mfa::assurance::{Authentication, Requirement};
use tower_mfa::clock::{Clock, ClockError, Timestamp};
use tower_mfa::middleware::{AuthenticateLayer, RequireLayer};
use tower_mfa::token::{KeySet, Verifier};

/// The public key of RFC 8037 appendix A.2, and a token signed with it: alice, by password and code.
const JWKS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
const TOKEN: &str = concat!(
    "eyJhbGciOiJFZERTQSIsImtpZCI6ImtQcktfcW14VldhWVZBOXd3QkY2SXVvM3ZWeno3VHhIQ1R3WEJ5Z3JTNGsiLC",
    "J0eXAiOiJhdCtqd3QifQ.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJzdWIiOiJhbGljZSIsImF1ZCI6ImFwa",
    "SIsImNsaWVudF9pZCI6IndlYiIsImV4cCI6MTgwMDAwMDkwMCwiaWF0IjoxODAwMDAwMDAwLCJqdGkiOiJkTVlvNlF",
    "wSTR3UnBhRnVPQlVyRldRIiwic2lkIjoiZnNvaGt0SlN5QlFIMWJHWUFHeWNYZyIsImF1dGhfdGltZSI6MTgwMDAwM",
    "DAwMCwiYWNyIjoiYWFsMiIsImFtciI6WyJwd2QiLCJvdHAiLCJtZmEiLCJ0b3RwIl0sImV2aWRlbmNlIjpbeyJ0eXB",
    "lIjoidG90cCIsImF0IjoxODAwMDAwMDAwfSx7InR5cGUiOiJwd2QiLCJhdCI6MTgwMDAwMDAwMH1dfQ.nslVnuEsPj",
    "x6su07GPl6QNt-0vA6P_6Wro9WdLeIbWBHzpwzmwtp4_5oWv7wM9W_ri3aCmkgGdarCGanwSzMAg",
);

struct At(u64);

impl Clock for At {
    fn now(&self) -> Result<Timestamp, ClockError> {
        Ok(Timestamp::from_secs(self.0))
    }
}

fn transfer(request: Request<()>) -> Ready<Result<Response<String>, Infallible>> {
    let who = request.extensions().get::<Authentication>().map(|who| who.subject().id().to_owned());
    ready(Ok(Response::new(who.unwrap_or_default())))
}

/// Sends a request to the service as it is at `now`.
fn status(token: Option<&str>, now: u64) -> StatusCode {
    let verifier = Verifier::new("https://id.example", "api", KeySet::from_jwks(JWKS).unwrap()).unwrap();
    let service = RequireLayer::new(Requirement::aal2().within(300)).layer(service_fn(transfer));
    let service = AuthenticateLayer::new(verifier).with_clock(Arc::new(At(now))).layer(service);
    let request = token
        .into_iter()
        .fold(Request::post("/transfer"), |request, token| request.header("authorization", format!("Bearer {token}")));
    let answer = pin!(service.oneshot(request.body(()).unwrap()));
    match answer.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(answer)) => answer.status(),
        Poll::Pending => panic!("a token is checked without waiting"),
    }
}

fn main() {
    assert_eq!(status(Some(TOKEN), 1_800_000_100), StatusCode::OK);
    assert_eq!(status(Some(TOKEN), 1_800_000_301), StatusCode::UNAUTHORIZED, "the code is too old");
    assert_eq!(status(Some(&TOKEN.replace("nslV", "nslW")), 1_800_000_100), StatusCode::UNAUTHORIZED, "forged");
    assert_eq!(status(None, 1_800_000_100), StatusCode::UNAUTHORIZED);
    println!("enforcer-only: a fresh token passes; an old, a forged and no token do not");
}
