//! The quickstart as a person starts it: built by cargo, on a free port, ended with the test.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::example::built;

/// How long it may take to say something.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running quickstart, with a policy file of its own.
pub(crate) struct Quickstart {
    /// Where it is served: `http://127.0.0.1:PORT`.
    pub(crate) origin: String,
    folder: PathBuf,
    said: Arc<Mutex<Vec<String>>>,
    child: Child,
}

impl Quickstart {
    /// Builds it if need be, starts it with these options, and waits until it serves. Its policy is that of
    /// the repository, with text replaced.
    pub(crate) fn start(root: &Path, options: &[&str], changes: &[(&str, &str)]) -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("tower-mfa-quickstart-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let policy = std::fs::read_to_string(root.join("examples/quickstart/policy.toml")).expect("the policy");
        write(&folder, &replaced(policy, changes));

        let mut child = Command::new(built(root, "quickstart"))
            .args(["--listen", "127.0.0.1:0", "--policy"])
            .arg(folder.join("policy.toml"))
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the quickstart starts");
        let stdout = BufReader::new(child.stdout.take().expect("its output"));
        let mut lines = stdout.lines().map(|line| line.expect("text"));
        let origin = lines.find_map(|line| Some(line.trim().strip_prefix("open")?.trim().to_owned()));
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&said);
        // What it still has to say is read, so that it never waits for a reader.
        std::thread::spawn(move || lines.for_each(|line| heard.lock().expect("lines").push(line)));
        Self { origin: origin.expect("the quickstart names its address"), folder, said, child }
    }

    /// Replaces text in its policy file, as an editor saves it.
    pub(crate) fn edit_policy(&self, changes: &[(&str, &str)]) {
        let policy = std::fs::read_to_string(self.folder.join("policy.toml")).expect("the policy");
        write(&self.folder, &replaced(policy, changes));
    }

    /// Waits until it has said a line with this text, and returns that line.
    pub(crate) fn says(&self, text: &str) -> String {
        let start = Instant::now();
        loop {
            let said = self.said.lock().expect("lines").clone();
            if let Some(line) = said.iter().find(|line| line.contains(text)) {
                return line.clone();
            }
            assert!(start.elapsed() < PATIENCE, "waited in vain for {text:?}; it said: {said:#?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn replaced(text: String, changes: &[(&str, &str)]) -> String {
    changes.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "the policy has no {from:?}");
        text.replace(from, to)
    })
}

fn write(folder: &Path, policy: &str) {
    let unnamed = folder.join("policy.new");
    std::fs::write(&unnamed, policy).expect("a file");
    std::fs::rename(unnamed, folder.join("policy.toml")).expect("a policy");
}

impl Drop for Quickstart {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
