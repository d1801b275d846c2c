//! What is told of questions.

use tower_mfa::account::EventKind as Kind;

use super::Difference;
use crate::call::Door;

/// How many are open at once, by default.
const PENDING: usize = 8;

/// What answers them, or takes away what they are asked for.
const ENDS: [Kind; 9] = [
    Kind::SignedIn,
    Kind::SteppedUp,
    Kind::AuthenticatorBound,
    Kind::SessionEnded,
    Kind::Suspended,
    Kind::SessionsEnded,
    Kind::Reset,
    Kind::Erased,
    Kind::Unlocked,
];

impl Difference<'_> {
    pub(super) fn challenges(&self) -> Result<(), String> {
        let new = self.after.challenges.iter().filter(|(id, _)| !self.before.challenges.contains_key(*id));
        let (of_login, of_session): (Vec<_>, Vec<_>) =
            new.partition(|(_, asked)| asked["origin"].get("login").is_some());
        if self.looked.has(Kind::LoginChallenged) != (of_login.len() == 1) || of_login.len() > 1 {
            return Err(format!("{} questions are asked of who signs in, and not as it is told", of_login.len()));
        }
        // What a session asks for is told of with the answer.
        if of_session.len() > usize::from(self.looked.is_by(Door::Open)) {
            return Err("a question is there, and nobody asked for it".to_owned());
        }
        let is_full = self.before.challenges.len() >= PENDING && of_login.len() + of_session.len() == 1;
        let gone = self.before.challenges.iter().filter(|(id, _)| !self.after.challenges.contains_key(*id));
        let gone = gone.filter(|(_, asked)| !self.is_over(asked, "expires_at")).count();
        if gone > usize::from(is_full) && !self.looked.has_any(&ENDS) {
            return Err(format!("{gone} questions are gone, and nobody is told"));
        }
        let mut both =
            self.after.challenges.iter().filter_map(|(id, is)| Some((id, self.before.challenges.get(id)?, is)));
        // One answer is enough here: a question that stays is as it was.
        match both.find(|(_, was, is)| was != is) {
            Some((id, ..)) => Err(format!("the question {id} has changed, and nobody is told")),
            None => Ok(()),
        }
    }
}
