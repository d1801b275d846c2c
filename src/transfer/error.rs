use std::fmt;

use super::apps::ReadError;
use super::report::MoveReport;
use crate::error::BoxError;
use crate::service::Error;

/// Why a transfer stopped: [`kind`](Self::kind) says what, [`line`](Self::line) where, the source why.
///
/// What was taken in before it stays: every account is one commit. Call it again with the same file, and those are
/// found to be there.
#[derive(Debug)]
pub struct TransferError {
    kind: TransferErrorKind,
    line: Option<u64>,
    report: Option<Box<MoveReport>>,
    source: Option<BoxError>,
}

/// What stopped a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransferErrorKind {
    /// The file is no export of accounts.
    NotAnExport,
    /// The file was written by a newer version of this crate.
    Newer,
    /// The file was made with another transfer key.
    OtherKey,
    /// A line is not what was written there: changed, put in, or one before it taken out.
    Changed,
    /// The last line is missing, with whatever stood before it.
    CutOff,
    /// The list of keys cannot be read any further: the source, a [`ReadError`], says where and why.
    List,
    /// The file could not be read or written.
    Io,
    /// The service could not do it: its store does not answer. Call it again.
    Service,
}

impl TransferErrorKind {
    const fn words(self) -> &'static str {
        match self {
            Self::NotAnExport => "the file is no export of accounts",
            Self::Newer => "the file was written by a newer version of tower-mfa",
            Self::OtherKey => "the file was made with another transfer key",
            Self::Changed => "the line is not what was written there",
            Self::CutOff => "the file ends before its last line",
            Self::List => "the list of keys cannot be read any further",
            Self::Io => "the file could not be read or written",
            Self::Service => "the service could not go on",
        }
    }

    const fn whole(self) -> TransferError {
        TransferError { kind: self, line: None, report: None, source: None }
    }

    /// Lines are counted from 1, as editors do.
    pub(super) fn at(self, n: u64) -> TransferError {
        TransferError { line: Some(n.saturating_add(1)), ..self.whole() }
    }
}

impl TransferError {
    pub(super) fn io(source: std::io::Error) -> Self {
        TransferErrorKind::Io.whole().because(source)
    }

    /// A list that cannot be read any further.
    pub(super) fn reading(source: ReadError) -> Self {
        TransferErrorKind::List.whole().because(source)
    }

    pub(super) fn because(self, source: impl Into<BoxError>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// Notes how far it had come.
    pub(super) fn after(self, report: MoveReport) -> Self {
        Self { report: Some(Box::new(report)), ..self }
    }

    /// Returns how far it had come: what was moved and what refused before it stopped. `None` where it had not begun.
    #[must_use]
    pub fn report(&self) -> Option<&MoveReport> {
        self.report.as_deref()
    }

    /// Returns what stopped it.
    #[must_use]
    pub const fn kind(&self) -> TransferErrorKind {
        self.kind
    }

    /// Returns the line of the file, the first being 1, where it is about one.
    #[must_use]
    pub const fn line(&self) -> Option<u64> {
        self.line
    }
}

impl fmt::Display for TransferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        f.write_str(self.kind.words())
    }
}

impl std::error::Error for TransferError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| -> &(dyn std::error::Error + 'static) { source })
    }
}

impl From<Error> for TransferError {
    fn from(source: Error) -> Self {
        TransferErrorKind::Service.whole().because(source)
    }
}
