//! What every account has: a member among these is one that no build from before it reads.

use std::collections::BTreeSet;
use std::slice;

use serde_json::Value;
use tower_mfa::service::Reply;

use super::wrong;
use crate::scene::{Scene, answered, challenged};

/// Where a document says something: `a.b`, and `[]` for each of a list.
fn paths(of: &Value, at: &str, found: &mut BTreeSet<String>) {
    match of {
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            paths(value, &if at.is_empty() { name.clone() } else { format!("{at}.{name}") }, found);
        }),
        Value::Array(items) => items.iter().for_each(|item| paths(item, &format!("{at}[]"), found)),
        _ => drop(found.insert(at.to_owned())),
    }
}

/// Of somebody with an app and recovery codes, from the first login on, by the default policy. Whoever adds a line says in
/// `ARCHITECTURE.md` from which build on replicas can run side by side.
const PLAIN: &[&str] = &[
    "authenticators[].created_at",
    "authenticators[].credential.totp.last_step",
    "authenticators[].credential.totp.params.algorithm",
    "authenticators[].credential.totp.params.digits",
    "authenticators[].credential.totp.params.period",
    "authenticators[].credential.totp.params.t0",
    "authenticators[].credential.totp.sealed",
    "authenticators[].expires_at",
    "authenticators[].id",
    "authenticators[].last_used_at",
    "authenticators[].owner.session",
    "authenticators[].status",
    "authenticators[].throttle.consecutive",
    "authenticators[].throttle.recent[]",
    "chain",
    "challenges[].asks.level",
    "challenges[].created_at",
    "challenges[].evidence[].at",
    "challenges[].evidence[].type",
    "challenges[].expires_at",
    "challenges[].id",
    "challenges[].origin.login.client_id",
    "challenges[].origin.login.login_at",
    "created_at",
    "latest",
    "recovery.set.created_at",
    "recovery.set.format",
    "recovery.set.hashes",
    "recovery.set.scheme.argon2id.m_kib",
    "recovery.set.scheme.argon2id.p",
    "recovery.set.scheme.argon2id.t",
    "recovery.set.used[][]",
    "recovery_throttle.consecutive",
    "recovery_throttle.recent[]",
    "sessions[].created_at",
    "sessions[].evidence[].at",
    "sessions[].evidence[].by",
    "sessions[].evidence[].type",
    "sessions[].generation",
    "sessions[].id",
    "sessions[].last_seen",
    "sessions[].refresh_hash",
    "sessions[].rotated_at",
    "sessions[].seed.client_id",
    "sessions[].seed.login_at",
    "sessions[].tokens_until",
    "sessions[].until",
    "subject",
    "v",
];

#[tokio::test]
async fn an_account_with_an_app_and_recovery_codes_has_these_members_and_no_others() {
    let s = Scene::new();
    let mut found = BTreeSet::new();
    let mut look = async || paths(&serde_json::from_str(&s.document("alice").await).unwrap(), "", &mut found);
    let by = s.signed_in("alice").await;
    look().await;
    s.start(&by).await.unwrap();
    look().await;
    let alice = s.bind(&by).await;
    look().await;
    s.clock.advance(30);
    let asked = challenged(s.begin("alice").await);
    assert!(s.answer(&asked, wrong(&s, slice::from_ref(&alice.app))).await.is_err());
    assert!(s.answer(&asked, Reply::recovery_code("0000-0000-0000-0000")).await.is_err());
    look().await;
    let code = alice.bound.recovery_codes.unwrap()[0].expose().to_owned();
    let tokens = answered(s.answer(&asked, Reply::recovery_code(code)).await.unwrap());
    look().await;
    drop(s.mfa.refresh(tokens.refresh_token().unwrap()).await.unwrap());
    s.sign_in("alice", &alice.app).await;
    look().await;
    assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), PLAIN);
}
