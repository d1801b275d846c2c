//! A key as the second step, and as the only one.

use tower_mfa::account::{EventKind, Refusal};
use tower_mfa::assurance::Method;
use tower_mfa::policy::{Login, LoginPolicy};
use tower_mfa::service::{KeyRequest, LoginOutcome};
use tower_mfa::store::MemoryStore;
use tower_mfa::testing::{ManualClock, SoftAuthenticator};

use crate::bank::{ORIGIN, acr, bank, built, is_wrong, json, options, policy, site, with};
use crate::scene::{answered, challenged, complete, refusal};

#[tokio::test]
async fn a_passkey_is_the_second_step_and_says_what_it_is() {
    let s = bank();
    let mut key = SoftAuthenticator::passkey();
    s.keyed("alice", &mut key).await;
    let asked = challenged(s.begin("alice").await);
    let offer = &asked.methods[0];
    assert_eq!((offer.method, offer.authenticator_id, &offer.label), (Method::WebAuthn, None, &None));
    let asks = json(&options(&asked.methods));
    assert_eq!(asks["rpId"], "bank.example");
    assert_eq!(asks["userVerification"], "preferred", "the password is a factor");
    assert_eq!(asks["timeout"], 300_000, "WA-15.1");
    let tokens = answered(s.answer_login(&asked, &mut key).await.unwrap());
    let by = s.auth(&tokens);
    assert_eq!(acr(&tokens), "aal2");
    assert!(by.assurance().is_phishing_resistant() && !by.assurance().is_hardware());
    assert!(by.assurance().amr().iter().any(|method| **method == *"swk"), "it can be copied");
    assert!(s.kinds("alice").await.contains(&EventKind::AnswerAccepted));
}

/// N63B-3.1.7.2-a: without its user verified it is one factor, which a password makes two.
#[tokio::test]
async fn a_security_key_without_a_pin_stands_beside_a_password() {
    let s = bank();
    let mut key = SoftAuthenticator::security_key();
    s.keyed("alice", &mut key).await;
    let tokens = answered(s.answer_login(&challenged(s.begin("alice").await), &mut key).await.unwrap());
    assert_eq!(acr(&tokens), "aal2");
    // Alone it is no sign-in: the browser is asked to verify its user, and what does not is refused.
    let started = s.passkey(Some("alice")).await;
    assert_eq!(json(&started.public_key)["userVerification"], "required");
    is_wrong(s.finish(&started, &mut key).await);
}

/// A passkey is a comfort; whoever adds a security key wants it asked for.
#[tokio::test]
async fn where_policy_says_nothing_a_security_key_is_asked_for_and_a_passkey_is_not() {
    for (wanted, asked) in [(KeyRequest::passkey(), false), (KeyRequest::security_key(), true)] {
        for (login, of_security_keys) in
            [(LoginPolicy::default(), true), (LoginPolicy::default().enrolled_by([Method::Totp]), false)]
        {
            let s = with(policy(Default::default()).login(login));
            let by = s.signed_in("alice").await;
            let started = s.start_key(&by, wanted.clone()).await;
            s.confirm_key(&by, &started, &mut SoftAuthenticator::security_key()).await.unwrap();
            let is_asked = matches!(s.begin("alice").await, LoginOutcome::Challenge(_));
            assert_eq!(is_asked, asked && of_security_keys, "{wanted:?}");
        }
    }
}

/// A service that asks for keys and has nobody to ask for them would lock everybody out.
#[test]
fn keys_alone_need_a_relying_party() {
    let keys_alone = |mode| LoginPolicy::new(mode).kinds([Method::WebAuthn]);
    let built = |login: LoginPolicy, rp: bool| {
        let mfa = crate::scene::builder(MemoryStore::new(), &ManualClock::at(crate::scene::START), &Default::default());
        let mfa = mfa.policy(policy(Default::default()).login(login).build().unwrap());
        if rp { mfa.webauthn(site().build().unwrap()) } else { mfa }.build().map(drop)
    };
    for mode in [Login::Required, Login::IfEnrolled] {
        let refused = built(keys_alone(mode).enrolled_by([Method::WebAuthn]), false).unwrap_err();
        assert_eq!(refused.field(), "webauthn");
        built(keys_alone(mode).enrolled_by([Method::WebAuthn]), true).unwrap();
        built(LoginPolicy::new(mode), false).unwrap();
    }
}

