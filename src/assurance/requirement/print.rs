//! A requirement as a sentence.

use std::fmt;

use super::Requirement;

/// A duration as people say it: `90 seconds`, `5 minutes`, `2 hours`, `30 days`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ago(pub(crate) u64);

impl fmt::Display for Ago {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
        // The largest unit that says it exactly.
        let exact = units.iter().find(|(secs, _)| self.0 >= *secs && self.0.checked_rem(*secs) == Some(0));
        let (secs, unit) = exact.copied().unwrap_or((1, "second"));
        let count = self.0.checked_div(secs).unwrap_or_default();
        write!(f, "{count} {unit}{}", if count == 1 { "" } else { "s" })
    }
}

/// Writes parts with commas between them.
struct Listed<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Listed<'_, '_> {
    fn part(&mut self, part: fmt::Arguments<'_>) -> fmt::Result {
        write!(self.0, ", {part}")
    }

    fn all(&mut self, what: &str, names: impl Iterator<Item = impl fmt::Display>, between: &str) -> fmt::Result {
        let names: Vec<String> = names.map(|name| name.to_string()).collect();
        if names.is_empty() { Ok(()) } else { self.part(format_args!("{what}{}", names.join(between))) }
    }
}

impl fmt::Display for Requirement {
    /// Says what is asked for, in one line: for a list of rules, a log, a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.level)?;
        let mut list = Listed(f);
        if self.hardware {
            list.part(format_args!("a hardware key"))?;
        } else if self.phishing_resistant {
            list.part(format_args!("phishing resistant"))?;
        }
        if let Some(secs) = self.max_age {
            list.part(format_args!("at most {} old", Ago(u64::from(secs))))?;
        }
        list.all("", self.proofs.iter(), " and ")?;
        list.all("approved for ", self.own_actions(), " and for ")?;
        list.all("role ", self.roles.iter(), " and ")?;
        list.all("scope ", self.scopes.iter(), " and ")?;
        list.all("from ", self.networks.iter(), " or ")?;
        list.all("", self.hours.iter(), " or ")?;
        for choice in self.choices() {
            match choice {
                [] => list.part(format_args!("none of no alternatives"))?,
                [only] => list.part(format_args!("({only})"))?,
                several => list.all("either ", several.iter().map(|one| format!("({one})")), " or ")?,
            }
        }
        list.all("", self.all.iter().map(|part| format!("({part})")), " and ")
    }
}
