//! What the terminal hears while the quickstart serves: one line each.

use std::io::Write as _;
use std::sync::mpsc::{SyncSender, sync_channel};

use tower_mfa::middleware::route_policy::{Mode, Report};
use tower_mfa::middleware::{Refusal, RefusalKind};

/// How many lines wait to be written. A stranger can cause them, so they are bounded.
const WAITING: usize = 1024;

/// Where lines are said; a clone says them in the same place.
#[derive(Clone)]
pub(crate) struct Terminal(SyncSender<String>);

impl Terminal {
    pub(crate) fn open() -> Self {
        let (lines, waiting) = sync_channel::<String>(WAITING);
        std::thread::spawn(move || {
            for line in waiting {
                if writeln!(std::io::stdout(), "{line}").is_err() {
                    return;
                }
            }
        });
        Self(lines)
    }

    /// Says a line. No request waits for a slow terminal: what has no place is dropped.
    pub(crate) fn say(&self, line: String) {
        let _ = self.0.try_send(line);
    }

    /// Says what a rule that only reports would have refused; what was refused, its client has heard.
    pub(crate) fn report(&self, report: &Report) {
        if report.mode() == Mode::ReportOnly {
            self.say(line(report));
        }
    }
}

/// What was sent is a stranger's: it must not turn the terminal's colours, or begin a line of its own.
fn line(report: &Report) -> String {
    let (method, path) = (report.method(), report.path().escape_debug());
    let by = report.rule().map(|rule| format!(" by {rule:?}")).unwrap_or_default();
    format!("report-only: {method} {path} would be refused{by}: {}", why(report.refusal()))
}

fn why(refusal: &Refusal) -> String {
    if let Some(trick) = refusal.path_trick() {
        return format!("the path has {trick}");
    }
    match refusal.kind() {
        RefusalKind::NotNamed => "no rule names it".to_owned(),
        RefusalKind::Unauthenticated => "nobody is signed in".to_owned(),
        RefusalKind::StepUp => {
            let missing: Vec<&str> = refusal.missing().iter().map(|missing| missing.name()).collect();
            format!("{} missing", missing.join(", "))
        }
        other => other.code().name().to_owned(),
    }
}
