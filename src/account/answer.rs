//! Answering: one check, one charge, one success.

use super::authenticator::{Credential, Status};
use super::challenge::{Challenge, ChallengeView, Origin};
use super::enrolment::Enrolling;
use super::event::{About, EventKind};
use super::keys::ProvenKey;
use super::refusal::Refusal;
use super::session::Grant;
use super::step_up::approve;
use super::turn::Turn;
use super::webauthn;
use super::{Access, Account};
use crate::assurance::{Aal, Evidence, Method, assess, newest_of_each, unmet};
use crate::id::{AuthenticatorId, ChallengeId, SessionId};
use crate::otp::{Code, Digits, Mismatch, Secret, Step};
use crate::recovery_code;
use crate::secret::SecretString;
use crate::vault::Purpose;

/// What a client answers with.
pub(crate) enum Given {
    Totp {
        which: Which,
        code: SecretString,
    },
    /// A recovery code whose slow hash was derived under a reservation.
    Recovery {
        digest: recovery_code::Digest,
        /// What takes its place, where policy says that something does.
        successor: Option<recovery_code::Successor>,
    },
    /// What a key has signed, checked against the key as it was when it was looked at.
    Key(Box<ProvenKey>),
}

/// Which authenticator an answer names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Any,
    One(AuthenticatorId),
    /// An id that is none of ours: charged like any wrong answer, so that it looks like one.
    Unknown,
}

/// What a right answer led to.
pub(crate) enum Answered {
    Complete {
        grant: Box<Grant>,
        state: Option<String>,
        recovery_remaining: Option<usize>,
        /// The recovery code that was used has a successor, which is to be shown.
        replaced: bool,
    },
    /// Something is still missing.
    More(ChallengeView),
    /// A login has proved enough and has too little bound: no session before it has.
    EnrolmentRequired {
        enrolling: Enrolling,
        /// As above.
        replaced: bool,
    },
}

impl Account {
    /// Answers a challenge.
    pub(crate) fn answer(
        &mut self,
        turn: &mut Turn<'_>,
        access: Access,
        id: ChallengeId,
        given: &Given,
    ) -> Result<Answered, Refusal> {
        let at = self.reached(turn, access, id)?;
        let session = self.challenges.get(at).and_then(Challenge::session);
        let proof = match given {
            Given::Key(proven) => self.check_asked_key(turn, at, proven)?,
            Given::Totp { .. } | Given::Recovery { .. } => self.check(turn, given, session)?,
        };
        let used_recovery = proof.method() == Method::RecoveryCode;
        let challenge = self.challenges.get_mut(at).ok_or(Refusal::ChallengeGone)?;
        if challenge.to_sign.is_some() {
            // WA-AUTH-11: what was signed is used up, also where the answer is not all that is asked for.
            challenge.to_sign = Some(webauthn::Challenge::generate(turn.entropy)?);
        }
        challenge.evidence.push(proof);
        newest_of_each(&mut challenge.evidence);
        let challenge = challenge.clone();
        let level =
            assess(&self.evidence_for(&challenge), turn.policy.registered_amr_only).map(|proved| proved.level());
        let answered = self.conclude(turn, &challenge)?;
        let is_met = !matches!(answered, Answered::More(_));
        let replaced = match given {
            Given::Recovery { successor: Some(successor), .. } if is_met => {
                self.replace_used(turn, successor, level)?
            }
            _ => false,
        };
        if used_recovery && !replaced {
            self.warn_of_few(turn)?;
        }
        let recovery_remaining = used_recovery.then(|| self.recovery_remaining());
        Ok(match answered {
            Answered::Complete { grant, state, .. } => {
                Answered::Complete { grant, state, recovery_remaining, replaced }
            }
            Answered::EnrolmentRequired { enrolling, .. } => Answered::EnrolmentRequired { enrolling, replaced },
            more @ Answered::More(_) => more,
        })
    }

