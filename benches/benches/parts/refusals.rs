//! What a stranger could tell apart by the time an answer takes.

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::runtime::Runtime;
use tower_mfa::account::Refusal;
use tower_mfa::service::{Error, PasskeyChallenge};
use tower_mfa::testing::SoftAuthenticator;
use tower_mfa_benches::{Report, median};

use super::keys::{ORIGIN, Scene};
use super::us;

/// Beginning with a name that somebody has, with one or ten keys, and with one that nobody has. What is left of a
/// difference is the time to read the document, and grows with it.
pub fn names(runtime: &Runtime, report: &mut Report) {
    runtime.block_on(async {
        for keys in [1, 10] {
            let scene = Scene::set(keys).await;
            let start = async |name: &str| {
                let start = Instant::now();
                drop(scene.mfa.start_passkey(Some(name)).await.unwrap());
                start.elapsed()
            };
            let (mut somebody, mut nobody) = (Vec::new(), Vec::new());
            for _ in 0..2_000 {
                somebody.push(start(scene.subject.id()).await);
                nobody.push(start("user-00000001").await);
            }
            let (somebody, nobody) = (us(median(&mut somebody)), us(median(&mut nobody)));
            let what = format!("begin by a name with {keys} keys, more than by nobody's");
            report.line(&what, (somebody - nobody).abs(), 25.0, "µs", format!("  {somebody:.0} and {nobody:.0} µs"));
        }
    });
}

/// Answers that are wrong in as many ways.
pub fn answers(runtime: &Runtime, report: &mut Report) {
    runtime.block_on(async {
        let mut scene = Scene::set(1).await;
        let mut strangers = Scene::set(1).await.key;
        let mut times = [const { Vec::new() }; 5];
        for _ in 0..1_000 {
            for (way, times) in times.iter_mut().enumerate() {
                let started = scene.mfa.start_passkey(None).await.unwrap();
                let wrong = scene.wrong(way, &started, &mut strangers).await;
                let start = Instant::now();
                let refused = scene.mfa.finish_passkey(started.id, &started.token, &wrong).await;
                times.push(start.elapsed());
                assert_eq!(refused.as_ref().map_err(Error::refusal).err(), Some(&Refusal::InvalidCredential), "{way}");
            }
        }
        let mut medians = times.map(|mut times| us(median(&mut times)));
        medians.sort_by(f64::total_cmp);
        let [fastest, .., slowest] = medians;
        let details = format!("  {slowest:.0} of {fastest:.0} µs");
        report.line("refuse a wrong passkey, the slowest way of five", slowest / fastest, 1.25, "", details);
    });
}

impl Scene {
    /// One assertion that is wrong: in its signature, of a key nobody bound, of a key of somebody else, made on
    /// another site, and for another question.
    async fn wrong(&mut self, way: usize, started: &PasskeyChallenge, strangers: &mut SoftAuthenticator) -> String {
        let options = started.public_key.as_str();
        let own = |key: &mut SoftAuthenticator| key.assert(options, ORIGIN).unwrap();
        match way {
            0 => changed(&own(&mut self.key), "signature"),
            1 => own(strangers),
            2 => changed(&own(&mut self.key), "userHandle"),
            3 => self.key.assert(options, "https://bank.example.evil.com").unwrap(),
            _ => {
                let other = self.mfa.start_passkey(None).await.unwrap();
                self.key.assert(other.public_key.as_str(), ORIGIN).unwrap()
            }
        }
    }
}

/// The same with another last byte in one member.
fn changed(credential: &str, member: &str) -> String {
    let mut credential: serde_json::Value = serde_json::from_str(credential).unwrap();
    let member = &mut credential["response"][member];
    let mut bytes = URL_SAFE_NO_PAD.decode(member.as_str().unwrap()).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    *member = URL_SAFE_NO_PAD.encode(bytes).into();
    credential.to_string()
}
