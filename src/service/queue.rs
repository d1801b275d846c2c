//! One line per subject: attempts wait for each other in this process, first come first served, so
//! that racers do not starve each other at the store. More than sixteen are turned away before
//! anything is compared or counted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OwnedMutexGuard;

use super::Error;
use crate::id::Subject;

/// Most attempts of one subject, waiting or running.
const LINE_MAX: usize = 16;

#[derive(Clone, Default)]
pub(super) struct Queues(Arc<Mutex<HashMap<Subject, Line>>>);

#[derive(Default)]
struct Line {
    turn: Arc<tokio::sync::Mutex<()>>,
    length: usize,
}

/// A place in a subject's line; dropping it lets the next one in.
pub(super) struct Place {
    queues: Queues,
    subject: Subject,
    turn: Option<OwnedMutexGuard<()>>,
}

impl Queues {
    /// Waits until it is this attempt's turn.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the line.
    pub(super) async fn enter(&self, subject: &Subject) -> Result<Place, Error> {
        let turn = self.join(subject)?;
        let mut place = Place { queues: self.clone(), subject: subject.clone(), turn: None };
        place.turn = Some(turn.lock_owned().await);
        Ok(place)
    }

    fn join(&self, subject: &Subject) -> Result<Arc<tokio::sync::Mutex<()>>, Error> {
        let mut lines = self.lines();
        let line = lines.entry(subject.clone()).or_default();
        if line.length >= LINE_MAX {
            return Err(Error::busy("too many attempts of one subject at once"));
        }
        line.length = line.length.saturating_add(1);
        Ok(Arc::clone(&line.turn))
    }

    fn leave(&self, subject: &Subject) {
        let mut lines = self.lines();
        let Some(line) = lines.get_mut(subject) else { return };
        line.length = line.length.saturating_sub(1);
        if line.length == 0 {
            lines.remove(subject);
        }
    }

    /// The map is whole between any two statements that hold the lock, so a panic elsewhere while
    /// it was held has broken nothing.
    fn lines(&self) -> MutexGuard<'_, HashMap<Subject, Line>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.turn.take());
        self.queues.leave(&self.subject);
    }
}

#[cfg(test)]
mod tests {
    use super::{LINE_MAX, Queues};
    use crate::id::Subject;

    #[tokio::test]
    async fn the_seventeenth_attempt_is_turned_away_and_a_finished_one_makes_room() {
        let (queues, alice) = (Queues::default(), Subject::new("alice").unwrap());
        let first = queues.enter(&alice).await.unwrap();
        let waiting: Vec<_> = (1..LINE_MAX)
            .map(|_| {
                let (queues, alice) = (queues.clone(), alice.clone());
                tokio::spawn(async move { queues.enter(&alice).await.map(drop) })
            })
            .collect();
        tokio::task::yield_now().await;
        assert!(queues.enter(&alice).await.is_err());
        assert!(queues.enter(&Subject::new("bob").unwrap()).await.is_ok(), "another subject has a line of its own");
        drop(first);
        for attempt in waiting {
            attempt.await.unwrap().unwrap();
        }
        assert!(queues.lines().is_empty(), "an empty line is taken down");
    }

    #[tokio::test]
    async fn an_attempt_that_gives_up_leaves_the_line() {
        let (queues, alice) = (Queues::default(), Subject::new("alice").unwrap());
        let first = queues.enter(&alice).await.unwrap();
        for _ in 0..100 {
            let gave_up = tokio::time::timeout(std::time::Duration::ZERO, queues.enter(&alice)).await;
            assert!(gave_up.is_err());
        }
        drop(first);
        assert!(queues.enter(&alice).await.is_ok());
    }
}
