//! Keys of apps from other systems, bound.

use tower_mfa::account::{EventKind, Refusal};
use tower_mfa::assurance::Method;
use tower_mfa::entropy::SystemEntropy;
use tower_mfa::id::Subject;
use tower_mfa::otp::{Algorithm, Digits, Secret, Totp};
use tower_mfa::service::{Enroller, Reply};
use tower_mfa::testing::{AuthenticatorApp, Fault};
use tower_mfa::transfer::apps::{self, AppKey};
use tower_mfa::transfer::{Move, MoveReport, TransferError, TransferErrorKind, Why};

use crate::places::why;
use crate::scene::{Scene, answered, challenged, cheap, refusal, subject};

/// A key URI as another system exported it.
fn uri(account: &str, more: &str) -> String {
    let secret = Secret::generate(Algorithm::Sha1, &SystemEntropy).unwrap();
    format!("otpauth://totp/Old:{account}?secret={}&issuer=Old{more}", secret.to_base32().expose())
}

/// The account's name is whose it is; of nobody nobody knows.
fn whose(key: &AppKey) -> Option<Subject> {
    key.account().filter(|name| *name != "nobody").map(subject)
}

impl Scene {
    async fn list(&self, lines: &[&str]) -> Result<MoveReport, TransferError> {
        self.list_by(lines, why()).await
    }

    async fn list_by(&self, lines: &[&str], why: Move<'_>) -> Result<MoveReport, TransferError> {
        let text = lines.join("\n");
        self.mfa.import_apps(apps::otpauth(text.as_bytes()), whose, why).await
    }
}

#[tokio::test]
async fn who_was_imported_is_asked_for_the_code_of_the_phone_they_have() {
    let s = Scene::new();
    let alice = uri("alice", "");
    let report = s.list(&[&alice]).await.unwrap();
    assert_eq!((report.seen, report.moved, report.refused), (1, 1, 0));
    let app = AuthenticatorApp::scan(&alice).unwrap();
    s.clock.advance(60);
    s.sign_in("alice", &app).await;
    let events = s.events("alice").await;
    let imported = &events[0];
    assert_eq!((imported.kind, imported.method), (EventKind::AuthenticatorImported, Some(Method::Totp)));
    assert_eq!((imported.actor.as_deref(), imported.detail.as_deref()), (Some("ops-7"), Some("line 1")));
    assert_eq!(s.mfa.verify_chain(&subject("alice")).await.unwrap().first, 1);
}

/// What the other system may have taken is taken. Rows: N63B-3.1.4.2-c
#[tokio::test]
async fn no_code_that_was_shown_before_the_import_counts() {
    let s = Scene::new();
    let alice = uri("alice", "");
    let app = AuthenticatorApp::scan(&alice).unwrap();
    s.list(&[&alice]).await.unwrap();
    let asked = challenged(s.begin("alice").await);
    let shown = [s.now().as_secs() - 30, s.now().as_secs(), s.now().as_secs() + 30];
    for at in shown {
        let used = Reply::totp(app.code(tower_mfa::clock::Timestamp::from_secs(at)));
        assert!(matches!(refusal(s.answer(&asked, used).await), Refusal::InvalidCode { .. }), "{at}");
    }
    let s = Scene::new();
    s.list(&[&alice]).await.unwrap();
    s.clock.advance(60);
    let asked = challenged(s.begin("alice").await);
    answered(s.answer(&asked, Reply::totp(app.code(s.now()))).await.unwrap());
}

#[tokio::test]
async fn a_list_that_is_read_twice_binds_nothing_twice() {
    let s = Scene::new();
    let (alice, bob) = (uri("alice", ""), uri("bob", ""));
    // The same key twice in one list, too: they run side by side.
    let first = s.list(&[&alice, &alice, &bob]).await.unwrap();
    assert_eq!((first.moved, first.by_reason["already_there"]), (2, 1));
    let before = s.document("alice").await;
    let again = s.list(&[&alice, &bob]).await.unwrap();
    assert_eq!((again.moved, again.by_reason["already_there"]), (0, 2));
    assert_eq!(s.document("alice").await, before);
}

