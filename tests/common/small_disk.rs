//! A disk that gets full: a file system in memory, of a test's own.

use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::folder::Folder;
use crate::tools;

/// Mounted for a test, and unmounted with it.
pub(crate) struct SmallDisk(Folder);

impl SmallDisk {
    /// `None` where no file system may be mounted; that is said, and fails where nothing may be left out.
    pub(crate) fn new(name: &str, megabytes: u32) -> Option<Self> {
        let folder = Folder::new(name);
        let size = format!("size={megabytes}m,mode=777");
        let room = ["-t", "tmpfs", "-o", &size, "tower-mfa-test"];
        if !as_root("mount").args(room).arg(folder.path()).status().is_ok_and(|status| status.success()) {
            tools::none_missing(&["the right to mount a file system (root's, or sudo's)"]);
            return None;
        }
        Some(Self(folder))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    /// Fills the disk up to its last page.
    pub(crate) fn fill(&self) {
        let mut ballast = std::fs::File::create(self.ballast()).unwrap();
        while ballast.write_all(&[0; 4_096]).is_ok() {}
    }

    pub(crate) fn make_room(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Also where somebody has a file of it open.
        let _ = as_root("umount").arg("-l").arg(self.path()).status();
    }
}

pub(crate) fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// Without a question for a password, which nobody would answer.
fn as_root(program: &str) -> Command {
    let mut command = Command::new(if is_root() { program } else { "sudo" });
    if !is_root() {
        command.args(["-n", program]);
    }
    command.stderr(std::process::Stdio::null());
    command
}
