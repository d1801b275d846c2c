//! Webhooks, received by somebody who checks them with the standard's own library.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tower_mfa::outbox::{Webhook, WebhookKey};
use tower_mfa::secret::SecretString;

use super::log::Log;
use super::scene::Bank;

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEXT_KEY: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

type HttpClient = Client<HttpConnector, http_body_util::Full<Bytes>>;

fn key(text: &str) -> WebhookKey {
    WebhookKey::new(&SecretString::new(text)).unwrap()
}

fn client() -> HttpClient {
    Client::builder(TokioExecutor::new()).build_http()
}

/// What was received, and what is answered.
#[derive(Clone)]
struct Receiver {
    seen: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    answer: Arc<dyn Fn(usize) -> Response + Send + Sync>,
}

impl Receiver {
    async fn open(answer: impl Fn(usize) -> Response + Send + Sync + 'static) -> (Self, String) {
        let receiver = Self { seen: Arc::default(), answer: Arc::new(answer) };
        let app = Router::new().route("/hooks/mfa", post(Self::take)).with_state(receiver.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/hooks/mfa", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        (receiver, address)
    }

    async fn take(State(receiver): State<Self>, headers: HeaderMap, body: Bytes) -> Response {
        let number = {
            let mut seen = receiver.seen.lock().unwrap();
            seen.push((headers, body));
            seen.len()
        };
        (receiver.answer)(number)
    }

    /// Waits for so many; a minute is no figure, it only ends a test that would never end.
    async fn seen(&self, count: usize) -> Vec<(HeaderMap, Bytes)> {
        for _ in 0..6_000 {
            if self.seen.lock().unwrap().len() >= count {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.seen.lock().unwrap().clone()
    }
}

fn verify(key: &str, headers: &HeaderMap, body: &[u8]) -> bool {
    standardwebhooks::Webhook::new(key).unwrap().verify(body, headers).is_ok()
}

#[tokio::test]
async fn the_standards_own_library_takes_what_is_sent_and_nothing_that_was_changed() {
    let bank = Bank::new();
    let (receiver, address) = Receiver::open(|_| StatusCode::NO_CONTENT.into_response()).await;
    let webhook = Webhook::new(&address, vec![key(KEY), key(NEXT_KEY)], client()).unwrap();
    let _running = bank.relay("webhook", webhook);
    bank.sign_in("alice").await;
    let events = bank.ids_of("alice").await;
    let seen = receiver.seen(events.len()).await;
    for ((headers, body), id) in seen.iter().zip(&events) {
        assert_eq!(headers["webhook-id"], id.to_string());
        assert_eq!(headers[header::CONTENT_TYPE], "application/json");
        assert!(verify(KEY, headers, body) && verify(NEXT_KEY, headers, body), "a receiver may have either key");
        assert!(!verify("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", headers, body));
        let mut changed = body.to_vec();
        changed[10] ^= 1;
        assert!(!verify(KEY, headers, &changed));
        let mut other = headers.clone();
        other.insert("webhook-id", "another".parse().unwrap());
        assert!(!verify(KEY, &other, body), "an id belongs to its event");
        let payload: serde_json::Value = serde_json::from_slice(body).unwrap();
        assert_eq!(payload["data"]["subject"], "alice");
        assert_eq!(payload["data"]["id"], id.to_string());
        assert!(payload["type"].as_str().unwrap().starts_with("mfa."), "{payload}");
        assert_eq!(payload["timestamp"], "2027-01-15T08:00:00Z");
    }
    assert_eq!(seen.len(), events.len());
}

#[tokio::test]
async fn what_a_receiver_refuses_comes_again_under_the_same_id() {
    let bank = Bank::new();
    let (receiver, address) = Receiver::open(|number| match number {
        1 => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        // Whoever answers with another address is not followed: the signature is for this one.
        2 => (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, "/elsewhere")]).into_response(),
        _ => StatusCode::OK.into_response(),
    })
    .await;
    let _running = bank.relay("webhook", Webhook::new(&address, vec![key(KEY)], client()).unwrap());
    bank.sign_in("alice").await;
    let seen = receiver.seen(3).await;
    let ids: Vec<_> = seen.iter().take(3).map(|(headers, _)| headers["webhook-id"].clone()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert!(seen.iter().all(|(headers, body)| verify(KEY, headers, body)), "each with the time it was sent at");
    assert!(bank.mfa.given_up("webhook", None, 10).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_asked_once() {
    let bank = Bank::new();
    let (receiver, address) = Receiver::open(|_| StatusCode::GONE.into_response()).await;
    let _running = bank.relay("webhook", Webhook::new(&address, vec![key(KEY)], client()).unwrap());
    bank.sign_in("alice").await;
    let events = bank.ids_of("alice").await;
    let mut given_up = Vec::new();
    for _ in 0..6_000 {
        given_up = bank.mfa.given_up("webhook", None, 10).await.unwrap().items;
        if given_up.len() == events.len() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(given_up.iter().map(|note| note.event_id.unwrap()).collect::<Vec<_>>(), events);
    assert!(given_up[0].detail.as_deref().unwrap().contains("410"), "{given_up:?}");
    assert_eq!(receiver.seen.lock().unwrap().len(), events.len());
}

/// Time is virtual: the receiver is a function, as any client may be.
#[tokio::test(start_paused = true)]
async fn a_receiver_that_asks_for_a_pause_gets_it() {
    let bank = Bank::new();
    bank.sign_in("alice").await;
    let times = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&times);
    let receiver = tower::service_fn(move |_| {
        let noted = Arc::clone(&noted);
        async move {
            noted.lock().unwrap().push(tokio::time::Instant::now());
            let busy = http::Response::builder().status(429).header(header::RETRY_AFTER, "100");
            Ok::<_, std::io::Error>(busy.body(()).unwrap())
        }
    });
    let _running = bank.relay("webhook", Webhook::new("https://hooks.example/", vec![key(KEY)], receiver).unwrap());
    tokio::time::sleep(Duration::from_secs(350)).await;
    let times = times.lock().unwrap();
    assert_eq!(times.len(), 4);
    for (before, after) in times.iter().zip(times.iter().skip(1)) {
        assert!(after.duration_since(*before) >= Duration::from_secs(100));
    }
}

/// A client whose error repeats the address, as some do.
#[derive(Debug, thiserror::Error)]
#[error("error sending request for url (https://hooks.example/?token=s3cret)")]
struct NotSent(#[source] std::io::Error);

#[tokio::test(start_paused = true)]
async fn what_is_written_down_of_a_failure_does_not_repeat_the_address() {
    let bank = Bank::new();
    bank.sign_in("alice").await;
    Log::begin();
    let client = tower::service_fn(async |_| {
        let refused = std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "connection refused");
        Err::<http::Response<()>, _>(NotSent(refused))
    });
    let webhook = Webhook::new("https://hooks.example/?token=s3cret", vec![key(KEY)], client).unwrap();
    let _running = bank.relay("webhook", webhook);
    tokio::time::sleep(Duration::from_secs(16 * 60)).await;
    let given_up = bank.mfa.given_up("webhook", None, 10).await.unwrap().items;
    let detail = given_up[0].detail.as_deref().unwrap();
    assert!(detail.contains("connection refused") && !detail.contains("s3cret"), "{detail}");
    let logged = Log::take("tower_mfa::outbox").join("\n");
    assert!(logged.contains("connection refused") && !logged.contains("s3cret"), "{logged}");
}

#[test]
fn events_are_sent_to_nobody_who_could_be_read_on_the_way() {
    for address in ["http://hooks.example/", "http://10.0.0.1/", "ftp://hooks.example/", "hooks.example", "/hooks", ""]
    {
        let refused = Webhook::new(address, vec![key(KEY)], client()).unwrap_err();
        assert!(refused.to_string().contains("webhook"), "{refused}");
    }
    for address in ["https://hooks.example/", "http://127.0.0.1:8080/", "http://[::1]/", "http://localhost/"] {
        assert!(Webhook::new(address, vec![key(KEY)], client()).is_ok(), "{address}");
    }
    assert!(
        Webhook::new("https://hooks.example/", Vec::new(), client()).is_err(),
        "nobody could tell it from a forgery"
    );
    let shown = format!("{:?}", Webhook::new("https://hooks.example/?token=s3cret", vec![key(KEY)], client()).unwrap());
    assert!(!shown.contains("s3cret") && !shown.contains("MfKQ"), "{shown}");
    for wrong in ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_c2hvcnQ=", "whsec_!!!"] {
        assert!(WebhookKey::new(&SecretString::new(wrong)).is_err(), "{wrong}");
    }
}
