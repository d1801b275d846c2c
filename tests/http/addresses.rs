//! Where a request is said to come from.

use std::net::{IpAddr, SocketAddr};

use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{HeaderValue, Method, Request};
use serde_json::{Value, json};
use tower_mfa::account::FirstFactor;
use tower_mfa::id::Subject;
use tower_mfa::middleware::ClientAddress;
use tower_mfa::policy::Login;
use tower_mfa::service::LoginOutcome;

use crate::client::Service;

/// Renames an authenticator from `peer`; returns the address the event of it holds.
async fn noted(s: &Service, token: &str, id: &str, peer: Option<&str>, forwarded: &[&'static str]) -> Value {
    let lines: Vec<_> = forwarded.iter().map(|line| HeaderValue::from_static(line)).collect();
    noted_of(s, token, id, peer, &lines).await
}

async fn noted_of(s: &Service, token: &str, id: &str, peer: Option<&str>, forwarded: &[HeaderValue]) -> Value {
    let mut request = Request::builder().method(Method::PATCH).uri(format!("/mfa/authenticators/{id}"));
    for line in forwarded {
        request = request.header("x-forwarded-for", line);
    }
    let request = request.header("authorization", format!("Bearer {token}")).header("content-type", "application/json");
    let mut request = request.body(Body::from(json!({"label": "x"}).to_string())).unwrap();
    if let Some(peer) = peer {
        request.extensions_mut().insert(ConnectInfo::<SocketAddr>(peer.parse().unwrap()));
    }
    s.send(request).await.is(200);
    renamed_from(s, token).await
}

async fn renamed_from(s: &Service, token: &str) -> Value {
    let events = s.get("/mfa/events?limit=200", token).await.is(200).body;
    let last =
        events["items"].as_array().unwrap().iter().rfind(|event| event["kind"] == "authenticator_renamed").cloned();
    last.unwrap()["address"].clone()
}

#[tokio::test]
async fn cve_2026_20896_an_address_is_the_peers_unless_a_named_proxy_says_otherwise() {
    let s = Service::new(Login::IfEnrolled);
    let alice = s.person("alice").await;
    let (token, id) = (&*alice.access, &*alice.id);
    assert_eq!(noted(&s, token, id, None, &["198.51.100.7"]).await, Value::Null, "nobody knows the peer");
    assert_eq!(noted(&s, token, id, Some("203.0.113.9:4711"), &[]).await, "203.0.113.9");
    assert_eq!(noted(&s, token, id, Some("203.0.113.9:4711"), &["198.51.100.7"]).await, "203.0.113.9");
    assert_eq!(noted(&s, token, id, Some("[::ffff:203.0.113.9]:4711"), &[]).await, "203.0.113.9");
    assert_eq!(noted(&s, token, id, Some("[2001:db8::1]:4711"), &[]).await, "2001:db8::1");
}

#[tokio::test]
async fn cve_2026_20896_behind_named_proxies_the_first_unnamed_hop_counts_from_the_right() {
    let proxies: [IpAddr; 2] = ["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
    let s = Service::with(Login::IfEnrolled, |builder| builder.trusted_proxies(proxies));
    let alice = s.person("alice").await;
    let (token, id, proxy) = (&*alice.access, &*alice.id, Some("10.0.0.1:80"));
    assert_eq!(noted(&s, token, id, proxy, &["198.51.100.7"]).await, "198.51.100.7");
    assert_eq!(noted(&s, token, id, proxy, &["1.1.1.1, 198.51.100.7", "10.0.0.2"]).await, "198.51.100.7");
    assert_eq!(noted(&s, token, id, proxy, &["1.1.1.1, nonsense"]).await, Value::Null, "whom it speaks for");
    assert_eq!(noted(&s, token, id, proxy, &[]).await, Value::Null);
    assert_eq!(noted(&s, token, id, Some("203.0.113.9:1"), &["198.51.100.7, 10.0.0.1"]).await, "203.0.113.9");
}

/// What stands to the left of a proxy's own word is any byte that a header may have.
#[tokio::test]
async fn bytes_that_are_no_text_make_nobody_a_proxy() {
    let s =
        Service::with(Login::IfEnrolled, |builder| builder.trusted_proxies(["10.0.0.1".parse::<IpAddr>().unwrap()]));
    let alice = s.person("alice").await;
    let proxy = Some("10.0.0.1:80");
    let line = HeaderValue::from_bytes(b"\xe9, 198.51.100.7").unwrap();
    assert_eq!(noted_of(&s, &alice.access, &alice.id, proxy, &[line]).await, "198.51.100.7");
    let line = HeaderValue::from_bytes(b"198.51.100.7, \xe9").unwrap();
    assert_eq!(noted_of(&s, &alice.access, &alice.id, proxy, &[line]).await, Value::Null);
}

/// Where a server keeps its peers in a way of its own (PROXY protocol, a Unix socket), the host says it.
#[tokio::test]
async fn what_the_host_has_noted_is_where_a_request_comes_from() {
    let s = Service::new(Login::IfEnrolled);
    let alice = s.person("alice").await;
    let request = Request::builder().method(Method::PATCH).uri(format!("/mfa/authenticators/{}", alice.id));
    let request = request.header("authorization", format!("Bearer {}", alice.access));
    let request =
        request.header("content-type", "application/json").body(Body::from(json!({"label": "x"}).to_string()));
    let mut request = request.unwrap();
    request.extensions_mut().insert(ConnectInfo::<SocketAddr>("10.0.0.1:80".parse().unwrap()));
    request.extensions_mut().insert(ClientAddress::new("198.51.100.7".parse().unwrap()));
    s.send(request).await.is(200);
    assert_eq!(renamed_from(&s, &alice.access).await, "198.51.100.7");
}

#[tokio::test]
async fn asvs_7_5_2_a_session_is_listed_with_the_address_its_login_came_from() {
    let s = Service::new(Login::Optional);
    let alice = Subject::new("alice").unwrap();
    let mfa = s.mfa.from_address("198.51.100.7");
    let first = || FirstFactor::password_checked_by_host(alice.clone(), s.hands.read());
    let LoginOutcome::Complete(tokens) = mfa.begin(first()).await.unwrap() else { panic!("nothing is bound") };
    let told = mfa.begin(first().address("203.0.113.9")).await.unwrap();
    assert!(matches!(told, LoginOutcome::Complete(_)));
    let list = s.get("/mfa/sessions", tokens.access_token().expose()).await.is(200).body;
    let addresses: Vec<&Value> = list["items"].as_array().unwrap().iter().map(|item| &item["address"]).collect();
    assert_eq!(addresses, ["198.51.100.7", "203.0.113.9"], "what the host says of this login counts first");
}
