//! One thing is changed about a good ceremony at a time; each is refused by the step that is meant to.

mod asserting;
mod cbor;
mod every_byte;
mod good;
mod oracle;
mod registering;
mod scene;
mod site;
mod statements;
mod vectors;
