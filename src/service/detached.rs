//! Work that is finished even when whoever asked for it goes away.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

/// Runs in place; dropped half way, it goes on as a task of its own.
///
/// A client chooses when to hang up. Were a commit dropped with its request, it could be written
/// and the effects that belong to it (an ended session's tokens withdrawn, the host told) never
/// happen.
pub(super) struct Detached<T: Send + 'static> {
    work: Option<Work<T>>,
    /// Where it was begun: it may be dropped on a thread that belongs to no runtime.
    runtime: Option<Handle>,
}

type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl<T: Send + 'static> Detached<T> {
    pub(super) fn new(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self { work: Some(Box::pin(work)), runtime: Handle::try_current().ok() }
    }
}

impl<T: Send + 'static> Future for Detached<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        // Taken out while it runs: work that has panicked is not run again.
        let Some(mut work) = self.work.take() else { return Poll::Pending };
        let done = work.as_mut().poll(cx);
        if done.is_pending() {
            self.work = Some(work);
        }
        done
    }
}

impl<T: Send + 'static> Drop for Detached<T> {
    fn drop(&mut self) {
        // Where the runtime is gone the process is going down, and what is withdrawn in it goes with it.
        if let (Some(work), Some(runtime)) = (self.work.take(), &self.runtime) {
            drop(runtime.spawn(work));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Detached;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn work_that_is_dropped_half_way_is_finished_all_the_same() {
        let (go, gate) = oneshot::channel::<()>();
        let (tell, told) = oneshot::channel();
        let mut work = Detached::new(async move {
            gate.await.unwrap();
            tell.send("done").unwrap();
        });
        let begun = std::future::poll_fn(|cx| std::task::Poll::Ready(std::pin::Pin::new(&mut work).poll(cx))).await;
        assert!(begun.is_pending());
        drop(work);
        go.send(()).unwrap();
        assert_eq!(told.await, Ok("done"));
    }

    #[tokio::test]
    async fn work_that_is_dropped_on_a_thread_of_no_runtime_is_finished_where_it_began() {
        let (tell, told) = oneshot::channel();
        let work = Detached::new(async move { tell.send("done").unwrap() });
        std::thread::spawn(move || drop(work)).join().unwrap();
        assert_eq!(told.await, Ok("done"));
    }

    #[tokio::test]
    async fn work_that_was_waited_for_runs_once() {
        let mut runs = 0;
        let (tell, told) = oneshot::channel();
        Detached::new(async move {
            runs += 1;
            tell.send(runs).unwrap();
        })
        .await;
        assert_eq!(told.await, Ok(1));
    }
}
