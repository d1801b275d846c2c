use std::fmt;

/// Figures beside their limits, a line each.
#[derive(Debug, Default)]
pub struct Report {
    missed: usize,
}

impl Report {
    /// Prints one figure. It holds when it is not above the limit.
    pub fn line(&mut self, what: &str, figure: f64, limit: f64, unit: &str, details: impl fmt::Display) {
        let verdict = if figure <= limit { "ok" } else { "MISSED" };
        self.missed += usize::from(figure > limit);
        println!("{verdict:<7} {what:<58} {figure:>9.3} {unit:<3} (limit {limit:.3}){details:>3}");
    }

    /// Prints the sum; an exit code other than 0 tells of a miss.
    #[must_use]
    pub fn end(self) -> std::process::ExitCode {
        println!("\n{} missed", self.missed);
        if self.missed == 0 { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::FAILURE }
    }
}
