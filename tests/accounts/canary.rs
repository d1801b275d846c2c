//! Secrets are planted everywhere, everything public is printed, and no secret is found in it.

use std::fmt::{Debug, Write as _};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use tower_mfa::account::Enrolment;
use tower_mfa::assurance::Requirement;
use tower_mfa::otp::{Code, Digits, OtpauthUri};
use tower_mfa::policy::Login;
use tower_mfa::recovery_code::{Count, Draft, Format, Scheme, Spare, Typed};
use tower_mfa::secret::{SecretBytes, SecretString};
use tower_mfa::service::{ChallengeOutcome, ChallengeRequest, Enroller, Keys, LoginOutcome, Reply, Responder, Tokens};
use tower_mfa::store::{Commit, Feed, NewEvent, Revision, Store};
use tower_mfa::testing::{Fault, SeededEntropy};
use tower_mfa::token::{Algorithm, KeySet, SigningKey};
use tower_mfa::transfer::TransferKey;
use tower_mfa::vault::{LocalKeyRing, MasterKey};
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber, span};

use crate::scene::{Scene, challenged, cheap, scan, subject, ticket};

const STATE: &str = r#"{"planted":"state-of-the-host-8471"}"#;

thread_local! {
    static LINES: std::cell::RefCell<String> = const { std::cell::RefCell::new(String::new()) };
}

/// Writes every field of every log line down, of every level and target, for each thread apart.
///
/// It is the subscriber of the whole program: with one for a thread alone, what another thread logs
/// first, where nobody listens, would be remembered as of no interest to anybody.
struct Log;

impl Log {
    fn begin() {
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(|| tracing::subscriber::set_global_default(Self).unwrap());
        LINES.with_borrow_mut(String::clear);
    }

    fn lines() -> String {
        LINES.with_borrow(String::clone)
    }

    fn write(line: std::fmt::Arguments<'_>) {
        LINES.with_borrow_mut(|lines| {
            let _ = lines.write_fmt(line);
        });
    }
}

impl Subscriber for Log {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, span: &span::Attributes<'_>) -> span::Id {
        span.record(&mut Self);
        span::Id::from_u64(1)
    }
    fn record(&self, _span: &span::Id, values: &span::Record<'_>) {
        values.record(&mut Self);
    }
    fn record_follows_from(&self, _span: &span::Id, _follows: &span::Id) {}
    fn event(&self, event: &Event<'_>) {
        Self::write(format_args!("\n{}", event.metadata().target()));
        event.record(&mut Self);
    }
    fn enter(&self, _span: &span::Id) {}
    fn exit(&self, _span: &span::Id) {}
}

impl Visit for Log {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        Self::write(format_args!(" {field}={value:?}"));
    }
    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        Self::write(format_args!(" {field}={value} {value:?}"));
        if let Some(source) = value.source() {
            self.record_error(field, source);
        }
    }
}

/// What was planted, and what was printed.
#[derive(Default)]
struct Hunt {
    planted: Vec<(&'static str, String)>,
    printed: String,
}

impl Hunt {
    fn plant(&mut self, name: &'static str, secret: &str) {
        self.planted.push((name, secret.to_owned()));
    }

    fn plant_bytes(&mut self, name: &'static str, bytes: &[u8]) {
        self.plant(name, &STANDARD_NO_PAD.encode(bytes));
        self.plant(name, &URL_SAFE_NO_PAD.encode(bytes));
        self.plant(name, &bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}")));
        self.plant(name, format!("{bytes:?}").trim_matches(['[', ']']));
    }

    fn plant_tokens(&mut self, tokens: &Tokens) {
        let token = tokens.access_token().expose();
        self.plant("access token", token);
        self.plant("signature", token.rsplit('.').next().unwrap());
        if let Some(refresh) = tokens.refresh_token() {
            self.plant("refresh token", refresh.expose());
        }
    }

    fn plant_app(&mut self, started: &Enrolment) {
        self.plant("key URI", started.otpauth_uri.expose());
        self.plant("key", started.secret.expose());
        self.plant("key", &started.secret.expose().to_lowercase());
        let uri = OtpauthUri::parse(started.otpauth_uri.expose()).unwrap();
        self.plant_bytes("key", uri.secret().expose());
        self.print(&uri);
        self.print(&uri.secret());
        self.print(started);
    }

