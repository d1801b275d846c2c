//! What a pattern fits: against axum's router with the same patterns, and against a plain reading of
//! what they mean.

use axum::Router;
use axum::routing;
use http::Method;
use proptest::prelude::*;
use tower_mfa::middleware::route_policy::{RoutePolicy, Rule};

use super::{request, send};

/// Patterns that a router takes together, in many overlapping ways.
const PATTERNS: &[&str] = &[
    "/",
    "/a",
    "/a/",
    "/ab",
    "/a/{x}",
    "/a/b",
    "/a/{x}/c",
    "/a/b/{y}",
    "/a/b/{y}/d",
    "/a/b/c/{*rest}",
    "/b/{*rest}",
    "/b/a",
    "/b/a/{x}/a",
    "/c-{x}",
    "/c-{x}/a",
    "/{x}/{y}/{z}/{*rest}",
    "/{x}/b/a",
    "/d/{*rest}",
];

fn policy(patterns: &[&str]) -> RoutePolicy {
    let rule = |(at, pattern): (usize, &&str)| Rule::on_any_method(&format!("r{at}"), pattern).public();
    RoutePolicy::builder().rules(patterns.iter().enumerate().map(rule)).build().unwrap()
}

fn router(patterns: &[&'static str]) -> Router {
    let say = |pattern: &'static str| routing::any(move || std::future::ready(pattern));
    patterns.iter().fold(Router::new(), |router, pattern| router.route(pattern, say(pattern)))
}

/// Whether a pattern fits a path, read by itself.
fn fits(pattern: &str, path: &str) -> bool {
    let (mut patterns, mut rest) = (pattern.split('/').skip(1), path.strip_prefix('/'));
    loop {
        match (patterns.next(), rest) {
            (None, None) => return true,
            (None, _) | (_, None) => return false,
            (Some(pattern), Some(left)) => {
                let (literal, parameter) = pattern.split_once('{').map_or((pattern, None), |(l, p)| (l, Some(p)));
                let (segment, next) = left.split_once('/').map_or((left, None), |(s, next)| (s, Some(next)));
                match parameter {
                    Some(name) if name.starts_with('*') => {
                        return left.len() > literal.len() && left.starts_with(literal);
                    }
                    // In the middle of a pattern a parameter behind text may be empty; a segment is not.
                    Some(_) if segment.len() > literal.len() && segment.starts_with(literal) => {}
                    Some(_) if !literal.is_empty() && segment == literal && next.is_some() => {}
                    None if segment == literal => {}
                    _ => return false,
                }
                rest = next;
            }
        }
    }
}

fn path() -> impl Strategy<Value = String> {
    "(/(a|b|c|d|ab|c-|c-a|x|)){1,6}"
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_the_router_serves_is_what_the_policy_has_matched(path in path(), chosen in any::<u32>()) {
        let chosen: Vec<&'static str> =
            PATTERNS.iter().enumerate().filter(|(at, _)| chosen >> at & 1 == 1).map(|(_, pattern)| *pattern).collect();
        let policy = policy(&chosen);
        let found = policy.find(&Method::GET, &path);
        if found.trick().is_none() {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let answer = runtime.block_on(send(router(&chosen), request("GET", &path)));
            let served = answer.body.as_str().filter(|_| answer.status == 200);
            prop_assert_eq!(found.rule().map(Rule::pattern), served, "{}", path);
            // And it is one that fits; where none is found, none does.
            match found.rule() {
                Some(rule) => prop_assert!(fits(rule.pattern(), &path), "{} {}", rule.pattern(), path),
                None => prop_assert!(!chosen.iter().any(|pattern| fits(pattern, &path)), "{} {:?}", path, chosen),
            }
        }
    }
}

/// Two tries could read one pattern in two ways.
#[test]
fn the_trie_of_the_policy_is_the_one_axum_routes_by() {
    let lock = include_str!("../../../Cargo.lock");
    assert_eq!(lock.matches("name = \"matchit\"").count(), 1);
}
