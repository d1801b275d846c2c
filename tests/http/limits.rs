//! What an address may try, whosever accounts it tries it on.

use std::net::{IpAddr, SocketAddr};

use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{Method, Request};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tower_mfa::account::Refusal;
use tower_mfa::assurance::Requirement;
use tower_mfa::network::Network;
use tower_mfa::policy::Login;
use tower_mfa::rate_limit::{Quota, RateLimits, Scope};
use tower_mfa::recovery_code::Count;
use tower_mfa::secret::SecretString;
use tower_mfa::service::{Enroller, KeyRequest, MfaBuilder, Reply, Responder, TotpEnrolment};
use tower_mfa::testing::SoftAuthenticator;
use tower_mfa::token::{Elevate as _, ElevateErrorKind, InlineCode};

use crate::client::{Answer, Asked, ORIGIN, Person, Service, policy};

/// What an address has by default.
const BURST: usize = 30;
/// One comes back in a day: no account is locked for so long.
const DAY: u32 = 86_400;

fn limits(address: u32) -> RateLimits {
    let quota = Quota::new(address, DAY).unwrap();
    RateLimits::new().address(quota).webauthn(quota)
}

/// People are quickly made here: one recovery code each.
fn service(change: impl FnOnce(MfaBuilder) -> MfaBuilder) -> Service {
    let one = policy(Login::IfEnrolled).recovery_codes(Count::new(1).unwrap()).build().unwrap();
    Service::with(Login::IfEnrolled, |builder| change(builder.policy(one)))
}

/// An answer sent from `peer`, with what a proxy says of where it came from.
async fn sent(s: &Service, peer: &str, forwarded: Option<&str>, asked: &Asked, body: &Value) -> Answer {
    let mut request = Request::builder().method(Method::POST).uri(&asked.verify);
    if let Some(forwarded) = forwarded {
        request = request.header("x-forwarded-for", forwarded);
    }
    let request = request.header("authorization", format!("Bearer {}", asked.token));
    let request = request.header("content-type", "application/json").body(Body::from(body.to_string()));
    let mut request = request.unwrap();
    request.extensions_mut().insert(ConnectInfo::<SocketAddr>(peer.parse().unwrap()));
    s.send(request).await
}

/// A crowd of people, each asked for a code.
async fn crowd(s: &Service, size: usize) -> Vec<(Person, Asked)> {
    let mut crowd = Vec::new();
    for number in 0..size {
        let name = format!("person-{number}");
        let person = s.person(&name).await;
        crowd.push((person, s.asked(&name).await));
    }
    crowd
}

fn wrong(s: &Service, person: &Person) -> Value {
    json!({"type": "totp", "code": s.wrong(&person.app)})
}

/// A guess at each of many accounts meets the throttle of none.
#[tokio::test]
async fn wrong_codes_over_many_accounts_cost_the_address_they_come_from_and_no_other() {
    let s = service(|builder| builder);
    let crowd = crowd(&s, BURST + 1).await;
    for (person, asked) in &crowd[..BURST] {
        sent(&s, "192.0.2.66:4711", None, asked, &wrong(&s, person)).await.refuses(422, "invalid_code");
    }
    let (person, asked) = &crowd[BURST];
    let refused = sent(&s, "192.0.2.66:4712", None, asked, &wrong(&s, person)).await.refuses(429, "throttled");
    assert_eq!((refused.header("retry-after"), &refused.body["retry_after"]), ("10", &json!(10)));
    s.hands.turn(9);
    sent(&s, "192.0.2.66:4712", None, asked, &wrong(&s, person)).await.refuses(429, "throttled");
    // The owner is not held up by what a stranger did.
    sent(&s, "192.0.2.7:4711", None, asked, &wrong(&s, person)).await.refuses(422, "invalid_code");
    s.hands.turn(21);
    let right = json!({"type": "totp", "code": person.app.code(s.hands.read())});
    sent(&s, "192.0.2.66:4712", None, asked, &right).await.is(200);
}

#[tokio::test]
async fn wrong_recovery_codes_cost_the_address_too() {
    let s = service(|builder| builder.rate_limits(limits(3)));
    let body = json!({"type": "recovery_code", "code": "0000-0000-0000-0000"});
    for (number, (_, asked)) in crowd(&s, 4).await.iter().enumerate() {
        let answer = sent(&s, "192.0.2.66:4711", None, asked, &body).await;
        let (status, code) = if number < 3 { (422, "invalid_code") } else { (429, "throttled") };
        answer.refuses(status, code);
    }
}

