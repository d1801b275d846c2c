//! A method and a path, against axum's router with the same patterns: what the router serves is what the
//! policy has matched. And what a careless program makes of a path that passed has the same rule.
#![no_main]

use std::sync::LazyLock;

use axum::Router;
use axum::routing::{self, MethodRouter};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::Empty;
use libfuzzer_sys::fuzz_target;
use tower::ServiceExt as _;
use tower_mfa::middleware::route_policy::{RoutePolicy, Rule};
use tower_mfa_fuzz::now_or_never;

/// Overlapping in as many ways as a router allows.
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
    "/a/b:c",
    "/admin/{*rest}",
    "/open/{*rest}",
];

/// Every third pattern has GET alone, every third POST alone, and the others any method.
const fn methods(at: usize) -> Option<Method> {
    match at % 3 {
        0 => Some(Method::GET),
        1 => Some(Method::POST),
        _ => None,
    }
}

static POLICY: LazyLock<RoutePolicy> = LazyLock::new(|| {
    let rules = PATTERNS.iter().enumerate().map(|(at, pattern)| {
        let name = at.to_string();
        methods(at).map_or(Rule::on_any_method(&name, pattern), |method| Rule::on(&name, [method], pattern)).public()
    });
    RoutePolicy::builder().rules(rules).build().expect("patterns that a router takes")
});

static ROUTER: LazyLock<Router> = LazyLock::new(|| {
    let routes = PATTERNS.iter().enumerate().map(|(at, pattern)| {
        // In a header: an answer to CONNECT or HEAD has no body.
        let say = move || std::future::ready([("x-pattern", *pattern)]);
        let route: MethodRouter = match methods(at) {
            Some(Method::GET) => routing::get(say),
            Some(_) => routing::post(say),
            None => routing::any(say),
        };
        (*pattern, route)
    });
    routes.fold(Router::new(), |router, (pattern, route)| router.route(pattern, route))
});

fuzz_target!(|data: &[u8]| {
    let Ok((method, target)) = std::str::from_utf8(data).map(|line| line.split_once(' ').unwrap_or(("GET", line)))
    else {
        return;
    };
    let (Ok(method), Ok(uri)) = (Method::from_bytes(method.as_bytes()), target.trim().parse::<Uri>()) else { return };
    let found = POLICY.find(&method, uri.path());
    if found.trick().is_some() || method == Method::OPTIONS {
        return;
    }
    let rule = found.rule().map(Rule::pattern);
    assert_eq!(rule, served(&method, &uri).as_deref(), "{method} {}", uri.path());
    for read in readings(uri.path()) {
        assert_eq!(rule, POLICY.find(&method, &read).rule().map(Rule::pattern), "{} read as {read}", uri.path());
    }
});

/// The pattern of the route that answers; HEAD is what GET is.
fn served(method: &Method, uri: &Uri) -> Option<String> {
    let method = if method == Method::HEAD { Method::GET } else { method.clone() };
    let mut request = Request::new(Empty::<bytes::Bytes>::new());
    (*request.method_mut(), *request.uri_mut()) = (method.clone(), uri.clone());
    let answer = now_or_never(ROUTER.clone().oneshot(request)).expect("it never waits").expect("it cannot fail");
    if answer.status() != StatusCode::OK {
        return None;
    }
    Some(answer.headers()["x-pattern"].to_str().expect("a pattern").to_owned())
}

/// What a careless program may make of a path.
fn readings(path: &str) -> Vec<String> {
    let once = decoded(path);
    let twice = decoded(&once);
    let mut all = vec![once.clone(), twice.clone()];
    for text in [path, &once, &twice] {
        let cut: Vec<&str> = text.split('/').map(|segment| segment.split(';').next().unwrap_or_default()).collect();
        all.extend([tidy(text), cut.join("/"), tidy(&cut.join("/").replace('\\', "/")), text.replace('\\', "/")]);
    }
    all
}

/// Without empty segments and dot segments.
fn tidy(path: &str) -> String {
    if !path.starts_with('/') {
        return path.to_owned();
    }
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/').filter(|segment| !segment.is_empty() && *segment != ".") {
        if segment == ".." {
            kept.pop();
        } else {
            kept.push(segment);
        }
    }
    let end = if path.ends_with('/') && !kept.is_empty() { "/" } else { "" };
    format!("/{}{end}", kept.join("/"))
}

/// Decodes as a careless program does: what is no escape stays.
fn decoded(path: &str) -> String {
    let mut out = Vec::new();
    let mut rest = path.as_bytes();
    while let [byte, tail @ ..] = rest {
        let pair = tail.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        let escape = pair.filter(|pair| *byte == b'%' && pair.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match escape.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(decoded) => {
                out.push(decoded);
                rest = &tail[2..];
            }
            None => {
                out.push(*byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
