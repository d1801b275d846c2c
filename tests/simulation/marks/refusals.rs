//! What a refusal may change: counters, what is told of them, and what has lapsed. And what it may write at all.

use serde_json::Value;
use tower_mfa::account::EventKind as Kind;

use super::{Change, list};
use crate::call::Door;
use crate::told::BLOCKED;

/// Counters, and when something was looked at.
const COUNTERS: [&str; 6] = ["throttle", "recovery_throttle", "latest", "chain", "clock_reported", "last_seen"];

/// Lists, and what of an item says when it lapses.
const LISTS: [(&str, &str); 5] = [
    ("sessions", "until"),
    ("challenges", "expires_at"),
    ("authenticators", "expires_at"),
    ("passkey_sign_ins", "until"),
    ("spent", "until"),
];

/// Longest that a sign-in by a passkey may take, and what is tolerated of clocks: after that the account forgets since
/// when sign-ins count.
const SIGN_IN: u64 = 600 + 300;

/// Members that lapse, and what of them says when.
const LAPSING: [(&str, &str); 2] = [("bypass", "until"), ("enrolment", "expires_at")];

/// What a commit changes beside counters; `None` where it changes nothing else.
pub(super) fn beside_counters(change: &Change) -> Option<String> {
    let (after, latest) = (&*change.after, change.after["latest"].as_u64().unwrap());
    let Some(before) = change.before.as_deref() else { return Some("the document".to_owned()) };
    for (name, lapses) in LISTS {
        let kept: Vec<Value> = list(after, name).map(masked).collect();
        for item in list(before, name) {
            let is_over = item[lapses].as_u64().is_some_and(|end| end <= latest);
            let is_kept = is_over
                || kept.contains(&masked(item))
                || disabled(change, item).is_some_and(|item| kept.contains(&item));
            if !is_kept && !is_of_replayed(change, item) {
                return Some(format!("one of {name}"));
            }
        }
        if kept.len() > list(before, name).count() {
            return Some(format!("{name}: one more"));
        }
    }
    let (mut before, after) = (rest(before), rest(after));
    let since = before["sign_ins_since"].as_u64();
    if since.is_some_and(|since| since + SIGN_IN <= latest) {
        before.as_object_mut().unwrap().remove("sign_ins_since");
    }
    for (name, lapses) in LAPSING {
        if before[name][lapses].as_u64().is_some_and(|end| end <= latest) {
            before.as_object_mut().unwrap().remove(name);
        }
    }
    if change.tells(Kind::AuthenticatorDisabled) && after.get("recovery").is_some_and(|set| set["disabled"] == true) {
        before["recovery"]["disabled"] = true.into();
    }
    let mut names = before.as_object().into_iter().chain(after.as_object()).flat_map(|members| members.keys());
    names.find(|name| before.get(name) != after.get(name)).cloned()
}

/// The session of a refresh token that was used again, and what it had asked: it ends by that.
fn is_of_replayed(change: &Change, item: &Value) -> bool {
    let replayed = change.events.iter().filter(|event| event.kind == Kind::RefreshReplayed).find_map(|event| event.sid);
    let Some(replayed) = replayed.map(|sid| sid.to_string()) else { return false };
    item["id"] == replayed || item["origin"]["session"] == replayed
}

/// An authenticator as it is once its wrong answers have disabled it, where they have.
fn disabled(change: &Change, item: &Value) -> Option<Value> {
    let mut disabled = change.events.iter().filter(|event| event.kind == Kind::AuthenticatorDisabled);
    disabled.find(|event| event.authenticator_id.is_some_and(|id| item["id"] == id.to_string()))?;
    let mut item = masked(item);
    item["status"] = "disabled".into();
    Some(item)
}

/// What is wrong with what a call has written that was refused unchecked: beside the time at which a session was seen it
/// is nothing, and a recovery code is counted before it is compared (D3).
pub(super) fn unchecked(door: Door, why: &str, changes: &[Change]) -> Option<String> {
    let allowed: &[Kind] = match door {
        Door::Recover => &[Kind::Locked, Kind::HardLimitNear, Kind::AuthenticatorDisabled],
        Door::Refresh => &[Kind::RefreshReplayed, Kind::SessionEnded],
        Door::Begin if why == BLOCKED => &[Kind::LoginBlocked],
        Door::Open | Door::Enrol | Door::Confirm | Door::Remove => &[],
        Door::Begin | Door::Answer | Door::LogOut | Door::Order(_) if changes.is_empty() => return None,
        Door::Begin | Door::Answer | Door::LogOut | Door::Order(_) => return Some(format!("{} times", changes.len())),
    };
    if changes.len() > 1 {
        return Some(format!("{} times", changes.len()));
    }
    let change = changes.first()?;
    let needs_event = matches!(door, Door::Refresh | Door::Begin) && change.events.is_empty();
    let odd = change.events.iter().map(|event| event.kind).find(|kind| !allowed.contains(kind));
    odd.map(|kind| format!("{kind:?}")).or_else(|| needs_event.then(|| "without a word".to_owned()))
}

/// Without the counters, wherever they stand.
fn masked(item: &Value) -> Value {
    let mut item = item.clone();
    mask(&mut item);
    item
}

fn mask(item: &mut Value) {
    match item {
        Value::Object(members) => {
            members.retain(|name, _| !COUNTERS.contains(&name.as_str()));
            // When a session ends if it is not used again follows from when it was.
            if members.contains_key("refresh_hash") {
                members.remove("until");
            }
            members.values_mut().for_each(mask);
        }
        Value::Array(items) => items.iter_mut().for_each(mask),
        _ => {}
    }
}

/// The document without its lists.
fn rest(document: &Value) -> Value {
    let mut rest = masked(document);
    for (name, _) in LISTS {
        rest.as_object_mut().unwrap().remove(name);
    }
    rest
}