/// Nobody waits to be counted: checked and counted apart, all would pass before the first was wrong.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_any_number_of_guesses_at_once_no_more_are_checked_than_there_is_budget() {
    let s = service(|builder| builder);
    let crowd = crowd(&s, 64).await;
    let commits = s.store.commits();
    let mut guesses = JoinSet::new();
    for (person, asked) in &crowd {
        let (mfa, code) = (s.mfa.from_address("192.0.2.66"), s.wrong(&person.app));
        let (token, id) = (SecretString::new(asked.token.clone()), asked.id.parse().unwrap());
        guesses.spawn(async move { mfa.answer(Responder::Token(&token), id, Reply::totp(code)).await });
    }
    let mut checked = 0;
    while let Some(guess) = guesses.join_next().await {
        let refused = guess.unwrap().unwrap_err();
        match refused.refusal() {
            Refusal::InvalidCode { .. } => checked += 1,
            refusal => assert_eq!(refusal, &Refusal::Throttled { retry_after: 10 }),
        }
    }
    assert_eq!((checked, s.store.commits() - commits), (BURST, BURST), "every guess that is checked is written down");
}

#[tokio::test]
async fn right_answers_cost_nothing_however_many_come_from_one_office() {
    // The address has nothing to spare: each takes what the one before gave back.
    let s = service(|builder| builder.rate_limits(limits(1)));
    let alice = s.person("alice").await;
    for _ in 0..100 {
        s.hands.turn(30);
        let code = json!({"type": "totp", "code": alice.app.code(s.hands.read())});
        sent(&s, "192.0.2.7:1", None, &s.asked("alice").await, &code).await.is(200);
    }
}

/// Nobody has learned anything, and an outage is not to be followed by one of everybody who tried.
#[tokio::test]
async fn what_could_not_be_decided_costs_nothing() {
    let s = service(|builder| builder.rate_limits(limits(1)));
    let crowd = crowd(&s, 1).await;
    let (person, asked) = &crowd[0];
    s.store.set(false);
    for _ in 0..3 {
        sent(&s, "192.0.2.7:1", None, asked, &wrong(&s, person)).await.refuses(503, "unavailable");
    }
    s.store.set(true);
    sent(&s, "192.0.2.7:1", None, asked, &wrong(&s, person)).await.refuses(422, "invalid_code");
    sent(&s, "192.0.2.7:1", None, asked, &wrong(&s, person)).await.refuses(429, "throttled");
}

/// It costs no account anything either, and there is nothing in it for anybody who guesses.
#[tokio::test]
async fn a_slip_of_the_finger_costs_the_office_nothing() {
    let s = service(|builder| builder.rate_limits(limits(1)));
    let crowd = crowd(&s, 1).await;
    let (person, asked) = &crowd[0];
    for code in ["12345", "", "12345a"] {
        let slip = json!({"type": "totp", "code": code});
        sent(&s, "192.0.2.7:1", None, asked, &slip).await.refuses(400, "invalid_request");
    }
    sent(&s, "192.0.2.7:1", None, asked, &wrong(&s, person)).await.refuses(422, "invalid_code");
    sent(&s, "192.0.2.7:1", None, asked, &wrong(&s, person)).await.refuses(429, "throttled");
}

/// Else one account of one's own would be enough to hold up everybody else in the office.
#[tokio::test]
async fn answering_on_to_a_locked_account_costs_nobody_else_anything() {
    let s = service(|builder| builder.rate_limits(limits(4)));
    let crowd = crowd(&s, 2).await;
    let ((person, asked), (other, theirs)) = (&crowd[0], &crowd[1]);
    for _ in 0..3 {
        sent(&s, "192.0.2.7:1", None, asked, &wrong(&s, person)).await.refuses(422, "invalid_code");
    }
    for _ in 0..10 {
        sent(&s, "192.0.2.7:1", None, asked, &wrong(&s, person)).await.refuses(429, "throttled");
    }
    sent(&s, "192.0.2.7:1", None, theirs, &wrong(&s, other)).await.refuses(422, "invalid_code");
}

/// Whoever is signed in nowhere can send assertions that nobody ever made, from the same office.
#[tokio::test]
async fn rubbish_for_passkeys_holds_up_nobodys_codes() {
    let s = service(|builder| builder.rate_limits(limits(1)));
    let crowd = crowd(&s, 1).await;
    let (person, asked) = &crowd[0];
    let from = s.mfa.from_address("192.0.2.7");
    // A key that was never confirmed is nobody's.
    let (session, mut key) = (from.authenticate(&person.access).unwrap(), SoftAuthenticator::passkey());
    let started = from.enrol_key(Enroller::Session(&session), KeyRequest::passkey()).await.unwrap();
    let _ = key.register(started.public_key.as_str(), ORIGIN).unwrap();
    let mut refused = Vec::new();
    for _ in 0..3 {
        let passkey = from.start_passkey(None).await.unwrap();
        let signed = key.assert(passkey.public_key.as_str(), ORIGIN).unwrap();
        refused.push(from.finish_passkey(passkey.id, &passkey.token, &signed).await.unwrap_err().refusal().clone());
    }
    assert_eq!(refused[0], Refusal::InvalidCredential);
    assert!(matches!(refused[1..], [Refusal::Throttled { .. }, Refusal::Throttled { .. }]), "{refused:?}");
    sent(&s, "192.0.2.7:1", None, asked, &wrong(&s, person)).await.refuses(422, "invalid_code");
}

