//! The body of a transaction, against what serde reads of it: whatever passes has each parameter once,
//! and the values that were approved are those a strict reader and a lax one both see.
#![no_main]

use std::convert::Infallible;
use std::sync::LazyLock;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;
use serde_json::Value;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_mfa::assurance::Requirement;
use tower_mfa::middleware::{Approved, AuthenticateLayer, TransactionLayer};
use tower_mfa::token::{Verifier, bind_digest};
use tower_mfa_fuzz::{AUDIENCE, Forge, ISSUER, NOW, Still, claims, now_or_never};

static FORGE: LazyLock<Forge> = LazyLock::new(Forge::new);

static AUTHENTICATE: LazyLock<AuthenticateLayer> = LazyLock::new(|| {
    let verifier = Verifier::new(ISSUER, AUDIENCE, FORGE.keys()).expect("two names");
    AuthenticateLayer::new(verifier).with_clock(std::sync::Arc::new(Still(NOW)))
});

static TRANSACTION: LazyLock<TransactionLayer> = LazyLock::new(|| {
    TransactionLayer::builder(Requirement::aal2().for_action("pay"))
        .parameters(["to", "amount"])
        .danger_reusable()
        .build()
        .expect("it is whole")
});

/// Serde refuses a member that stands twice.
#[derive(Deserialize)]
struct Strict {
    to: Value,
    amount: Value,
}

fuzz_target!(|body: &[u8]| {
    // The attacker approves what the laxest reader sees, and hopes that another is let through.
    let Ok(lax) = serde_json::from_slice::<Value>(body) else { return };
    let Ok(digest) = bind_digest("pay", [("to", &lax["to"]), ("amount", &lax["amount"])]) else { return };
    let approval = format!(
        r#","step_up":{{"jti":"AAAAAAAAAAAAAAAAAAAAAA","action":"pay","auth_time":{NOW},"exp":{},"bind":"{digest}"}}}}"#,
        NOW + 300
    );
    let payload = claims("AAAAAAAAAAAAAAAAAAAAAA");
    let payload = format!("{}{approval}", payload.strip_suffix('}').expect("an object"));
    let request = Request::post("/")
        .header("authorization", format!("Bearer {}", FORGE.signed(payload.as_bytes())))
        .header("content-type", "application/json")
        .body(Full::new(Bytes::copy_from_slice(body)))
        .expect("a request");
    let sent = body.to_vec();
    let inside = service_fn(move |request: Request<Full<Bytes>>| {
        let approved = request.extensions().get::<Approved>().expect("it was approved").clone();
        let strict: Strict = serde_json::from_slice(&sent).expect("a strict reader takes it, too");
        for (name, value) in [("to", &strict.to), ("amount", &strict.amount)] {
            assert_eq!((approved.text(name), approved.integer(name)), (value.as_str(), value.as_i64()), "{name}");
        }
        let passed = now_or_never(request.into_body().collect()).expect("it is there").expect("it is whole");
        assert_eq!(passed.to_bytes(), sent, "byte for byte");
        std::future::ready(Ok::<_, Infallible>(Response::new(Full::new(Bytes::new()))))
    });
    let answer = now_or_never(AUTHENTICATE.layer(TRANSACTION.layer(inside)).oneshot(request));
    let status = answer.expect("it never waits").expect("it cannot fail").status();
    assert!([StatusCode::OK, StatusCode::BAD_REQUEST].contains(&status), "{status}");
});
