//! Paths that two programs read in two ways: through axum, nested axum, and hyper alone.

use std::borrow::Cow;

use axum::Router;
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tower::{Layer as _, service_fn};
use tower_mfa::assurance::Requirement;
use tower_mfa::extract::original_uri;
use tower_mfa::middleware::route_policy::{PathTrick, RoutePolicy, Rule};
use tower_mfa::middleware::{RefusalKind, RoutePolicyLayer};

use super::{Reached, policy, request, rules, send};
use crate::bank::Bank;

/// Ways to `/admin/users` for a program that decodes, tidies up, or cuts off; `/open/…` is public.
const TRICKS: &[&str] = &[
    "//admin/users",
    "/admin//users",
    "/open//../admin/users",
    "/open/../admin/users",
    "/open/./../admin/users",
    "/open/..",
    "/open/a/.",
    "/open/%2e%2e/admin/users",
    "/open/%2E./admin/users",
    "/open/.%2e/admin/users",
    "/open/..%2fadmin/users",
    "/open/..%2Fadmin%2fusers",
    "/open/..%5cadmin",
    "/open/..\\admin\\users",
    "/open/x;/../admin",
    "/open/..;/admin/users",
    "/open;x=y/admin",
    "/admin;/users",
    "/admin%3bx/users",
    "/%61dmin/users",
    "/%61%64%6d%69%6e/users",
    "/open/%252e%252e/admin/users",
    "/open/..%252fadmin",
    "/open/%c0%ae%c0%ae/admin",
    "/open/%00/admin",
    "/open/a%0d%0aadmin",
    "/open/%u002e%u002e/admin",
    "/open/%",
    "/open/%zz",
    "/open/%2",
    "/%2fadmin/users",
    "/%5cadmin/users",
];

/// A server of hyper's, with nothing but the layers around a service that serves all it is asked.
struct Hyper {
    address: std::net::SocketAddr,
    reached: Reached,
}

impl Hyper {
    async fn start(layer: RoutePolicyLayer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let reached = Reached::default();
        let inside = {
            let reached = reached.clone();
            service_fn(move |request: Request<hyper::body::Incoming>| {
                reached.note(&request);
                std::future::ready(Ok::<_, std::convert::Infallible>(Response::new(Full::from("served"))))
            })
        };
        let service = Bank::new().mfa.authenticate_layer().layer(layer.layer(inside));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = TowerToHyperService::new(service.clone());
                let connection =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(connection);
            }
        });
        Self { address, reached }
    }

    /// Sends bytes as they are, and returns the answer.
    async fn raw(&self, head: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(head).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn status(&self, line: &str, more: &str) -> u16 {
        let answer =
            self.raw(format!("{line} HTTP/1.1\r\nHost: a\r\n{more}Connection: close\r\n\r\n").as_bytes()).await;
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }
}

#[tokio::test]
async fn pci_8_5_1_b_no_path_trick_slips_past_a_policy_in_front_of_axum() {
    let reached = Reached::default();
    let app = RoutePolicyLayer::new(policy()).layer(reached.router());
    for trick in TRICKS {
        let answer = send(app.clone(), request("GET", trick)).await;
        assert_eq!((answer.status, &answer.body["code"]), (400, &"invalid_request".into()), "{trick}");
        let refusal = answer.refusal.unwrap();
        assert_eq!((refusal.kind(), refusal.rule()), (RefusalKind::BadPath, None), "{trick}");
        assert!(refusal.path_trick().is_some() && answer.body["detail"].as_str().unwrap().starts_with("The path "));
    }
    assert!(reached.take().is_empty());
    assert_eq!(send(app, request("GET", "/open/a%20b")).await.status, 200, "an ordinary path");
}

#[tokio::test]
async fn pci_8_5_1_b_no_path_trick_slips_past_a_policy_inside_of_nest() {
    let reached = Reached::default();
    let layer = RoutePolicyLayer::new(policy()).original_uri(original_uri);
    let nested = reached.router().layer(layer.clone());
    let served = layer.layer(reached.router());
    for app in [
        Router::new().nest("/open", nested.clone()).nest("/admin", nested.clone()).fallback_service(nested.clone()),
        Router::new().nest("/open", Router::new().nest("/deep", nested.clone()).fallback_service(nested.clone())),
        Router::new().nest_service("/open", served.clone()).nest_service("/admin", served.clone()),
        Router::new().route_service("/{*rest}", served),
    ] {
        for trick in TRICKS {
            let status = send(app.clone(), request("GET", trick)).await.status;
            // What the outer router sends nowhere is a 404 of its own.
            assert!([400, 404].contains(&status), "{trick}: {status}");
        }
        assert!(reached.take().is_empty());
    }
}

