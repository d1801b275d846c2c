use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tower_mfa::account::FirstFactor;
use tower_mfa::assurance::Method;
use tower_mfa::entropy::SystemEntropy;
use tower_mfa::id::Subject;
use tower_mfa::policy::{Login, LoginPolicy, Policy};
use tower_mfa::service::{AnswerOutcome, Enroller, KeyRequest, Keys, LoginOutcome, Mfa, Reply, Responder};
use tower_mfa::store::MemoryStore;
use tower_mfa::testing::SoftAuthenticator;
use tower_mfa::token::{Algorithm, KeySet, SigningKey};
use tower_mfa::vault::{LocalKeyRing, MasterKey};
use tower_mfa::webauthn::RelyingParty;
use tower_mfa_benches::{Report, Turned, median};
use webauthn_rs::prelude::{Passkey, PublicKeyCredential, RegisterPublicKeyCredential, Url, Uuid, Webauthn};

use super::us;

pub(super) const ORIGIN: &str = "https://bank.example";

/// `Mfa::answer` for an ES256 assertion, all of it, against what webauthn-rs takes for the same: reading the
/// JSON and `finish_passkey_authentication`. It keeps nothing, counts nothing and signs no token.
pub fn answer(runtime: &Runtime, report: &mut Report) {
    runtime.block_on(async {
        let mut peer = Peer::set();
        let mut scene = Scene::set(1).await;
        let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..1_200 {
            let (mine, bare) = if round % 2 == 0 {
                let mine = scene.answer().await;
                (mine, peer.finish())
            } else {
                let bare = peer.finish();
                (scene.answer().await, bare)
            };
            if round >= 100 {
                ours.push(mine);
                theirs.push(bare);
                ratios.push(mine.as_secs_f64() / bare.as_secs_f64());
            }
        }
        ratios.sort_by(f64::total_cmp);
        let details = format!("  {:.0} of {:.0} µs", us(median(&mut ours)), us(median(&mut theirs)));
        report.line("answer an ES256 assertion (webauthn-rs alone = 1)", ratios[ratios.len() / 2], 1.2, "", details);
    });
}

/// What it takes to open a challenge for an account with so many keys.
pub fn start(runtime: &Runtime, _: &mut Report) {
    runtime.block_on(async {
        for count in [1, 10, 64] {
            let scene = Scene::set(count).await;
            let mut times = Vec::new();
            for _ in 0..300 {
                let start = Instant::now();
                let _ = scene.begin().await;
                times.push(start.elapsed());
            }
            println!("-       {:<58} {:>9.3} µs", format!("open a challenge for {count} keys"), us(median(&mut times)));
        }
    });
}

/// A service with somebody who has keys.
pub(super) struct Scene {
    pub(super) mfa: Mfa,
    clock: Turned,
    pub(super) subject: Subject,
    pub(super) key: SoftAuthenticator,
}

impl Scene {
    pub(super) async fn set(keys: usize) -> Self {
        let clock = Turned::at(1_800_000_000);
        let login = LoginPolicy::new(Login::IfEnrolled).enrolled_by([Method::WebAuthn]);
        // EdDSA: what is timed is the assertion, and the token beside it costs 8 µs.
        let signing = KeySet::new(SigningKey::generate(Algorithm::EdDsa).unwrap());
        let ring = LocalKeyRing::new(vec![MasterKey::generate("2026-11", &SystemEntropy).unwrap()]).unwrap();
        let mfa = Mfa::builder(MemoryStore::new())
            .issuer("https://id.example")
            .audience("api")
            .keys(Keys::new(signing, Arc::new(ring)))
            .policy(Policy::builder().login(login).max_authenticators(64).build().unwrap())
            .with_clock(clock.clone())
            .webauthn(RelyingParty::builder("bank.example", ORIGIN).build().unwrap())
            .build()
            .unwrap();
        let subject = Subject::new("user-00000000").unwrap();
        let first = FirstFactor::password_checked_by_host(subject.clone(), clock.read());
        let LoginOutcome::Complete(tokens) = mfa.begin(first).await.unwrap() else { panic!("nothing is bound yet") };
        let mut by = mfa.authenticate(tokens.access_token().expose()).unwrap();
        let mut key = SoftAuthenticator::passkey();
        for at in 0..keys {
            let started = mfa.enrol_key(Enroller::Session(&by), KeyRequest::passkey()).await.unwrap();
            let mut other = SoftAuthenticator::passkey();
            let one = if at == 0 { &mut key } else { &mut other };
            let credential = one.register(started.public_key.as_str(), ORIGIN).unwrap();
            let bound = mfa.confirm_key(Enroller::Session(&by), started.id, &credential).await.unwrap();
            by = mfa.authenticate(bound.tokens.access_token().expose()).unwrap();
        }
        Self { mfa, clock, subject, key }
    }

    async fn begin(&self) -> tower_mfa::service::LoginChallenge {
        let first = FirstFactor::password_checked_by_host(self.subject.clone(), self.clock.read());
        match self.mfa.begin(first).await.unwrap() {
            LoginOutcome::Challenge(asked) => asked,
            other => panic!("{other:?} asks for no key"),
        }
    }

    async fn answer(&mut self) -> Duration {
        let asked = self.begin().await;
        let options = asked.methods.iter().find_map(|offer| offer.public_key.clone()).unwrap();
        let credential = self.key.assert(options.as_str(), ORIGIN).unwrap();
        let start = Instant::now();
        let answered = self.mfa.answer(Responder::Token(&asked.token), asked.id, Reply::webauthn(credential)).await;
        let took = start.elapsed();
        let AnswerOutcome::Complete(answer) = answered.unwrap() else { panic!("a key is enough") };
        // A session more would be a longer document each time.
        self.mfa.log_out(&self.mfa.authenticate(answer.tokens.access_token().expose()).unwrap()).await.unwrap();
        took
    }
}

/// webauthn-rs, with a passkey.
struct Peer {
    webauthn: Webauthn,
    passkey: Passkey,
    key: SoftAuthenticator,
}

impl Peer {
    fn set() -> Self {
        let origin = Url::parse(ORIGIN).unwrap();
        let webauthn = webauthn_rs::WebauthnBuilder::new("bank.example", &origin).unwrap().build().unwrap();
        let (asked, state) = webauthn.start_passkey_registration(Uuid::new_v4(), "alice", "alice", None).unwrap();
        let mut key = SoftAuthenticator::passkey();
        let made = key.register(&serde_json::to_string(&asked).unwrap(), ORIGIN).unwrap();
        let made: RegisterPublicKeyCredential = serde_json::from_str(&made).unwrap();
        let passkey = webauthn.finish_passkey_registration(&made, &state).unwrap();
        Self { webauthn, passkey, key }
    }

    fn finish(&mut self) -> Duration {
        let keys = std::slice::from_ref(&self.passkey);
        let (asked, state) = self.webauthn.start_passkey_authentication(keys).unwrap();
        let signed = self.key.assert(&serde_json::to_string(&asked).unwrap(), ORIGIN).unwrap();
        let start = Instant::now();
        let signed: PublicKeyCredential = serde_json::from_str(&signed).unwrap();
        let result = self.webauthn.finish_passkey_authentication(&signed, &state);
        let took = start.elapsed();
        drop(result.unwrap());
        took
    }
}
