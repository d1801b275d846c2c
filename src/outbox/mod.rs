//! Events on their way out: every one of them, at least once, in the order of its subject.
//!
//! What happens is written down together with what it changed, so no event is ever lost between the two. A [`Relay`]
//! reads the outbox and hands each to a [`Sink`]: a [`channel`], a webhook, one of the host's own.
//!
//! | sink | feature | for |
//! |---|---|---|
//! | [`channel`] | `service` | a task of the host's |
//! | `Webhook` | `webhook` | another service, over HTTP, signed by the rules of Standard Webhooks |
//! | `Log` | `tracing` | a log of one copy: of all replicas one writes each event |
//! | `Metrics` | `metrics` | counters of what happens |
//! | your own | | implement [`Sink`] |

mod lease;
#[cfg(feature = "tracing")]
mod log;
#[cfg(feature = "metrics")]
mod metrics;
mod relay;
mod schedule;
mod sink;
mod sinks;
#[cfg(feature = "tracing")]
mod trace;
#[cfg(not(feature = "tracing"))]
#[path = "trace_off.rs"]
mod trace;
#[cfg(feature = "webhook")]
mod webhook;
mod window;

#[cfg(feature = "tracing")]
pub use log::Log;
#[cfg(feature = "metrics")]
pub use metrics::Metrics;
pub use relay::{Redelivery, Relay};
pub use schedule::Retries;
pub use sink::{Delivery, Sink, SinkError};
pub use sinks::{Channel, channel};
#[cfg(feature = "webhook")]
pub use webhook::{Webhook, WebhookKey};