/// Rows: WA-5.5-allow, WA-5.4.3-dec
#[tokio::test]
async fn a_passkey_signs_in_by_itself_without_a_name() {
    let s = bank();
    let mut key = SoftAuthenticator::passkey();
    s.keyed("alice", &mut key).await;
    let started = s.passkey(None).await;
    assert_eq!(json(&started.public_key)["allowCredentials"], serde_json::json!([]), "WA-5.5-allow");
    let tokens = complete(s.finish(&started, &mut key).await.unwrap());
    let by = s.auth(&tokens);
    assert_eq!((by.subject().id(), acr(&tokens)), ("alice", "aal2"), "two factors in one");
    assert!(by.assurance().is_phishing_resistant());
    assert!(by.assurance().evidence().iter().all(|proof| proof.method() == Method::WebAuthn), "no password was typed");
    assert_eq!(s.kinds("alice").await.last(), Some(&EventKind::SignedIn));
}

/// The whole answer sent again.
///
/// Rows: CVE-2026-28787, WA-13.5.3-b
#[tokio::test]
async fn wa_auth_11_a_sign_in_is_good_once() {
    let s = bank();
    let mut key = SoftAuthenticator::passkey();
    s.keyed("alice", &mut key).await;
    let started = s.passkey(None).await;
    let credential = key.assert(started.public_key.as_str(), ORIGIN).unwrap();
    let finish = async || s.mfa.finish_passkey(started.id, &started.token, &credential).await;
    complete(finish().await.unwrap());
    assert_eq!(refusal(finish().await), Refusal::ChallengeGone);
    // Until it would have lapsed, and after that it has.
    s.clock.advance(299);
    assert_eq!(refusal(finish().await), Refusal::ChallengeGone);
    s.clock.advance(2);
    assert_eq!(refusal(finish().await), Refusal::ChallengeGone);
}

#[tokio::test]
async fn a_sign_in_is_bound_to_the_browser_that_asked() {
    let s = bank();
    let mut key = SoftAuthenticator::passkey();
    s.keyed("alice", &mut key).await;
    let (mine, theirs) = (s.passkey(None).await, s.passkey(None).await);
    let credential = key.assert(mine.public_key.as_str(), ORIGIN).unwrap();
    // Another's token knows another question, another's id is none of the token's.
    is_wrong(s.mfa.finish_passkey(theirs.id, &theirs.token, &credential).await);
    assert_eq!(refusal(s.mfa.finish_passkey(mine.id, &theirs.token, &credential).await), Refusal::InvalidToken);
    complete(s.mfa.finish_passkey(mine.id, &mine.token, &credential).await.unwrap());
}

/// A full record refuses rather than forgets: what is forgotten could be used again.
#[tokio::test]
async fn sixty_four_sign_ins_are_remembered_and_one_more_waits() {
    let s = bank();
    let mut key = SoftAuthenticator::passkey();
    s.keyed("alice", &mut key).await;
    for _ in 0..64 {
        complete(s.finish(&s.passkey(None).await, &mut key).await.unwrap());
    }
    assert_eq!(refusal(s.finish(&s.passkey(None).await, &mut key).await), Refusal::Throttled { retry_after: 300 });
    s.clock.advance(300);
    complete(s.finish(&s.passkey(None).await, &mut key).await.unwrap());
}

