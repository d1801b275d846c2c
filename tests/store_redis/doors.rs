//! What somebody with a right code hears while the server fails: "unavailable", never "come in" unless it is stored; and
//! what is stored is found afterwards.

use redis::cmd;
use tower_mfa::account::Refusal;
use tower_mfa::service::Mfa;
use tower_mfa::store::{Feed, RedisStore, Store as _};

use crate::alice;
use crate::house::{House, is_unavailable};
use crate::server::{Cut, Own, Place, Proxy};

const TAKEN: Result<(), Refusal> = Err(Refusal::ChallengeGone);

/// How often somebody has signed in, by the trail, which must be whole.
async fn sign_ins(mfa: &Mfa, store: &RedisStore) -> usize {
    assert!(mfa.verify_chain(alice()).await.is_ok(), "the trail has each of it once");
    let page = store.events(Feed::Subject(alice()), None, 200).await.unwrap();
    page.items().iter().filter(|event| event.body().contains("\"signed_in\"")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_code_is_taken_once_wherever_the_wire_is_cut() {
    if !Own::is_there("a right code on a wire that is cut") {
        return;
    }
    let server = Own::durable();
    let (house, place) = (House::new(), Place::on(server.url()));
    let store = place.store().await;
    let mfa = house.on(store.clone());
    let app = house.enrolled(&mfa).await;
    let mut entered = sign_ins(&mfa, &store).await;
    for (word, cut, is_stored, is_told) in [
        // Nothing is read any more, and nothing can be.
        ("GET", Cut::Before, false, false),
        ("EVALSHA", Cut::Before, false, false),
        // It is done, and nobody can be asked whether it was, until later.
        ("EVALSHA", Cut::After, true, false),
        // It is done, and another connection says so.
        ("EVALSHA", Cut::AfterOnce, true, true),
    ] {
        let proxy = Proxy::to(server.port, word, cut).await;
        let behind = house.on(place.builder().connect(&proxy.url()).await.unwrap());
        let asked = house.asked(&behind).await;
        proxy.arm(0);
        let answer = house.answer(&behind, &asked, &app).await;
        assert_eq!(answer.is_ok(), is_told, "{word} {cut:?}: {answer:?}");
        assert!(is_told || is_unavailable(&answer), "{word} {cut:?}: {answer:?}");
        assert!(proxy.is_met(), "{word} {cut:?}: it was not cut");
        proxy.mend();
        let again = house.answer(&behind, &asked, &app).await;
        assert_eq!(again, if is_stored { TAKEN } else { Ok(()) }, "{word} {cut:?}: what was not taken is still good");
        assert_eq!(house.answer(&mfa, &asked, &app).await, TAKEN, "{word} {cut:?}");
        entered += 1;
        assert_eq!(sign_ins(&mfa, &store).await, entered, "{word} {cut:?}");
    }
}

/// What was kept on the way comes late, and finds what has happened since, or is what is found.
#[tokio::test(flavor = "multi_thread")]
async fn a_right_code_is_taken_once_where_nothing_is_answered() {
    if !Own::is_there("a right code that is not answered") {
        return;
    }
    let server = Own::durable();
    let (house, place) = (House::new(), Place::on(server.url()));
    let store = place.store().await;
    let mfa = house.on(store.clone());
    let app = house.enrolled(&mfa).await;
    let entered = sign_ins(&mfa, &store).await;

    let proxy = Proxy::to(server.port, "EVALSHA", Cut::Hold).await;
    let behind = house.on(place.builder().connect(&proxy.url()).await.unwrap());
    let asked = house.asked(&behind).await;
    proxy.arm(0);
    let answer = house.answer(&behind, &asked, &app).await;
    proxy.holds().await;
    let first = answer.is_ok();
    assert!(first || is_unavailable(&answer), "{answer:?}");
    proxy.mend();
    let again = house.answer(&mfa, &asked, &app).await;
    assert!(again == TAKEN || (again.is_ok() && !first), "{again:?}");
    assert_eq!(house.answer(&mfa, &asked, &app).await, TAKEN);
    assert_eq!(sign_ins(&mfa, &store).await, entered + 1);

    let asked = house.asked(&mfa).await;
    server.signal("-STOP");
    let answer = house.answer(&mfa, &asked, &app).await;
    server.signal("-CONT");
    assert!(is_unavailable(&answer), "{answer:?}");
    assert_eq!(house.answer(&mfa, &asked, &app).await, Ok(()), "nothing could be read, so nothing was taken");
    assert_eq!(house.answer(&mfa, &asked, &app).await, TAKEN);
    assert_eq!(sign_ins(&mfa, &store).await, entered + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_lets_nobody_in_and_takes_nothing() {
    if !Own::is_there("a right code at a server that refuses") {
        return;
    }
    let server = Own::durable();
    let (house, place) = (House::new(), Place::on(server.url()));
    let store = place.store().await;
    let mfa = house.on(store.clone());
    let app = house.enrolled(&mfa).await;
    let mut entered = sign_ins(&mfa, &store).await;
    // The only connection there is, where there is to be no other.
    let mut host = server.connect().unwrap();
    let mut run = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let asked = words[1..].iter().fold(cmd(words[0]), |mut asked, word| asked.arg(word).to_owned());
        asked.query::<redis::Value>(&mut host).unwrap();
    };
    for (break_it, mend_it) in [
        (&["CONFIG SET maxmemory 1"][..], "CONFIG SET maxmemory 0"),
        (&["REPLICAOF 127.0.0.1 1"], "REPLICAOF NO ONE"),
        (&["CONFIG SET min-replicas-to-write 3"], "CONFIG SET min-replicas-to-write 0"),
        (&["CONFIG SET maxclients 1", "CLIENT KILL TYPE normal SKIPME yes"], "CONFIG SET maxclients 100"),
    ] {
        let asked = house.asked(&mfa).await;
        let before = store.load(alice()).await.unwrap().unwrap();
        break_it.iter().for_each(|line| run(line));
        for _ in 0..2 {
            let answer = house.answer(&mfa, &asked, &app).await;
            assert!(is_unavailable(&answer), "{break_it:?}: {answer:?}");
        }
        let begun = mfa.begin(house.first_factor()).await.map(drop).map_err(|error| error.refusal().clone());
        assert!(is_unavailable(&begun), "{break_it:?}: {begun:?}");
        run(mend_it);
        let after = store.load(alice()).await.unwrap().unwrap();
        assert_eq!((after.revision(), after.document()), (before.revision(), before.document()), "{break_it:?}");
        assert_eq!(house.answer(&mfa, &asked, &app).await, Ok(()), "{break_it:?}: none of the codes was taken");
        assert_eq!(house.answer(&mfa, &asked, &app).await, TAKEN, "{break_it:?}");
        entered += 1;
        assert_eq!(sign_ins(&mfa, &store).await, entered, "{break_it:?}");
    }
}
