use tokio::runtime::Runtime;
use tower_mfa::clock::Timestamp;
use tower_mfa::entropy::SystemEntropy;
use tower_mfa::id::{SessionId, TokenId};
use tower_mfa::store::MemoryStore;
use tower_mfa::token::{Algorithm, Claims, Issuer, Verifier};
use tower_mfa_benches::scene::{AUDIENCE, ISSUER, Scene};
use tower_mfa_benches::{Pair, Report, Turned, bare};

use super::us;

/// Tokens, each looked at once before its turn comes round again.
const TOKENS: usize = 1_000;

/// A token that was not seen before, everything checked and remembered, against the signature and
/// the JSON alone.
pub fn measure(runtime: &Runtime, report: &mut Report) {
    let now = Timestamp::from_secs(1_800_000_000);
    let scene = runtime.block_on(Scene::set(MemoryStore::new(), Algorithm::Rs256, Turned::at(now.as_secs())));
    let by = scene.authenticated(&runtime.block_on(scene.sign_in()));
    let now = scene.clock.read();
    let issuer = Issuer::new(ISSUER, AUDIENCE, scene.keys.clone()).unwrap();
    let tokens: Vec<String> = (0..TOKENS)
        .map(|_| {
            let (sid, jti) = (SessionId::generate(&SystemEntropy).unwrap(), TokenId::generate(&SystemEntropy).unwrap());
            let roles = ["customer".into()];
            let claims = Claims::new(by.subject(), "web", sid, jti, by.assurance(), now..now.plus(900));
            runtime.block_on(issuer.issue(&claims.with_roles(&roles))).unwrap().expose().to_owned()
        })
        .collect();

    // Room for a tenth of them, so that each is new again when its turn comes.
    let verifier = Verifier::new(ISSUER, AUDIENCE, scene.keys.clone()).unwrap().with_cache_capacity(TOKENS / 10);
    let key = bare::rsa_key(&scene.mfa.jwks_json().unwrap());
    let mut next = 0;
    let token = || {
        next = (next + 1) % TOKENS;
        tokens[next].as_str()
    };
    let ours = |token: &str| verifier.verify(token, now).unwrap();
    let pair = Pair::measure_on(201, 100, token, ours, |token| bare::verify(&key, token));
    let details = format!("  {:.2} of {:.2} µs", us(pair.ours), us(pair.theirs));
    report.line("a token not seen before (signature and JSON = 1)", pair.ratio, 1.15, "", details);
}
