//! The names this build reads in documents, asked of the reader itself, and held against the documents that are kept.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::Account;

const WHOLE: &str = include_str!("../../tests/vectors/account_v1_whole.json");
/// A name that nothing has, and that comes before all that are.
const NOBODY: &str = "?";

fn documents() -> Vec<Value> {
    let file: Value = serde_json::from_str(WHOLE).unwrap();
    file["people"].as_object().unwrap().values().map(|kept| kept["document"].clone()).collect()
}

/// Pointers to every value of a document.
fn places(of: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match of {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| places(value, &format!("{at}/{name}"), found))
        }
        Value::Array(items) => items.iter().enumerate().for_each(|(n, item)| places(item, &format!("{at}/{n}"), found)),
        _ => {}
    }
}

/// What the reader would rather have had than [`NOBODY`]; `None` where a name is not what it misses.
fn expected(document: &Value) -> Option<Vec<String>> {
    let error = serde_json::from_str::<Account>(&document.to_string()).err()?.to_string();
    let (_, known) = error.strip_prefix("unknown ")?.split_once(", expected ")?;
    Some(known.split('`').skip(1).step_by(2).map(str::to_owned).collect())
}

/// A member that is new, and in no document that is kept, would be renamed some day without anybody noticing.
#[test]
fn every_member_that_is_read_is_set_in_a_document_that_is_kept() {
    let mut kinds = BTreeMap::<Vec<String>, BTreeSet<String>>::new();
    for document in documents() {
        let mut all = Vec::new();
        places(&document, "", &mut all);
        for at in all {
            let Some(set) = document.pointer(&at).and_then(Value::as_object).cloned() else { continue };
            let mut asked = document.clone();
            asked.pointer_mut(&at).unwrap()[NOBODY] = json!(null);
            let known = expected(&asked).unwrap_or_else(|| panic!("{at}: any name is taken there"));
            kinds.entry(known).or_default().extend(set.into_iter().map(|(name, _)| name));
        }
    }
    let missing = kinds.iter().flat_map(|(known, set)| known.iter().filter(|name| !set.contains(*name)));
    assert_eq!(missing.collect::<Vec<_>>(), ["federated"], "which nothing writes yet");
}

/// A word that is spelt otherwise is one that no older document has.
#[test]
fn the_words_of_documents_are_these() {
    let mut words = BTreeSet::new();
    for document in documents() {
        let mut all = Vec::new();
        places(&document, "", &mut all);
        for at in all.iter().filter(|at| document.pointer(at).is_some_and(Value::is_string)) {
            let mut asked = document.clone();
            *asked.pointer_mut(at).unwrap() = json!(NOBODY);
            words.extend(expected(&asked).map(|words| words.join(" ")));
        }
    }
    let known = [
        "SHA1 SHA256 SHA512",
        "none itself rooted",
        "normal suspended erased",
        "passkey security_key",
        "pending active disabled suspended expired",
        "pwd totp hotp recovery_code sms voice email push webauthn federated trusted_device",
    ];
    assert_eq!(words.iter().map(String::as_str).collect::<Vec<_>>(), known);
}
