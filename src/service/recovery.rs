use super::shell::Matter;
use super::{Error, Mfa, slow_hash};
use crate::account::{Account, Given, Refusal, Reserved, Settling, Turn};
use crate::recovery_code::{self, DeriveError, RecoveryCode, Spare};
use crate::secret::SecretString;

impl Mfa {
    /// Counts a recovery code as a failure, then derives its slow hash off the runtime, and with it that of
    /// the code that would take its place.
    pub(super) async fn derive(
        &self,
        matter: Matter<'_>,
        for_: Settling<'_>,
        code: &SecretString,
    ) -> Result<(Given, Option<RecoveryCode>), Error> {
        let admit = || self.inner.slow_hash.admit_attempt().ok_or_else(Refusal::unavailable);
        let reserve =
            |account: &mut Account, turn: &mut Turn<'_>| account.reserve_recovery(turn, for_, code.expose(), admit);
        let Reserved { typed, preimage, spare, place } = self.inner.turn(matter, reserve).await?;
        let work = move || -> Result<_, DeriveError> {
            Ok((recovery_code::derive(&typed, &preimage)?, spare.map(Spare::hash).transpose()?))
        };
        let (digest, hashed) = slow_hash::run(place, work).await?.map_err(Error::unavailable)?;
        let (successor, new_code) = hashed.unzip();
        Ok((Given::Recovery { digest, successor }, new_code))
    }
}