/// WA-AUTH-6b: where nobody was named, a key must say whose it is.
#[tokio::test]
async fn wa_auth_6b_a_key_that_does_not_say_whose_it_is_signs_nobody_in() {
    let s = bank();
    let mut key = SoftAuthenticator::passkey();
    s.keyed("alice", &mut key).await;
    let mut silent = key.user_handle(None);
    is_wrong(s.finish(&s.passkey(None).await, &mut silent).await);
    // The owner of a name is known.
    complete(s.finish(&s.passkey(Some("alice")).await, &mut silent).await.unwrap());
}

#[tokio::test]
async fn a_name_that_was_given_is_whose_key_it_must_be() {
    let s = bank();
    let (mut hers, mut his) = (SoftAuthenticator::passkey(), SoftAuthenticator::passkey());
    s.keyed("alice", &mut hers).await;
    s.keyed("bob", &mut his).await;
    let (for_bob, anybody) = (s.passkey(Some("bob")).await, s.passkey(None).await);
    // Alice's browser answers bob's question with a list it has changed.
    let mut options = json(&for_bob.public_key);
    options["allowCredentials"] = serde_json::json!([]);
    let credential = hers.assert(&options.to_string(), ORIGIN).unwrap();
    is_wrong(s.mfa.finish_passkey(for_bob.id, &for_bob.token, &credential).await);
    assert_eq!(s.auth(&complete(s.finish(&anybody, &mut hers).await.unwrap())).subject().id(), "alice");
    assert_eq!(s.auth(&complete(s.finish(&for_bob, &mut his).await.unwrap())).subject().id(), "bob");
}

/// The host decides whether somebody may sign in, as it does before a password.
#[tokio::test]
async fn the_host_says_with_which_roles_a_passkey_signs_in_and_whether_at_all() {
    use tower_mfa::account::KnownUser;
    use tower_mfa::id::Subject;
    use tower_mfa::service::{Directory, DirectoryFuture};

    struct Table;
    impl Directory for Table {
        fn subject_of<'a>(&'a self, _: &'a str) -> DirectoryFuture<'a, Subject> {
            Box::pin(async { Ok(None) })
        }

        fn user<'a>(&'a self, subject: &'a Subject) -> DirectoryFuture<'a, KnownUser> {
            let user = (subject.id() != "bob").then(|| KnownUser::new(subject.clone()).roles(["teller"]));
            Box::pin(async { Ok(user) })
        }
    }

    let s = built(|mfa| mfa.policy(policy(Default::default()).build().unwrap()).directory(Table));
    let (mut hers, mut his) = (SoftAuthenticator::passkey(), SoftAuthenticator::passkey());
    s.keyed("alice", &mut hers).await;
    s.keyed("bob", &mut his).await;
    let tokens = complete(s.finish(&s.passkey(None).await, &mut hers).await.unwrap());
    assert_eq!(s.auth(&tokens).roles(), [Box::from("teller")]);
    is_wrong(s.finish(&s.passkey(None).await, &mut his).await);
}

/// CVE-2019-16766: an account that must have more is sent to bind it, and has no session before.
#[tokio::test]
async fn a_passkey_signs_in_past_no_rule_of_the_login() {
    let s = with(policy(Default::default()).login(LoginPolicy::new(Login::Required).at_least(2)));
    let token = crate::scene::ticket(s.begin("alice").await);
    let enroller = tower_mfa::service::Enroller::Token(&token);
    let started = s.mfa.enrol_key(enroller, KeyRequest::passkey()).await.unwrap();
    let mut key = SoftAuthenticator::passkey();
    let credential = key.register(started.public_key.as_str(), ORIGIN).unwrap();
    s.mfa.confirm_key(enroller, started.id, &credential).await.unwrap();
    let outcome = s.finish(&s.passkey(None).await, &mut key).await.unwrap();
    assert!(matches!(outcome, LoginOutcome::EnrolmentRequired { .. }), "{outcome:?}");
    // A suspended account is blocked, as at any login.
    s.mfa.suspend(&crate::scene::subject("alice"), "root", "a test").await.unwrap();
    let outcome = s.finish(&s.passkey(None).await, &mut key).await.unwrap();
    assert!(matches!(outcome, LoginOutcome::Blocked { .. }), "{outcome:?}");
}

