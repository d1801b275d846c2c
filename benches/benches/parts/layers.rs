use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use http::{HeaderValue, Request, Response, StatusCode};
use tokio::runtime::Runtime;
use tower::{Layer as _, Service, service_fn};
use tower_mfa::assurance::Requirement;
use tower_mfa::clock::{Clock as _, SystemClock};
use tower_mfa::middleware::{AuthenticateLayer, RequireLayer};
use tower_mfa::store::MemoryStore;
use tower_mfa::token::Algorithm;
use tower_mfa_benches::peer::HandWritten;
use tower_mfa_benches::scene::{AUDIENCE, ISSUER, Scene};
use tower_mfa_benches::{Counting, Pair, Report, Turned};

use super::us;

type Answer = Result<Response<()>, Infallible>;

fn inside(_: Request<()>) -> Ready<Answer> {
    ready(Ok(Response::new(())))
}

/// Both layers around a handler, with a token they have seen, against a middleware by hand that
/// verifies each time. The inner answer has no body, so that only the way to it is timed.
pub fn measure(runtime: &Runtime, report: &mut Report) {
    let now = SystemClock.now().unwrap().as_secs();
    let scene = runtime.block_on(Scene::set(MemoryStore::new(), Algorithm::Rs256, Turned::at(now - 60)));
    let tokens = runtime.block_on(scene.sign_in());
    let token = tokens.access_token().expose();
    let header = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
    let request = || {
        let mut request = Request::new(());
        request.headers_mut().insert("authorization", header.clone());
        request
    };

    let rule = RequireLayer::new(Requirement::aal2().within(300));
    let mut ours = AuthenticateLayer::new(scene.mfa.verifier()).layer(rule.layer(service_fn(inside)));
    let jwks = scene.mfa.jwks_json().unwrap();
    let mut theirs = HandWritten::new(service_fn(inside), &jwks, ISSUER, AUDIENCE);
    assert_eq!(run(&mut ours, request()).unwrap().status(), StatusCode::OK);
    assert_eq!(run(&mut theirs, request()).unwrap().status(), StatusCode::OK);
    assert_eq!(run(&mut ours, Request::new(())).unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(run(&mut theirs, Request::new(())).unwrap().status(), StatusCode::UNAUTHORIZED);

    let pair = Pair::measure_on(201, 200, request, |r| run(&mut ours, r).is_ok(), |r| run(&mut theirs, r).is_ok());
    let details = format!("  {:.3} of {:.3} µs, token of {} bytes", us(pair.ours), us(pair.theirs), token.len());
    report.line("both layers, a token seen before (by hand = 1)", pair.ratio, 1.0 / 25.0, "", details);

    // What `http` itself allocates when anything is put into the extensions is not ours.
    let mut nothing = service_fn(|mut request: Request<()>| {
        request.extensions_mut().insert(Arc::clone(&SHARED));
        inside(request)
    });
    let count = |service: &mut dyn FnMut(Request<()>)| {
        let request = request();
        Counting::calls(|| service(request)).0
    };
    let with = count(&mut |request| drop(run(&mut ours, request)));
    let without = count(&mut |request| drop(run(&mut nothing, request)));
    let own = u32::try_from(with.saturating_sub(without)).unwrap();
    let details = format!("  {with} with the layers, {without} for one extension");
    report.line("allocations of the layers, a request", f64::from(own), 0.0, "", details);
}

static SHARED: std::sync::LazyLock<Arc<u64>> = std::sync::LazyLock::new(|| Arc::new(1));

/// Polls once: nothing here waits.
fn run<S: Service<Request<()>>>(service: &mut S, request: Request<()>) -> Result<S::Response, S::Error> {
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(service.poll_ready(cx).is_ready());
    match pin!(service.call(request)).poll(cx) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("it waits"),
    }
}
