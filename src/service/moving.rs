use std::sync::Arc;

use super::audit::OUTBOX;
use super::inner::Inner;
use super::shell::{IfMissing, Matter};
use super::{Error, Mfa};
use crate::account::{Account, DocumentError, ForeignApp, Mover, PackError, Packed, SeedOf, TakenIn};
use crate::clock::Timestamp;
use crate::id::{ExportId, Subject};
use crate::store::{MAX_PAGE, Page, ScanCursor, Stored};
use crate::vault::Vault;

/// The accounts, as whoever moves them sees them.
#[derive(Clone)]
pub(crate) struct Moving(Arc<Inner>);

impl Mfa {
    pub(crate) fn moving(&self) -> Moving {
        Moving(Arc::clone(&self.inner))
    }
}

impl Moving {
    pub(crate) fn now(&self) -> Result<Timestamp, Error> {
        Ok(self.0.clock.now()?)
    }

    pub(crate) fn draw_id(&self) -> Result<ExportId, Error> {
        ExportId::generate(&*self.0.entropy).map_err(Error::unavailable)
    }

    /// Whose keys are answered here; `None` where none are.
    pub(crate) fn relying_party(&self) -> Option<&str> {
        self.0.ceremonies.as_ref().map(|ceremonies| ceremonies.relying().id)
    }

    pub(crate) async fn count(&self) -> Result<u64, Error> {
        Ok(self.0.in_time(self.0.store.count()).await?)
    }

    pub(crate) async fn page(&self, after: Option<&ScanCursor>) -> Result<Page<Stored, ScanCursor>, Error> {
        self.0.scan_page(after, MAX_PAGE).await
    }

    /// Packs an account; `None` where there is none any more.
    pub(crate) fn pack(&self, stored: &Stored, to: &Vault) -> Result<Option<Packed>, PackError> {
        let account = Account::read(stored.document(), stored.subject()).map_err(PackError::from)?;
        account.pack(&self.0.vault, to, &*self.0.entropy)
    }

    pub(crate) fn unpack(document: &str, subject: &Subject) -> Result<Account, DocumentError> {
        Account::read(document, subject)
    }

    pub(crate) fn opens(&self, account: &Account, theirs: &Vault) -> bool {
        account.opens(theirs, &*self.0.entropy)
    }

    /// Writes down, before the first of them is handed out, that the accounts are.
    pub(crate) async fn note_export(&self, by: Mover<'_>) -> Result<(), Error> {
        let notes = Subject::with_tenant(OUTBOX, "exports").map_err(Error::unavailable)?;
        self.0.turn(matter(&notes), |account, turn| account.note_export(turn, by)).await
    }

    /// Takes an account in; a rehearsal says what would come of it.
    pub(crate) async fn take_in(
        &self,
        packed: (&Subject, &Account),
        theirs: &Vault,
        by: Mover<'_>,
        is_rehearsal: bool,
    ) -> Result<TakenIn, Error> {
        let (subject, account) = packed;
        if let Some(stored) = self.0.document(subject).await? {
            let here = Account::read(stored.document(), subject);
            return Ok(here.map_or(TakenIn::AlreadyThere, |here| here.instead_of(by.export)));
        }
        let matter = matter(subject);
        if is_rehearsal {
            return self.0.look(matter, |here, turn| here.take_in(turn, account, theirs, by)).await;
        }
        self.0.turn(matter, |here, turn| here.take_in(turn, account, theirs, by)).await
    }

    /// Binds an app that another system issued; a rehearsal says what would come of it.
    pub(crate) async fn import_app(
        &self,
        subject: &Subject,
        app: &ForeignApp<'_>,
        by: Mover<'_>,
        is_rehearsal: bool,
    ) -> Result<TakenIn, Error> {
        let matter = matter(subject);
        if is_rehearsal {
            return self.0.look(matter, |account, turn| account.import_app(turn, app, by)).await;
        }
        self.0.turn(matter, |account, turn| account.import_app(turn, app, by)).await
    }
}

/// Whether these are notes of the service itself, and nobody's account.
pub(crate) fn is_of_service(subject: &Subject) -> bool {
    subject.tenant() == Some(OUTBOX)
}

const fn matter(subject: &Subject) -> Matter<'_> {
    Matter { subject, seed: SeedOf::Nobody, address: None, if_missing: IfMissing::Create, resets_clock: false }
}