    /// Completes the challenge if its requirement is met, and begins the session that follows.
    fn conclude(&mut self, turn: &mut Turn<'_>, challenge: &Challenge) -> Result<Answered, Refusal> {
        let mut evidence = self.evidence_for(challenge);
        newest_of_each(&mut evidence);
        let weighed = assess(&self.weighed_for(challenge), turn.policy.registered_amr_only);
        let assurance = weighed.ok_or(Refusal::InvalidToken)?;
        if !unmet(&challenge.asks.requirement(), &assurance, turn.now).is_empty() {
            return Ok(Answered::More(self.view_of(turn, challenge)));
        }
        let (seed, replaced) = match &challenge.origin {
            Origin::Login(seed) => (seed.clone(), None),
            Origin::Session(sid) => {
                let at = self.session_index(*sid).ok_or(Refusal::ChallengeGone)?;
                (self.session_at(at)?.seed.clone(), Some(*sid))
            }
        };
        let (step_up, state) = self.approved(turn, challenge)?;
        self.challenges.retain(|c| c.id != challenge.id);
        if replaced.is_none() && self.must_bind_first(turn) {
            let enrolling = self.require_enrolment(turn, seed, evidence)?;
            return Ok(Answered::EnrolmentRequired { enrolling, replaced: false });
        }
        // ASVS 7.2.4: a new session id at every authentication, the old one ended (CVE-2024-28197).
        if let Some(sid) = replaced {
            self.replace_session(turn, sid);
        }
        let action = step_up.as_ref().map(|grant| grant.action.clone());
        let grant = self.open_session(turn, seed, evidence, step_up)?;
        let kind = if replaced.is_some() { EventKind::SteppedUp } else { EventKind::SignedIn };
        let client_id = Some(grant.seed.client_id.clone());
        turn.record(kind, About { action, client_id, ..About::session(grant.session) })?;
        if replaced.is_none() {
            self.count_sign_in(turn, grant.session)?;
        }
        self.warn_of_expiry(turn)?;
        Ok(Answered::Complete { grant: Box::new(grant), state, recovery_remaining: None, replaced: false })
    }

    fn approved(
        &self,
        turn: &Turn<'_>,
        challenge: &Challenge,
    ) -> Result<(Option<crate::assurance::StepUpGrant>, Option<String>), Refusal> {
        let Some(approval) = &challenge.approval else {
            return Ok((None, None));
        };
        let open = |sealed: &String| {
            let opened = turn.vault.open(Purpose::ChallengeState, &self.subject, challenge.id.as_bytes(), sealed)?;
            String::from_utf8(opened.expose().to_vec()).map_err(|_| Refusal::unavailable())
        };
        let state = approval.state.as_ref().map(open).transpose()?;
        let step_up = (!approval.action.is_empty())
            .then(|| approve(turn, &approval.action, approval.bind.clone(), turn.now))
            .transpose()?;
        Ok((step_up, state))
    }

    /// Checks one answer: the throttle, the code, the counters. A proof comes out of it only if the
    /// answer was right and had not been used.
    pub(super) fn check(
        &mut self,
        turn: &mut Turn<'_>,
        given: &Given,
        session: Option<SessionId>,
    ) -> Result<Evidence, Refusal> {
        let elevated = self.elevated(turn, session);
        match given {
            Given::Totp { which, code } => self.check_totp(turn, *which, code, elevated),
            Given::Recovery { digest, .. } => self.check_recovery(turn, digest, elevated),
            // What it signed stands in a challenge, so it answers one and nothing else.
            Given::Key(_) => Err(Refusal::InvalidCredential),
        }
    }

    /// The session of an answer, if it is already at AAL2 and so has a budget of its own. Where the
    /// account is locked as a whole none has: its failures are the account's.
    pub(super) fn elevated(&self, turn: &Turn<'_>, session: Option<SessionId>) -> Option<usize> {
        if turn.policy.lock.account_wide {
            return None;
        }
        let at = self.session_index(session?)?;
        let level = self.sessions.get(at)?.level(turn.policy)?;
        (level >= Aal::Two).then_some(at)
    }