#[tokio::test]
async fn what_its_owner_could_not_bind_either_is_refused_and_named() {
    let eight = Totp::default().with_digits(Digits::EIGHT);
    let s = Scene::with(cheap().totp(eight).max_authenticators(2).build().unwrap());
    for name in ["suspended", "erased"] {
        s.password(name).await;
    }
    s.mfa.suspend(&subject("suspended"), "ops", "stolen").await.unwrap();
    s.mfa.erase(&subject("erased"), "ops", "has left").await.unwrap();
    let eight = "&digits=8";
    let lines = [
        uri("alice", ""),
        uri("bob", "&digits=8&period=60"),
        uri("suspended", eight),
        uri("erased", eight),
        uri("nobody", eight),
        "otpauth://hotp/Old:carol?secret=HXDMVJECJJWSRB3HWIZR4IFUGFTMXBOZ&counter=1".into(),
        uri("dave", eight),
        uri("dave", eight),
        uri("dave", eight),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let mut told = Vec::new();
    let report = s.list_by(&lines, why().on_refused(|one| told.push(one.to_string()))).await.unwrap();
    assert_eq!((report.seen, report.moved, report.refused), (9, 2, 7));
    assert_eq!(report.by_reason, [("counter", 1), ("erased", 1), ("nobodys", 1), ("refused", 4)].into());
    let not_taken = "the account or its policy does not take it";
    assert!(told[0].starts_with(&format!("line 1 (alice): {not_taken}")) && told[0].contains("digits"), "{told:?}");
    assert!(told[1].contains("period") && told[2].contains("suspended") && told[3].contains("erased"), "{told:?}");
    assert_eq!(told[4], "line 5 (Old: nobody): nobody was named whose key it is");
    assert!(told[5].starts_with("line 6 (Old: carol): the key counts (HOTP)"), "{told:?}");
    assert_eq!(report.refusals[6].subject, Some(subject("dave")), "two of the three are bound, as many as may be");
}

/// A list is read a second time for those whom the first has missed. The phone that was stolen meanwhile is in it.
#[tokio::test]
async fn what_was_imported_and_removed_since_is_not_bound_again() {
    let s = Scene::new();
    let (alice, bob, carol) = (uri("alice", ""), uri("bob", ""), uri("carol", ""));
    s.list(&[&alice, &bob, &carol]).await.unwrap();
    s.clock.advance(60);
    let by = s.auth(&s.sign_in("alice", &AuthenticatorApp::scan(&alice).unwrap()).await);
    let id = s.mfa.status(Enroller::Session(&by)).await.unwrap().authenticators[0].id;
    s.mfa.remove(&by, id).await.unwrap();
    s.mfa.reset(&subject("bob"), "ops", "stolen phone").await.unwrap();
    s.mfa.erase(&subject("carol"), "ops", "has left").await.unwrap();
    let new = uri("alice", "");
    let again = s.list(&[&alice, &bob, &carol, &new]).await.unwrap();
    assert_eq!((again.moved, again.refused), (1, 3), "another key of hers is another app");
    assert_eq!(again.by_reason, [("erased", 1), ("removed", 2)].into());
    assert!(!s.document("alice").await.contains(&*secret_of(&alice)), "what is remembered is no key");
}

fn secret_of(uri: &str) -> Box<str> {
    uri.split("secret=").nth(1).unwrap().split('&').next().unwrap().into()
}

/// A row that was copied with the one above it.
#[tokio::test]
async fn nobody_answers_for_somebody_else_because_a_list_has_one_key_twice() {
    let s = Scene::new();
    let alice = uri("alice", "");
    let bob = alice.replace("Old:alice", "Old:bob");
    let report = s.list(&[&alice, &alice, &bob]).await.unwrap();
    assert_eq!((report.moved, report.by_reason["shared"], report.by_reason["already_there"]), (1, 1, 1));
    assert_eq!(s.subjects().await, ["alice"]);
}

#[tokio::test]
async fn a_name_that_is_no_label_here_keeps_nobody_from_moving() {
    let s = Scene::new();
    let secret = || Secret::generate(Algorithm::Sha1, &SystemEntropy).unwrap().to_base32();
    let (long, hidden) = ("x".repeat(100), "a\u{200b}b");
    let table = ["long", "hidden"].into_iter().zip([long.as_str(), hidden]);
    let rows = table.map(|(name, label)| format!("{name},{label},{}\n", secret().expose())).collect::<String>();
    let table = format!("subject,label,secret\n{rows}");
    let whose = |key: &AppKey| key.subject().map(subject);
    let report = s.mfa.import_apps(apps::csv(table.as_bytes(), apps::Columns::default()), whose, why()).await.unwrap();
    assert_eq!(report.moved, 2, "{report:?}");
    let label = async |name: &str| -> String {
        let document: serde_json::Value = serde_json::from_str(&s.document(name).await).unwrap();
        document["authenticators"][0]["label"].as_str().unwrap_or_default().into()
    };
    assert_eq!(label("long").await.chars().count(), 64);
    assert_eq!(label("hidden").await, "");
}

/// The list says whose a key is, and the service's own notes are nobody's.
#[tokio::test]
async fn nothing_is_bound_to_the_notes_of_the_service() {
    let s = Scene::new();
    let uri = uri("exports", "");
    let whose = |_: &AppKey| Subject::with_tenant("tower-mfa outbox", "exports").ok();
    let report = s.mfa.import_apps(apps::otpauth(uri.as_bytes()), whose, why()).await.unwrap();
    assert_eq!((report.moved, report.by_reason["nobodys"]), (0, 1));
}

/// A subject may be what a file says: it turns no line of the operator's around.
#[tokio::test]
async fn what_is_refused_prints_on_one_line_whatever_its_subject() {
    let s = Scene::with(cheap().totp(Totp::default().with_digits(Digits::EIGHT)).build().unwrap());
    let whose = |_: &AppKey| Subject::new("al\u{202e}ice\u{2028}ok").ok();
    let report = s.mfa.import_apps(apps::otpauth(uri("x", "").as_bytes()), whose, why()).await.unwrap();
    assert!(report.refusals[0].to_string().starts_with("line 1 (al\u{fffd}ice\u{fffd}ok): "), "{report:?}");
}

#[tokio::test]
async fn an_account_that_cannot_be_read_is_its_own_affair() {
    let s = Scene::new();
    s.enrolled("alice").await;
    let document = s.document("alice").await.replace("\"first.", "\"gone.");
    crate::places::put(&s.store, "alice", &document).await;
    let report = s.list(&[&uri("alice", ""), &uri("bob", "")]).await.unwrap();
    assert_eq!((report.moved, report.by_reason["refused"]), (1, 1));
    assert!(report.refusals[0].to_string().contains("master key is missing"), "{}", report.refusals[0]);
}

#[tokio::test]
async fn a_new_factor_ends_the_sessions_and_questions_of_before() {
    let s = Scene::new();
    let by = s.signed_in("alice").await;
    s.list(&[&uri("alice", "")]).await.unwrap();
    assert!(matches!(refusal(s.mfa.sessions(&by, None, 10).await), Refusal::InvalidToken));
    assert_eq!(s.count("alice", EventKind::SessionEnded).await, 1);
}

#[tokio::test]
async fn a_dry_run_says_the_same_and_binds_nothing() {
    let s = Scene::new();
    s.enrolled("bob").await;
    let (alice, known) = (uri("alice", ""), uri("bob", "&digits=8"));
    s.list(&[&known]).await.unwrap();
    let lines = [alice.as_str(), &known, "nonsense"];
    let commits = s.store.commits();
    let rehearsed = s.list_by(&lines, why().dry_run(true)).await.unwrap();
    assert_eq!(s.store.commits(), commits);
    let done = s.list(&lines).await.unwrap();
    assert_eq!((rehearsed.moved, &rehearsed.refusals), (1, &done.refusals));
    assert_eq!(done.refusals[0].why, Why::AlreadyThere);
}

#[tokio::test]
async fn what_cannot_be_read_further_and_a_store_that_fails_end_it_and_leave_what_was_bound() {
    let s = Scene::new();
    let columns = apps::Columns::default();
    let key = Secret::generate(Algorithm::Sha1, &SystemEntropy).unwrap();
    let table = format!("who,what\nalice,{}\n", key.to_base32().expose());
    let error = s.mfa.import_apps(apps::csv(table.as_bytes(), columns), whose, why()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (TransferErrorKind::List, "the list of keys cannot be read any further")
    );
    assert!(std::error::Error::source(&error).is_some());
    // What had been done by then is not lost with it.
    let short = "otpauth://totp/Old:bob?secret=MFRGG\n";
    let broken = [uri("alice", "").into_bytes(), b"\n".to_vec(), short.into()].concat();
    let mut told = 0;
    let why_told = why().on_refused(|_| told += 1);
    let error = s.mfa.import_apps(apps::otpauth(Breaks(&broken)), whose, why_told).await.unwrap_err();
    let report = error.report().expect("how far it had come");
    assert_eq!((error.kind(), report.moved, report.refused, told), (TransferErrorKind::List, 1, 1, 1));
    s.mfa.erase(&subject("alice"), "ops", "anew").await.unwrap();
    drop(s.password("alice").await);
    s.store.set(Some(Fault::NotCommitted));
    let alice = uri("alice", "");
    assert_eq!(s.list(&[&alice]).await.unwrap_err().kind(), TransferErrorKind::Service);
    s.store.set(None);
    assert_eq!(s.list(&[&alice]).await.unwrap().moved, 1);
}

/// A file on a disk that fails at its end.
struct Breaks<'a>(&'a [u8]);

