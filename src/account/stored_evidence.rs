//! How evidence stands in the document. [`Evidence`] itself cannot be read from JSON, so that no
//! code outside can make one; this is the one place that reads back what a check has written.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::assurance::{Evidence, Method, Properties};
use crate::clock::Timestamp;
use crate::id::AuthenticatorId;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    #[serde(rename = "type")]
    method: Method,
    at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<AuthenticatorId>,
    #[serde(default, skip_serializing_if = "is_plain")]
    with: Properties,
}

fn is_plain(properties: &Properties) -> bool {
    *properties == Properties::default()
}

pub(super) fn serialize<S: Serializer>(evidence: &[Evidence], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(evidence.iter().map(|e| Record {
        method: e.method,
        at: e.at,
        by: e.authenticator,
        with: e.properties,
    }))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Evidence>, D::Error> {
    let records = Vec::<Record>::deserialize(deserializer)?;
    Ok(records
        .into_iter()
        .map(|r| Evidence { method: r.method, at: r.at, authenticator: r.by, properties: r.with })
        .collect())
}