    fn check_totp(
        &mut self,
        turn: &mut Turn<'_>,
        which: Which,
        code: &SecretString,
        elevated: Option<usize>,
    ) -> Result<Evidence, Refusal> {
        if [Digits::SIX, Digits::SEVEN, Digits::EIGHT].iter().all(|d| Code::parse(code.expose(), *d).is_err()) {
            // What cannot be a code of any app is a slip of the finger, not a guess.
            return Err(Refusal::invalid("code", "must be 6 to 8 digits"));
        }
        let (named, known) = self.totp_of(which, turn);
        let candidates = self.unlocked(turn, named.clone(), elevated)?;
        // All keys are opened before anything is compared: were the second one's gone, a wrong code
        // for the first would end in "unavailable", uncounted, and a right one would not.
        let opened = candidates.iter().filter(|_| known).map(|at| Ok((*at, self.secret_at(turn, *at)?)));
        for (at, secret) in opened.collect::<Result<Vec<_>, Refusal>>()? {
            match self.try_totp(turn, at, &secret, code)? {
                Ok(step) => return self.accept_totp(turn, at, step, elevated),
                Err(Mismatch::Replayed) => self.record_at(turn, EventKind::OtpReplayed, at)?,
                Err(_) => {}
            }
        }
        let attempts_remaining = self.charge(turn, &candidates, elevated)?;
        // The same answer sent again would hear how long the pause is; it is said right away.
        let retry_after = match self.unlocked(turn, named, elevated) {
            Err(Refusal::Throttled { retry_after }) => Some(retry_after),
            _ => None,
        };
        Err(Refusal::InvalidCode { attempts_remaining, retry_after })
    }

    /// The TOTP authenticators an answer is for, and whether it is compared with them at all: an id
    /// that names none is charged to every active one, so that it looks like a wrong code.
    fn totp_of(&self, which: Which, turn: &Turn<'_>) -> (Vec<usize>, bool) {
        let bound = || {
            self.authenticators
                .iter()
                .enumerate()
                .filter(|(_, a)| a.is_bound() && a.credential.method() == Method::Totp)
        };
        let named: Vec<usize> = bound().filter(|(_, a)| which == Which::One(a.id)).map(|(at, _)| at).collect();
        if !named.is_empty() {
            return (named, true);
        }
        let active = bound().filter(|(_, a)| a.is_active(turn.now)).map(|(at, _)| at).collect();
        (active, which == Which::Any)
    }

    /// Leaves out what is locked; refuses when nothing is left. Nothing was compared, nothing is
    /// counted.
    fn unlocked(&self, turn: &Turn<'_>, mut named: Vec<usize>, elevated: Option<usize>) -> Result<Vec<usize>, Refusal> {
        let was_named = named.clone();
        named.retain(|at| self.authenticators.get(*at).is_some_and(|a| a.is_active(turn.now)));
        if named.is_empty() {
            let is_disabled = |a: &super::Authenticator| a.status_at(turn.now) == Status::Disabled;
            let disabled = match was_named.first().and_then(|at| self.authenticators.get(*at)) {
                Some(named) => is_disabled(named),
                None => self.bound().any(is_disabled),
            };
            let none_left = Refusal::InvalidCode { attempts_remaining: turn.policy.lock.failures, retry_after: None };
            return Err(if disabled { Refusal::AuthenticatorDisabled } else { none_left });
        }
        if let Some(retry_after) = self.wide_lock(turn) {
            return Err(Refusal::Throttled { retry_after });
        }
        if let Some(session) = elevated.and_then(|at| self.sessions.get(at)) {
            return match session.throttle.locked_for(turn.now) {
                Some(retry_after) => Err(Refusal::Throttled { retry_after }),
                None => Ok(named),
            };
        }
        let wait = |at: &usize| self.authenticators.get(*at).and_then(|a| a.throttle.locked_for(turn.now));
        let soonest = named.iter().filter_map(wait).min();
        named.retain(|at| wait(at).is_none());
        match soonest {
            Some(retry_after) if named.is_empty() => Err(Refusal::Throttled { retry_after }),
            _ => Ok(named),
        }
    }

    fn secret_at(&self, turn: &Turn<'_>, at: usize) -> Result<Secret, Refusal> {
        self.authenticators.get(at).ok_or(Refusal::NotFound)?.open_secret(turn, &self.subject)
    }

    fn try_totp(
        &self,
        turn: &Turn<'_>,
        at: usize,
        secret: &Secret,
        code: &SecretString,
    ) -> Result<Result<Step, Mismatch>, Refusal> {
        let authenticator = self.authenticators.get(at).ok_or(Refusal::NotFound)?;
        let Credential::Totp { params, last_step, .. } = &authenticator.credential else {
            return Ok(Err(Mismatch::Wrong));
        };
        let Ok(code) = Code::parse(code.expose(), params.digits()) else {
            return Ok(Err(Mismatch::Wrong));
        };
        // ASVS 6.5.8: the server's clock, as read; the last used step guards against replay.
        Ok(params.verify(secret, &code, turn.clock, turn.policy.totp_window, *last_step))
    }

