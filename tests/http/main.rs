//! The JSON API over HTTP, as a client meets it.

mod client;
mod story;
