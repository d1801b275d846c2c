//! The scripts, called by their digests and sent whole where a server does not know one yet.

use std::fmt::Write as _;
use std::sync::LazyLock;

use ::redis::{Cmd, ServerErrorKind, Value};
use sha1::{Digest as _, Sha1};

use super::failure::Fault;
use super::servers::{Place, Servers};

/// One script.
pub(super) struct Script {
    text: &'static str,
    digest: LazyLock<String>,
}

macro_rules! script {
    ($name:ident, $file:literal) => {
        pub(super) static $name: Script =
            Script { text: include_str!($file), digest: LazyLock::new(|| digest(include_str!($file))) };
    };
}

script!(COMMIT, "commit.lua");
script!(RIGHTS, "rights.lua");
script!(SWAP, "swap.lua");
script!(FENCE, "fence.lua");
script!(SUBJECT_EVENTS, "subject_events.lua");
script!(OLD_EVENTS, "old_events.lua");
script!(DELETE_EVENTS, "delete_events.lua");
script!(TAKE, "take.lua");
script!(GIVE_BACK, "give_back.lua");

/// Redis names scripts by SHA-1; nothing is protected by it.
fn digest(text: &str) -> String {
    Sha1::digest(text.as_bytes()).iter().fold(String::with_capacity(40), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// A script with its keys and arguments.
#[derive(Clone)]
pub(super) struct Call {
    script: &'static Script,
    keys: usize,
    rest: Vec<Vec<u8>>,
}

impl Script {
    pub(super) fn on<K: Into<Vec<u8>>>(&'static self, keys: impl IntoIterator<Item = K>) -> Call {
        let rest: Vec<Vec<u8>> = keys.into_iter().map(Into::into).collect();
        Call { script: self, keys: rest.len(), rest }
    }
}

impl Call {
    pub(super) fn arg(mut self, argument: impl Into<Vec<u8>>) -> Self {
        self.rest.push(argument.into());
        self
    }

    pub(super) fn args<A: Into<Vec<u8>>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.rest.extend(arguments.into_iter().map(Into::into));
        self
    }

    fn command(&self, whole: bool) -> Cmd {
        let size = self.rest.iter().map(Vec::len).sum::<usize>().saturating_add(64);
        let mut command = Cmd::with_capacity(self.rest.len().saturating_add(3), size);
        if whole {
            command.arg("EVAL").arg(self.script.text);
        } else {
            command.arg("EVALSHA").arg(self.script.digest.as_str());
        }
        command.arg(self.keys);
        for part in &self.rest {
            command.arg(part.as_slice());
        }
        command
    }

    /// Runs a script that writes.
    pub(super) async fn write(&self, servers: &Servers, at: Place<'_>) -> Result<Value, Fault> {
        match servers.write(at, &self.command(false)).await {
            Err(fault) if fault.server() == Some(ServerErrorKind::NoScript) => {
                servers.write(at, &self.command(true)).await
            }
            answer => answer,
        }
    }

    /// Runs a script that only reads.
    pub(super) async fn read(&self, servers: &Servers, at: Place<'_>) -> Result<Value, Fault> {
        match servers.read(at, &self.command(false)).await {
            Err(fault) if fault.server() == Some(ServerErrorKind::NoScript) => {
                servers.read(at, &self.command(true)).await
            }
            answer => answer,
        }
    }
}
