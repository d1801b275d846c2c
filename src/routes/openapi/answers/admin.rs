//! What operators are told.

use schemars::JsonSchema;

use super::CodeName;

/// What a rule asks for: nothing, nothing here, a requirement, or the approval of this very request.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum Access {
    Public,
    GuardedElsewhere,
    Require,
    Transaction,
}

/// How far a refusal goes.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum Mode {
    Enforce,
    ReportOnly,
    Off,
}

/// What becomes of a request: `reported` passes, and would be refused if it were enforced.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Outcome {
    Allowed,
    Reported,
    Refused,
}

/// One thing that is asked for, and what there is of it.
#[derive(JsonSchema)]
struct Finding {
    /// What is asked for, like `AAL2` or `at most 5 minutes old`.
    asks: String,
    /// Whether it is there.
    met: bool,
    /// What there is of it, like `the level is AAL1`.
    held: String,
    /// The alternatives of which one is enough, each with its own findings.
    #[schemars(skip_serializing_if = "Option::is_none")]
    either: Option<Vec<Vec<Self>>>,
}

/// What the route policy makes of a request, and why.
#[derive(JsonSchema)]
pub(in crate::routes) struct Explanation {
    method: String,
    /// Without its query.
    path: String,
    /// The name of the rule that matches; `null` where none does, or the path can be read in two ways.
    rule: Option<String>,
    access: Option<Access>,
    mode: Mode,
    outcome: Outcome,
    /// What it is refused with, or would be; `null` where nothing is said against it.
    code: Option<CodeName>,
    /// Everything the rule asks for, where it asks for something of somebody.
    findings: Vec<Finding>,
    /// What of it could be proved, like `level` or `freshness`.
    missing: Vec<String>,
    /// The same for a person.
    sentence: String,
}
