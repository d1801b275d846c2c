//! What a careless store, or a careless core over a good one, would do. None of it is in the crate.

use serde_json::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plant {
    Nothing,
    /// Commits whatever the revision is.
    LosesUpdates,
    /// Counts no failures: the throttle is skipped.
    ForgetsFailures,
    /// Does not burn the step of a code.
    ForgetsSteps,
    /// Forgets it only where nobody hears of the answer.
    ForgetsUnheard,
    /// Says "done" and writes later, if the replica lives for so long.
    AnswersBeforeItWrites,
    /// Loses an event now and then.
    DropsEvents,
    /// Writes an event twice now and then.
    DoublesEvents,
    /// Does not remember which recovery codes were used.
    ForgetsUsedRecoveryCodes,
}

impl Plant {
    /// What it is where the answer to a commit is lost.
    pub(crate) fn unheard(self) -> Self {
        if self == Self::ForgetsUnheard { Self::ForgetsSteps } else { self }
    }

    /// The document as it is stored; `before` is the one that it takes the place of.
    pub(crate) fn rewrite(self, document: &str, before: Option<&str>) -> String {
        let mut value: Value = serde_json::from_str(document).unwrap();
        match self {
            Self::ForgetsFailures => without(&mut value, &["throttle", "recovery_throttle"]),
            Self::ForgetsSteps => without(&mut value, &["last_step"]),
            Self::ForgetsUsedRecoveryCodes => {
                let before: Option<Value> = before.map(|text| serde_json::from_str(text).unwrap());
                if let Some(codes) = before.as_ref().and_then(|before| before.get("recovery")) {
                    value["recovery"] = codes.clone();
                }
            }
            _ => return document.to_owned(),
        }
        value.to_string()
    }
}

/// Takes members of these names out, wherever they stand.
fn without(value: &mut Value, names: &[&str]) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !names.contains(&name.as_str()));
            members.values_mut().for_each(|member| without(member, names));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| without(item, names)),
        _ => {}
    }
}
