use super::Mfa;
use crate::account::Refusal;
use crate::assurance::Authentication;
use crate::token::{Introspect, IntrospectError, IntrospectFuture};

/// Over the store: a session that any replica has ended is over everywhere.
impl Introspect for Mfa {
    fn is_active<'a>(&'a self, who: &'a Authentication) -> IntrospectFuture<'a> {
        Box::pin(async move {
            let looked = self.inner.look(self.session_matter(who), |account, turn| account.is_current(turn, who)).await;
            match looked {
                Ok(()) => Ok(true),
                Err(error) if *error.refusal() == Refusal::InvalidToken => Ok(false),
                Err(error) => Err(IntrospectError::new(error)),
            }
        })
    }
}
