use super::tokens::Tokens;
use super::{Error, Mfa};
use crate::account::{Event, RefreshClaims, Refusal, SessionView};
use crate::assurance::Authentication;
use crate::id::SessionId;
use crate::secret::SecretString;
use crate::store::{EventCursor, Feed, MAX_PAGE};

/// A page of a subject's own events, the oldest first.
#[derive(Debug)]
#[non_exhaustive]
pub struct EventPage {
    /// The events.
    pub items: Vec<Event>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<EventCursor>,
}

/// A page of a subject's own sessions.
#[derive(Debug)]
#[non_exhaustive]
pub struct SessionPage {
    /// The sessions.
    pub items: Vec<SessionView>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<SessionId>,
}

impl Mfa {
    /// Takes a refresh token and gives an access token and the next refresh token.
    ///
    /// `acr`, `amr` and `auth_time` never change by it, and it never carries a step-up. For 30
    /// seconds, and until its successor is used, a replaced token gives the same successor again;
    /// anything older ends the session.
    ///
    /// # Errors
    ///
    /// [`Refusal::InvalidToken`] when it is none, was replaced, or the session is over; and when the
    /// session is of a password alone, and a login here and now would ask for more.
    ///
    /// # Cancel safety
    ///
    /// Safe: call it again with the same token.
    pub async fn refresh(&self, token: &SecretString) -> Result<Tokens, Error> {
        let claims = RefreshClaims::open(&self.inner.vault, token.expose()).map_err(|_| Refusal::InvalidToken)?;
        if claims.expires_at <= self.inner.clock.now()? {
            return Err(Refusal::InvalidToken.into());
        }
        let sid = claims.session.to_string();
        let matter =
            super::shell::Matter { seed: crate::account::SeedOf::Session(&sid), ..self.matter(&claims.subject) };
        let grant = self.inner.turn(matter, |account, turn| account.refresh(turn, &claims)).await?;
        self.inner.issue(grant).await
    }

    /// Ends the caller's session; its tokens are void.
    ///
    /// # Errors
    ///
    /// [`Refusal::InvalidToken`] when it is over already.
    ///
    /// # Cancel safety
    ///
    /// Safe: it was ended or not.
    pub async fn log_out(&self, by: &Authentication) -> Result<(), Error> {
        self.inner.turn(self.session_matter(by), |account, turn| account.log_out(turn, by)).await
    }

    /// Lists the subject's sessions, at most `limit` (1 to 200) of them from behind `after`.
    ///
    /// # Errors
    ///
    /// [`Refusal::InvalidToken`].
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn sessions(
        &self,
        by: &Authentication,
        after: Option<SessionId>,
        limit: usize,
    ) -> Result<SessionPage, Error> {
        let names = self.inner.verifier.acr_names();
        let all =
            self.inner.turn(self.session_matter(by), |account, turn| account.session_views(turn, by, names)).await?;
        // A cursor whose session has ended since begins again: the list is short, nothing is lost.
        let from = after.and_then(|sid| all.iter().position(|s| s.sid == sid)).map_or(0, |at| at.saturating_add(1));
        let mut items: Vec<SessionView> = all.into_iter().skip(from).collect();
        let limit = limit.clamp(1, MAX_PAGE);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().map(|s| s.sid).filter(|_| more);
        Ok(SessionPage { items, next })
    }

    /// Ends one of the subject's sessions.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] for a session that is none of the subject's, [`Refusal::InvalidToken`].
    ///
    /// # Cancel safety
    ///
    /// Safe: it was ended or not.
    pub async fn end_session(&self, by: &Authentication, sid: SessionId) -> Result<(), Error> {
        self.inner.turn(self.session_matter(by), |account, turn| account.end_session(turn, by, sid)).await
    }

    /// Ends all of the subject's sessions but the caller's, and an enrolment that a login has opened.
    ///
    /// # Errors
    ///
    /// [`Refusal::InvalidToken`].
    ///
    /// # Cancel safety
    ///
    /// Safe: they were ended or not, all of them.
    pub async fn end_other_sessions(&self, by: &Authentication) -> Result<(), Error> {
        self.inner.turn(self.session_matter(by), |account, turn| account.end_other_sessions(turn, by)).await
    }

    /// Pages through the subject's own events, the oldest first; `limit` is 1 to 200.
    ///
    /// # Errors
    ///
    /// [`Refusal::InvalidToken`]; [`Refusal::InvalidRequest`] for a cursor that is none.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn events(
        &self,
        by: &Authentication,
        after: Option<&EventCursor>,
        limit: usize,
    ) -> Result<EventPage, Error> {
        self.inner.turn(self.session_matter(by), |account, turn| account.is_current(turn, by)).await?;
        let page = self.inner.event_page(Feed::Subject(by.subject()), after, limit).await?;
        let next = page.next().cloned();
        let read = |body: &str| serde_json::from_str(body).map_err(Error::unavailable);
        let items = page.items().iter().map(|stored| read(stored.body())).collect::<Result<_, Error>>()?;
        Ok(EventPage { items, next })
    }
}
