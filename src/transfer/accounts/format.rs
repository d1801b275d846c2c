//! The lines of an export: JSON, each with its number and a MAC over what it says.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::error::{TransferError, TransferErrorKind};
use super::super::key::{FileKeys, TransferKey};
use crate::account::ChainPlace;
use crate::clock::Timestamp;
use crate::id::{ExportId, Subject};

/// What the first line calls the file.
pub(super) const FORMAT: &str = "tower-mfa accounts";
/// The version of the lines; the documents in them have one of their own.
pub(super) const VERSION: u16 = 1;
/// Longest line, in bytes. An account with everything in it that it may have takes a tenth.
pub(super) const LINE_MAX: usize = 1 << 20;

/// The first line: what the file is, and whose.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    pub(super) format: String,
    pub(super) v: u16,
    /// Its own id: with the transfer key it makes the keys of this file.
    pub(super) export: ExportId,
    /// The name of the transfer key.
    pub(super) key: String,
    pub(super) at: Timestamp,
    /// About how many accounts follow.
    pub(super) about: u64,
    /// Whom passkeys and security keys in it answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) rp_id: Option<String>,
}

/// As much of the first line as is read before it is believed.
#[derive(Deserialize)]
struct Preface {
    format: String,
    v: u16,
    export: ExportId,
    key: String,
}

/// A line with an account.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body<'a> {
    pub(super) subject: Subject,
    #[serde(borrow)]
    pub(super) document: &'a RawValue,
    /// Where the chain of its events ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) chain: Option<ChainPlace>,
}

/// The last line: that it is.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct End {
    pub(super) accounts: u64,
}

/// A line as it stands in the file: one of the three.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    n: u64,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    head: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    account: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    end: Option<&'a RawValue>,
    mac: &'a str,
}

/// What a line says, by its member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Head,
    Account,
    End,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Account => "account",
            Self::End => "end",
        }
    }
}

/// A line whose MAC was checked.
pub(super) struct Said<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a RawValue,
}

/// Writes a line.
pub(super) fn write(keys: &FileKeys, n: u64, kind: Kind, what: &impl Serialize) -> Result<String, serde_json::Error> {
    let text = serde_json::value::to_raw_value(what)?;
    let mac = URL_SAFE_NO_PAD.encode(keys.sign(n, kind.name(), text.get()));
    let said = |wanted| (kind == wanted).then_some(&*text);
    let line = Line { n, head: said(Kind::Head), account: said(Kind::Account), end: said(Kind::End), mac: &mac };
    Ok(serde_json::to_string(&line)? + "\n")
}

/// Reads a line and believes it, if it is the one that was written there.
pub(super) fn read<'a>(keys: &FileKeys, n: u64, line: &'a str) -> Result<Said<'a>, TransferError> {
    let (line, kind, text) = parse(n, line)?;
    let mac = URL_SAFE_NO_PAD.decode(line.mac).unwrap_or_default();
    // Whoever can write to the file chooses every byte of it; the order of its lines, too.
    if line.n != n || !keys.is_signed(n, kind.name(), text.get(), &mac) {
        return Err(TransferErrorKind::Changed.at(n));
    }
    Ok(Said { kind, text })
}

/// Reads the first line; returns what it says, and the keys of the file.
pub(super) fn open(line: &str, key: &TransferKey) -> Result<(Head, FileKeys), TransferError> {
    // The parser's own message quotes the line, and nobody knows yet what file this is.
    let no_export = |_: serde_json::Error| TransferErrorKind::NotAnExport.at(0);
    let (_, _, text) = parse(0, line).map_err(|_| TransferErrorKind::NotAnExport.at(0))?;
    let preface: Preface = serde_json::from_str(text.get()).map_err(no_export)?;
    if preface.format != FORMAT {
        return Err(TransferErrorKind::NotAnExport.at(0));
    }
    if preface.v > VERSION {
        return Err(TransferErrorKind::Newer.at(0));
    }
    if preface.key != key.id() {
        return Err(TransferErrorKind::OtherKey.at(0));
    }
    let keys = key.for_export(preface.export).ok_or_else(|| TransferErrorKind::OtherKey.at(0))?;
    // A key of the same name that is another: nothing in the file is believed by it.
    let said = read(&keys, 0, line).map_err(|_| TransferErrorKind::OtherKey.at(0))?;
    let head = serde_json::from_str(said.text.get()).map_err(no_export)?;
    Ok((head, keys))
}

fn parse(n: u64, line: &str) -> Result<(Line<'_>, Kind, &RawValue), TransferError> {
    let unreadable = || TransferErrorKind::Changed.at(n);
    // The parser's own message quotes the line.
    let line: Line<'_> = serde_json::from_str(line).map_err(|_| unreadable())?;
    let (kind, text) = match (line.head, line.account, line.end) {
        (Some(text), None, None) => (Kind::Head, text),
        (None, Some(text), None) => (Kind::Account, text),
        (None, None, Some(text)) => (Kind::End, text),
        _ => return Err(unreadable()),
    };
    Ok((line, kind, text))
}
