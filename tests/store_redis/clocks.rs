//! The clocks of the servers beside ours.

use tower_mfa::clock::{Clock as _, SystemClock};
use tower_mfa::id::Subject;
use tower_mfa::store::RedisStore;
use tower_mfa::testing::ManualClock;

use crate::log::Log;
use crate::server::{Own, Place};
use crate::{alice, create};

fn ahead_by_100() -> ManualClock {
    ManualClock::at(SystemClock.now().unwrap().plus(100).as_secs())
}

/// When connecting, and with what each commit is answered; each change once, however many partitions there are.
#[tokio::test]
async fn clocks_that_differ_by_more_than_thirty_seconds_are_told_once() {
    for place in Place::both("clocks that differ") {
        Log::begin();
        let clock = ahead_by_100();
        let store = place.builder().clock(clock.clone()).connect(&place.urls).await.unwrap();
        assert!((-100..=-90).contains(&store.clock_difference()), "{}", store.clock_difference());
        let all = |story: &'static str| (0..200).map(move |n| Subject::new(format!("{story} {n}")).unwrap());
        for subject in all("ahead") {
            create(&store, &subject).await;
        }
        clock.go_back(100);
        create(&store, alice()).await;
        assert!((0..=9).contains(&store.clock_difference()), "{}", store.clock_difference());
        assert_eq!(Log::take("tower_mfa::clock").len(), 1, "one partition agrees, the others have not said so");
        Log::begin();
        for subject in all("right") {
            create(&store, &subject).await;
        }
        clock.go_back(50);
        for subject in all("behind") {
            create(&store, &subject).await;
        }
        let told = Log::take("tower_mfa::clock");
        let [again, behind] = &*told else { panic!("{told:?}") };
        assert!(again.starts_with("INFO") && again.contains("agree again"), "{told:?}");
        assert!(behind.starts_with("WARN") && behind.contains("the clock of the database and ours differ"), "{told:?}");
        assert!(behind.contains(" seconds=5"), "{told:?}");
    }
}

/// A right to commands is given one by one, and the time is no reason to refuse a commit.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_tell_its_time_takes_commits() {
    if !Own::is_there("a server that does not tell its time") {
        return;
    }
    let server = Own::durable();
    let () = server.run("ACL SETUSER mfa on nopass ~* &* +@all -time");
    let url = server.url().replace("redis://", "redis://mfa:any@");
    let store = RedisStore::builder().clock(ahead_by_100()).connect(&url).await.unwrap();
    create(&store, alice()).await;
    assert_eq!(store.clock_difference(), 0);
}
