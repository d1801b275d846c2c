use tokio::sync::mpsc;

use super::sink::{Delivery, Sink, SinkError};
use crate::account::Event;
use crate::id::Subject;

/// Hands events to a task of the host's.
#[derive(Debug, Clone)]
pub struct Channel(mpsc::Sender<(Subject, Event)>);

/// Makes a sink that hands events to a channel with room for `capacity` (at least 1) of them.
///
/// An event counts as delivered once it is in the channel. A host that must lose none writes down what it reads
/// before it reads on, and deals with those it has seen.
#[must_use]
pub fn channel(capacity: usize) -> (Channel, mpsc::Receiver<(Subject, Event)>) {
    let (sender, receiver) = mpsc::channel(capacity.max(1));
    (Channel(sender), receiver)
}

impl Sink for Channel {
    fn deliver<'a>(&'a self, subject: &'a Subject, event: &'a Event) -> Delivery<'a> {
        Box::pin(async move {
            let sent = self.0.send((subject.clone(), event.clone())).await;
            // Nobody reads any more: whoever reads next time gets it.
            sent.map_err(|_| SinkError::later("nobody reads the channel"))
        })
    }
}
