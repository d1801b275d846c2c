//! Sessions: refresh, theft, time-outs, lists, and their end.

use tower_mfa::account::{EventKind, Refusal};
use tower_mfa::assurance::Aal;
use tower_mfa::policy::{Login, SessionLimits};
use tower_mfa::service::{ChallengeOutcome, ChallengeRequest, Enroller, Tokens};

use crate::scene::{Scene, cheap, refusal, subject};

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

async fn refresh(s: &Scene, tokens: &Tokens) -> Result<Tokens, tower_mfa::service::Error> {
    s.mfa.refresh(tokens.refresh_token().unwrap()).await
}

fn dead(s: &Scene, tokens: &Tokens) -> bool {
    s.mfa.authenticate(tokens.access_token().expose()).is_err()
}

/// Rows: R9068-2.2.1-a, N63B-5.1-b
#[tokio::test]
async fn r9470_6_1_a_a_refresh_changes_neither_acr_nor_amr_nor_auth_time_and_carries_no_step_up() {
    let s = Scene::with(cheap().action("pay", tower_mfa::assurance::Requirement::aal2()).build().unwrap());
    let person = s.enrolled("alice").await;
    let mut tokens = s.sign_in("alice", &person.app).await;
    let by = s.auth(&tokens);
    let ChallengeOutcome::Complete(paid) =
        s.mfa.open_challenge(&by, ChallengeRequest::new().action("pay")).await.unwrap()
    else {
        panic!("the factor is fresh")
    };
    let paid = &paid.tokens;
    assert!(paid.step_up().is_some() && paid.refresh_token().is_none());
    for _ in 0..5 {
        s.clock.advance(600);
        let next = refresh(&s, &tokens).await.unwrap();
        assert_eq!((next.acr(), next.amr()), (tokens.acr(), tokens.amr()));
        assert_eq!((next.auth_time(), next.session()), (tokens.auth_time(), tokens.session()));
        let read = s.auth(&next);
        assert!(next.step_up().is_none() && read.step_up().is_none());
        assert_eq!(read.assurance().auth_time(), tokens.auth_time());
        tokens = next;
    }
}

#[tokio::test]
async fn for_thirty_seconds_a_replaced_refresh_token_gives_the_same_successor() {
    let s = Scene::new();
    let first = s.password("alice").await;
    let second = refresh(&s, &first).await.unwrap();
    s.clock.advance(30);
    let again = refresh(&s, &first).await.unwrap();
    let text = |t: &Tokens| t.refresh_token().unwrap().expose().to_owned();
    assert_eq!(text(&again), text(&second), "to the letter");
    assert_ne!(text(&first), text(&second));
    s.clock.advance(1);
    assert_eq!(refusal(refresh(&s, &first).await), Refusal::InvalidToken);
    assert_eq!(refusal(refresh(&s, &second).await), Refusal::InvalidToken, "thief and owner are both out");
    assert!(dead(&s, &second));
    let kinds = s.kinds("alice").await;
    assert!(kinds.ends_with(&[EventKind::RefreshReplayed, EventKind::SessionEnded]), "{kinds:?}");
}

/// Rows: ASVS-7.4.1
#[tokio::test]
async fn a_refresh_token_whose_successor_was_used_ends_the_session_at_once() {
    let s = Scene::new();
    let first = s.password("alice").await;
    let other = s.password("alice").await;
    let second = refresh(&s, &first).await.unwrap();
    let third = refresh(&s, &second).await.unwrap();
    assert_eq!(refusal(refresh(&s, &first).await), Refusal::InvalidToken);
    assert_eq!(refusal(refresh(&s, &third).await), Refusal::InvalidToken);
    assert!(dead(&s, &third));
    assert!(refresh(&s, &other).await.is_ok(), "the other session has nothing to do with it");
}

#[tokio::test]
async fn a_changed_refresh_token_is_refused_and_ends_nothing() {
    let s = Scene::new();
    let tokens = s.password("alice").await;
    let good = tokens.refresh_token().unwrap().expose();
    for at in (5..good.len()).step_by(7) {
        let mut bad = good.to_owned().into_bytes();
        bad[at] = if bad[at] == b'A' { b'B' } else { b'A' };
        let bad = tower_mfa::secret::SecretString::new(String::from_utf8(bad).unwrap());
        assert_eq!(refusal(s.mfa.refresh(&bad).await), Refusal::InvalidToken);
    }
    refresh(&s, &tokens).await.unwrap();
}

