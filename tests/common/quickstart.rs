//! The quickstart as a person starts it: built by cargo, on a free port, ended with the test.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::example::built;

/// A running quickstart.
pub(crate) struct Quickstart {
    /// Where it is served: `http://127.0.0.1:PORT`.
    pub(crate) origin: String,
    child: Child,
}

impl Quickstart {
    /// Builds it if need be, starts it with these options, and waits until it serves.
    pub(crate) fn start(root: &Path, options: &[&str]) -> Self {
        let mut child = Command::new(built(root, "quickstart"))
            .args(["--listen", "127.0.0.1:0"])
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the quickstart starts");
        let stdout = BufReader::new(child.stdout.take().expect("its output"));
        let mut lines = stdout.lines().map(|line| line.expect("text"));
        let origin = lines.find_map(|line| Some(line.trim().strip_prefix("open")?.trim().to_owned()));
        // What it still has to say is read, so that it never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Self { origin: origin.expect("the quickstart names its address"), child }
    }
}

impl Drop for Quickstart {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
