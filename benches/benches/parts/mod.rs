pub mod answer;
pub mod answers;
pub mod crowd;
pub mod flood;
pub mod keys;
pub mod layers;
pub mod limit;
pub mod otp;
pub mod outbox;
pub mod postgres;
pub mod postgres_scale;
pub mod redis;
pub mod refusals;
pub mod route;
pub mod size;
pub mod token;
pub mod transaction;
pub mod transfer;
pub mod verification;

use std::path::PathBuf;

/// A new file for a database, on the disk the build is on.
fn file(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    folder.join("bench.sqlite")
}

fn us(time: std::time::Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