    fn print(&mut self, value: &dyn Debug) {
        let _ = writeln!(self.printed, "{value:?}\n{value:#?}");
    }

    /// Prints an error, and all it was caused by.
    fn print_error(&mut self, error: &dyn std::error::Error) {
        let mut next = Some(error);
        while let Some(error) = next {
            let _ = writeln!(self.printed, "{error} {error:?}");
            next = error.source();
        }
    }

    fn found(&self) -> Vec<(&str, &str)> {
        let here = |secret: &str| secret.len() >= 6 && self.printed.contains(secret);
        self.planted.iter().filter(|(_, s)| here(s)).map(|(name, s)| (*name, s.as_str())).collect()
    }
}

fn seeded(login: Login) -> Scene {
    let policy = cheap().login(login).action("pay", Requirement::aal2().within(0)).build().unwrap();
    Scene::built(|builder| builder.policy(policy).with_entropy(SeededEntropy::new(8)))
}

#[test]
fn a_canary_that_is_printed_is_found() {
    let mut hunt = Hunt::default();
    hunt.plant("canary", "tweet-tweet");
    hunt.print(&SecretString::new("tweet-tweet"));
    assert_eq!(hunt.found(), []);
    hunt.print(&"tweet-tweet");
    assert_eq!(hunt.found(), [("canary", "tweet-tweet")]);
}

/// Rows: N63B-3.1.4.2-a, KURI-leak, CVE-2019-19687, PCI-8.3.2
#[test]
fn asvs_16_2_5_no_key_code_or_secret_prints_itself() {
    let mut hunt = Hunt::default();
    let entropy = SeededEntropy::new(3);
    let master = MasterKey::generate("name", &entropy).unwrap();
    hunt.plant_bytes("master key", master.expose());
    hunt.print(&master);
    let ring = LocalKeyRing::new(vec![master.clone()]).unwrap();
    hunt.print(&ring);
    let transfer = TransferKey::generate("move", &entropy).unwrap();
    hunt.plant_bytes("transfer key", transfer.expose());
    hunt.print(&transfer);
    let signing = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let pem = signing.to_pkcs8_pem().unwrap();
    hunt.plant("signing key", pem.expose().lines().nth(1).unwrap());
    hunt.print(&pem);
    hunt.print(&signing);
    let set = KeySet::new(signing);
    hunt.print(&set);
    hunt.print(&Keys::new(set, Arc::new(ring)));
    hunt.plant("code", "755224");
    hunt.print(&Code::parse("755224", Digits::SIX).unwrap());
    hunt.print(&Reply::totp("755224"));
    hunt.plant_bytes("bytes", b"planted-bytes");
    hunt.print(&SecretBytes::new(b"planted-bytes".to_vec()));
    let scheme = Scheme::argon2id(7_168, 5, 1).unwrap();
    let draft = Draft::generate(Count::new(2).unwrap(), Format::default(), scheme, &entropy).unwrap();
    hunt.print(&draft);
    let (codes, shown) = draft.hash(tower_mfa::clock::Timestamp::from_secs(1)).unwrap();
    for code in &shown {
        hunt.plant("recovery code", code.expose());
        hunt.plant("recovery code", &code.expose().replace('-', ""));
        hunt.print(code);
        hunt.print(&Reply::recovery_code(code.expose()));
        let typed = Typed::parse(code.expose(), Format::default()).unwrap();
        hunt.print(&typed);
        hunt.print(&tower_mfa::recovery_code::derive(&typed, &codes.prepare(typed.slot())).unwrap());
    }
    let spare = Spare::draw(
        Typed::parse(shown[0].expose(), Format::default()).unwrap().slot(),
        Format::default(),
        scheme,
        &entropy,
    );
    let spare = spare.unwrap();
    hunt.print(&spare);
    let (successor, new) = spare.hash().unwrap();
    hunt.plant("recovery code", new.expose());
    hunt.print(&successor);
    hunt.print(&codes);
    hunt.printed.push_str(&serde_json::to_string(&codes).unwrap());
    assert_eq!(hunt.found(), []);
}

/// Rows: CVE-2019-19687, CVE-2020-15105, N63B-3.1.2.2-b, N63B-4.2.1.1-c
#[tokio::test]
async fn asvs_16_2_5_nothing_secret_is_in_outcomes_events_logs_or_documents() {
    Log::begin();
    let s = seeded(Login::Required);
    let mut hunt = Hunt::default();
    hunt.plant("state", "state-of-the-host-8471");
    let outcome = s.begin("alice").await;
    hunt.print(&outcome);
    let token = ticket(outcome);
    hunt.plant("enrolment token", token.expose());
    hunt.print(&Enroller::Token(&token));
    let started = s.mfa.enrol_totp(Enroller::Token(&token), Default::default()).await.unwrap();
    hunt.plant_app(&started);
    let app = scan(&started);
    hunt.print(&app);
    hunt.plant("confirming code", &app.code(s.now()));
    let bound = s.mfa.confirm(Enroller::Token(&token), started.id, app.code(s.now())).await.unwrap();
    hunt.plant_tokens(&bound.tokens);
    for code in bound.recovery_codes.as_ref().unwrap() {
        hunt.plant("recovery code", code.expose());
        hunt.plant("recovery code", &code.expose().replace('-', ""));
    }
    hunt.print(&bound);
    let by = s.auth(&bound.tokens);
    hunt.print(&by);
    hunt.print(&s.mfa.status(Enroller::Session(&by)).await.unwrap());
    step_up(&s, &by, &app, &mut hunt).await;
    s.clock.advance(30);
    sign_in(&s, &app, bound.recovery_codes.unwrap()[0].expose(), &mut hunt).await;
    hunt.print(&s.mfa);
    hunt.print(&s.mfa.verifier());
    hunt.print(&s.first("alice").client("web").address("192.0.2.7"));
    hunt.printed.push_str(&s.document("alice").await);
    for stored in s.store.events(Feed::All, None, 200).await.unwrap().items() {
        hunt.print(stored);
        hunt.printed.push_str(stored.body());
    }
    for (_, event) in s.heard.lock().unwrap().iter() {
        hunt.print(event);
    }
    let lines = Log::lines();
    assert!(lines.contains("tower_mfa::event") && lines.contains("AuthenticatorBound"), "{lines}");
    hunt.printed.push_str(&lines);
    assert_eq!(hunt.found(), []);
    assert!(hunt.planted.len() > 20, "{} secrets", hunt.planted.len());
}

/// Steps up for an action, with the host's state beside it.
async fn step_up(
    s: &Scene,
    by: &tower_mfa::assurance::Authentication,
    app: &tower_mfa::testing::AuthenticatorApp,
    hunt: &mut Hunt,
) {
    s.clock.advance(30);
    let request = ChallengeRequest::new().action("pay").state(STATE);
    hunt.print(&request);
    let opened = s.mfa.open_challenge(by, request).await.unwrap();
    hunt.print(&opened);
    let ChallengeOutcome::Pending(view) = opened else { panic!("a code is wanted") };
    hunt.printed.push_str(&s.document("alice").await);
    let code = app.code(s.now());
    hunt.plant("code", &code);
    let answer = s.mfa.answer(Responder::Session(by), view.id, Reply::totp(code)).await.unwrap();
    hunt.print(&answer);
    let tower_mfa::service::AnswerOutcome::Complete(answer) = answer else { panic!("it is complete") };
    assert_eq!(answer.state.as_deref(), Some(STATE));
    hunt.plant_tokens(&answer.tokens);
    hunt.print(&answer.tokens.step_up());
}

/// Signs in: a wrong code, a recovery code, a refresh, a replay, and a store that fails.
async fn sign_in(s: &Scene, app: &tower_mfa::testing::AuthenticatorApp, spare: &str, hunt: &mut Hunt) {
    let outcome = s.begin("alice").await;
    hunt.print(&outcome);
    let asked = challenged(outcome);
    hunt.plant("challenge token", asked.token.expose());
    hunt.print(&Responder::Token(&asked.token));
    hunt.print(&asked);
    let right = app.code(s.now());
    let wrong = if right == "975310" { "975311" } else { "975310" };
    hunt.plant("wrong code", wrong);
    hunt.print_error(&s.answer(&asked, Reply::totp(wrong)).await.unwrap_err());
    hunt.print_error(&s.answer(&asked, Reply::recovery_code("0000-0000-0000-0000")).await.unwrap_err());
    let tokens = crate::scene::answered(s.answer(&asked, Reply::recovery_code(spare)).await.unwrap());
    hunt.plant_tokens(&tokens);
    let next = s.mfa.refresh(tokens.refresh_token().unwrap()).await.unwrap();
    hunt.plant_tokens(&next);
    hunt.print(&next);
    let third = s.mfa.refresh(next.refresh_token().unwrap()).await.unwrap();
    hunt.plant_tokens(&third);
    hunt.print_error(&s.mfa.refresh(tokens.refresh_token().unwrap()).await.unwrap_err());
    hunt.print_error(&s.mfa.authenticate(third.access_token().expose()).unwrap_err());
    hunt.print_error(&s.mfa.authenticate(&format!("{}x", third.access_token().expose())).unwrap_err());
    for fault in [Fault::Unavailable, Fault::NotCommitted, Fault::WriteLost] {
        s.store.set(Some(fault));
        hunt.print_error(&s.mfa.begin(s.first("alice")).await.unwrap_err());
        hunt.print_error(&s.answer(&asked, Reply::totp(right.clone())).await.unwrap_err());
        s.store.set(None);
    }
    assert!(!matches!(s.begin("alice").await, LoginOutcome::Complete(_)));
}

#[tokio::test]
async fn what_a_store_is_handed_prints_no_document() {
    let s = seeded(Login::IfEnrolled);
    s.enrolled("alice").await;
    let document = s.document("alice").await;
    let mut hunt = Hunt::default();
    let value: serde_json::Value = serde_json::from_str(&document).unwrap();
    hunt.plant("sealed key", value["authenticators"][0]["credential"]["totp"]["sealed"].as_str().unwrap());
    hunt.plant("hash", &value["recovery"]["set"]["hashes"].as_str().unwrap()[..64]);
    let alice = subject("alice");
    let revision = Revision::generate(&SeededEntropy::new(1)).unwrap();
    hunt.print(&Commit::new(&alice, None, revision, &document));
    hunt.print(&s.store.load(&alice).await.unwrap());
    hunt.print(&s.store);
    let id = tower_mfa::id::EventId::generate(&SeededEntropy::new(2)).unwrap();
    hunt.print(&NewEvent::new(id, s.now(), "{}"));
    assert_eq!(hunt.found(), []);
}

#[tokio::test]
async fn a_damaged_document_is_not_printed_by_the_error_or_the_log() {
    Log::begin();
    let s = seeded(Login::IfEnrolled);
    let person = s.enrolled("alice").await;
    let good = s.document("alice").await;
    let value: serde_json::Value = serde_json::from_str(&good).unwrap();
    let sealed = value["authenticators"][0]["credential"]["totp"]["sealed"].as_str().unwrap().to_owned();
    let hash = value["recovery"]["set"]["hashes"].as_str().unwrap()[..64].to_owned();
    let mut hunt = Hunt::default();
    hunt.plant("sealed key", &sealed);
    hunt.plant("hash", &hash);
    let before = *s.store.load(&subject("alice")).await.unwrap().unwrap().revision();
    let status = format!("\"status\":\"{sealed}\"");
    let damaged =
        good.replace("\"status\":\"active\"", &status).replace("\"format\":15", &format!("\"format\":\"{hash}\""));
    assert_ne!(damaged, good);
    let alice = subject("alice");
    let revision = Revision::generate(&SeededEntropy::new(9)).unwrap();
    let commit = Commit::new(&alice, Some(&before), revision, &damaged);
    let _ = s.store.commit(commit).await.unwrap();
    hunt.print_error(&s.mfa.begin(s.first("alice")).await.unwrap_err());
    hunt.print_error(&s.mfa.refresh(person.bound.tokens.refresh_token().unwrap()).await.unwrap_err());
    let lines = Log::lines();
    assert!(lines.contains("tower_mfa::unavailable"), "{lines}");
    hunt.printed.push_str(&lines);
    assert_eq!(hunt.found(), []);
}
