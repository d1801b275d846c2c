use super::shell::Matter;
use super::{Error, Mfa};
use crate::account::Refusal;
use crate::rate_limit::Tried;
use crate::token::{Elevate, ElevateError, ElevateErrorKind, ElevateFuture, Elevated, InlineCode};

/// By a code of an authenticator app; the token that comes of it is of the same session, which itself
/// stays as it was.
impl Elevate for Mfa {
    fn elevate<'a>(&'a self, attempt: InlineCode<'a>) -> ElevateFuture<'a> {
        let InlineCode { who, code, requirement, address } = attempt;
        Box::pin(async move {
            let address = address.map(|address| address.to_string());
            let matter = self.session_matter(who);
            let matter = Matter { address: address.as_deref().or(matter.address), ..matter };
            let granted = self.inner.turn(matter, |account, turn| account.elevate(turn, who, code, requirement));
            let granted = self.limited(matter.address, Tried::Code, granted).await;
            let tokens = self.inner.issue(granted.map_err(explained)?).await.map_err(explained)?;
            let token = tokens.access_token().clone();
            let authentication = self.authenticate(token.expose()).map_err(explained)?;
            Ok(Elevated::new(authentication, token))
        })
    }
}

fn explained(error: Error) -> ElevateError {
    use ElevateErrorKind as Kind;
    let kind = match *error.refusal() {
        Refusal::InvalidCode { attempts_remaining, retry_after } => {
            Kind::InvalidCode { attempts_remaining, retry_after }
        }
        Refusal::Throttled { retry_after } => Kind::Throttled { retry_after },
        Refusal::AuthenticatorDisabled => Kind::Disabled,
        Refusal::InvalidToken => Kind::InvalidToken,
        Refusal::InvalidRequest { field: "code", .. } => Kind::Malformed,
        Refusal::Unavailable { .. } => Kind::Unavailable,
        // An action the policy does not know, a role the session does not have, a level no code reaches.
        _ => Kind::Insufficient,
    };
    ElevateError::caused(kind, error)
}
