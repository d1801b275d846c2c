use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tower_mfa::assurance::Authentication;
use tower_mfa::entropy::SystemEntropy;
use tower_mfa::id::{SessionId, TokenId};
use tower_mfa::store::{MemoryStore, SqliteStore, Store};
use tower_mfa::token::{Algorithm, Claims, Issuer};
use tower_mfa_benches::bare::Rows;
use tower_mfa_benches::scene::{AUDIENCE, ISSUER, SUBJECT, Scene};
use tower_mfa_benches::{Report, Turned, median};

use super::{file, us};

/// `Mfa::answer` with the right TOTP code; what the same token costs to sign is taken off.
pub fn memory(runtime: &Runtime, report: &mut Report) {
    runtime.block_on(async {
        let store = MemoryStore::new();
        let scene = Scene::set(store.clone(), Algorithm::EdDsa, Turned::at(1_800_000_000)).await;
        let signing = Signing::of(&scene).await;
        let (mut answers, mut nets) = (Vec::new(), Vec::new());
        for round in 0..4_000 {
            let (id, token) = scene.challenged().await;
            let (answer, tokens) = scene.answer(id, &token).await;
            let sign = signing.time(&scene).await;
            scene.log_out(&tokens).await;
            if round % 100 == 0 {
                store.prune(scene.clock.read()).await.unwrap();
            }
            if round >= 500 {
                answers.push(answer);
                nets.push(answer.saturating_sub(sign));
            }
        }
        let middle = us(median(&mut nets));
        let (fast, signed) = (us(nets[nets.len() / 10]), us(median(&mut answers)));
        let details = format!("  fastest tenth {fast:.1} µs, with an EdDSA signature {signed:.1} µs");
        report.line("answer a TOTP challenge, memory, without signing", middle, 25.0, "µs", details);
    });
}

/// The same on a file, against a bare read and conditional update of a row of the same size on
/// another file, both durable. What the token costs to sign is taken off here, too.
pub fn sqlite(runtime: &Runtime, report: &mut Report) {
    runtime.block_on(async {
        let store = SqliteStore::open(file("answer")).await.unwrap();
        let scene = Scene::set(store.clone(), Algorithm::EdDsa, Turned::at(1_800_000_000)).await;
        let signing = Signing::of(&scene).await;
        let _ = scene.challenged().await;
        let document = store.load(&scene.subject).await.unwrap().unwrap().into_document();
        let mut rows = Rows::open(&file("rows")).await;
        rows.insert(SUBJECT, &document).await;

        let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..600_u32 {
            let (id, token) = scene.challenged().await;
            let (answer, tokens) = scene.answer(id, &token).await;
            let answer = answer.saturating_sub(signing.time(&scene).await);
            let start = Instant::now();
            rows.turn(SUBJECT, u128::from(round + 1).to_be_bytes()).await;
            let bare = start.elapsed();
            scene.log_out(&tokens).await;
            if round >= 50 {
                ours.push(answer);
                theirs.push(bare);
                ratios.push(answer.as_secs_f64() / bare.as_secs_f64());
            }
        }
        ratios.sort_by(f64::total_cmp);
        let (ours, theirs) = (us(median(&mut ours)), us(median(&mut theirs)));
        let details = format!("  {ours:.0} of {theirs:.0} µs, row of {} bytes", document.len());
        report.line("answer a TOTP challenge, SQLite (bare row = 1)", ratios[ratios.len() / 2], 1.5, "", details);
    });
}

/// Signs what an answer signs.
struct Signing {
    issuer: Issuer,
    like: Authentication,
}

impl Signing {
    async fn of(scene: &Scene) -> Self {
        let tokens = scene.sign_in().await;
        let like = scene.authenticated(&tokens);
        scene.log_out(&tokens).await;
        Self { issuer: Issuer::new(ISSUER, AUDIENCE, scene.keys.clone()).unwrap(), like }
    }

    async fn time(&self, scene: &Scene) -> Duration {
        let now = scene.clock.read();
        let sid = SessionId::generate(&SystemEntropy).unwrap();
        let jti = TokenId::generate(&SystemEntropy).unwrap();
        let (subject, assurance) = (self.like.subject(), self.like.assurance());
        let roles = ["customer".into()];
        let claims = Claims::new(subject, "web", sid, jti, assurance, now..now.plus(900)).with_roles(&roles);
        let start = Instant::now();
        self.issuer.issue(&claims).await.unwrap();
        start.elapsed()
    }
}
