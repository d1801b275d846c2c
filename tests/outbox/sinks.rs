//! The sinks that come with the crate, and an event that was given up and is handed over after all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use tokio::time::sleep;
use tower_mfa::outbox::{Log as LogSink, Metrics, Redelivery, Relay};

use super::log::Log;
use super::scene::{Bank, Inbox, Verdict};

#[tokio::test(start_paused = true)]
async fn a_log_has_every_event_whole() {
    let bank = Bank::new();
    bank.sign_in("alice").await;
    Log::begin();
    let _running = bank.relay("log", LogSink::new());
    sleep(Duration::from_secs(4)).await;
    let lines = Log::take("tower_mfa::outbox::event");
    let ids = bank.ids_of("alice").await;
    assert_eq!(lines.len(), ids.len());
    for (line, id) in lines.iter().zip(ids) {
        assert!(line.starts_with("INFO subject=") && line.contains("alice"), "{line}");
        assert!(line.contains(&id.to_string()) && line.contains("kind="), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn events_are_counted_by_kind() {
    let bank = Bank::new();
    let recorder = DebuggingRecorder::new();
    let counted = recorder.snapshotter();
    let _here = metrics::set_default_local_recorder(&recorder);
    for name in ["alice", "bob", "carol"] {
        bank.sign_in(name).await;
    }
    let _running = bank.relay("metrics", Metrics::new());
    sleep(Duration::from_secs(4)).await;
    let mut all = 0;
    for (key, _, _, value) in counted.snapshot().into_vec() {
        assert_eq!(key.key().name(), "tower_mfa_events_total");
        let labels: Vec<_> = key.key().labels().map(|label| label.key()).collect();
        assert!(labels.contains(&"kind") && !labels.contains(&"subject"), "{labels:?}");
        let DebugValue::Counter(count) = value else { panic!("{value:?}") };
        assert_eq!(count % 3, 0, "three of each: {key:?}");
        all += count;
    }
    assert_eq!(usize::try_from(all).unwrap(), bank.ids().await.len());
}

#[tokio::test(start_paused = true)]
async fn what_was_given_up_is_handed_over_when_somebody_asks() {
    let bank = Bank::new();
    let is_mended = Arc::new(AtomicBool::new(false));
    let mended = Arc::clone(&is_mended);
    let inbox = Inbox::new(move |subject, _| match subject {
        "bob" if !mended.load(Ordering::SeqCst) => Verdict::Never,
        _ => Verdict::Take,
    });
    for name in ["alice", "bob", "alice"] {
        bank.sign_in(name).await;
    }
    let _running = bank.relay("webhook", inbox.clone());
    sleep(Duration::from_secs(4)).await;
    let relay = Relay::new(&bank.mfa, "webhook", inbox.clone()).unwrap();
    let given_up = bank.mfa.given_up("webhook", None, 10).await.unwrap().items;
    assert_eq!(given_up.len(), bank.ids_of("bob").await.len());
    let refused = relay.deliver_again(&given_up[0]).await.unwrap_err();
    assert!(matches!(refused, Redelivery::Refused(_)), "{refused:?}");
    assert!(inbox.ids_of("bob").is_empty());

    is_mended.store(true, Ordering::SeqCst);
    for note in &given_up {
        relay.deliver_again(note).await.unwrap();
    }
    assert_eq!(inbox.ids_of("bob"), bank.ids_of("bob").await);
    assert_eq!(inbox.ids(), bank.ids().await, "and nothing of anybody else's");

    bank.pass_days();
    bank.mfa.prune_events(bank.now()).await.unwrap();
    let gone = relay.deliver_again(&given_up[0]).await.unwrap_err();
    assert!(matches!(gone, Redelivery::Pruned), "{gone:?}");
}