impl std::io::Read for Breaks<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        match self.0.read(into)? {
            0 => Err(std::io::Error::other("the disk")),
            read => Ok(read),
        }
    }
}

impl std::io::BufRead for Breaks<'_> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        if self.0.is_empty() { Err(std::io::Error::other("the disk")) } else { Ok(self.0) }
    }

    fn consume(&mut self, amount: usize) {
        self.0.consume(amount);
    }
}

#[tokio::test]
async fn only_those_who_are_wanted_are_looked_at() {
    let s = Scene::new();
    let (alice, bob) = (uri("alice", ""), uri("bob", ""));
    let report = s.list_by(&[&alice, &bob], why().only(|subject| subject.id() == "bob")).await.unwrap();
    assert_eq!((report.seen, report.moved), (1, 1));
    assert_eq!(s.subjects().await, ["bob"]);
}

#[tokio::test]
async fn a_long_list_is_a_stream_and_progress_is_told() {
    let s = Scene::new();
    let lines: Vec<String> = (0..100).map(|n| uri(&format!("person-{n:02}"), "")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let mut seen = Vec::new();
    let report = s.list_by(&lines, why().on_progress(|report| seen.push(report.moved))).await.unwrap();
    assert_eq!((report.moved, report.about), (100, None));
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]) && seen.ends_with(&[100]), "{seen:?}");
}
