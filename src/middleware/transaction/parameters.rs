//! The parameters of an action, read from the body that carries them: a pure function.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use crate::token::{BindError, check_parameter};

/// What was read of a body: each parameter once, a string or an integer.
pub(super) type Values = BTreeMap<Box<str>, Value>;

/// Why a body is not bound to: a parameter and the rule it broke, or a body that is no JSON object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) name: Box<str>,
    pub(super) rule: &'static str,
}

const MISSING: &str = "is missing";
const TWICE: &str = "stands more than once";
const NO_OBJECT: &str = "must be a JSON object";

/// Reads the members called `names` of the JSON object `body`; the others are passed over.
///
/// The bytes are the attacker's. Whoever reads them after us may take the first or the last of two
/// members of one name, not care for case, or stop at a control character: so none of it may stand there.
pub(super) fn read(body: &[u8], names: &[Box<str>]) -> Result<Values, Broken> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let found = reader.deserialize_map(Members { names }).and_then(|found| reader.end().map(|()| found));
    let mut found = found.map_err(|_| broken("body", NO_OBJECT))?;
    for name in names {
        let value = match found.get_mut(name) {
            None => return Err(broken(name, MISSING)),
            Some(Found::Twice) => return Err(broken(name, TWICE)),
            Some(Found::Once(value)) => value,
        };
        check_parameter(name, value).map_err(|error| broken(name, rule(error)))?;
    }
    let once = |(name, found)| match found {
        Found::Once(value) => Some((name, value)),
        Found::Twice => None,
    };
    Ok(found.into_iter().filter_map(once).collect())
}

pub(super) fn broken(name: &str, rule: &'static str) -> Broken {
    Broken { name: name.into(), rule }
}

pub(super) const fn rule(error: BindError) -> &'static str {
    match error {
        BindError::Value => "must be a string or an integer of at most 2^53-1",
        BindError::TooLarge => "must have at most 1024 bytes",
    }
}

enum Found {
    Once(Value),
    Twice,
}

struct Members<'a> {
    names: &'a [Box<str>],
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = BTreeMap<Box<str>, Found>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = BTreeMap::new();
        while let Some(name) = map.next_key::<String>()? {
            if name.chars().any(char::is_control) {
                return Err(A::Error::custom("a name with control characters"));
            }
            let Some(known) = self.names.iter().find(|known| is_like(known, &name)) else {
                let IgnoredAny = map.next_value()?;
                continue;
            };
            let value: Value = map.next_value().map_err(A::Error::custom)?;
            let is_new = **known == *name && !found.contains_key(known);
            found.insert(known.clone(), if is_new { Found::Once(value) } else { Found::Twice });
        }
        Ok(found)
    }
}

/// Whether a reader that does not care for case may take the one for the other. Some letters outside of
/// ASCII fold into it: U+017F is an s, and U+212A a k.
fn is_like(known: &str, name: &str) -> bool {
    let fold = |text: &str| text.to_uppercase().to_lowercase();
    known.eq_ignore_ascii_case(name) || (!name.is_ascii() && fold(known) == fold(name))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn names() -> Vec<Box<str>> {
        vec!["to".into(), "amount".into()]
    }

    fn rule_of(body: &str) -> (String, &'static str) {
        let broken = read(body.as_bytes(), &names()).unwrap_err();
        (broken.name.into(), broken.rule)
    }

    #[test]
    fn what_is_asked_for_is_read_and_the_rest_passed_over() {
        let values = read(br#" {"x":[{"to":1}],"amount":5,"\u0074o":"bob","note":{}} "#, &names()).unwrap();
        assert_eq!((&values["to"], &values["amount"]), (&json!("bob"), &json!(5)));
        assert_eq!(values.len(), 2);
    }

    #[test]
    fn cs_ta_1_a_parameter_stands_there_once_whatever_its_spelling() {
        for body in [
            r#"{"to":"bob","amount":5,"to":"mallory"}"#,
            r#"{"to":"bob","amount":5,"\u0074\u006f":"mallory"}"#,
            r#"{"to":"bob","amount":5,"To":"mallory"}"#,
            r#"{"TO":"mallory","to":"bob","amount":5}"#,
            r#"{"TO":"mallory","amount":5}"#,
            r#"{"to":"bob","amount":5,"to":"bob"}"#,
        ] {
            assert_eq!(rule_of(body), ("to".to_owned(), TWICE), "{body}");
        }
        let folded = ["kind".into(), "to".into()];
        assert_eq!(read("{\"kind\":1,\"to\":2,\"\u{212a}ind\":3}".as_bytes(), &folded).unwrap_err().rule, TWICE);
        assert_eq!(rule_of(r#"{"to":"bob","amount":5,"to\u0000":"mallory"}"#).0, "body", "C stops at a zero");
    }

    #[test]
    fn a_body_that_is_no_object_or_lacks_one_is_refused_by_name() {
        assert_eq!(rule_of(r#"{"to":"bob"}"#), ("amount".to_owned(), MISSING));
        assert_eq!(rule_of("{}"), ("to".to_owned(), MISSING));
        for body in ["", "null", "[]", "\"to\"", "{", "{}{}", r#"{"to":"bob","amount":5}x"#, "\u{feff}{}"] {
            assert_eq!(rule_of(body), ("body".to_owned(), NO_OBJECT), "{body}");
        }
        assert!(read(b"{\"to\":\"\xff\",\"amount\":5}", &names()).is_err(), "not UTF-8");
    }

    #[test]
    fn only_strings_and_integers_that_every_reader_reads_alike_are_bound() {
        for value in ["1.0", "1e2", "9007199254740992", "-9007199254740992", "null", "true", "[5]", "{}"] {
            let (name, rule) = rule_of(&format!(r#"{{"to":"bob","amount":{value}}}"#));
            assert_eq!((&*name, rule), ("amount", "must be a string or an integer of at most 2^53-1"), "{value}");
        }
        assert!(read(br#"{"to":"bob","amount":-9007199254740991}"#, &names()).is_ok());
        let long = format!(r#"{{"to":"{}","amount":5}}"#, "x".repeat(1025));
        assert_eq!(rule_of(&long).0, "to");
    }

    proptest! {
        /// What serde_json reads of a body with distinct members is what is bound.
        #[test]
        fn it_agrees_with_serde_json(to in "\\PC{0,20}", amount in -1000_i64..1000, noise in "\\PC{0,20}") {
            prop_assume!(!["to", "amount"].iter().any(|name| name.eq_ignore_ascii_case(&noise)));
            let body = json!({"to": to, "amount": amount, noise: 1});
            let values = read(body.to_string().as_bytes(), &names()).unwrap();
            prop_assert_eq!((&values["to"], &values["amount"]), (&body["to"], &body["amount"]));
        }

        #[test]
        fn no_body_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&body, &names());
        }
    }
}
