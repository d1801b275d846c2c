//! An example as a person starts it: built by cargo.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Asks cargo for the program; where it is built already, that takes no time.
pub(crate) fn built(root: &Path, example: &str) -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--quiet", "--package", "tower-mfa", "--example", example, "--message-format=json"])
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{example} cannot be built");
    let messages = String::from_utf8(output.stdout).expect("text");
    let mut executables = messages.lines().rev().filter_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        (message["target"]["name"] == example).then(|| message["executable"].as_str().map(PathBuf::from))?
    });
    executables.next().expect("cargo names the program")
}
