use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// Works until `stop` is ready.
pub(crate) async fn until_stopped(stop: impl Future, work: impl Future<Output = std::convert::Infallible>) {
    let (mut work, mut stop) = (pin!(work), pin!(stop));
    poll_fn(|cx| match stop.as_mut().poll(cx) {
        Poll::Ready(_) => Poll::Ready(()),
        Poll::Pending => match work.as_mut().poll(cx) {
            Poll::Ready(never) => match never {},
            Poll::Pending => Poll::Pending,
        },
    })
    .await;
}
