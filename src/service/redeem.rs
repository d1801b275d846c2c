use super::Mfa;
use crate::account::Refusal;
use crate::assurance::Authentication;
use crate::token::{Redeem, RedeemError, RedeemFuture, Redeemed};

/// Over the store, so that an approval is good once whichever replica the request meets.
impl Redeem for Mfa {
    fn redeem<'a>(&'a self, who: &'a Authentication) -> RedeemFuture<'a> {
        Box::pin(async move {
            let spent = self.inner.turn(self.session_matter(who), |account, turn| account.redeem(turn, who)).await;
            match spent {
                Ok(true) => Ok(Redeemed::Now),
                Ok(false) => Ok(Redeemed::Before),
                Err(error) if *error.refusal() == Refusal::InvalidToken => Ok(Redeemed::Void),
                Err(error) => Err(RedeemError::new(error)),
            }
        })
    }
}
