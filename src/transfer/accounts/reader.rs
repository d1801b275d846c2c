use std::io::BufRead;

use super::super::error::{TransferError, TransferErrorKind};
use super::super::key::{FileKeys, TransferKey};
use super::format::{self, Body, End, Head, Kind, LINE_MAX};
use crate::account::ChainPlace;
use crate::id::Subject;

/// An account as it stands in a file, believed.
pub(super) struct Exported {
    /// The number of its line; the head's is 0.
    pub(super) n: u64,
    pub(super) subject: Subject,
    pub(super) document: String,
    pub(super) chain: Option<ChainPlace>,
}

/// Reads an export, line by line: each is believed by itself, before what stands behind it was seen.
pub(super) struct Reader<R> {
    from: R,
    line: Vec<u8>,
    n: u64,
    pub(super) head: Head,
    pub(super) keys: FileKeys,
    is_over: bool,
}

impl<R: BufRead> Reader<R> {
    pub(super) fn open(mut from: R, key: &TransferKey) -> Result<Self, TransferError> {
        let mut line = Vec::new();
        let first = match line_of(&mut from, &mut line, 0) {
            Ok(Some(first)) => first,
            Err(error) if error.kind() == TransferErrorKind::Io => return Err(error),
            _ => return Err(TransferErrorKind::NotAnExport.at(0)),
        };
        let (head, keys) = format::open(first, key)?;
        Ok(Self { from, line, n: 0, head, keys, is_over: false })
    }

    /// Reads the next account; `None` behind the last line, when that was there.
    pub(super) fn next(&mut self) -> Result<Option<Exported>, TransferError> {
        if self.is_over {
            return Ok(None);
        }
        self.n = self.n.saturating_add(1);
        let n = self.n;
        let line = line_of(&mut self.from, &mut self.line, n)?.ok_or_else(|| TransferErrorKind::CutOff.at(n))?;
        let said = format::read(&self.keys, n, line)?;
        let changed = |_: serde_json::Error| TransferErrorKind::Changed.at(n);
        match said.kind {
            Kind::Account => {
                let body: Body<'_> = serde_json::from_str(said.text.get()).map_err(changed)?;
                let document = body.document.get().into();
                Ok(Some(Exported { n, subject: body.subject, document, chain: body.chain }))
            }
            Kind::End => {
                let end: End = serde_json::from_str(said.text.get()).map_err(changed)?;
                self.is_over = true;
                let is_it = end.accounts == n.saturating_sub(1);
                is_it.then_some(None).ok_or_else(|| TransferErrorKind::Changed.at(n))
            }
            Kind::Head => Err(TransferErrorKind::Changed.at(n)),
        }
    }
}

/// Reads one line, of which whoever wrote the file chose the length; `None` at the end.
fn line_of<'a>(from: &mut impl BufRead, line: &'a mut Vec<u8>, n: u64) -> Result<Option<&'a str>, TransferError> {
    line.clear();
    let most = u64::try_from(LINE_MAX).unwrap_or(u64::MAX);
    std::io::Read::take(from, most).read_until(b'\n', line).map_err(TransferError::io)?;
    if line.is_empty() {
        return Ok(None);
    }
    // Without its end it is too long, or was cut off in the middle.
    let Some(text) = line.strip_suffix(b"\n") else {
        let kind = if line.len() < LINE_MAX { TransferErrorKind::CutOff } else { TransferErrorKind::Changed };
        return Err(kind.at(n));
    };
    std::str::from_utf8(text).map(Some).map_err(|_| TransferErrorKind::Changed.at(n))
}
