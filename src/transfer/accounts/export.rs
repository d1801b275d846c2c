use std::io::Write;

use serde_json::value::RawValue;
use tokio::time::Instant;

use super::super::apps::Place;
use super::super::error::{TransferError, TransferErrorKind};
use super::super::key::{FileKeys, TransferKey};
use super::super::report::{Move, MoveReport, Refused, Why};
use super::format::{self, Body, End, FORMAT, Head, Kind, VERSION};
use crate::account::PackError;
use crate::service::{Mfa, Moving, is_of_service, rate};
use crate::store::Stored;

impl Mfa {
    /// Writes every account to a file, sealed and signed with `key`: to move them to another place.
    ///
    /// What goes along: authenticators with their counters, recovery codes, throttles, what was used up,
    /// suspensions. What does not: sessions, pending challenges and bindings, an operator's bypass, tombstones. The audit trail
    /// stays here; each line says where it ended. `docs/TRANSFER.md` has the format.
    ///
    /// It reads beside the service, page by page, and is no picture of one moment: what changes behind it is not in
    /// the file. Let nobody sign in here from its beginning until they sign in there, else a code that was used here
    /// counts there once more. An account that cannot be read is reported, and is not in the file.
    ///
    /// `to` is written to on the thread of the caller: give it a file, not a connection that may hang, and see to it
    /// that it reaches the disk.
    ///
    /// # Errors
    ///
    /// [`TransferErrorKind::Io`] when `to` cannot be written, [`TransferErrorKind::Service`] when the store does not
    /// answer. The file is of no use then: begin anew.
    ///
    /// # Security
    ///
    /// Guard the file like the database: it has the hashes of recovery codes. An event says who had it made, and why,
    /// before its first line is written.
    ///
    /// # Cancel safety
    ///
    /// Safe: the service is not changed by it. The file ends before its last line.
    pub async fn export_accounts(
        &self,
        mut to: impl Write + Send,
        key: &TransferKey,
        mut why: Move<'_>,
    ) -> Result<MoveReport, TransferError> {
        let moving = self.moving();
        let head = head(&moving, key).await?;
        let keys = key.for_export(head.export).ok_or_else(|| TransferErrorKind::OtherKey.at(0))?;
        if !why.is_rehearsal {
            moving.note_export(why.mover(&format!("export {}", head.export))).await?;
        }
        let mut report = MoveReport { about: Some(head.about), ..MoveReport::default() };
        let mut lines = Lines { keys: &keys, n: 0, to: (!why.is_rehearsal).then_some(&mut to) };
        let written = lines.write_all(&moving, &head, &mut why, &mut report).await;
        let written = written.and_then(|()| to.flush().map_err(TransferError::io));
        match written {
            Ok(()) => Ok(report),
            Err(error) => Err(error.after(report)),
        }
    }
}

async fn head(moving: &Moving, key: &TransferKey) -> Result<Head, TransferError> {
    Ok(Head {
        format: FORMAT.into(),
        v: VERSION,
        export: moving.draw_id()?,
        key: key.id().into(),
        at: moving.now()?,
        about: moving.count().await?,
        rp_id: moving.relying_party().map(Into::into),
    })
}

/// The lines of a file; of a rehearsal they go nowhere.
struct Lines<'a, W> {
    keys: &'a FileKeys,
    n: u64,
    to: Option<W>,
}

impl<W: Write> Lines<'_, W> {
    async fn write_all(
        &mut self,
        moving: &Moving,
        head: &Head,
        why: &mut Move<'_>,
        report: &mut MoveReport,
    ) -> Result<(), TransferError> {
        self.write(Kind::Head, head)?;
        let (begun, mut after) = (Instant::now(), None);
        loop {
            let page = moving.page(after.as_ref()).await?;
            let wanted = |stored: &&Stored| !is_of_service(stored.subject()) && why.wants(stored.subject());
            let wanted: Vec<&Stored> = page.items().iter().filter(wanted).collect();
            for stored in wanted {
                let outcome = self.account(moving, stored)?;
                report.seen = report.seen.saturating_add(1);
                match outcome {
                    Ok(written) => report.moved = report.moved.saturating_add(u64::from(written)),
                    Err(reason) => {
                        let place = Place::entry_number(report.seen);
                        why.refused(report, Refused::account(place, stored.subject().clone(), reason));
                    }
                }
            }
            report.per_second = rate(report.seen, begun.elapsed());
            why.progress(report);
            after = page.next().cloned();
            if after.is_none() {
                break;
            }
        }
        self.write(Kind::End, &End { accounts: report.moved })
    }

    /// Writes an account, or says why it cannot; `false` where there is none any more.
    fn account(&mut self, moving: &Moving, stored: &Stored) -> Result<Result<bool, Why>, TransferError> {
        let packed = match moving.pack(stored, &self.keys.vault) {
            Ok(Some(packed)) => packed,
            Ok(None) => return Ok(Ok(false)),
            Err(PackError::Sealed(_)) => return Ok(Err(Why::Sealed)),
            Err(PackError::Document(_)) => return Ok(Err(Why::Unreadable)),
        };
        let Ok(document) = serde_json::from_str::<&RawValue>(&packed.document) else { return Ok(Err(Why::Unreadable)) };
        self.write(Kind::Account, &Body { subject: stored.subject().clone(), document, chain: packed.chain })?;
        Ok(Ok(true))
    }

    fn write(&mut self, kind: Kind, what: &impl serde::Serialize) -> Result<(), TransferError> {
        let line = format::write(self.keys, self.n, kind, what).map_err(|error| TransferError::io(error.into()))?;
        self.n = self.n.saturating_add(1);
        self.to.as_mut().map_or(Ok(()), |to| to.write_all(line.as_bytes()).map_err(TransferError::io))
    }
}
