//! Events as webhooks, by the rules of Standard Webhooks (standardwebhooks.com).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::Full;
use serde::Serialize;
use sha2::Sha256;
use tower::{Service, ServiceExt as _};

use super::sink::{Delivery, Sink, SinkError};
use crate::account::Event;
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::error::{BoxError, ConfigError};
use crate::id::Subject;
use crate::secret::{SecretBytes, SecretString};

/// How long one attempt may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// What a secret begins with, as it is handed to whoever receives.
const PREFIX: &str = "whsec_";
/// Fewest and most bytes of a secret.
const SECRET: std::ops::RangeInclusive<usize> = 24..=64;

/// A key that webhooks are signed with: `whsec_` and 24 to 64 bytes in base64.
///
/// ```
/// use tower_mfa::outbox::WebhookKey;
/// use tower_mfa::secret::SecretString;
///
/// assert!(WebhookKey::new(&SecretString::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).is_ok());
/// assert!(WebhookKey::new(&SecretString::new("correct horse")).is_err());
/// ```
#[derive(Clone)]
pub struct WebhookKey(Arc<SecretBytes>);

impl WebhookKey {
    /// Takes a key into keeping.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when it is of another form.
    pub fn new(text: &SecretString) -> Result<Self, ConfigError> {
        let refused = || ConfigError::new("webhook key", "must be whsec_ and 24 to 64 bytes in base64");
        let bytes = text.expose().strip_prefix(PREFIX).and_then(|text| STANDARD.decode(text).ok());
        let bytes = SecretBytes::new(bytes.filter(|bytes| SECRET.contains(&bytes.len())).ok_or_else(refused)?);
        Ok(Self(Arc::new(bytes)))
    }

    /// `v1,` and the signature over `{id}.{timestamp}.{payload}`.
    fn sign(&self, id: &str, at: Timestamp, payload: &[u8]) -> Option<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose()).ok()?;
        mac.update(format!("{id}.{}.", at.as_secs()).as_bytes());
        mac.update(payload);
        Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    }
}

impl fmt::Debug for WebhookKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookKey([redacted])")
    }
}

/// Sends each event as a `POST` to one address, signed.
///
/// The client is the host's: anything that is a `tower::Service` of requests, such as hyper-util's or reqwest's, with
/// the TLS of its choice. It must not follow redirects. A receiver answers with 2xx; `410` gives the event up, anything
/// else is tried again, after `Retry-After` where that is said.
///
/// # Security
///
/// A receiver that does not check `webhook-signature` takes events from anybody. Each key that is given signs, so that
/// receivers can change from one to the next.
#[derive(Clone)]
pub struct Webhook<C> {
    to: Uri,
    keys: Vec<WebhookKey>,
    client: C,
    clock: Arc<dyn Clock>,
}

impl<C> fmt::Debug for Webhook<C> {
    // The address may hold a token of the receiver's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("to", &self.to.host()).finish_non_exhaustive()
    }
}

impl<C> Webhook<C> {
    /// Makes a sink for an address, signed with each of `keys`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] without a key, and for an address that is not `https` (`http` goes with loopback alone).
    pub fn new(to: &str, keys: Vec<WebhookKey>, client: C) -> Result<Self, ConfigError> {
        let refused = |rule| ConfigError::new("webhook", rule);
        let to: Uri = to.parse().map_err(|_| refused("must be an address such as https://example.com/hooks/mfa"))?;
        let is_here = to.host().is_some_and(|host| {
            let ip = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
            host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
        });
        match to.scheme_str() {
            Some("https") => {}
            Some("http") if is_here => {}
            _ => return Err(refused("must begin with https://: events say who signed in, and from where")),
        }
        if keys.is_empty() {
            return Err(refused("must have a key to sign with"));
        }
        Ok(Self { to, keys, client, clock: Arc::new(SystemClock) })
    }

    /// Sets the clock. Default: the operating system's.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    fn request(&self, subject: &Subject, event: &Event) -> Result<Request<Full<Bytes>>, BoxError> {
        let payload = Bytes::from(serde_json::to_vec(&Payload::new(subject, event)?)?);
        let (id, now) = (event.id.to_string(), self.clock.now()?);
        let signatures = self.keys.iter().map(|key| key.sign(&id, now, &payload)).collect::<Option<Vec<_>>>();
        let request = Request::builder()
            .method(Method::POST)
            .uri(self.to.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", now.as_secs())
            .header("webhook-signature", signatures.ok_or("the key is none")?.join(" "));
        Ok(request.body(Full::new(payload))?)
    }
}

/// What is sent: the form that Standard Webhooks recommends.
#[derive(Serialize)]
struct Payload<'a> {
    #[serde(rename = "type")]
    kind: String,
    /// When it happened.
    timestamp: String,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    subject: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    #[serde(flatten)]
    event: &'a Event,
}

impl<'a> Payload<'a> {
    fn new(subject: &'a Subject, event: &'a Event) -> Result<Self, BoxError> {
        let kind = serde_json::to_value(event.kind)?;
        let at = std::time::UNIX_EPOCH.checked_add(Duration::from_secs(event.at.as_secs()));
        let at = at.ok_or("the event is of a time that cannot be written")?;
        Ok(Self {
            kind: format!("mfa.{}", kind.as_str().unwrap_or_default()),
            timestamp: humantime::format_rfc3339_seconds(at).to_string(),
            data: Data { subject: subject.id(), tenant: subject.tenant(), event },
        })
    }
}

impl<C, B> Sink for Webhook<C>
where
    C: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + Sync + 'static,
    C::Error: Into<BoxError>,
    C::Future: Send,
    B: Send,
{
    fn deliver<'a>(&'a self, subject: &'a Subject, event: &'a Event) -> Delivery<'a> {
        Box::pin(async move {
            let request = self.request(subject, event).map_err(SinkError::never)?;
            let sent = tokio::time::timeout(PATIENCE, self.client.clone().oneshot(request)).await;
            let answer = sent.map_err(SinkError::later)?.map_err(|error| SinkError::later(why(&*error.into())))?;
            judge(answer.status(), answer.headers())
        })
    }
}

/// Why nothing came back: what caused the client's error, and not its own words. Those of some clients repeat the
/// address, which may hold a token of the receiver's, and this is written down.
fn why(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold("the receiver was not reached".to_owned(), |said, cause| format!("{said}: {cause}"))
}

/// What the receiver's answer means.
fn judge(status: StatusCode, headers: &HeaderMap) -> Result<(), SinkError> {
    if status.is_success() {
        return Ok(());
    }
    let said = format!("the receiver answered {status}");
    if status == StatusCode::GONE {
        return Err(SinkError::never(said));
    }
    let wait = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Err(wait.map(Duration::from_secs).into_iter().fold(SinkError::later(said), SinkError::after))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the standard's own libraries.
    #[test]
    fn the_signature_is_the_one_receivers_work_out() {
        let key = WebhookKey::new(&SecretString::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
        let at = Timestamp::from_secs(1_614_265_330);
        let signed = key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at, br#"{"test": 2432232314}"#).unwrap();
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
