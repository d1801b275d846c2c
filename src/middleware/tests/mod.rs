//! The layers, over services that count how often they are called. Tokens are made from evidence,
//! which nobody outside the crate can make, so these tests stand here.

mod advisories;
mod answers;
mod cookies;
mod credentials;
mod grpc;
mod plumbing;
mod properties;
mod unknown;

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use tower::{Layer as _, Service, ServiceExt as _, service_fn};

use super::*;
use crate::assurance::{Assurance, Authentication, Evidence, Method, Properties, Requirement, StepUpGrant, assess};
use crate::clock::{Clock, ClockError, Timestamp};
use crate::entropy::SystemEntropy;
use crate::id::{SessionId, Subject, TokenId};
use crate::token::{Algorithm, Claims, Issuer, KeySet, SigningKey, Verifier};

const LOGIN: Timestamp = Timestamp::from_secs(1_800_000_000);

/// A clock that is turned by hand; at the end of time it cannot be read.
#[derive(Debug)]
pub(crate) struct Watch(AtomicU64);

impl Watch {
    fn set(&self, now: Timestamp) {
        self.0.store(now.as_secs(), Ordering::SeqCst);
    }

    fn stop(&self) {
        self.0.store(u64::MAX, Ordering::SeqCst);
    }
}

impl Clock for Watch {
    fn now(&self) -> Result<Timestamp, ClockError> {
        match self.0.load(Ordering::SeqCst) {
            u64::MAX => Err(ClockError::new()),
            secs => Ok(Timestamp::from_secs(secs)),
        }
    }
}

/// An issuer, its verifier, a clock, and a count of the requests that reached the inner service.
pub(crate) struct House {
    issuer: Issuer,
    verifier: Arc<Verifier>,
    watch: Arc<Watch>,
    served: Arc<AtomicUsize>,
}

impl House {
    pub(crate) fn new() -> Self {
        let keys = KeySet::new(SigningKey::generate(Algorithm::Es256).unwrap());
        Self {
            issuer: Issuer::new("https://id.example", "api", keys.clone()).unwrap(),
            verifier: Arc::new(Verifier::new("https://id.example", "api", keys).unwrap()),
            watch: Arc::new(Watch(AtomicU64::new(LOGIN.plus(10).as_secs()))),
            served: Arc::default(),
        }
    }

    /// One whose verifier is to know what others have revoked, and has heard of nothing yet.
    pub(crate) fn untold() -> Self {
        let house = Self::new();
        let verifier = Verifier::new("https://id.example", "api", house.verifier.keys().clone()).unwrap();
        Self { verifier: Arc::new(verifier.expect_feed(Duration::from_secs(300)).unwrap()), ..house }
    }

    pub(crate) fn layer(&self) -> AuthenticateLayer {
        AuthenticateLayer::new(self.verifier.clone()).with_clock(self.watch.clone())
    }

    /// Turns the clock to `secs` seconds after the login.
    pub(crate) fn turn_to(&self, secs: u64) {
        self.watch.set(LOGIN.plus(secs));
    }

    /// The inner service: it says who is asking, and that it was called.
    fn inner(&self) -> impl Service<Request<()>, Response = Response<Full<Bytes>>, Error = Infallible> + Clone + use<> {
        let served = self.served.clone();
        service_fn(move |request: Request<()>| {
            served.fetch_add(1, Ordering::SeqCst);
            let who = request.extensions().get().map(|who: &Authentication| who.subject().id().to_owned());
            std::future::ready(Ok(Response::new(Full::from(who.unwrap_or_else(|| "nobody".into())))))
        })
    }

    fn served(&self) -> usize {
        self.served.load(Ordering::SeqCst)
    }

    /// Sends a request through both layers.
    fn ask(&self, requirement: Requirement, request: Request<()>) -> Answer {
        answer(self.layer().layer(RequireLayer::new(requirement).layer(self.inner())), request)
    }

    pub(crate) fn token(&self, assurance: &Assurance) -> String {
        self.token_with(assurance, |claims| claims)
    }

    fn token_with<'a>(&self, assurance: &'a Assurance, more: impl FnOnce(Claims<'a>) -> Claims<'a>) -> String {
        let subject: &'static Subject = Box::leak(Box::new(Subject::new("alice").unwrap()));
        let session = SessionId::generate(&SystemEntropy).unwrap();
        let token_id = TokenId::generate(&SystemEntropy).unwrap();
        let claims = Claims::new(subject, "web", session, token_id, assurance, LOGIN..LOGIN.plus(900));
        ready(self.issuer.issue(&more(claims))).unwrap().expose().to_owned()
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    refusal: Option<Refusal>,
}

impl Answer {
    fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn code(&self) -> String {
        self.json()["code"].as_str().unwrap().to_owned()
    }

    fn header(&self, name: &str) -> &str {
        assert!(self.headers.get_all(name).iter().count() <= 1, "{name} stands twice");
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn challenge(&self) -> &str {
        self.header("www-authenticate")
    }

    fn kind(&self) -> RefusalKind {
        self.refusal.as_ref().unwrap().kind()
    }
}

fn answer<S, B>(service: S, request: Request<()>) -> Answer
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible>,
    B: http_body::Body<Data = Bytes>,
    B::Error: std::fmt::Debug,
{
    ready(async {
        let (parts, body) = service.oneshot(request).await.unwrap().into_parts();
        let refusal = parts.extensions.get().cloned();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, body, refusal }
    })
}

/// Nothing here ever waits.
pub(crate) fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("nothing here waits"),
    }
}

pub(crate) fn get() -> http::request::Builder {
    Request::get("https://api.example/transfer")
}

fn post() -> http::request::Builder {
    Request::post("https://api.example/transfer")
}

pub(crate) fn bearing(token: &str) -> Request<()> {
    get().header("authorization", format!("Bearer {token}")).body(()).unwrap()
}

pub(crate) fn nobody() -> Request<()> {
    get().body(()).unwrap()
}

pub(crate) fn password() -> Assurance {
    assess(&[Evidence::new(Method::Password, LOGIN)], false).unwrap()
}

pub(crate) fn two_factors() -> Assurance {
    assess(&[Evidence::new(Method::Password, LOGIN), Evidence::new(Method::Totp, LOGIN)], false).unwrap()
}

pub(crate) fn passkey() -> Assurance {
    let key = Properties { phishing_resistant: true, user_verified: true, ..Properties::default() };
    assess(&[Evidence::new(Method::WebAuthn, LOGIN).with(key)], false).unwrap()
}

fn grant(action: &str) -> StepUpGrant {
    StepUpGrant {
        id: TokenId::generate(&SystemEntropy).unwrap(),
        action: action.into(),
        auth_time: LOGIN,
        expires_at: LOGIN.plus(300),
        bind: None,
    }
}