#[tokio::test]
async fn pci_8_5_1_b_no_path_trick_slips_past_a_policy_in_front_of_hyper() {
    let server = Hyper::start(RoutePolicyLayer::new(policy())).await;
    for trick in TRICKS {
        assert_eq!(server.status(&format!("GET {trick}"), "").await, 400, "{trick}");
        let absolute = format!("GET http://a{trick}");
        assert_eq!(server.status(&absolute, "").await, 400, "{absolute}");
    }
    for bytes in [&b"/open/\xff\xfe"[..], b"/open/\xc3\xa4", b"/open/\x7f"] {
        let answer = server.raw(&[b"GET ", bytes, b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"].concat()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
    assert!(server.reached.take().is_empty());
    assert_eq!(server.status("GET /open/a", "").await, 200);
    assert_eq!(server.status("GET http://elsewhere/admin/a", "").await, 401, "the path of an absolute URI");
    assert_eq!(server.reached.take(), ["GET /open/a"]);
}

#[tokio::test]
async fn pci_8_5_1_b_no_other_method_slips_past_a_policy() {
    let server = Hyper::start(RoutePolicyLayer::new(policy())).await;
    for (line, status) in [
        ("HEAD /admin/users", 401),
        ("HEAD /accounts/7", 401),
        ("OPTIONS /admin/users", 403),
        ("OPTIONS *", 403),
        ("CONNECT admin:443", 403),
        ("TRACE /admin/users", 401),
        ("get /accounts/7", 403),
        ("GET /accounts/7/send", 403),
        ("PROPFIND /accounts/7", 403),
        ("INVENTED /admin/users", 401),
    ] {
        assert_eq!(server.status(line, "").await, status, "{line}");
    }
    assert!(server.reached.take().is_empty());
    assert_eq!(server.status("HEAD /", "").await, 200);
}

/// Two answers to HEAD: one of a rule, one of the policy.
#[tokio::test]
async fn a_refusal_of_head_has_no_body() {
    let app = RoutePolicyLayer::new(policy()).layer(Reached::default().router());
    for path in ["/nowhere", "/open//a", "/admin/a"] {
        let answer = send(app.clone(), request("HEAD", path)).await;
        assert!(answer.status >= 400 && answer.body == "", "{path}");
    }
}

/// CVE-2025-25068: MFA was not enforced where a connection becomes a WebSocket.
#[tokio::test]
async fn cve_2025_25068_an_upgrade_goes_through_the_same_gate() {
    let server = Hyper::start(RoutePolicyLayer::new(policy())).await;
    let upgrade =
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAA\r\n";
    assert_eq!(server.status("GET /admin/socket", upgrade).await, 401);
    assert_eq!(server.status("GET /socket", upgrade).await, 403);
    assert_eq!(server.status("GET /open//socket", upgrade).await, 400);
    assert!(server.reached.take().is_empty());
    // Over HTTP/2 it is a CONNECT that has a path (RFC 8441 §4).
    let app = RoutePolicyLayer::new(policy()).layer(server.reached.router());
    let connect = |path| Request::builder().method(Method::CONNECT).uri(path).body(axum::body::Body::empty()).unwrap();
    assert_eq!(send(app.clone(), connect("/accounts/7")).await.status, 403);
    assert_eq!(
        send(app.clone(), connect("/admin/socket")).await.status,
        500,
        "no AuthenticateLayer, and asked for one"
    );
    assert_eq!(send(app, connect("/open/socket")).await.status, 200);
}

/// CVE-2026-40575 and CVE-2026-34457: a header, or what stands behind `?`, made a request another one.
#[tokio::test]
async fn cve_2026_40575_the_method_and_the_path_alone_are_judged() {
    let server = Hyper::start(RoutePolicyLayer::new(policy())).await;
    for header in [
        "X-HTTP-Method-Override: GET",
        "X-HTTP-Method: GET",
        "X-Method-Override: OPTIONS",
        "X-Original-URL: /open/a",
        "X-Rewrite-URL: /open/a",
        "X-Forwarded-Uri: /open/a",
        "X-Forwarded-Prefix: /open",
        "Forwarded: for=127.0.0.1",
        "User-Agent: kube-probe/1.0",
    ] {
        let header = format!("{header}\r\n");
        assert_eq!(server.status("POST /accounts/7", &header).await, 403, "{header}");
        assert_eq!(server.status("GET /admin/users", &header).await, 401, "{header}");
    }
    for line in ["GET /admin/users?/open/a", "GET /admin/users?path=//", "GET /admin/users?x=/open/../"] {
        assert_eq!(server.status(line, "").await, 401, "{line}");
    }
    assert!(server.reached.take().is_empty());
    assert_eq!(server.status("GET /open/a?x=%2e%2e/;//", "").await, 200, "the query is nobody's path");
}

/// What a careless program behind the policy may make of a path.
fn readings(path: &str) -> Vec<String> {
    let tidy = |path: &str| {
        let mut kept: Vec<&str> = Vec::new();
        for segment in path.split('/').filter(|segment| !segment.is_empty() && *segment != ".") {
            if segment == ".." {
                kept.pop();
            } else {
                kept.push(segment);
            }
        }
        let end = if path.len() > 1 && path.ends_with('/') && !kept.is_empty() { "/" } else { "" };
        format!("/{}{end}", kept.join("/"))
    };
    let cut = |path: &str| path.split('/').map(|s| s.split(';').next().unwrap()).collect::<Vec<_>>().join("/");
    let turn = |path: &str| path.replace('\\', "/");
    let (once, twice) = (decode(path), decode(&decode(path)));
    let mut all = vec![once.clone(), twice.clone()];
    for text in [path, &once, &twice] {
        all.extend([tidy(text), cut(text), turn(text), tidy(&cut(&turn(text))), cut(&tidy(text)), tidy(&turn(text))]);
    }
    all
}

/// Decodes as a careless program does: what is no escape stays.
fn decode(path: &str) -> String {
    let mut out = Vec::new();
    let mut rest = path.as_bytes();
    while let [byte, tail @ ..] = rest {
        let pair = tail.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()).filter(|_| *byte == b'%') {
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
    Cow::into_owned(String::from_utf8_lossy(&out))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pci_8_5_1_b_what_a_careless_program_makes_of_a_path_has_the_same_rule(
        path in r"(/(open|admin|accounts|users|7|a:b|accounts/a%3Ab|%61dmin|[.;\\a]{1,3}|%2[eEfF5]{1,2}|%5c|%20|%3[abB]|)){1,5}"
    ) {
        let policy = rules()
            .rule(Rule::on("colon", [Method::GET], "/accounts/a:b").require(Requirement::aal3()))
            .build()
            .unwrap();
        let found = policy.find(&Method::GET, &path);
        if found.trick().is_none() {
            let rule = found.rule().map(Rule::name);
            for read in readings(&path) {
                prop_assert_eq!(policy.find(&Method::GET, &read).rule().map(Rule::name), rule, "{} read as {}", path, read);
            }
        }
    }
}

/// One pattern fits the path as it stands, another what it says.
#[tokio::test]
async fn a_path_that_means_another_rule_when_it_is_decoded_is_refused() {
    let policy = rules()
        .rule(Rule::on("send-all", [Method::GET], "/accounts/all:send").require(Requirement::aal3()))
        .build()
        .unwrap();
    let trick = |path| policy.find(&Method::GET, path).trick().map(|trick| trick.to_string());
    assert_eq!(trick("/accounts/all%3Asend").as_deref(), Some("another rule fits when it is decoded"));
    assert_eq!(trick("/accounts/all%3Asent"), None, "the same rule both ways");
    assert_eq!(trick("/accounts/all:send"), None);
}

#[test]
fn a_path_that_is_another_rules_when_it_is_decoded_is_refused() {
    let policy = RoutePolicy::builder()
        .rule(Rule::on("me", [Method::GET], "/@me").require(Requirement::aal2()))
        .rule(Rule::on("page", [Method::GET], "/{page}").public())
        .build()
        .unwrap();
    let trick = |path| policy.find(&Method::GET, path).trick();
    for path in ["/%40me", "/@me%3F", "/%40me%3fx=y", "/@me%23top"] {
        assert_eq!(trick(path), Some(PathTrick::Ambiguous), "{path}");
    }
    for path in ["/@me", "/who%3F", "/what%23?x=%3F", "/%40you", "/a%20b"] {
        assert_eq!(trick(path.split('?').next().unwrap()), None, "{path}");
    }
}
