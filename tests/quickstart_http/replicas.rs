//! Of several quickstarts on one database some are killed, and one hears what another was told.

use std::time::{Duration, Instant};

use rand::RngExt as _;
use serde_json::{Value, json};

use super::bank::{Bank, Person, now};

/// Within how long each replica hears of what another has revoked (`examples/quickstart/place.rs`).
const HEARD_WITHIN: Duration = Duration::from_secs(5);

#[test]
fn of_three_on_one_database_one_is_killed_in_the_middle_of_a_sign_in_and_nobody_notices_but_by_a_repeat() {
    Bank::all(3, "replicas").for_each(|bank| kill_one_that_has_not_looked(&bank));
}

fn kill_one_that_has_not_looked(bank: &Bank) {
    let alice = bank.alice();
    let (app, _) = alice.bind();

    bank.balancer.send_next_to(0);
    let challenge = alice.log_in();
    assert_eq!(alice.repeats(), 0);
    // It takes the answer, does not come to look at it, and is killed.
    bank.replicas[1].signal("-STOP");
    // That of the next step, which is good already: the one of now is used up.
    let code = app.code(now().plus(30));
    let (status, answer) =
        killed_while_it_is_asked(bank, 1, Duration::ZERO, || alice.answer(&challenge, "totp", &code));
    assert_eq!(status, 200, "{answer}");
    assert_eq!(alice.repeats(), 1, "the repeat");

    let token = answer["access_token"].as_str().unwrap();
    for replica in 0..3 {
        bank.balancer.send_next_to(replica);
        assert_eq!(alice.ask("GET", "/account", token, &Value::Null).0, 200, "the session is known to each of them");
        bank.balancer.send_next_to(replica);
        let again = alice.answer(&alice.log_in(), "totp", &code);
        assert_eq!(again.0, 422, "and the code is used up for each of them: {}", again.1);
    }
}

/// Asks a replica, and kills it so long after it was handed the question.
fn killed_while_it_is_asked<T: Send>(
    bank: &Bank,
    replica: usize,
    after: Duration,
    ask: impl FnOnce() -> T + Send,
) -> T {
    bank.balancer.send_next_to(replica);
    let before = bank.balancer.taken();
    std::thread::scope(|scope| {
        let asking = scope.spawn(ask);
        while bank.balancer.taken() == before {
            std::thread::yield_now();
        }
        std::thread::sleep(after);
        bank.replicas[replica].signal("-KILL");
        asking.join().unwrap()
    })
}

#[test]
fn of_a_replica_that_is_killed_with_a_code_the_person_hears_by_a_repeat_whether_to_begin_anew() {
    Bank::all(4, "killed").for_each(|bank| kill_some_with_a_code(&bank));
}

/// With recovery codes, for none of which anybody has to wait.
fn kill_some_with_a_code(bank: &Bank) {
    let alice = bank.alice();
    let (_, bound) = alice.bind();
    let mut codes = bound["recovery_codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap());
    let answer = |challenge: &Value, code: &str| alice.answer(challenge, "recovery_code", code);

    let (challenge, begun) = (alice.log_in(), Instant::now());
    assert_eq!(answer(&challenge, codes.next().unwrap()).0, 200);
    // That of the binding, and this one.
    let (usual, mut sessions) = (begun.elapsed(), 2);
    for replica in 0..3 {
        bank.balancer.send_next_to(3);
        let (challenge, code) = (alice.log_in(), codes.next().unwrap());
        let (status, heard) = if replica == 0 {
            // All is written, and the answer is on its way.
            bank.balancer.kill_when_it_answers_next(&bank.replicas[replica]);
            bank.balancer.send_next_to(replica);
            answer(&challenge, code)
        } else {
            let after = usual.mul_f64(rand::rng().random());
            killed_while_it_is_asked(bank, replica, after, || answer(&challenge, code))
        };
        assert!(replica > 0 || status == 410, "{heard}");
        sessions += 1;
        let again = answer(&alice.log_in(), code);
        assert_eq!((again.0, &again.1["code"]), (422, &json!("invalid_code")), "it has let in somebody: {}", again.1);
        let signed_in = match (status, heard["code"].as_str()) {
            (200, None) => heard,
            // Whoever holds the session of this code is nobody: the next code lets in.
            (410, Some("challenge_gone")) => {
                sessions += 1;
                let (status, signed_in) = answer(&alice.log_in(), codes.next().unwrap());
                assert_eq!(status, 200, "{signed_in}");
                signed_in
            }
            _ => panic!("{status} {heard}"),
        };
        let token = signed_in["access_token"].as_str().unwrap();
        assert_eq!(sids(&alice, token).len(), sessions, "one of each code");
    }
}

/// The sessions there are, that of the token first.
fn sids(alice: &Person<'_>, token: &str) -> Vec<String> {
    let (status, listed) = alice.ask("GET", "/mfa/sessions", token, &Value::Null);
    assert_eq!((status, &listed["next"]), (200, &Value::Null), "{listed}");
    let mut items = listed["items"].as_array().unwrap().clone();
    items.sort_by_key(|item| item["current"] != true);
    items.iter().map(|item| item["sid"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn who_signs_out_at_one_replica_is_signed_out_at_each_within_the_time_they_promise() {
    Bank::all(3, "signed_out").for_each(|bank| sign_out(&bank));
}

fn sign_out(bank: &Bank) {
    let alice = bank.alice();
    let (_, bound) = alice.bind();
    let token = |of: &Value| of["access_token"].as_str().unwrap().to_owned();
    let sign_in = |code: usize| {
        let code = bound["recovery_codes"][code].as_str().unwrap();
        token(&alice.answer(&alice.log_in(), "recovery_code", code).1)
    };
    let (first, second, third) = (token(&bound), sign_in(0), sign_in(1));
    let profile = |replica: usize, token: &str| {
        bank.balancer.send_next_to(replica);
        alice.ask("GET", "/profile", token, &Value::Null).0
    };
    let end = |replica: usize, path: &str, token: &str| {
        bank.balancer.send_next_to(replica);
        let (status, said) = alice.ask("DELETE", path, token, &Value::Null);
        assert_eq!(status, 204, "{said}");
        let ended = Instant::now();
        move |refused: &str| {
            assert_eq!(profile(replica, refused), 401, "where it was said it is known at once");
            (0..3).for_each(|replica| is_refused(ended, || profile(replica, refused)));
        }
    };
    // Each has seen each token, and remembers that it is good.
    for replica in 0..3 {
        assert_eq!([&first, &second, &third].map(|token| profile(replica, token)), [200; 3]);
    }

    let own = sids(&alice, &second).remove(0);
    end(0, &format!("/mfa/sessions/{own}"), &second)(&second);
    end(1, "/mfa/sessions", &third)(&first);
    for replica in 0..3 {
        assert_eq!(profile(replica, &third), 200, "the others were ended, not this one");
    }
}

/// A replica that does not hear in time knows that it does not know: what it is asked later than that it refuses.
fn is_refused(ended: Instant, ask: impl Fn() -> u16) {
    loop {
        let late = ended.elapsed();
        match ask() {
            401 => return,
            200 => assert!(late < HEARD_WITHIN, "{late:?} later the token was good"),
            503 => assert!(late < 12 * HEARD_WITHIN, "{late:?} later it has not heard of it"),
            other => panic!("{other}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
