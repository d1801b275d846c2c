//! What is remembered of what came from elsewhere.

use serde::{Deserialize, Serialize};

use crate::id::ExportId;

/// Where an account came from, and apps of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Origin {
    /// The export it was taken in from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) export: Option<ExportId>,
    /// Apps that were imported. They are remembered when the app is gone: a list that is read a second time must not
    /// bind again what its owner has removed, because the phone was stolen, say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) apps: Vec<Trace>,
}

/// What the key of an app is known again by, and nothing else: a hash, in base64url.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Trace(pub(super) Box<str>);

impl Origin {
    pub(super) fn is_here(&self) -> bool {
        self.export.is_none() && self.apps.is_empty()
    }
}
