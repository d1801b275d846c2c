//! The clock of the database beside ours.

use std::cell::RefCell;
use std::fmt::Debug;

use tower_mfa::clock::{Clock as _, SystemClock};
use tower_mfa::store::{Commit, Committed, PostgresStore, Store as _};
use tower_mfa::testing::ManualClock;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};

use crate::postgres::Schema;
use crate::revision;

thread_local! {
    static LINES: RefCell<Vec<(Level, i64)>> = const { RefCell::new(Vec::new()) };
}

/// What is logged of clocks on this thread: how loudly, and the seconds.
struct Log;

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "tower_mfa::clock"
    }

    fn new_span(&self, _span: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _span: &span::Id, _values: &span::Record<'_>) {}

    fn record_follows_from(&self, _span: &span::Id, _follows: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Seconds(*event.metadata().level()));
    }

    fn enter(&self, _span: &span::Id) {}

    fn exit(&self, _span: &span::Id) {}
}

struct Seconds(Level);

impl Visit for Seconds {
    fn record_debug(&mut self, _field: &Field, _value: &dyn Debug) {}

    fn record_i64(&mut self, _field: &Field, value: i64) {
        LINES.with_borrow_mut(|lines| lines.push((self.0, value)));
    }
}

async fn commit(store: &PostgresStore, number: u32) {
    let who = tower_mfa::id::Subject::new(format!("{number}")).unwrap();
    assert_eq!(store.commit(Commit::new(&who, None, revision(), "{}")).await.unwrap(), Committed::Done);
}

/// When connecting, and with what each commit is answered; each change once.
#[tokio::test]
async fn clocks_that_differ_by_more_than_thirty_seconds_are_told_once() {
    let Some(schema) = Schema::new("clocks") else { return };
    tracing::subscriber::set_global_default(Log).unwrap();
    let clock = ManualClock::at(SystemClock.now().unwrap().plus(100).as_secs());
    let store = schema.options().clock(clock.clone()).connect(schema.url()).await.unwrap();
    assert!((-100..=-90).contains(&store.clock_difference()), "{}", store.clock_difference());
    commit(&store, 1).await;
    clock.go_back(100);
    commit(&store, 2).await;
    assert!((0..=9).contains(&store.clock_difference()), "{}", store.clock_difference());
    clock.go_back(50);
    commit(&store, 3).await;
    commit(&store, 4).await;
    let told = LINES.take();
    let levels: Vec<Level> = told.iter().map(|(level, _)| *level).collect();
    assert_eq!(levels, [Level::WARN, Level::INFO, Level::WARN], "{told:?}");
    assert!((-100..=-90).contains(&told[0].1) && (50..=59).contains(&told[2].1), "{told:?}");
}
