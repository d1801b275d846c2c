//! What people with an SQL client see.

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row as _};
use tower_mfa::account::FirstFactor;
use tower_mfa::clock::{Clock, SystemClock};
use tower_mfa::id::{AuthenticatorId, Subject};
use tower_mfa::service::{Enroller, Keys, LoginOutcome, Mfa, TotpEnrolment};
use tower_mfa::store::{Commit, Committed, Store as _};
use tower_mfa::testing::AuthenticatorApp;

use crate::postgres::Schema;
use crate::{event, revision};

async fn rows(schema: &Schema, sql: &str) -> Vec<PgRow> {
    let sql = sql.replace("{}", schema.name());
    sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut schema.by_hand().await).await.unwrap()
}

/// Signs alice of acme in, from one address, and binds her telephone.
async fn bind(schema: &Schema) -> AuthenticatorId {
    let mfa = Mfa::builder(schema.store().await).issuer("https://id.example").audience("api");
    let mfa = mfa.keys(Keys::generate().unwrap()).build().unwrap();
    let alice = Subject::with_tenant("acme", "alice").unwrap();
    let first = FirstFactor::password_checked_by_host(alice, SystemClock.now().unwrap());
    let first = first.client("terminal").address("192.0.2.7");
    let LoginOutcome::Complete(tokens) = mfa.begin(first).await.unwrap() else { panic!("a challenge?") };
    let session = mfa.authenticate(tokens.access_token().expose()).unwrap();
    let by = Enroller::Session(&session);
    let started = mfa.enrol_totp(by, TotpEnrolment::new().label("phone")).await.unwrap();
    let app = AuthenticatorApp::scan(started.otpauth_uri.expose()).unwrap();
    let code = app.code(SystemClock.now().unwrap());
    mfa.confirm(by, started.id, code.as_str()).await.unwrap();
    started.id
}

#[tokio::test]
async fn the_views_show_authenticators_sessions_and_events_as_plain_rows() {
    let Some(schema) = Schema::new("views") else { return };
    let authenticator = bind(&schema).await;

    let all = rows(&schema, "SELECT tenant, subject, id, type, label, status, created_at > now() - interval '1 minute', failures, locked_until IS NULL FROM {}.authenticators").await;
    let [row] = all.as_slice() else { panic!("{} authenticators", all.len()) };
    let texts: Vec<String> = (0..6).map(|column| row.get(column)).collect();
    assert_eq!(texts, ["acme", "alice", &authenticator.to_string(), "totp", "phone", "active"]);
    assert_eq!((row.get::<bool, _>(6), row.get::<i64, _>(7), row.get::<bool, _>(8)), (true, 0, true));

    let all = rows(&schema, "SELECT tenant, subject, client_id, address, array_to_string(proved_by, ' '), until > now() FROM {}.sessions ORDER BY created_at").await;
    let [row] = all.as_slice() else { panic!("{} sessions", all.len()) };
    let texts: Vec<String> = (0..4).map(|column| row.get(column)).collect();
    assert_eq!(texts, ["acme", "alice", "terminal", "192.0.2.7"]);
    assert_eq!((row.get::<String, _>(4), row.get::<bool, _>(5)), ("pwd totp".to_owned(), true));

    let all =
        rows(&schema, "SELECT tenant, subject, kind, authenticator_id FROM {}.events ORDER BY number, part").await;
    let kinds: Vec<String> = all.iter().map(|row| row.get(2)).collect();
    assert!(kinds.contains(&"signed_in".to_owned()), "{kinds:?}");
    let bound = all.iter().find(|row| row.get::<String, _>(2) == "authenticator_bound").expect("the event");
    assert_eq!(bound.get::<String, _>(0), "acme");
    assert_eq!(bound.get::<String, _>(3), authenticator.to_string());
}

/// JSON has it as an escape, PostgreSQL in no text; behind a backslash that is escaped itself, the same letters are no
/// escape.
#[tokio::test]
async fn a_reason_with_u0000_breaks_no_view() {
    let Some(schema) = Schema::new("u0000") else { return };
    drop(schema.store().await);
    // As those have it who come from the version before.
    let first = include_str!("../../src/store/postgres/migrations/1.sql");
    let (_, view) = first.split_once("CREATE VIEW {events}").expect("the view");
    let (view, _) = view.split_once("INSERT").expect("what follows it");
    let view = view.replace("{event}", "{}.event");
    let back = format!("UPDATE {{}}.schema_version SET version = 1; CREATE OR REPLACE VIEW {{}}.events {view}");
    schema.execute(&back).await;
    let store = schema.store().await;
    let reasons = ["a\0b", "\0", "\0\0", "\\u0000", "\\\0", "\\\\u0000\0\\", "\\\\\0", "Ä\u{1f511}\0\"", "none of it"];
    for (number, reason) in reasons.into_iter().enumerate() {
        let body = serde_json::json!({"kind": "locked", "reason": reason, "else": "\0"}).to_string();
        let (who, events) = (Subject::new(format!("{number}")).unwrap(), [event(&body)]);
        let commit = Commit::new(&who, None, revision(), "{}").with_events(&events);
        assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
    }
    let shown = rows(&schema, "SELECT kind, reason FROM {}.events ORDER BY number").await;
    let shown: Vec<String> = shown.iter().map(|row| row.get(1)).collect();
    assert_eq!(shown, reasons.map(|reason| reason.replace('\0', "\u{fffd}")));
    let version = rows(&schema, "SELECT version FROM {}.schema_version").await;
    assert_eq!(version.iter().map(|row| row.get::<i64, _>(0)).collect::<Vec<_>>(), [2]);
}

#[tokio::test]
async fn the_views_hold_nothing_that_is_sealed_or_hashed() {
    let Some(schema) = Schema::new("veiled") else { return };
    bind(&schema).await;
    let text = |row: &PgRow| row.get::<String, _>(0);
    let document = rows(&schema, "SELECT document::text FROM {}.account").await;
    let document: serde_json::Value = serde_json::from_str(&text(&document[0])).unwrap();
    let secrets = [
        &document["authenticators"][0]["credential"]["totp"]["sealed"],
        &document["sessions"][0]["refresh_hash"],
        &document["chain"],
    ];
    for view in ["authenticators", "sessions", "events"] {
        let shown = rows(&schema, &format!("SELECT to_jsonb(v)::text FROM {{}}.{view} AS v")).await;
        assert!(!shown.is_empty());
        for secret in secrets {
            let secret = secret.as_str().expect("the document has it");
            assert!(shown.iter().all(|row| !text(row).contains(secret)), "{view}");
        }
    }
}