/// Who is given a /48 has 65,536 networks, each with hosts without end.
#[tokio::test]
async fn the_networks_of_one_site_share_a_budget_beside_their_own() {
    let four = RateLimits::new().network48(Quota::new(4, DAY).unwrap());
    let s = service(|builder| builder.rate_limits(four));
    let crowd = crowd(&s, 6).await;
    for (number, (person, asked)) in crowd[..5].iter().enumerate() {
        let (status, code) = if number < 4 { (422, "invalid_code") } else { (429, "throttled") };
        let peer = format!("[2001:db8:0:{number:x}::1]:1");
        sent(&s, &peer, None, asked, &wrong(&s, person)).await.refuses(status, code);
    }
    let (person, asked) = &crowd[5];
    sent(&s, "[2001:db8:1::1]:1", None, asked, &wrong(&s, person)).await.refuses(422, "invalid_code");
}

/// A host of IPv6 has as many addresses as it likes, of the 64 bits its customer was given.
#[tokio::test]
async fn cve_2026_45364_the_hosts_of_one_network_of_ipv6_share_a_budget_and_spellings_are_one() {
    let four = RateLimits::new().network64(Quota::new(4, DAY).unwrap());
    let s = service(|builder| builder.rate_limits(four.address(Quota::new(2, DAY).unwrap())));
    let crowd = crowd(&s, 6).await;
    let peers = ["[2001:db8::1]:1", "[2001:db8::1]:2", "[2001:db8::2]:1", "[2001:db8::ffff:0:3]:1", "[2001:db8::4]:1"];
    for (number, ((person, asked), peer)) in crowd.iter().zip(peers).enumerate() {
        let (status, code) = if number < 4 { (422, "invalid_code") } else { (429, "throttled") };
        sent(&s, peer, None, asked, &wrong(&s, person)).await.refuses(status, code);
    }
    let (person, asked) = &crowd[5];
    sent(&s, "[2001:db8:0:1::1]:1", None, asked, &wrong(&s, person)).await.refuses(422, "invalid_code");
    // One host of IPv4 is one, whichever socket it met.
    for (peer, status) in [("192.0.2.7:1", 422), ("[::ffff:192.0.2.7]:1", 422), ("192.0.2.7:2", 429)] {
        assert_eq!(sent(&s, peer, None, asked, &wrong(&s, person)).await.status, status, "{peer}");
    }
}

#[tokio::test]
async fn a_proxy_of_a_range_may_say_a_port_and_its_clients_are_told_apart() {
    for (theirs, hers) in [("192.0.2.66", "192.0.2.7"), ("[2001:db8:0:1::66]", "[2001:db8:0:2::7]")] {
        let balancers: Network = "10.0.0.0/24".parse().unwrap();
        let s = service(|builder| builder.trusted_proxies([balancers]).rate_limits(limits(3)));
        let crowd = crowd(&s, 5).await;
        for (number, (person, asked)) in crowd[..4].iter().enumerate() {
            // Every connection has another port, and comes through another balancer.
            let (peer, said) = (format!("10.0.0.{number}:80"), format!("{theirs}:{}", 4000 + number));
            let (status, code) = if number < 3 { (422, "invalid_code") } else { (429, "throttled") };
            sent(&s, &peer, Some(&said), asked, &wrong(&s, person)).await.refuses(status, code);
        }
        let (person, asked) = &crowd[4];
        let said = format!("{hers}:4000");
        sent(&s, "10.0.0.1:80", Some(&said), asked, &wrong(&s, person)).await.refuses(422, "invalid_code");
        // Whoever is no balancer says what he likes.
        sent(&s, "10.0.1.1:80", Some(&said), asked, &wrong(&s, person)).await.refuses(422, "invalid_code");
        let events = s.get("/mfa/events?limit=200", &person.access).await.is(200).body;
        assert_eq!(events["items"].as_array().unwrap().last().unwrap()["address"], "10.0.1.1");
    }
}

