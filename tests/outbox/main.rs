//! The relay: every event arrives, in the order of its subject, whatever fails meanwhile.

#![expect(clippy::arithmetic_side_effects, clippy::unwrap_used, reason = "a test fails loudly")]

#[path = "../common/log.rs"]
mod log;
mod scene;
mod sinks;
mod webhook;

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tower_mfa::account::EventKind;
use tower_mfa::outbox::{Relay, Retries, channel};
use tower_mfa::testing::Fault;

use scene::{Bank, Inbox, Verdict};

/// Long enough for what is on its way to arrive, and shorter than a lease.
const A_WHILE: Duration = Duration::from_secs(4);

#[tokio::test(start_paused = true)]
async fn every_event_arrives_once_and_in_the_order_of_its_subject() {
    let bank = Bank::new();
    for round in 0..50 {
        bank.sign_in(&format!("user-{}", round % 7)).await;
    }
    let inbox = Inbox::new(|_, _| Verdict::Take);
    let _running = bank.relay("audit", inbox.clone());
    sleep(A_WHILE).await;
    // And those that are written while it runs.
    bank.sign_in("late").await;
    sleep(A_WHILE).await;
    assert_eq!(inbox.ids(), bank.ids().await, "all of them, each once");
    for name in ["user-0", "user-3", "late"] {
        assert_eq!(inbox.ids_of(name), bank.ids_of(name).await, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_ten_replicas_one_sends() {
    let bank = Bank::new();
    let inbox = Inbox::new(|_, _| Verdict::Take);
    let running: Vec<_> = (0..10).map(|_| bank.relay("webhook", inbox.clone())).collect();
    for round in 0..60 {
        bank.sign_in(&format!("user-{round}")).await;
        sleep(Duration::from_secs(1)).await;
    }
    sleep(A_WHILE).await;
    assert_eq!(inbox.ids(), bank.ids().await, "each once");
    drop(running);
}

/// Sinks of other names have positions of their own.
#[tokio::test(start_paused = true)]
async fn two_sinks_do_not_take_each_others_events() {
    let bank = Bank::new();
    let (one, other) = (Inbox::new(|_, _| Verdict::Take), Inbox::new(|_, _| Verdict::Later));
    let _running = [bank.relay("one", one.clone()), bank.relay("other", other.clone())];
    bank.sign_in("alice").await;
    sleep(A_WHILE).await;
    assert_eq!(one.ids(), bank.ids().await);
    assert!(other.ids().is_empty() && other.tries() > 0);
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_dies_is_replaced_and_nothing_is_lost() {
    let bank = Bank::new();
    let inbox = Inbox::new(|_, _| Verdict::Take);
    let first = bank.relay("webhook", inbox.clone());
    bank.sign_in("alice").await;
    sleep(A_WHILE).await;
    let second = bank.relay("webhook", inbox.clone());
    sleep(A_WHILE).await;
    // Without a word: what it held stays held.
    first.abort();
    bank.sign_in("bob").await;
    sleep(A_WHILE).await;
    assert!(inbox.ids_of("bob").is_empty(), "it might still be alive");
    sleep(Duration::from_secs(20)).await;
    assert_eq!(inbox.ids(), bank.ids().await);
    drop(second);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_told_to_stop_gives_the_sink_back() {
    let bank = Bank::new();
    let inbox = Inbox::new(|_, _| Verdict::Take);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let relay = Relay::new(&bank.mfa, "webhook", inbox.clone()).unwrap();
    let first = tokio::spawn(relay.run(stopped));
    sleep(A_WHILE).await;
    drop(stop);
    first.await.unwrap();
    bank.sign_in("alice").await;
    let began = Instant::now();
    let _second = bank.relay("webhook", inbox.clone());
    while inbox.ids().is_empty() {
        sleep(Duration::from_millis(100)).await;
    }
    assert!(began.elapsed() < Duration::from_secs(3), "nobody waits for a lease");
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_tried_again_ever_more_seldom_and_is_given_up_in_the_end() {
    let bank = Bank::new();
    bank.sign_in("alice").await;
    bank.sign_in("bob").await;
    let inbox = Inbox::new(|subject, _| if subject == "alice" { Verdict::Later } else { Verdict::Take });
    let _running = bank.relay("webhook", inbox.clone());
    sleep(Duration::from_secs(60)).await;
    assert_eq!(inbox.ids_of("bob"), bank.ids_of("bob").await, "nobody waits for alice's");
    let tries = inbox.tries();
    assert!((5..=8).contains(&tries), "{tries} in a minute");
    assert!(bank.mfa.given_up("webhook", None, 10).await.unwrap().items.is_empty());
    sleep(Duration::from_secs(15 * 60)).await;
    let given_up = bank.mfa.given_up("webhook", None, 10).await.unwrap().items;
    let ids: Vec<_> = given_up.iter().map(|note| note.event_id.unwrap()).collect();
    assert_eq!(ids, bank.ids_of("alice").await);
    let note = &given_up[0];
    assert_eq!(note.kind, EventKind::DeliveryGivenUp);
    assert!(note.detail.as_deref().unwrap().contains("not just now"), "{note:?}");
    assert!(bank.mfa.given_up("audit", None, 10).await.unwrap().items.is_empty(), "another sink's");
    // Others go on, and the note is not sent to whoever refused.
    bank.sign_in("carol").await;
    sleep(A_WHILE).await;
    assert_eq!(inbox.ids_of("carol"), bank.ids_of("carol").await);
    assert!(inbox.kinds().iter().all(|kind| *kind != EventKind::DeliveryGivenUp));
}

#[tokio::test(start_paused = true)]
async fn what_will_never_be_taken_is_given_up_at_once_and_a_short_patience_is_kept() {
    for (verdict, retries) in [(Verdict::Never, Retries::default()), (Verdict::Later, Retries::for_secs(0).unwrap())] {
        let bank = Bank::new();
        bank.sign_in("alice").await;
        let inbox = Inbox::new(move |_, _| verdict);
        let relay = Relay::new(&bank.mfa, "webhook", inbox.clone()).unwrap().retries(retries);
        let running = tokio::spawn(relay.run(std::future::pending::<()>()));
        sleep(A_WHILE).await;
        assert_eq!(bank.mfa.given_up("webhook", None, 10).await.unwrap().items.len(), inbox.tries(), "{verdict:?}");
        running.abort();
    }
}

/// However long a receiver asks to be left alone, and however often.
#[tokio::test(start_paused = true)]
async fn no_receiver_puts_off_the_end() {
    let bank = Bank::new();
    bank.sign_in("alice").await;
    let inbox = Inbox::new(|_, _| Verdict::InADay);
    let _running = bank.relay("webhook", inbox.clone());
    sleep(Duration::from_secs(16 * 60)).await;
    assert_eq!(bank.mfa.given_up("webhook", None, 10).await.unwrap().items.len(), bank.ids().await.len());
    assert_eq!(inbox.tries(), 2 * bank.ids().await.len(), "each once more when its time was over");
}

/// Their notes are events of one account, of which sixteen may want a turn at once; the others wait, and nothing is
/// begun anew.
#[tokio::test(start_paused = true)]
async fn a_sink_that_refuses_many_at_once_gives_each_up_once() {
    let bank = Bank::new();
    for n in 0..60 {
        bank.sign_in(&format!("user {n}")).await;
    }
    let inbox = Inbox::new(|_, _| Verdict::Never);
    bank.store.set(Some(Fault::CommitWaits));
    let _running = bank.relay("webhook", inbox.clone());
    sleep(Duration::from_secs(3)).await;
    bank.store.set(None);
    sleep(A_WHILE).await;
    assert_eq!(bank.mfa.given_up("webhook", None, 200).await.unwrap().items.len(), bank.ids().await.len());
    assert_eq!(inbox.tries(), bank.ids().await.len(), "each was asked for once");
}

/// A note that a clock which was ahead has dated holds up no other.
#[tokio::test(start_paused = true)]
async fn a_clock_that_was_ahead_once_holds_up_neither_notes_nor_retention() {
    let bank = Bank::new();
    bank.pass_days();
    bank.sign_in("alice").await;
    let _running = bank.relay("webhook", Inbox::new(|_, _| Verdict::Never));
    sleep(A_WHILE).await;
    bank.mfa.prune_events(bank.now()).await.unwrap();
    bank.set_right();
    bank.sign_in("bob").await;
    sleep(A_WHILE).await;
    let (given_up, own) = (bank.mfa.given_up("webhook", None, 200).await.unwrap().items, bank.ids().await);
    assert_eq!(given_up.len(), own.len() + 1, "and the note of retention");
    bank.mfa.prune_events(bank.now()).await.unwrap();
}

/// Retention that waits for a sink takes nothing that this one has not had.
#[tokio::test(start_paused = true)]
async fn what_a_sink_has_not_had_is_known_before_retention_takes_it() {
    let bank = Bank::new();
    let first = bank.now();
    bank.sign_in("alice").await;
    {
        let _running = bank.relay("siem", Inbox::new(|_, _| Verdict::Take));
        sleep(A_WHILE).await;
        assert_eq!(bank.mfa.relayed_until(&["siem"]).await.unwrap(), bank.now());
        assert!(bank.mfa.relayed_until(&["siem", "never ran"]).await.unwrap() < first);
    }
    bank.pass_days();
    let waiting = bank.now();
    bank.sign_in("bob").await;
    bank.pass_days();
    let sent = bank.mfa.relayed_until(&["siem"]).await.unwrap();
    assert!(first < sent && sent < waiting, "{sent:?}");
    assert!(bank.mfa.prune_events(bank.now().min(sent)).await.unwrap() > 0);
    assert!(bank.ids_of("alice").await.is_empty() && !bank.ids_of("bob").await.is_empty());
}

/// A sink that panics at one event has refused that one, and takes the others.
#[tokio::test(start_paused = true)]
async fn a_sink_that_panics_has_refused() {
    let bank = Bank::new();
    bank.sign_in("alice").await;
    bank.sign_in("bob").await;
    let inbox = Inbox::new(|subject, _| if subject == "alice" { panic!("what is this") } else { Verdict::Take });
    let _running = bank.relay("webhook", inbox.clone());
    sleep(A_WHILE).await;
    assert_eq!(inbox.ids_of("bob"), bank.ids_of("bob").await, "once");
    sleep(Duration::from_secs(16 * 60)).await;
    let given_up = bank.mfa.given_up("webhook", None, 10).await.unwrap().items;
    assert_eq!(given_up.len(), bank.ids_of("alice").await.len());
    assert!(given_up[0].detail.as_deref().unwrap().contains("panicked"), "{given_up:?}");
}

/// Retention has a note of its own beside those of the sinks, whatever they are called.
#[tokio::test(start_paused = true)]
async fn a_sink_may_be_called_like_another_note() {
    let bank = Bank::new();
    bank.sign_in("alice").await;
    bank.pass_days();
    assert!(bank.mfa.prune_events(bank.now().plus(3_600)).await.unwrap() > 0);
    bank.sign_in("alice").await;
    let _running = bank.relay("pruned", Inbox::new(|_, _| Verdict::Never));
    sleep(A_WHILE).await;
    let given_up = bank.mfa.given_up("pruned", None, 50).await.unwrap().items;
    assert!(
        !given_up.is_empty() && given_up.iter().all(|note| note.kind == EventKind::DeliveryGivenUp),
        "{given_up:?}"
    );
    let alice = tower_mfa::id::Subject::new("alice").unwrap();
    assert!(bank.mfa.verify_chain(&alice).await.is_ok(), "the note of retention is found");
}

/// The second event of a subject waits for the first, however long that takes.
#[tokio::test(start_paused = true)]
async fn the_order_of_a_subject_is_kept_when_its_first_event_is_refused_for_a_while() {
    let bank = Bank::new();
    for _ in 0..3 {
        bank.sign_in("alice").await;
    }
    let inbox = Inbox::new(|_, tries| if tries < 6 { Verdict::Later } else { Verdict::Take });
    let _running = bank.relay("webhook", inbox.clone());
    sleep(Duration::from_secs(120)).await;
    assert_eq!(inbox.ids_of("alice"), bank.ids_of("alice").await);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_for_a_while_loses_nothing() {
    let bank = Bank::new();
    let inbox = Inbox::new(|_, _| Verdict::Take);
    let _running = bank.relay("webhook", inbox.clone());
    bank.sign_in("alice").await;
    sleep(A_WHILE).await;
    for fault in [Fault::Unavailable, Fault::NotCommitted, Fault::AnswerLost, Fault::Hangs] {
        bank.store.set(Some(fault));
        sleep(Duration::from_secs(20)).await;
        bank.store.set(None);
        bank.sign_in("alice").await;
        // The last call may hang until its deadline.
        sleep(A_WHILE * 3).await;
        assert_eq!(inbox.ids_of("alice"), bank.ids_of("alice").await, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_channel_nobody_reads_is_waited_for() {
    let bank = Bank::new();
    let (sink, mut events) = channel(1);
    let _running = bank.relay("host", sink);
    for _ in 0..5 {
        bank.sign_in("alice").await;
    }
    sleep(Duration::from_secs(60)).await;
    let mut seen = Vec::new();
    for _ in 0..bank.ids().await.len() {
        let (subject, event) = events.recv().await.unwrap();
        assert_eq!(subject.id(), "alice");
        seen.push(event.id);
    }
    assert_eq!(seen, bank.ids_of("alice").await);
}
