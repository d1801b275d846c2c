//! The figures of docs/PERFORMANCE.md, each against its limit: `cargo bench -p tower-mfa-benches
//! --bench limits`, with a part's name behind `--` for that part alone.

mod parts;

use std::process::ExitCode;

use tower_mfa_benches::{Counting, Report};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Measures one part and reports it.
type Part = fn(&tokio::runtime::Runtime, &mut Report);

fn main() -> ExitCode {
    // Cargo adds `--bench`.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let mut report = Report::default();
    let parts: [(&str, Part); 21] = [
        ("otp", parts::otp::measure),
        ("layers", parts::layers::measure),
        ("route", parts::route::measure),
        ("token", parts::token::measure),
        ("transaction", parts::transaction::measure),
        ("memory", parts::answer::memory),
        ("sqlite", parts::answer::sqlite),
        ("postgres", parts::postgres::measure),
        ("postgres-scale", parts::postgres_scale::measure),
        ("redis", parts::redis::measure),
        ("size", parts::size::measure),
        ("flood", parts::flood::measure),
        ("limit", parts::limit::measure),
        ("crowd", parts::crowd::accounts),
        ("guesses", parts::crowd::guesses),
        ("outbox", parts::outbox::measure),
        ("keys", parts::keys::answer),
        ("keys", parts::keys::start),
        ("transfer", parts::transfer::measure),
        ("refusals", parts::refusals::names),
        ("refusals", parts::refusals::answers),
    ];
    for (name, measure) in parts {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            measure(&runtime, &mut report);
        }
    }
    report.end()
}