#[tokio::test]
async fn requests_from_nobody_knows_where_share_one_budget_that_no_address_takes_from() {
    let two = RateLimits::new().without_address(Quota::new(2, DAY).unwrap());
    let s = service(|builder| builder.rate_limits(two));
    let crowd = crowd(&s, 2).await;
    let guess = async |number: usize| {
        let (person, asked) = &crowd[number];
        s.post(&asked.verify, &asked.token, wrong(&s, person)).await
    };
    guess(0).await.refuses(422, "invalid_code");
    guess(1).await.refuses(422, "invalid_code");
    assert_eq!(guess(0).await.refuses(429, "throttled").header("retry-after"), (DAY / 2).to_string());
    let (person, asked) = &crowd[1];
    sent(&s, "192.0.2.7:1", None, asked, &wrong(&s, person)).await.refuses(422, "invalid_code");
}

#[tokio::test]
async fn no_limit_is_one_that_was_asked_for_by_name() {
    let none = limits(1).insecure_without(Scope::Address).network64(Quota::new(1, DAY).unwrap());
    let none = none.insecure_without(Scope::Network64).network48(Quota::new(1, DAY).unwrap());
    let none = none.insecure_without(Scope::Network48);
    let s = service(|builder| builder.rate_limits(none));
    for (person, asked) in &crowd(&s, 3).await {
        sent(&s, "[2001:db8::1]:1", None, asked, &wrong(&s, person)).await.refuses(422, "invalid_code");
    }
}

/// Every way to have an answer checked, at an address that has spent what it had.
#[tokio::test]
async fn every_door_takes_from_the_budget() {
    const SPENT: Refusal = Refusal::Throttled { retry_after: DAY };
    let s = service(|builder| builder.rate_limits(limits(1)));
    let alice = s.person("alice").await;
    let from = s.mfa.from_address("192.0.2.66");
    let session = from.authenticate(&alice.access).unwrap();
    let asked = s.asked("alice").await;
    let (token, id) = (SecretString::new(asked.token.clone()), asked.id.parse().unwrap());
    let answer = async |reply| from.answer(Responder::Token(&token), id, reply).await.unwrap_err().refusal().clone();
    assert!(matches!(answer(Reply::totp(s.wrong(&alice.app))).await, Refusal::InvalidCode { .. }));

    let right = alice.app.code(s.hands.read());
    assert_eq!(answer(Reply::totp(&*right)).await, SPENT, "before anything is looked at");
    assert_eq!(answer(Reply::recovery_code(&*alice.codes[0])).await, SPENT);
    let disabled = from.disable(&session, Some(Reply::totp(&*right)), None).await;
    assert_eq!(disabled.unwrap_err().refusal(), &SPENT);
    let by = Enroller::Session(&session);
    let started = from.enrol_totp(by, TotpEnrolment::new()).await.unwrap();
    assert_eq!(from.confirm(by, started.id, "000000").await.unwrap_err().refusal(), &SPENT);
    let requirement = Requirement::aal2().within(1);
    let address: IpAddr = "192.0.2.66".parse().unwrap();
    let code = SecretString::new(&*right);
    let inline = InlineCode::new(&session, &code, &requirement).from_address(Some(address));
    let refused = s.mfa.elevate(inline).await.unwrap_err();
    assert_eq!(refused.kind(), ElevateErrorKind::Throttled { retry_after: DAY });

    // Keys have a budget of their own, which codes have not touched.
    let passkey = from.start_passkey(None).await.unwrap();
    let mut key = SoftAuthenticator::passkey();
    let started = from.enrol_key(by, KeyRequest::passkey()).await.unwrap();
    let made = key.register(started.public_key.as_str(), ORIGIN).unwrap();
    let signed = key.assert(passkey.public_key.as_str(), ORIGIN).unwrap();
    let finished = async || from.finish_passkey(passkey.id, &passkey.token, &signed).await.unwrap_err();
    assert_eq!(finished().await.refusal(), &Refusal::InvalidCredential, "nobody has it");
    assert_eq!(finished().await.refusal(), &SPENT);
    assert_eq!(from.confirm_key(by, started.id, &made).await.unwrap_err().refusal(), &SPENT);
    assert_eq!(answer(Reply::webauthn("{}")).await, SPENT);
    assert_eq!(from.disable(&session, Some(Reply::webauthn("{}")), None).await.unwrap_err().refusal(), &SPENT);

    // What checks no answer goes on, and the owner is elsewhere.
    assert!(from.status(by).await.is_ok());
    let elsewhere = s.mfa.from_address("192.0.2.7").answer(Responder::Token(&token), id, Reply::totp(&*right)).await;
    assert_ne!(elsewhere.map_err(|error| error.refusal().clone()).err(), Some(SPENT));
}
