//! A service that only checks tokens, on hyper alone: no store, no accounts, no web framework.
//!
//! ```text
//! cargo run --example enforcer
//! cargo run --example enforcer -- --jwks keys.json --issuer https://id.example --audience api
//! ```
//!
//! Without `--jwks` it plays the issuer too: it makes a key, signs two tokens with another library,
//! and prints what to try.
#![expect(clippy::print_stdout, reason = "it talks to the person who started it")]

use std::convert::Infallible;
use std::error::Error;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use lexopt::prelude::*;
use serde_json::json;
use tower::{Layer as _, Service, ServiceExt as _, service_fn};
use tower_mfa::assurance::{Authentication, Requirement};
use tower_mfa::clock::{Clock as _, SystemClock};
use tower_mfa::middleware::{AuthenticateLayer, Body as Guarded, RequireLayer};
use tower_mfa::token::{Algorithm, KeySet, SigningKey, Verifier};

struct Options {
    listen: String,
    jwks: Option<String>,
    issuer: String,
    audience: String,
}

impl Options {
    fn read() -> Result<Self, Box<dyn Error>> {
        let mut options = Self {
            listen: "127.0.0.1:3001".into(),
            jwks: None,
            issuer: "https://id.example".into(),
            audience: "api".into(),
        };
        let mut args = lexopt::Parser::from_env();
        while let Some(arg) = args.next()? {
            match arg {
                Long("listen") => options.listen = args.value()?.string()?,
                Long("jwks") => options.jwks = Some(args.value()?.string()?),
                Long("issuer") => options.issuer = args.value()?.string()?,
                Long("audience") => options.audience = args.value()?.string()?,
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(options)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::read()?;
    let keys = match &options.jwks {
        Some(file) => KeySet::from_jwks(&std::fs::read_to_string(file)?)?,
        None => demo_issuer(&options)?,
    };
    let verifier = Verifier::new(&*options.issuer, &*options.audience, keys)?;
    let service = AuthenticateLayer::new(verifier).layer(application());

    let listener = tokio::net::TcpListener::bind(&options.listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(service.clone());
        let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
        // A client that goes away in the middle is nobody's error.
        tokio::spawn(async { drop(connection.await) });
    }
}

/// What is answered: the host's own body, or one that a layer has guarded.
type Body = Either<Full<Bytes>, Guarded<Full<Bytes>>>;

/// The service to be protected: `/` is for everybody, `/transfer` is not.
fn application()
-> impl Service<Request<Incoming>, Response = Response<Body>, Error = Infallible, Future: Send> + Clone + Send + 'static
{
    let transfer = service_fn(async |request: Request<Incoming>| {
        Ok::<_, Infallible>(answer(StatusCode::OK, format!("{} may\n", who(&request))))
    });
    let transfer = RequireLayer::new(Requirement::aal2().within(300)).layer(transfer);
    service_fn(move |request: Request<Incoming>| {
        let transfer = transfer.clone();
        async move {
            match request.uri().path() {
                "/transfer" => Ok(transfer.oneshot(request).await?.map(Either::Right)),
                "/" => Ok(answer(StatusCode::OK, format!("hello, {}\n", who(&request))).map(Either::Left)),
                _ => Ok(answer(StatusCode::NOT_FOUND, String::new()).map(Either::Left)),
            }
        }
    })
}

fn who(request: &Request<Incoming>) -> &str {
    request.extensions().get().map_or("stranger", |who: &Authentication| who.subject().id())
}

fn answer(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    response
}

/// Any issuer that signs RFC 9068 access tokens will do; this one is `jsonwebtoken`.
fn demo_issuer(options: &Options) -> Result<KeySet, Box<dyn Error>> {
    let key = SigningKey::generate(Algorithm::Es256)?;
    let pem = key.to_pkcs8_pem().ok_or("a local key can be written")?;
    let signer = jsonwebtoken::EncodingKey::from_ec_pem(pem.expose().as_bytes())?;
    let header = jsonwebtoken::Header {
        typ: Some("at+jwt".into()),
        kid: Some(key.kid().into()),
        ..jsonwebtoken::Header::new(jsonwebtoken::Algorithm::ES256)
    };
    let now = SystemClock.now()?.as_secs();
    for (what, acr) in [("a password alone", "aal1"), ("a password and a code", "aal2")] {
        let claims = json!({
            "iss": options.issuer, "aud": options.audience, "sub": "alice", "client_id": "demo", "jti": acr,
            "iat": now, "exp": now.saturating_add(900), "auth_time": now, "acr": acr,
        });
        let token = jsonwebtoken::encode(&header, &claims, &signer)?;
        println!("# {what}\ncurl -i -H 'Authorization: Bearer {token}' http://{}/transfer\n", options.listen);
    }
    Ok(KeySet::from_jwks(&KeySet::new(key).jwks_json(SystemClock.now()?))?)
}
