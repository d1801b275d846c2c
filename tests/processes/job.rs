//! What a process is asked to do, and what it says became of it: a line of JSON each.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::gated::Stop;

/// Something that several try at once.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// What they try, dealt over them in turn.
    pub(crate) whats: Vec<What>,
    /// What the clock says.
    pub(crate) at: u64,
    /// How many try it, in each process.
    pub(crate) tasks: u64,
    /// Where the first commit is held up.
    pub(crate) stop: Option<Stop>,
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) said: String,
    pub(crate) refresh_token: Option<String>,
    /// How many seconds to wait, where that is what was said.
    pub(crate) wait: Option<u32>,
}

/// What a process says of a job.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) outcomes: Vec<Outcome>,
    /// How often its commits found that another process was faster.
    pub(crate) conflicts: usize,
}

impl Outcome {
    pub(crate) fn is_complete(&self) -> bool {
        self.said == "complete"
    }
}

impl Job {
    pub(crate) fn write(&self) -> String {
        let whats: Vec<Value> = self.whats.iter().map(What::write).collect();
        let stop = self.stop.map(|stop| if stop == Stop::Before { "before" } else { "after" });
        json!({"whats": whats, "at": self.at, "tasks": self.tasks, "stop": stop}).to_string()
    }

    pub(crate) fn read(line: &str) -> Self {
        let value: Value = serde_json::from_str(line).unwrap();
        let whats = value["whats"].as_array().unwrap().iter().map(What::read).collect();
        let stop = value["stop"].as_str().map(|stop| if stop == "before" { Stop::Before } else { Stop::After });
        Self { whats, at: value["at"].as_u64().unwrap(), tasks: value["tasks"].as_u64().unwrap(), stop }
    }
}

impl What {
    fn write(&self) -> Value {
        match self {
            Self::Refresh { token } => json!({"refresh": token}),
            Self::Answer { token, challenge, reply } => {
                let (kind, text) = match reply {
                    Reply::Totp(text) => ("totp", text),
                    Reply::Recovery(text) => ("recovery", text),
                    Reply::WebAuthn(text) => ("webauthn", text),
                };
                json!({"token": token, "challenge": challenge, "kind": kind, "text": text})
            }
        }
    }

    fn read(what: &Value) -> Self {
        let text = |name: &str| what[name].as_str().unwrap().to_owned();
        if let Some(token) = what["refresh"].as_str() {
            return Self::Refresh { token: token.to_owned() };
        }
        let reply = match &*text("kind") {
            "totp" => Reply::Totp(text("text")),
            "recovery" => Reply::Recovery(text("text")),
            "webauthn" => Reply::WebAuthn(text("text")),
            other => panic!("{other}"),
        };
        Self::Answer { token: text("token"), challenge: text("challenge"), reply }
    }
}
