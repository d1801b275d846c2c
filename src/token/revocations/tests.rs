//! What is forgotten must not be believed: against a list that forgets nothing.

use proptest::prelude::*;

use super::*;
use crate::assurance::{Aal, Assurance, AuthenticationParts};

const START: Timestamp = Timestamp::from_secs(1_800_000_000);
/// How long a token lives.
const TTL: u64 = 900;

fn subject(n: usize) -> Subject {
    Subject::new(format!("subject-{n}")).unwrap()
}

fn token(who: usize, session: &str, issued_at: Timestamp) -> Authentication {
    let assurance = Assurance {
        level: Aal::One,
        auth_time: None,
        phishing_resistant: false,
        hardware: false,
        amr: Vec::new(),
        evidence: Vec::new(),
    };
    Authentication::from_parts(AuthenticationParts {
        subject: subject(who),
        session: Some(session.into()),
        client_id: "web".into(),
        token_id: "a-token".into(),
        issued_at,
        expires_at: issued_at.plus(TTL),
        assurance,
        step_up: None,
        roles: Vec::new(),
        scopes: Vec::new(),
    })
}

/// One revocation, and when it was.
struct Naive {
    who: usize,
    /// `None` is the whole subject.
    session: Option<String>,
    at: Timestamp,
    until: Timestamp,
}

impl Naive {
    fn means(&self, who: usize, token: &Authentication) -> bool {
        self.who == who
            && self.session.as_deref().map_or(token.issued_at() <= self.at, |sid| token.session() == Some(sid))
    }
}

#[derive(Debug, Clone)]
enum Op {
    Wait(u64),
    /// A token of a session, old or new.
    Issue(usize, u8),
    End(usize, u8),
    /// As many sessions end that nobody else speaks of.
    EndMany(usize, u8),
    EndAll(usize),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let who = 0..3_usize;
    let op = prop_oneof![
        2 => prop_oneof![Just(1), 2..400_u64].prop_map(Op::Wait),
        4 => (who.clone(), 0..12_u8).prop_map(|(who, sid)| Op::Issue(who, sid)),
        3 => (who.clone(), 0..12_u8).prop_map(|(who, sid)| Op::End(who, sid)),
        2 => (who.clone(), 1..50_u8).prop_map(|(who, many)| Op::EndMany(who, many)),
        1 => who.prop_map(Op::EndAll),
    ];
    prop::collection::vec(op, 1..80)
}

struct Model {
    real: Revocations,
    now: Timestamp,
    issued: Vec<(usize, Authentication)>,
    revoked: Vec<Naive>,
    /// Who had 32 revoked sessions when one more came, and when: there more may be refused.
    crowded: Vec<(usize, Timestamp)>,
}

impl Model {
    fn new(capacity: usize) -> Self {
        let real = Revocations::new(capacity);
        Self { real, now: START, issued: vec![], revoked: vec![], crowded: vec![] }
    }

    /// Ends a session, which has had tokens until now.
    fn end(&mut self, who: usize, session: String) -> Refused {
        let (now, until) = (self.now, self.now.plus(TTL));
        let live = self.revoked.iter().filter(|r| r.who == who && r.session.is_some() && now < r.until).count();
        if live >= ONE_BY_ONE {
            self.crowded.push((who, now));
        }
        let refused = self.real.session(&subject(who), &session, now, until, now);
        self.revoked.push(Naive { who, session: Some(session), at: now, until });
        refused
    }

    /// Tells whether everybody was refused.
    fn run(&mut self, op: &Op) -> bool {
        let mut all = false;
        match *op {
            Op::Wait(secs) => self.now = self.now.plus(secs),
            Op::Issue(who, sid) => {
                let session = format!("{who}-{sid}");
                // A session that has ended gets no more tokens.
                if !self.revoked.iter().any(|r| r.session.as_ref() == Some(&session)) {
                    self.issued.push((who, token(who, &session, self.now)));
                }
            }
            Op::End(who, sid) => all = self.end(who, format!("{who}-{sid}")) == Refused::All,
            Op::EndMany(who, many) => {
                for _ in 0..many {
                    let unheard_of = format!("{who}-other-{}", self.revoked.len());
                    all |= self.end(who, unheard_of) == Refused::All;
                }
            }
            Op::EndAll(who) => {
                let (now, until) = (self.now, self.now.plus(TTL));
                self.real.subject(&subject(who), now, now, until, now);
                self.revoked.push(Naive { who, session: None, at: now, until });
            }
        }
        all
    }