    fn accept_totp(
        &mut self,
        turn: &mut Turn<'_>,
        at: usize,
        step: Step,
        elevated: Option<usize>,
    ) -> Result<Evidence, Refusal> {
        let authenticator = self.authenticators.get_mut(at).ok_or(Refusal::NotFound)?;
        let Credential::Totp { last_step, .. } = &mut authenticator.credential else { return Err(Refusal::NotFound) };
        *last_step = Some(step);
        authenticator.last_used_at = Some(turn.now);
        authenticator.throttle.succeed();
        let id = authenticator.id;
        self.throttle.succeed();
        if let Some(session) = elevated.and_then(|at| self.sessions.get_mut(at)) {
            session.throttle.succeed();
        }
        turn.record(EventKind::AnswerAccepted, About::authenticator(id, Method::Totp))?;
        Ok(Evidence::new(Method::Totp, turn.now).by(id))
    }

    /// Charges a failure to each authenticator it was tried on, and says how many are left.
    pub(super) fn charge(
        &mut self,
        turn: &mut Turn<'_>,
        tried: &[usize],
        elevated: Option<usize>,
    ) -> Result<u32, Refusal> {
        let schedule = &turn.policy.lock;
        let (mut remaining, mut wide) = (schedule.failures, false);
        for at in tried {
            let Some(a) = self.authenticators.get_mut(*at) else { continue };
            let about = || About::authenticator(a.id, a.credential.method());
            let mut locked_until = None;
            // One that is only being bound is no way in: its slips lock nobody.
            let is_wide = schedule.account_wide && a.is_bound();
            wide |= is_wide;
            if elevated.is_some() || is_wide {
                a.throttle.count();
            } else {
                let charged = a.throttle.fail(turn.now, schedule);
                remaining = remaining.min(charged.remaining);
                locked_until = charged.locked_until;
            }
            let failures = a.throttle.consecutive();
            turn.record(EventKind::AnswerRefused, About { count: Some(failures), ..about() })?;
            if locked_until.is_some() {
                turn.record(EventKind::Locked, About { until: locked_until, ..about() })?;
            }
            let limit = hard_limit(failures, turn.policy.hard_limit);
            if a.status == Status::Pending && limit == Some(EventKind::AuthenticatorDisabled) {
                // Never confirmed, so never bound: it lapses. Disabled it would count as bound, and
                // an account could be locked for ever by an app that was never on it.
                a.expires_at = Some(turn.now);
                continue;
            }
            if let Some(kind) = limit {
                turn.record(kind, About { count: Some(failures), ..about() })?;
                if kind == EventKind::AuthenticatorDisabled {
                    a.disable(turn.now);
                }
            }
        }
        if let Some(at) = elevated {
            remaining = self.charge_session(turn, at)?;
        }
        if wide {
            remaining = self.charge_account(turn)?;
        }
        Ok(remaining)
    }

    /// Charges the budget of a session that is already at AAL2.
    pub(super) fn charge_session(&mut self, turn: &mut Turn<'_>, at: usize) -> Result<u32, Refusal> {
        let schedule =
            crate::policy::LockSchedule { failures: turn.policy.elevated_budget, ..turn.policy.lock.clone() };
        let Some(session) = self.sessions.get_mut(at) else { return Ok(0) };
        let charged = session.throttle.fail(turn.now, &schedule);
        if charged.locked_until.is_some() {
            turn.record(EventKind::Locked, About { until: charged.locked_until, ..About::session(session.id) })?;
        }
        Ok(charged.remaining)
    }

    fn record_at(&self, turn: &mut Turn<'_>, kind: EventKind, at: usize) -> Result<(), Refusal> {
        let about = self.authenticators.get(at).map(|a| About::authenticator(a.id, a.credential.method()));
        turn.record(kind, about.unwrap_or_default())
    }
}

/// What a number of consecutive failures calls for: the subject is told at 50 and at 100 %.
pub(super) fn hard_limit(failures: u32, limit: u32) -> Option<EventKind> {
    if failures >= limit {
        return Some(EventKind::AuthenticatorDisabled);
    }
    (failures == limit.div_ceil(2)).then_some(EventKind::HardLimitNear)
}
