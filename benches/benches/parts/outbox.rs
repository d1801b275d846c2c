use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use tokio::runtime::Runtime;
use tower_mfa::outbox::{Relay, Webhook, WebhookKey};
use tower_mfa::secret::SecretString;
use tower_mfa::store::{Feed, MemoryStore, Store as _};
use tower_mfa::token::Algorithm;
use tower_mfa_benches::scene::Scene;
use tower_mfa_benches::{Report, Turned, median};

/// Sign-ins, at times that have nothing to do with those of the relay.
const SIGN_INS: u32 = 40;

/// When each event was received, by its id.
type Received = Arc<Mutex<HashMap<String, Instant>>>;

/// From the commit of an event until a healthy webhook has it.
pub fn measure(runtime: &Runtime, report: &mut Report) {
    runtime.block_on(async {
        let store = MemoryStore::new();
        let scene = Scene::set(store.clone(), Algorithm::EdDsa, Turned::at(1_800_000_000)).await;
        let received = Received::default();
        let noted = Arc::clone(&received);
        let receiver = tower::service_fn(move |request: Request<Full<bytes::Bytes>>| {
            let noted = Arc::clone(&noted);
            async move {
                let id = request.headers()["webhook-id"].to_str().unwrap().to_owned();
                noted.lock().unwrap().entry(id).or_insert_with(Instant::now);
                drop(request.into_body().collect().await);
                Ok::<_, std::io::Error>(Response::new(()))
            }
        });
        let key = WebhookKey::new(&SecretString::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
        let webhook = Webhook::new("https://hooks.example/", vec![key], receiver).unwrap();
        let relay = tokio::spawn(Relay::new(&scene.mfa, "webhook", webhook).unwrap().run(std::future::pending::<()>()));
        let mut committed = HashMap::new();
        let mut seen = store.events(Feed::All, None, 200).await.unwrap().items().last().unwrap().cursor().clone();
        for number in 0..SIGN_INS {
            tokio::time::sleep(Duration::from_millis(u64::from(number * 37 % 211))).await;
            let tokens = scene.sign_in().await;
            let now = Instant::now();
            for event in store.events(Feed::All, Some(&seen), 200).await.unwrap().items() {
                committed.insert(event.id().to_string(), now);
                seen = event.cursor().clone();
            }
            scene.log_out(&tokens).await;
        }
        tokio::time::sleep(Duration::from_secs(6)).await;
        relay.abort();
        let received = received.lock().unwrap();
        let mut waits: Vec<_> = committed
            .iter()
            .map(|(id, at)| received.get(id).map_or(Duration::MAX, |got| got.saturating_duration_since(*at)))
            .collect();
        let middle = median(&mut waits).as_secs_f64();
        let worst = waits.last().unwrap().as_secs_f64();
        report.line(
            "from the commit of an event to a webhook, the slowest",
            worst,
            5.0,
            "s",
            format!("  median {middle:.2} s of {} events", waits.len()),
        );
    });
}
