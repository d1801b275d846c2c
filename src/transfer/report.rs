use std::collections::BTreeMap;
use std::fmt;

use super::apps::{AppKey, Place, Reason, Skipped, prints};
use crate::account::{Mover, Refusal};
use crate::error::ConfigError;
use crate::id::Subject;
use crate::service::Error;

/// Most refusals that a report names; it counts all of them.
const NAMED: usize = 1_000;

/// Who moves accounts, why, and who is told how far it is.
///
/// ```
/// use tower_mfa::transfer::Move;
///
/// let rehearsal = Move::by("ops@example.com", "move to Frankfurt, ticket 4711").map(|why| why.dry_run(true));
/// assert!(rehearsal.is_ok());
/// assert!(Move::by("ops@example.com", "").is_err(), "somebody does it, and says why");
/// ```
#[must_use]
pub struct Move<'a> {
    pub(super) actor: Box<str>,
    pub(super) reason: Box<str>,
    pub(super) is_rehearsal: bool,
    only: Option<These<'a>>,
    on_progress: Option<Told<'a, MoveReport>>,
    on_refused: Option<Told<'a, Refused>>,
}

type These<'a> = Box<dyn Fn(&Subject) -> bool + Send + 'a>;
type Told<'a, T> = Box<dyn FnMut(&T) + Send + 'a>;

impl<'a> Move<'a> {
    /// Names the operator and the reason: the audit trail keeps both.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when one is empty or longer than 1024 bytes.
    pub fn by(actor: &str, reason: &str) -> Result<Self, ConfigError> {
        for (field, text) in [("actor", actor), ("reason", reason)] {
            if text.trim().is_empty() || text.len() > 1024 {
                return Err(ConfigError::new(field, "must be given, in at most 1024 bytes"));
            }
        }
        let (actor, reason) = (actor.into(), reason.into());
        Ok(Self { actor, reason, is_rehearsal: false, only: None, on_progress: None, on_refused: None })
    }

    /// Goes through all of it and writes nothing: the report says what would be refused. Each is looked at by itself:
    /// that a list has more keys for somebody than an account may have, or one of them twice, shows only in earnest.
    pub fn dry_run(self, yes: bool) -> Self {
        Self { is_rehearsal: yes, ..self }
    }

    /// Moves these and passes over everybody else, who is not counted: one tenant, say, or one person. What a reader of
    /// keys passes over is nobody's yet, and is counted.
    pub fn only(self, these: impl Fn(&Subject) -> bool + Send + 'a) -> Self {
        Self { only: Some(Box::new(these)), ..self }
    }

    /// Is told how far it is, every 200 lines or fewer, and at the end.
    pub fn on_progress(self, told: impl FnMut(&MoveReport) + Send + 'a) -> Self {
        Self { on_progress: Some(Box::new(told)), ..self }
    }

    /// Is told of each that is refused, also of those that the report has no room for.
    pub fn on_refused(self, told: impl FnMut(&Refused) + Send + 'a) -> Self {
        Self { on_refused: Some(Box::new(told)), ..self }
    }

    pub(super) fn mover<'m>(&'m self, from: &'m str) -> Mover<'m> {
        Mover { actor: &self.actor, reason: &self.reason, from, export: None }
    }

    pub(super) fn wants(&self, subject: &Subject) -> bool {
        self.only.as_ref().is_none_or(|these| these(subject))
    }

    pub(super) fn progress(&mut self, report: &MoveReport) {
        if let Some(told) = &mut self.on_progress {
            told(report);
        }
    }

    /// Counts what became of those of a batch, beside one that failed too.
    pub(super) fn count_all(
        &mut self,
        report: &mut MoveReport,
        outcomes: Vec<Result<Result<(), Refused>, Error>>,
    ) -> Result<(), Error> {
        let mut failed = Ok(());
        for outcome in outcomes {
            match outcome {
                Ok(outcome) => self.count(report, outcome),
                Err(error) => failed = failed.and(Err(error)),
            }
        }
        failed
    }

    /// Counts what became of one.
    fn count(&mut self, report: &mut MoveReport, outcome: Result<(), Refused>) {
        report.seen = report.seen.saturating_add(1);
        match outcome {
            Ok(()) => report.moved = report.moved.saturating_add(1),
            Err(refused) => self.refused(report, refused),
        }
    }

    pub(super) fn refused(&mut self, report: &mut MoveReport, refused: Refused) {
        if let Some(told) = &mut self.on_refused {
            told(&refused);
        }
        report.refused = report.refused.saturating_add(1);
        let count = report.by_reason.entry(refused.why.code()).or_insert(0);
        *count = count.saturating_add(1);
        if report.refusals.len() < NAMED {
            report.refusals.push(refused);
        }
    }
}

