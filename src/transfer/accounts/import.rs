use std::collections::BTreeMap;
use std::io::BufRead;
use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::super::apps::Place;
use super::super::error::TransferError;
use super::super::key::TransferKey;
use super::super::report::{Move, MoveReport, Refused, Why};
use super::reader::{Exported, Reader};
use crate::account::{ChainPlace, Mover, Refusal, TakenIn};
use crate::id::ExportId;
use crate::service::{Error, Mfa, Moving, is_of_service, rate};
use crate::vault::Vault;

/// How many accounts are taken in at once: a commit waits for the disk, and they wait together.
const AT_ONCE: usize = 32;

impl Mfa {
    /// Takes in the accounts of a file that [`Mfa::export_accounts`] wrote elsewhere.
    ///
    /// Each is one commit, with an event that says who had it done, why, and where its audit trail ended; the
    /// passkeys it has are claimed with it. An account that cannot be taken in is reported and the next one is looked
    /// at: a subject that has an account here keeps it. Call it again after a failure: those taken in are found
    /// to be there.
    ///
    /// A [dry run](Move::dry_run) says what would be refused, apart from credential ids that another account here holds.
    ///
    /// `from` is read on the thread of the caller: give it a file, not a connection that may hang.
    ///
    /// # Errors
    ///
    /// [`TransferError`]: the first line that is not what was written, a file that ends before its end, another key, a
    /// store that does not answer. What was taken in before it stays.
    ///
    /// # Security
    ///
    /// Whoever has the transfer key writes files that are believed.
    ///
    /// # Cancel safety
    ///
    /// Safe: every account was taken in or not.
    pub async fn import_accounts(
        &self,
        from: impl BufRead + Send,
        key: &TransferKey,
        mut why: Move<'_>,
    ) -> Result<MoveReport, TransferError> {
        let mut file = Reader::open(from, key)?;
        let errand = Arc::new(Errand::new(self.moving(), &file, &why));
        let mut report = MoveReport { about: Some(file.head.about), ..MoveReport::default() };
        let begun = Instant::now();
        loop {
            let (batch, is_over) = batch(&mut file, &why);
            let is_done = why.count_all(&mut report, errand.take_all(batch).await);
            report.per_second = rate(report.seen, begun.elapsed());
            why.progress(&report);
            match is_done.map_err(TransferError::from).and(is_over) {
                Ok(false) => {}
                Ok(true) => return Ok(report),
                Err(error) => return Err(error.after(report)),
            }
        }
    }
}

/// The next accounts, and whether they are the last. What stands before a line that is not believed was believed by
/// itself.
fn batch(file: &mut Reader<impl BufRead>, why: &Move<'_>) -> (Vec<Exported>, Result<bool, TransferError>) {
    let mut batch = Vec::new();
    while batch.len() < AT_ONCE {
        match file.next() {
            Ok(Some(account)) if why.wants(&account.subject) => batch.push(account),
            Ok(Some(_)) => {}
            Ok(None) => return (batch, Ok(true)),
            Err(error) => return (batch, Err(error)),
        }
    }
    (batch, Ok(false))
}

/// What is the same for every account of a file.
struct Errand {
    moving: Moving,
    theirs: Vault,
    /// Whether keys that answered there answer here.
    answers_keys: bool,
    export: ExportId,
    actor: Box<str>,
    reason: Box<str>,
    is_rehearsal: bool,
}

type Outcome = Result<(), Refused>;

impl Errand {
    fn new<R>(moving: Moving, file: &Reader<R>, why: &Move<'_>) -> Self {
        Self {
            answers_keys: file.head.rp_id.as_deref() == moving.relying_party(),
            moving,
            theirs: file.keys.vault.clone(),
            export: file.head.export,
            actor: why.actor.clone(),
            reason: why.reason.clone(),
            is_rehearsal: why.is_rehearsal,
        }
    }

    /// Takes them in side by side; what became of each stands in their order.
    async fn take_all(self: &Arc<Self>, batch: Vec<Exported>) -> Vec<Result<Outcome, Error>> {
        let mut tasks = JoinSet::new();
        for account in batch {
            let errand = Arc::clone(self);
            tasks.spawn(async move { (account.n, errand.take(account).await) });
        }
        let mut outcomes = BTreeMap::new();
        while let Some(done) = tasks.join_next().await {
            let (n, outcome) = done.unwrap_or_else(|broken| (u64::MAX, Err(Error::unavailable(broken))));
            outcomes.insert(n, outcome);
        }
        outcomes.into_values().collect()
    }

    /// Takes one in. What is refused is this account's own affair; an error is everybody's.
    async fn take(&self, exported: Exported) -> Result<Outcome, Error> {
        // Lines are counted from 1, as editors do.
        let line = exported.n.saturating_add(1);
        let place = Place::line_number(line);
        let refused = |why| Ok(Err(Refused::account(place, exported.subject.clone(), why)));
        let subject = &exported.subject;
        let account = match Moving::unpack(&exported.document, subject) {
            Ok(account) if !is_of_service(subject) => account,
            _ => return refused(Why::Unreadable),
        };
        if !self.moving.opens(&account, &self.theirs) {
            return refused(Why::Sealed);
        }
        // Nobody could sign in with them, and nobody would know why.
        if account.has_keys() && !self.answers_keys {
            return refused(Why::OtherRelyingParty);
        }
        let from = self.from(line, exported.chain);
        let mover = Mover { actor: &self.actor, reason: &self.reason, from: &from, export: Some(self.export) };
        match self.moving.take_in((subject, &account), &self.theirs, mover, self.is_rehearsal).await {
            Ok(TakenIn::Done) => Ok(Ok(())),
            Ok(TakenIn::AlreadyThere | TakenIn::Removed) => refused(Why::AlreadyThere),
            Ok(TakenIn::AlreadyMoved) => refused(Why::AlreadyMoved),
            Ok(TakenIn::Erased) => refused(Why::Erased),
            Err(error) => match error.refusal() {
                Refusal::InvalidCredential => refused(Why::Claimed),
                _ => Err(error),
            },
        }
    }

    /// Where an account comes from, for its audit trail.
    fn from(&self, line: u64, chain: Option<ChainPlace>) -> String {
        let end = chain.and_then(|end| serde_json::to_string(&end).ok());
        let end = end.map_or_else(|| "had no chain".to_owned(), |end| format!("ended at {end}"));
        format!("export {}, line {line}; its events there {end}", self.export)
    }
}