/// Rows: N63B-2.2.3-a, N63B-5.2-a, ASVS-7.3.1, N63B-5.1-c
#[tokio::test]
async fn a_session_at_aal2_ends_after_an_hour_of_nothing() {
    let s = Scene::new();
    let person = s.enrolled("alice").await;
    let mut tokens = s.sign_in("alice", &person.app).await;
    for _ in 0..3 {
        s.clock.advance(HOUR - 1);
        tokens = refresh(&s, &tokens).await.unwrap();
    }
    s.clock.advance(HOUR);
    assert_eq!(refusal(refresh(&s, &tokens).await), Refusal::InvalidToken);
}

#[tokio::test]
async fn n63b_5_2_a_a_request_to_the_issuer_is_activity_too() {
    let s = Scene::new();
    let person = s.enrolled("alice").await;
    let mut tokens = s.sign_in("alice", &person.app).await;
    for _ in 0..5 {
        s.clock.advance(14 * 60);
        s.mfa.status(Enroller::Session(&s.auth(&tokens))).await.unwrap();
        s.clock.advance(50 * 60);
        tokens = refresh(&s, &tokens).await.unwrap();
    }
}

/// Rows: N63B-2.2.3-a, N63B-5.2-a, ASVS-7.3.2
#[tokio::test]
async fn a_session_at_aal2_ends_after_a_day_however_busy() {
    let s = Scene::new();
    let person = s.enrolled("alice").await;
    let mut tokens = s.sign_in("alice", &person.app).await;
    for _ in 0..47 {
        s.clock.advance(HOUR / 2);
        tokens = refresh(&s, &tokens).await.unwrap();
        let read = s.auth(&tokens);
        assert!(read.expires_at() <= tokens.auth_time().unwrap().plus(DAY), "no access token outlives the session");
    }
    s.clock.advance(HOUR / 2 - 1);
    let last = refresh(&s, &tokens).await.unwrap();
    assert_eq!(last.expires_in().as_secs(), 1);
    s.clock.advance(1);
    assert_eq!(refusal(refresh(&s, &last).await), Refusal::InvalidToken);
    assert!(dead(&s, &last));
    assert!(s.mfa.status(Enroller::Session(&person.by)).await.is_err());
}

#[tokio::test]
async fn n63b_2_2_3_a_a_session_of_a_password_has_an_end_too() {
    let s = Scene::new();
    let mut tokens = s.password("alice").await;
    for _ in 0..29 {
        s.clock.advance(DAY);
        tokens = refresh(&s, &tokens).await.unwrap();
    }
    s.clock.advance(DAY);
    assert_eq!(refusal(refresh(&s, &tokens).await), Refusal::InvalidToken);
}

#[tokio::test]
async fn an_idle_limit_shorter_than_an_access_token_cuts_the_token_short() {
    let limits = SessionLimits::overall(600).idle(60);
    let s = Scene::with(cheap().session(Aal::One, limits).build().unwrap());
    let tokens = s.password("alice").await;
    assert_eq!(tokens.expires_in().as_secs(), 60);
    s.clock.advance(59);
    let tokens = refresh(&s, &tokens).await.unwrap();
    s.clock.advance(60);
    assert!(dead(&s, &tokens) && refresh(&s, &tokens).await.is_err());
}

/// Rows: N63B-5.1-c, ASVS-7.4.1
#[tokio::test]
async fn after_logout_no_token_of_the_session_works() {
    let s = Scene::new();
    let tokens = s.password("alice").await;
    let by = s.auth(&tokens);
    s.mfa.log_out(&by).await.unwrap();
    assert!(dead(&s, &tokens), "the access token is withdrawn here at once");
    assert_eq!(refusal(refresh(&s, &tokens).await), Refusal::InvalidToken);
    assert_eq!(refusal(s.mfa.log_out(&by).await), Refusal::InvalidToken);
    assert_eq!(s.count("alice", EventKind::SessionEnded).await, 1);
}