impl fmt::Debug for Move<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Move")
            .field("actor", &self.actor)
            .field("is_rehearsal", &self.is_rehearsal)
            .finish_non_exhaustive()
    }
}

/// How far a move has come, and what was refused.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct MoveReport {
    /// How many were looked at.
    pub seen: u64,
    /// How many of them were moved; of a dry run, how many would be. Of an export, those that were erased are neither.
    pub moved: u64,
    /// How many were not.
    pub refused: u64,
    /// How many for which reason, by its [`code`](Why::code).
    pub by_reason: BTreeMap<&'static str, u64>,
    /// The first thousand of those that were not.
    pub refusals: Vec<Refused>,
    /// About how many there are, where that is known.
    pub about: Option<u64>,
    /// How many a second.
    pub per_second: f64,
}

impl MoveReport {
    /// About how many are still to be looked at, where that is known.
    #[must_use]
    pub fn remaining(&self) -> Option<u64> {
        self.about.map(|about| about.saturating_sub(self.seen))
    }
}

/// One that was not moved, and why. It prints as one line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// Where it stands in the file; of an export, which account it is.
    pub place: Place,
    /// Whose it is, where that is known.
    pub subject: Option<Subject>,
    /// What its origin calls it, where it has no subject: at most 100 characters that print on one line.
    pub what: Option<Box<str>>,
    /// Why.
    pub why: Why,
}

impl Refused {
    /// An account.
    pub(super) const fn account(place: Place, subject: Subject, why: Why) -> Self {
        Self { place, subject: Some(subject), what: None, why }
    }

    /// A key of an app.
    pub(super) fn app(key: &AppKey, subject: Option<Subject>, why: Why) -> Self {
        let what = if subject.is_none() { key.shown() } else { None };
        Self { place: key.place(), subject, what, why }
    }

    /// What a reader passed over.
    pub(super) fn skipped(skipped: &Skipped) -> Self {
        let what = skipped.what().map(Into::into);
        Self { place: skipped.place(), subject: None, what, why: Why::Skipped(skipped.why()) }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.place)?;
        match (&self.subject, &self.what) {
            // A subject may have been made of what a file says.
            (Some(subject), _) => write!(f, " ({})", subject.to_string().replace(|c| !prints(c), "\u{fffd}"))?,
            (None, Some(what)) => write!(f, " ({what})")?,
            (None, None) => {}
        }
        write!(f, ": {}", self.why)
    }
}

/// Why one was not moved.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// The subject has an account here, or the account this key: nothing was changed.
    AlreadyThere,
    /// The account was taken in from the same export before: nothing was changed.
    AlreadyMoved,
    /// The subject was erased here: nothing was changed.
    Erased,
    /// The account had this key once, imported from a list, and it was removed since: nothing was changed.
    Removed,
    /// The list gives this key to another subject, too; the first has it, if anybody.
    Shared,
    /// A passkey or security key of it belongs to another account here.
    Claimed,
    /// It has passkeys or security keys that do not answer here: they belong to another relying party.
    OtherRelyingParty,
    /// What is sealed in it does not open: the key is gone, or it was damaged.
    Sealed,
    /// The document is damaged, or written by a newer version.
    Unreadable,
    /// Nobody was named whose key it is.
    Nobodys,
    /// The reader passed it over.
    Skipped(Reason),
    /// The account or the policy takes no such authenticator.
    Refused(Refusal),
}

impl Why {
    /// Returns a word that does not change, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AlreadyThere => "already_there",
            Self::AlreadyMoved => "already_moved",
            Self::Erased => "erased",
            Self::Removed => "removed",
            Self::Shared => "shared",
            Self::Claimed => "claimed",
            Self::OtherRelyingParty => "other_relying_party",
            Self::Sealed => "sealed",
            Self::Unreadable => "unreadable",
            Self::Nobodys => "nobodys",
            Self::Skipped(reason) => reason.code(),
            Self::Refused(_) => "refused",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlreadyThere => "it is there already; nothing was changed",
            Self::AlreadyMoved => "it was taken in from this export before; nothing was changed",
            Self::Erased => "the subject was erased here; nothing was changed",
            Self::Removed => "this key was imported before and has been removed since; nothing was changed",
            Self::Shared => "the list gives this key to another subject, too",
            Self::Claimed => "a passkey or security key of it belongs to another account here",
            Self::OtherRelyingParty => "its passkeys and security keys belong to another relying party",
            Self::Sealed => "what is sealed in it does not open: its key is gone, or it was damaged",
            Self::Unreadable => "the document is damaged, or written by a newer version",
            Self::Nobodys => "nobody was named whose key it is",
            Self::Skipped(reason) => return reason.fmt(f),
            Self::Refused(refusal) => return write!(f, "the account or its policy does not take it: {refusal}"),
        })
    }
}
