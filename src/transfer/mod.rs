//! What other systems hold, taken over entry by entry.
//!
//! [`apps`] reads keys of authenticator apps from the formats in which other systems export them. It
//! ends where a key is found: what is done with it is decided elsewhere.

pub mod apps;
