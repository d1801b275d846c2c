//! The connections to a server: one is opened when it is needed, shared by all, and given up when it is broken or silent.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use ::redis::aio::MultiplexedConnection;
use tokio::sync::Mutex;

/// For how long nobody may have had an answer on a connection before somebody who goes away gives it up.
const SILENT: Duration = Duration::from_secs(1);
/// Who goes away sooner has not waited for an answer: that there was none says nothing.
const SOON: Duration = Duration::from_millis(100);

/// A connection that is opened when it is needed, and again when it broke.
#[derive(Debug, Default)]
pub(super) struct Link {
    now: RwLock<Option<Line>>,
    /// The last failure to open it, for those who stood in line meanwhile.
    pub(super) opening: Mutex<Option<(Instant, String)>>,
}

/// One connection, shared by all who ask at once.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) connection: MultiplexedConnection,
    pub(super) waits_for_disk: bool,
    pub(super) settled: Arc<Settled>,
    silence: Arc<Silence>,
}

/// How far replicas have what was written on a connection: one waits for all that came before.
#[derive(Debug, Default)]
pub(super) struct Settled {
    pub(super) written: AtomicU64,
    pub(super) settled: Mutex<u64>,
}

impl Line {
    pub(super) fn new(connection: MultiplexedConnection, waits_for_disk: bool) -> Self {
        Self { connection, waits_for_disk, settled: Arc::default(), silence: Arc::default() }
    }
}

impl Link {
    pub(super) fn current(&self) -> Option<Line> {
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set(&self, line: Option<Line>) {
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = line;
    }

    /// Gives a broken connection up, unless another has taken its place.
    fn give_up(&self, broken: &Line) {
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        if now.as_ref().is_some_and(|line| Arc::ptr_eq(&line.settled, &broken.settled)) {
            *now = None;
        }
    }
}

/// Since when nobody has had an answer, of all who asked.
#[derive(Debug)]
struct Silence {
    begun: Instant,
    /// In milliseconds since `begun`, and one more; 0 when the last answer came.
    since: AtomicU64,
}

impl Default for Silence {
    fn default() -> Self {
        Self { begun: Instant::now(), since: AtomicU64::new(0) }
    }
}

impl Silence {
    fn is_over(&self) {
        self.since.store(0, Ordering::Relaxed);
    }

    /// Notes that a question of that time had no answer, and tells whether the first such is long ago.
    fn is_long(&self, asked: Instant) -> bool {
        let asked = asked.saturating_duration_since(self.begun).as_millis();
        let asked = u64::try_from(asked).unwrap_or(u64::MAX).saturating_add(1);
        let first = self.since.compare_exchange(0, asked, Ordering::Relaxed, Ordering::Relaxed);
        let since = Duration::from_millis(first.map_or_else(|first| first, |_| asked));
        self.begun.elapsed().saturating_sub(since) >= SILENT
    }
}

/// A question on a connection, until it is answered.
///
/// The library waits for an answer as long as its caller does. Where callers go away sooner, as the service does after
/// its deadline, a server that has gone silent without closing anything would keep its connection, and all who come
/// later on it. So whoever goes away looks whether anybody has had an answer lately. Only those who come later take
/// another connection: who asks on this one still may have an answer.
#[must_use]
pub(super) struct Asked<'a> {
    link: &'a Link,
    line: &'a Line,
    at: Instant,
    is_over: bool,
}

impl<'a> Asked<'a> {
    pub(super) fn on(link: &'a Link, line: &'a Line) -> Self {
        Self { link, line, at: Instant::now(), is_over: false }
    }

    pub(super) fn answered(mut self) {
        self.is_over = true;
        self.line.silence.is_over();
    }

    pub(super) fn broken(mut self) {
        self.is_over = true;
        self.link.give_up(self.line);
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if !self.is_over && self.at.elapsed() >= SOON && self.line.silence.is_long(self.at) {
            self.link.give_up(self.line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_silent_when_nobody_had_an_answer_for_a_second() {
        let ago = |millis| Instant::now().checked_sub(Duration::from_millis(millis)).unwrap();
        let silence = || Silence { begun: ago(10_000), ..Silence::default() };
        assert!(silence().is_long(ago(1_001)) && !silence().is_long(ago(500)));
        let several = silence();
        assert!(!several.is_long(ago(900)));
        std::thread::sleep(Duration::from_millis(150));
        assert!(several.is_long(ago(1)), "the first who had none counts");
        several.is_over();
        assert!(!several.is_long(ago(1)), "somebody had one");
    }
}
