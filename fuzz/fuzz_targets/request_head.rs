//! The head of a request: a line with method and target, then headers. Nobody here has a key, so
//! the protected service is never called, and every answer is a refusal that can be written.
#![no_main]

use std::convert::Infallible;
use std::sync::LazyLock;

use http::{HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt as _, Empty};
use libfuzzer_sys::fuzz_target;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_mfa::assurance::Requirement;
use tower_mfa::middleware::{AuthenticateLayer, RequireLayer, Source};
use tower_mfa_fuzz::{AUDIENCE, Forge, ISSUER, now_or_never};

static AUTHENTICATE: LazyLock<AuthenticateLayer> = LazyLock::new(|| {
    let verifier = tower_mfa::token::Verifier::new(ISSUER, AUDIENCE, Forge::new().keys()).expect("two names");
    AuthenticateLayer::new(verifier).sources([Source::BEARER, Source::SESSION_TOKEN, Source::COOKIE])
});

fuzz_target!(|data: &[u8]| {
    let mut lines = data.split(|byte| *byte == b'\n');
    let Some(request) = lines.next().and_then(head) else { return };
    let (mut request, lines) = (request, lines);
    for line in lines.take(40) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            request.headers_mut().append(name, value);
        }
    }
    let inside = service_fn(|_: Request<()>| async {
        assert!(std::hint::black_box(false), "the service was called");
        Ok::<_, Infallible>(Response::new(Empty::<bytes::Bytes>::new()))
    });
    let service = AUTHENTICATE.layer(RequireLayer::new(Requirement::aal1()).layer(inside));
    let answer = now_or_never(service.oneshot(request)).expect("it never waits").expect("it cannot fail");
    let (parts, body) = answer.into_parts();
    let grpc = parts.headers.contains_key("grpc-status");
    assert!(parts.status.is_client_error() || grpc, "{}", parts.status);
    let body = now_or_never(body.collect()).expect("it is there").expect("it cannot fail").to_bytes();
    assert!(grpc || body.is_empty() || serde_json::from_slice::<serde_json::Value>(&body).is_ok());
});

fn head(line: &[u8]) -> Option<Request<()>> {
    let (method, target) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    let method = Method::from_bytes(method.as_bytes()).ok()?;
    Request::builder().method(method).uri(target.trim()).body(()).ok()
}
