//! What the benchmarks share: medians of interleaved pairs, counted allocations, a clock to turn.

mod alloc;
pub mod bare;
mod clock;
mod pair;
pub mod peer;
mod report;
pub mod scene;

pub use alloc::Counting;
pub use clock::Turned;
pub use pair::{Pair, median};
pub use report::Report;
