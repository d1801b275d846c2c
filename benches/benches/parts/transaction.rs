use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use http::{Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::json;
use tokio::runtime::Runtime;
use tower::{Layer as _, Service, service_fn};
use tower_mfa::assurance::{Authentication, Circumstances, Decision, Hours, Method, Proof, Requirement, decide};
use tower_mfa::clock::{Clock as _, SystemClock};
use tower_mfa::middleware::{AuthenticateLayer, RequireLayer, TransactionLayer};
use tower_mfa::network::Network;
use tower_mfa::policy::Policy;
use tower_mfa::service::{AnswerOutcome, ChallengeOutcome, ChallengeRequest, Reply, Responder};
use tower_mfa::store::MemoryStore;
use tower_mfa::token::{Algorithm, Redeem, RedeemFuture, Redeemed};
use tower_mfa_benches::scene::Scene;
use tower_mfa_benches::{Pair, Report, Turned};

use super::us;

type Body = Full<bytes::Bytes>;
type Answer = Result<Response<()>, Infallible>;

const ACTION: &str = "transfer_funds";

fn inside(_: Request<Body>) -> Ready<Answer> {
    ready(Ok(Response::new(())))
}

/// Where to spend an approval is the store's part, and measured there.
struct Free;

impl Redeem for Free {
    fn redeem<'a>(&'a self, _: &'a Authentication) -> RedeemFuture<'a> {
        Box::pin(async { Ok(Redeemed::Now) })
    }
}

/// What comparing a request with its approval costs, beside a layer that only asks for the level; and
/// the plain decision.
pub fn measure(runtime: &Runtime, report: &mut Report) {
    let now = SystemClock.now().unwrap().as_secs();
    let clock = Turned::at(now - 60);
    let policy = Policy::builder().action(ACTION, Requirement::aal2().within(300)).build().unwrap();
    let scene = runtime.block_on(Scene::with_policy(MemoryStore::new(), Algorithm::Es256, clock, policy));
    let token = runtime.block_on(approved(&scene));
    let header = http::HeaderValue::try_from(format!("Bearer {token}")).unwrap();
    let body = json!({"to": "bob", "amount": 100, "note": "x".repeat(980)}).to_string();
    assert!(body.len() > 1_000 && body.len() <= 1_024);
    let body = bytes::Bytes::from(body);
    let request = || {
        let mut request = Request::new(Full::new(body.clone()));
        request.headers_mut().insert("authorization", header.clone());
        request.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
        request
    };

    let authenticate = AuthenticateLayer::new(scene.mfa.verifier());
    let wanted = Requirement::aal2().within(300).for_action(ACTION);
    let layer = TransactionLayer::builder(wanted.clone()).parameters(["to", "amount"]).redeem(Arc::new(Free));
    let mut bound = authenticate.clone().layer(layer.build().unwrap().layer(service_fn(inside)));
    let plain = RequireLayer::new(Requirement::aal2().within(300));
    let mut plain = authenticate.layer(plain.layer(service_fn(inside)));
    assert_eq!(run(&mut bound, request()).unwrap().status(), StatusCode::OK);
    assert_eq!(run(&mut plain, request()).unwrap().status(), StatusCode::OK);
    let other = Request::new(Full::new(bytes::Bytes::from_static(b"{}")));
    assert_eq!(run(&mut bound, other).unwrap().status(), StatusCode::UNAUTHORIZED);

    let pair = Pair::measure_on(201, 200, request, |r| run(&mut bound, r).is_ok(), |r| run(&mut plain, r).is_ok());
    let cost = us(pair.ours) - us(pair.theirs);
    let details = format!(
        "  {:.2} with it, {:.2} with a level alone, body of {} bytes",
        us(pair.ours),
        us(pair.theirs),
        body.len()
    );
    report.line("a bound transfer's layer, no signature checked", cost, 10.0, "µs", details);

    let who = scene.mfa.authenticate(&token).unwrap();
    let at = scene.clock.read();
    let level = Requirement::aal2().within(300);
    assert_eq!(decide(&level, &who, at), Decision::Allow);
    let pair = Pair::measure(201, 1_000, || decide(&level, &who, at), || decide(&wanted, &who, at));
    let details = format!("  with an action {:.0}", us(pair.theirs) * 1e3);
    report.line("decide", us(pair.ours) * 1e3, 100.0, "ns", details);

    // The first alternative is not met, so that both are looked at.
    let rich = Requirement::any_of(EITHER).from_networks(NETWORKS).in_hours(HOURS);
    let here = Circumstances::at(at).from([192, 0, 2, 7].into());
    assert_eq!(decide(&rich, &who, here), Decision::Allow);
    let pair = Pair::measure(201, 1_000, || decide(&rich, &who, here), || decide(&level, &who, at));
    let details = format!("  {rich}");
    report.line("decide, with all there is to ask for", us(pair.ours) * 1e3, 100.0, "ns", details);
}

const EITHER: &[Requirement] = &[
    Requirement::aal2().proved_by(&[Proof::passkey().within(300)]),
    Requirement::aal2().within(300).proved_by(&[Proof::of(Method::Totp).within(60)]),
];
const NETWORKS: &[Network] = &[Network::v4([10, 0, 0, 0], 8), Network::v4([192, 0, 2, 0], 24)];
const HOURS: &[Hours] = &[Hours::between((0, 0), (24, 0))];

/// Signs in, and approves a transfer of 100 to bob.
async fn approved(scene: &Scene) -> String {
    let by = scene.authenticated(&scene.sign_in().await);
    let parameters = [("to", json!("bob")), ("amount", json!(100))];
    let request = ChallengeRequest::new().action(ACTION).bind(parameters).unwrap();
    let ChallengeOutcome::Pending(asked) = scene.mfa.open_challenge(&by, request).await.unwrap() else {
        panic!("a bound action is always asked for");
    };
    scene.clock.turn(30);
    let reply = Reply::totp(scene.code());
    let answer = scene.mfa.answer(Responder::Session(&by), asked.id, reply).await.unwrap();
    let AnswerOutcome::Complete(answer) = answer else { panic!("nothing is missing") };
    answer.tokens.access_token().expose().to_owned()
}

/// Polls once: nothing here waits.
fn run<S: Service<Request<Body>>>(service: &mut S, request: Request<Body>) -> Result<S::Response, S::Error> {
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(service.poll_ready(cx).is_ready());
    match pin!(service.call(request)).poll(cx) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("it waits"),
    }
}