    fn must_refuse(&self, who: usize, token: &Authentication) -> bool {
        self.revoked.iter().any(|r| r.means(who, token))
    }

    fn may_refuse(&self, who: usize, token: &Authentication) -> bool {
        self.must_refuse(who, token) || self.crowded.iter().any(|(w, at)| *w == who && token.issued_at() < *at)
    }
}

proptest! {
    #[test]
    fn no_token_of_a_revoked_session_is_believed_while_it_could_be_alive(ops in ops(), capacity in 0..70_usize) {
        let mut model = Model::new(capacity);
        for op in &ops {
            model.run(op);
            let now = model.now;
            for (who, token) in model.issued.iter().filter(|(_, token)| now < token.expires_at()) {
                if model.must_refuse(*who, token) {
                    prop_assert!(model.real.refuse(token, now), "{who} {:?} at {now:?}", token.session());
                }
            }
            prop_assert!(model.real.len() <= capacity);
            let next = token(0, "the next second's", now.plus(1));
            prop_assert!(!model.real.refuse(&next, now.plus(1)), "whoever refreshes is in again");
        }
    }

    #[test]
    fn where_there_is_room_nobody_is_refused_for_what_others_did(ops in ops()) {
        let mut model = Model::new(65_536);
        for op in &ops {
            prop_assert!(!model.run(op), "nobody needs the floor");
            let now = model.now;
            for (who, token) in model.issued.iter().filter(|(_, token)| now < token.expires_at()) {
                if model.real.refuse(token, now) {
                    prop_assert!(model.may_refuse(*who, token), "{who} {:?} at {now:?}", token.session());
                }
            }
        }
    }
}

#[test]
fn the_number_kept_is_what_is_there() {
    let revocations = Revocations::new(100);
    let counted = |revocations: &Revocations| revocations.read().subjects.values().map(Revoked::len).sum::<usize>();
    for n in 0..2_000_u64 {
        let (now, who) = (START.plus(n / 3), usize::try_from(n % 7).unwrap());
        revocations.session(&subject(who), &format!("{n}"), now, now.plus(60 + n % 50), now);
        if n % 11 == 0 {
            revocations.subject(&subject(who), now, now, now.plus(30), now);
        }
        assert_eq!(revocations.len(), counted(&revocations), "{n}");
    }
}

/// One account's sessions fill it, each of them for as long as a token lives, and the last resort is
/// for those who are many.
#[test]
fn a_full_table_merges_the_sessions_of_each_subject_before_it_refuses_everybody() {
    let revocations = Revocations::new(100);
    let innocent = token(99, "innocent", START);
    for n in 0..1_000_usize {
        let now = START.plus(u64::try_from(n / 20).unwrap());
        let refused = revocations.session(&subject(n % 50), &format!("{n}"), now, now.plus(TTL), now);
        assert_eq!(refused, Refused::One, "{n}");
        assert!(revocations.refuse(&token(n % 50, &format!("{n}"), START), now));
        assert!(!revocations.refuse(&innocent, now), "{n}");
    }
    let now = START.plus(60);
    let full = (0..51).find(|n| {
        let who = subject(100 + n);
        revocations.session(&who, "another", now, now.plus(TTL), now) == Refused::All
    });
    assert_eq!(full, Some(50), "fifty subjects with a cutoff, and fifty with a session");
    assert!(revocations.refuse(&innocent, now), "closed rather than open");
    assert_eq!(revocations.len(), 0);
    for n in 0..1_000 {
        assert!(revocations.refuse(&token(n % 50, &format!("{n}"), START), now), "{n}");
    }
}