#[tokio::test]
async fn asvs_7_5_2_a_person_lists_their_sessions_page_by_page_and_ends_them() {
    let s = Scene::new();
    let mut tokens = Vec::new();
    for n in 0..5 {
        let first = s.first("alice").client(format!("client-{n}")).address(format!("192.0.2.{n}"));
        tokens.push(crate::scene::complete(s.mfa.begin(first).await.unwrap()));
    }
    s.password("bob").await;
    let by = s.auth(&tokens[2]);
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = s.mfa.sessions(&by, after, 2).await.unwrap();
        assert!(page.items.len() <= 2);
        seen.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let ids: Vec<_> = seen.iter().map(|v| v.sid).collect();
    assert_eq!(ids, tokens.iter().map(Tokens::session).collect::<Vec<_>>());
    let current: Vec<_> = seen.iter().filter(|v| v.current).map(|v| &*v.client).collect();
    assert_eq!(current, ["client-2"]);
    assert_eq!((seen[4].address.as_deref(), &*seen[4].acr), (Some("192.0.2.4"), "aal1"));
    s.mfa.end_session(&by, tokens[0].session()).await.unwrap();
    assert!(dead(&s, &tokens[0]) && !dead(&s, &tokens[1]));
    assert_eq!(refusal(s.mfa.end_session(&by, tokens[0].session()).await), Refusal::NotFound);
    s.mfa.end_other_sessions(&by).await.unwrap();
    assert!(dead(&s, &tokens[1]) && dead(&s, &tokens[4]) && !dead(&s, &tokens[2]));
    assert_eq!(s.mfa.sessions(&by, None, 50).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn nobody_ends_a_strangers_session() {
    let s = Scene::new();
    let hers = s.password("alice").await;
    let mallory = s.signed_in("mallory").await;
    assert_eq!(refusal(s.mfa.end_session(&mallory, hers.session()).await), Refusal::NotFound);
    s.mfa.end_other_sessions(&mallory).await.unwrap();
    assert!(!dead(&s, &hers) && refresh(&s, &hers).await.is_ok());
}

#[tokio::test]
async fn one_session_too_many_ends_the_one_unused_for_longest() {
    let s = Scene::with(cheap().max_sessions(2).build().unwrap());
    let old = s.password("alice").await;
    s.clock.advance(HOUR);
    let idle = s.password("alice").await;
    s.clock.advance(HOUR);
    let old = refresh(&s, &old).await.unwrap();
    let new = s.password("alice").await;
    assert!(!dead(&s, &old) && !dead(&s, &new));
    assert_eq!(refusal(refresh(&s, &idle).await), Refusal::InvalidToken);
    assert_eq!(s.count("alice", EventKind::SessionEnded).await, 1);
}

/// Whoever has the password makes sessions at AAL1 at will; they do not push out those that took
/// a second factor.
#[tokio::test]
async fn sessions_by_password_alone_end_each_other_before_one_that_took_more() {
    let s = Scene::with(cheap().login(Login::Optional).max_sessions(3).build().unwrap());
    let password = s.password("alice").await;
    let owner = s.bind(&s.auth(&password)).await.bound.tokens;
    for _ in 0..10 {
        s.clock.advance(1);
        let _ = s.password("alice").await;
    }
    assert!(!dead(&s, &owner) && refresh(&s, &owner).await.is_ok());
}

/// Rows: ASVS-7.2.4, N63B-5.1-a, ASVS-7.2.3, CVE-2024-28197
#[tokio::test]
async fn every_authentication_gives_a_new_session_id_and_ends_the_old() {
    let s = Scene::login(Login::Optional);
    let before = s.password("alice").await;
    let person = s.bind(&s.auth(&before)).await;
    assert_ne!(before.session(), person.bound.tokens.session());
    assert!(dead(&s, &before) && refresh(&s, &before).await.is_err());
    assert_eq!(before.session().as_bytes().len() * 8, 128);
    let password_only = s.password("alice").await;
    s.clock.advance(30);
    let by = s.auth(&password_only);
    let opened = s.mfa.open_challenge(&by, ChallengeRequest::new()).await.unwrap();
    let ChallengeOutcome::Pending(view) = opened else { panic!("a code is wanted") };
    let reply = tower_mfa::service::Reply::totp(person.app.code(s.now()));
    let raised = s.mfa.answer(tower_mfa::service::Responder::Session(&by), view.id, reply).await.unwrap();
    let raised = crate::scene::answered(raised);
    assert_ne!(raised.session(), password_only.session());
    assert!(dead(&s, &password_only) && refresh(&s, &password_only).await.is_err());
    assert_eq!(raised.acr(), "aal2");
}

#[tokio::test]
async fn asvs_7_2_2_a_session_lives_in_the_account_and_a_signature_alone_is_not_enough() {
    let s = Scene::new();
    let by = s.signed_in("alice").await;
    s.mfa.end_sessions(&subject("alice"), "root", "asked to").await.unwrap();
    // The token was verified before its session ended: the account itself still says no.
    assert_eq!(refusal(s.mfa.status(Enroller::Session(&by)).await), Refusal::InvalidToken);
    assert_eq!(refusal(s.mfa.events(&by, None, 10).await), Refusal::InvalidToken);
    assert_eq!(refusal(s.start(&by).await), Refusal::InvalidToken);
}
