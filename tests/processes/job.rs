//! What a process is asked to do, and what it says became of it: a line of JSON each.

use serde_json::{Value, json};

/// Something that several try at once.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) what: What,
    /// What the clock says.
    pub(crate) at: u64,
    /// How many try it, in each process.
    pub(crate) tasks: u64,
}

#[derive(Debug, Clone)]
pub(crate) enum What {
    Answer { token: String, challenge: String, reply: Reply },
    Refresh { token: String },
}

#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Totp(String),
    Recovery(String),
    WebAuthn(String),
}

/// How one try ended: `complete` with the refresh token, or the name of the refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) said: String,
    pub(crate) refresh_token: Option<String>,
}

impl Outcome {
    pub(crate) fn is_complete(&self) -> bool {
        self.said == "complete"
    }
}

impl Job {
    pub(crate) fn write(&self) -> String {
        let what = match &self.what {
            What::Refresh { token } => json!({"refresh": token}),
            What::Answer { token, challenge, reply } => {
                let (kind, text) = match reply {
                    Reply::Totp(text) => ("totp", text),
                    Reply::Recovery(text) => ("recovery", text),
                    Reply::WebAuthn(text) => ("webauthn", text),
                };
                json!({"token": token, "challenge": challenge, "kind": kind, "text": text})
            }
        };
        json!({"what": what, "at": self.at, "tasks": self.tasks}).to_string()
    }

    pub(crate) fn read(line: &str) -> Self {
        let value: Value = serde_json::from_str(line).unwrap();
        let what = &value["what"];
        let text = |name: &str| what[name].as_str().unwrap().to_owned();
        let what = match what["refresh"].as_str() {
            Some(token) => What::Refresh { token: token.to_owned() },
            None => {
                let reply = match &*text("kind") {
                    "totp" => Reply::Totp(text("text")),
                    "recovery" => Reply::Recovery(text("text")),
                    "webauthn" => Reply::WebAuthn(text("text")),
                    other => panic!("{other}"),
                };
                What::Answer { token: text("token"), challenge: text("challenge"), reply }
            }
        };
        Self { what, at: value["at"].as_u64().unwrap(), tasks: value["tasks"].as_u64().unwrap() }
    }
}

pub(crate) fn write_outcomes(outcomes: &[Outcome]) -> String {
    json!(outcomes.iter().map(|o| json!([o.said, o.refresh_token])).collect::<Vec<_>>()).to_string()
}

pub(crate) fn read_outcomes(line: &str) -> Vec<Outcome> {
    let all: Vec<(String, Option<String>)> = serde_json::from_str(line).unwrap();
    all.into_iter().map(|(said, refresh_token)| Outcome { said, refresh_token }).collect()
}
