//! Programs of the system that some tests ask for a second opinion.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::left_out::left_out;

/// Whether all programs are there. Where they are not, the test says on the error output that it was left out, or fails.
pub(crate) fn installed(programs: &[&str]) -> bool {
    let missing: Vec<&str> =
        programs.iter().copied().filter(|program| Command::new(program).arg("--version").output().is_err()).collect();
    none_missing(&missing)
}

/// Says what is missing, or fails.
pub(crate) fn none_missing(missing: &[&str]) -> bool {
    if missing.is_empty() {
        return true;
    }
    left_out("a test", &format!("{missing:?} not there, it compared nothing"));
    false
}

/// Runs a program with `input` on its standard input, and returns what it wrote.
pub(crate) fn run(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
