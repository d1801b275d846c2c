//! The two services, as far as they are asked: on loopback, with keys that are drawn when they start and kept there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _,
};
use aws_lc_rs::{encoding::AsDer as _, rand};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Json, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::Done;

pub(crate) const VAULT_TOKEN: &str = "s.an-example-and-no-secret";
const TOKENS: &str = "alias/tower-mfa-tokens";
const MASTERS: &str = "alias/tower-mfa-masters";

/// A service that runs.
pub(crate) struct Fake {
    pub(crate) base: String,
    /// Master keys, the newest first, that only the service can unwrap.
    pub(crate) wrapped: Vec<(&'static str, String)>,
    pub(crate) off: Switch,
}

/// Takes the service away.
#[derive(Clone, Default)]
pub(crate) struct Switch(Arc<AtomicBool>);

impl Switch {
    pub(crate) fn turn(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// What is kept in the service.
struct Inside {
    signing: EcdsaKeyPair,
    wrapping: RandomizedNonceKey,
    off: Switch,
}

type Answer = Result<Json<Value>, StatusCode>;

pub(crate) async fn kms() -> Done<Fake> {
    serve(&ECDSA_P256_SHA256_ASN1_SIGNING, Router::new().route("/", post(act_as_kms))).await
}

pub(crate) async fn transit() -> Done<Fake> {
    let routes = Router::new().route("/v1/transit/keys/tower-mfa-tokens", get(act_as_transit_key));
    let routes = routes.route("/v1/transit/{what}/{key}", post(act_as_transit));
    serve(&ECDSA_P256_SHA256_FIXED_SIGNING, routes).await
}

async fn serve(algorithm: &'static EcdsaSigningAlgorithm, routes: Router<Arc<Inside>>) -> Done<Fake> {
    let mut secret = [0; 32];
    rand::fill(&mut secret)?;
    let off = Switch::default();
    let signing = EcdsaKeyPair::generate(algorithm)?;
    let inside = Inside { signing, wrapping: RandomizedNonceKey::new(&AES_256_GCM, &secret)?, off: off.clone() };
    let mut wrapped = Vec::new();
    for id in ["2026-11", "2026-10"] {
        let mut master = [0; 32];
        rand::fill(&mut master)?;
        wrapped.push((id, inside.wrap(&master)?));
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let base = format!("http://{}", listener.local_addr()?);
    let app = routes.with_state(Arc::new(inside));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(Fake { base, wrapped, off })
}

impl Inside {
    fn wrap(&self, plain: &[u8]) -> Done<String> {
        let mut sealed = plain.to_vec();
        let nonce = self.wrapping.seal_in_place_append_tag(Aad::empty(), &mut sealed)?;
        Ok(STANDARD.encode([&nonce.as_ref()[..], &sealed].concat()))
    }

    fn unwrap(&self, text: &str) -> Option<String> {
        let bytes = STANDARD.decode(text).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>()?;
        let mut sealed = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let plain = self.wrapping.open_in_place(nonce, Aad::empty(), &mut sealed).ok()?;
        Some(STANDARD.encode(plain))
    }

    fn sign(&self, message: &str) -> Option<Vec<u8>> {
        let message = STANDARD.decode(message).ok()?;
        Some(self.signing.sign(&rand::SystemRandom::new(), &message).ok()?.as_ref().to_vec())
    }

    fn public(&self) -> Option<String> {
        Some(STANDARD.encode(self.signing.public_key().as_der().ok()?.as_ref()))
    }
}

async fn act_as_kms(State(inside): State<Arc<Inside>>, headers: HeaderMap, body: Bytes) -> Answer {
    is_on(&inside)?;
    let body = read(&body)?;
    let action = headers.get("x-amz-target").and_then(|action| action.to_str().ok()).unwrap_or_default();
    let member = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let is = |name: &str, value: &str| member(name) == value;
    let answer = match action {
        "TrentService.Sign"
            if is("MessageType", "RAW") && is("SigningAlgorithm", "ECDSA_SHA_256") && is("KeyId", TOKENS) =>
        {
            inside.sign(member("Message")).map(|it| json!({"Signature": STANDARD.encode(it)}))
        }
        "TrentService.Decrypt" if is("KeyId", MASTERS) => {
            inside.unwrap(member("CiphertextBlob")).map(|it| json!({"Plaintext": it}))
        }
        "TrentService.GetPublicKey" if is("KeyId", TOKENS) => inside.public().map(|it| json!({"PublicKey": it})),
        _ => None,
    };
    answer.map(Json).ok_or(StatusCode::BAD_REQUEST)
}

async fn act_as_transit(
    State(inside): State<Arc<Inside>>,
    Path((what, key)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    is_let_in(&inside, &headers)?;
    let body = read(&body)?;
    let member = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let is_for_a_jws = member("hash_algorithm") == "sha2-256" && member("marshaling_algorithm") == "jws";
    let answer = match (&*what, &*key) {
        ("sign", "tower-mfa-tokens") if is_for_a_jws && body.get("key_version") == Some(&json!(1)) => inside
            .sign(member("input"))
            .map(|it| json!({"signature": format!("vault:v1:{}", URL_SAFE_NO_PAD.encode(it))})),
        ("decrypt", "tower-mfa-masters") => {
            let text = member("ciphertext").strip_prefix("vault:v1:").unwrap_or_default();
            inside.unwrap(text).map(|it| json!({"plaintext": it}))
        }
        _ => None,
    };
    answer.map(|data| Json(json!({"data": data}))).ok_or(StatusCode::BAD_REQUEST)
}

async fn act_as_transit_key(State(inside): State<Arc<Inside>>, headers: HeaderMap) -> Answer {
    is_let_in(&inside, &headers)?;
    let public = inside.public().ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{public}\n-----END PUBLIC KEY-----\n");
    Ok(Json(json!({"data": {"type": "ecdsa-p256", "latest_version": 1, "keys": {"1": {"public_key": pem}}}})))
}

fn is_let_in(inside: &Inside, headers: &HeaderMap) -> Result<(), StatusCode> {
    is_on(inside)?;
    let is_known = headers.get("x-vault-token").is_some_and(|token| token == VAULT_TOKEN);
    if is_known { Ok(()) } else { Err(StatusCode::FORBIDDEN) }
}

fn read(body: &[u8]) -> Result<Value, StatusCode> {
    serde_json::from_slice(body).map_err(|_| StatusCode::BAD_REQUEST)
}

fn is_on(inside: &Inside) -> Result<(), StatusCode> {
    if inside.off.0.load(Ordering::SeqCst) { Err(StatusCode::SERVICE_UNAVAILABLE) } else { Ok(()) }
}
