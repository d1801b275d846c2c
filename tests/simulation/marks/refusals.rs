//! What a refusal may change: counters, what is told of them, and what has lapsed.

use serde_json::Value;

use super::list;

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

/// What a commit changes beside counters; `None` where it changes nothing else.
pub(super) fn beside_counters(before: Option<&Value>, after: &Value) -> Option<String> {
    let latest = after["latest"].as_u64().unwrap();
    let Some(before) = before else { return Some("the document".to_owned()) };
    for (name, lapses) in LISTS {
        let kept: Vec<Value> = list(after, name).map(masked).collect();
        for item in list(before, name) {
            let is_over = item[lapses].as_u64().is_some_and(|end| end <= latest);
            if !is_over && !kept.contains(&masked(item)) {
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
    let names = before.as_object().into_iter().chain(after.as_object()).flat_map(|members| members.keys());
    // What has lapsed by itself, or is told once.
    let mut names = names.filter(|name| !matches!(name.as_str(), "bypass" | "enrolment"));
    names.find(|name| before.get(name) != after.get(name)).cloned()
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
