use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use http::{Method, Request, Response, StatusCode};
use tokio::runtime::Runtime;
use tower::{Layer as _, Service, service_fn};
use tower_mfa::middleware::RoutePolicyLayer;
use tower_mfa::middleware::route_policy::{RoutePolicy, Rule};
use tower_mfa_benches::{Counting, Pair, Report};

use super::us;

type Answer = Result<Response<()>, Infallible>;

fn inside(_: Request<()>) -> Ready<Answer> {
    ready(Ok(Response::new(())))
}

/// Ten services, ten resources in each, and so on: `levels` segments, and a parameter behind them.
fn names(levels: u32) -> impl Iterator<Item = String> {
    (0..10_usize.pow(levels)).map(move |number| {
        let digits = format!("{number:0width$}", width = levels as usize);
        digits.chars().map(|digit| format!("/part-{digit}")).collect()
    })
}

/// A policy, and this many paths over all of it.
fn policy(levels: u32, paths: usize) -> (RoutePolicy, Vec<String>) {
    let pattern = |(at, name): (usize, String)| Rule::on(&at.to_string(), [Method::GET], &format!("{name}/{{id}}"));
    let rules = names(levels).enumerate().map(|named| pattern(named).public());
    let policy = RoutePolicy::builder().rules(rules).build().unwrap();
    let all: Vec<String> = names(levels).collect();
    // A prime, so that neighbours in the list are strangers in the trie.
    let paths = (0..paths).map(|at| format!("{}/12345678", all[at * 7_919 % all.len()])).collect();
    (policy, paths)
}

/// Asks each policy for its paths in turn.
fn pair(ours: (&RoutePolicy, &[String]), theirs: (&RoutePolicy, &[String])) -> Pair {
    let find = |(policy, paths): (&RoutePolicy, &[String]), turn: &mut usize| {
        *turn = (*turn + 1) % paths.len();
        assert!(policy.find(&Method::GET, &paths[*turn]).rule().is_some());
    };
    let (mut one, mut other) = (0, 0);
    Pair::measure(201, 1_000, || find(ours, &mut one), || find(theirs, &mut other))
}

/// What finding a rule costs as policies grow, beside how much longer the paths are; and what the layer
/// allocates.
pub fn measure(_: &Runtime, report: &mut Report) {
    let (ten, short) = policy(1, 10);
    for levels in [3, 5] {
        let (many, long) = policy(levels, 10);
        let pair = pair((&many, &long), (&ten, &short));
        let (patterns, longer) = (many.rules().len(), long[0].len() as f64 / short[0].len() as f64);
        let (_, strangers) = policy(levels, 10_000);
        let cold = self::pair((&many, &strangers), (&ten, &short)).ours;
        let details = format!(
            "  {:.0} of {:.0} ns, {} bytes and {}; ten thousand paths in turn {:.0}",
            us(pair.ours) * 1e3,
            us(pair.theirs) * 1e3,
            long[0].len(),
            short[0].len(),
            us(cold) * 1e3
        );
        report.line(&format!("a rule of {patterns}, beside one of 10 (by length)"), pair.ratio, longer, "", details);
    }
    let layer = RoutePolicyLayer::new(ten.clone());
    let mut open = layer.layer(service_fn(inside));
    let request = || Request::get(&*short[7]).body(()).unwrap();
    assert_eq!(run(&mut open, request()).unwrap().status(), StatusCode::OK);
    assert_eq!(run(&mut open, Request::new(())).unwrap().status(), StatusCode::FORBIDDEN);
    let asked = request();
    let (allocations, _) = Counting::calls(|| drop(run(&mut open, asked)));
    let pair = Pair::measure_on(
        201,
        200,
        request,
        |request| run(&mut open, request).is_ok(),
        |request| run(&mut service_fn(inside), request).is_ok(),
    );
    let cost = (us(pair.ours) - us(pair.theirs)) * 1e3;
    let details = format!("  allocations, and {cost:.0} ns");
    report.line("the layer around a public route", allocations as f64, 0.0, "", details);
}

/// Polls once: nothing here waits.
fn run<S: Service<Request<()>>>(service: &mut S, request: Request<()>) -> Result<S::Response, S::Error> {
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(service.poll_ready(cx).is_ready());
    match pin!(service.call(request)).poll(cx) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("it waits"),
    }
}
