//! Where slow hashes are computed: off the runtime, few at a time, and never more than a few
//! waiting. A flood of recovery codes is turned away before it costs anything.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::Error;

#[derive(Clone)]
pub(super) struct SlowHash {
    /// How many compute at once: half the processors, so that the other half serves.
    running: Arc<Semaphore>,
    /// How many compute or wait.
    admitted: Arc<Semaphore>,
}

impl Default for SlowHash {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let running = cores.div_ceil(2);
        Self {
            running: Arc::new(Semaphore::new(running)),
            admitted: Arc::new(Semaphore::new(running.saturating_mul(4))),
        }
    }
}

/// The right to compute one slow hash, taken before anything is written.
pub(super) struct Admission {
    _place: tokio::sync::OwnedSemaphorePermit,
}

impl SlowHash {
    /// Takes a place, or refuses at once.
    pub(super) fn admit(&self) -> Result<Admission, Error> {
        let place = Arc::clone(&self.admitted).try_acquire_owned();
        let place = place.map_err(|_| Error::busy("too many recovery codes at once"))?;
        Ok(Admission { _place: place })
    }

    /// Computes `work` on a thread of its own.
    ///
    /// # Cancel safety
    ///
    /// If the caller goes away the work is finished and thrown away; its place stays taken until
    /// then, so cancelled requests do not pile work up.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        admission: Admission,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let permit = Arc::clone(&self.running).acquire_owned().await.map_err(Error::unavailable)?;
        let task = tokio::task::spawn_blocking(move || {
            let done = work();
            drop((permit, admission));
            done
        });
        task.await.map_err(Error::unavailable)
    }
}