/// A sign-in with a passkey shows where it came from, as one with a password does.
#[tokio::test]
async fn a_session_that_a_passkey_began_says_where_it_came_from() {
    let s = bank();
    let mut key = SoftAuthenticator::passkey();
    s.keyed("alice", &mut key).await;
    let started = s.passkey(None).await;
    let credential = key.assert(started.public_key.as_str(), ORIGIN).unwrap();
    let from = s.mfa.from_address("192.0.2.7");
    let by = s.auth(&complete(from.finish_passkey(started.id, &started.token, &credential).await.unwrap()));
    let sessions = s.mfa.sessions(&by, None, 50).await.unwrap();
    let own = sessions.items.iter().find(|session| session.current).unwrap();
    assert_eq!(own.address.as_deref(), Some("192.0.2.7"));
}

/// Whoever signs in with nothing else hears in time that it will be over.
#[tokio::test]
async fn a_passkey_that_expires_soon_is_told_of_at_its_own_sign_in() {
    let rules = tower_mfa::policy::WebAuthnPolicy::default().passkey_valid_for(60 * 86_400);
    let s = crate::bank::under(rules);
    let mut key = SoftAuthenticator::passkey();
    s.keyed("alice", &mut key).await;
    s.clock.advance(31 * 86_400);
    for _ in 0..2 {
        complete(s.finish(&s.passkey(None).await, &mut key).await.unwrap());
        assert_eq!(s.count("alice", EventKind::AuthenticatorExpiring).await, 1, "once");
    }
}

/// WA-AUTH-11: what was answered with a no is used up as well, where the key was right.
#[tokio::test]
async fn wa_auth_11_a_sign_in_that_was_blocked_does_not_wait_for_the_operator() {
    use tower_mfa::service::LoginOutcome;

    let s = bank();
    let mut key = SoftAuthenticator::passkey();
    s.keyed("alice", &mut key).await;
    let alice = crate::scene::subject("alice");
    s.mfa.suspend(&alice, "root", "a test").await.unwrap();
    let started = s.passkey(None).await;
    let credential = key.assert(started.public_key.as_str(), ORIGIN).unwrap();
    let finish = async || s.mfa.finish_passkey(started.id, &started.token, &credential).await;
    assert!(matches!(finish().await, Ok(LoginOutcome::Blocked { .. })));
    let commits = s.store.commits();
    assert_eq!(refusal(finish().await), Refusal::ChallengeGone);
    assert_eq!(s.store.commits(), commits, "and is not written down again and again");
    s.mfa.unlock(&alice, "root", "a test").await.unwrap();
    assert_eq!(refusal(finish().await), Refusal::ChallengeGone);
}

/// What was used up, and forgotten in a time that never was, is not good again; and what began in it is not
/// good for as long as that is ahead.
#[tokio::test]
async fn wa_auth_11_a_clock_that_is_set_right_makes_no_used_sign_in_good_again() {
    const YEAR: u64 = 366 * 86_400;
    let s = bank();
    let mut key = SoftAuthenticator::passkey();
    s.keyed("alice", &mut key).await;
    let used = s.passkey(None).await;
    let credential = key.assert(used.public_key.as_str(), ORIGIN).unwrap();
    complete(s.mfa.finish_passkey(used.id, &used.token, &credential).await.unwrap());
    s.clock.advance(YEAR);
    let ahead = s.passkey(None).await;
    challenged(s.begin("alice").await);
    s.clock.go_back(YEAR);
    s.mfa.unlock(&crate::scene::subject("alice"), "root", "the clock jumped").await.unwrap();
    assert_eq!(refusal(s.mfa.finish_passkey(used.id, &used.token, &credential).await), Refusal::ChallengeGone);
    s.clock.advance(301);
    assert_eq!(refusal(s.finish(&ahead, &mut key).await), Refusal::ChallengeGone);
    complete(s.finish(&s.passkey(None).await, &mut key).await.unwrap());
}
