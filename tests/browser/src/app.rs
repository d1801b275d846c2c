//! An authenticator app in somebody's hand.

use std::time::Duration;

use tower_mfa::clock::{Clock as _, SystemClock};
use tower_mfa::otp::{Secret, Step, Totp};

/// How much of a step must be left, so that a code does not change on its way.
const MARGIN: u64 = 5;

/// An app with one entry. It remembers which of its codes are used up.
pub struct App {
    secret: Secret,
    used: Option<u64>,
}

impl App {
    /// Takes the key as it is written on the page, in groups.
    #[must_use]
    pub fn new(typed: &str) -> Self {
        Self { secret: Secret::from_base32(typed).expect("a key"), used: None }
    }

    /// A code that is accepted now: the oldest unused one of the step before, this one and the
    /// next; when all three are used up, whoever holds the phone waits.
    pub fn code(&mut self) -> String {
        loop {
            let now = now();
            let oldest = now / 30 - 1;
            let step = self.used.map_or(oldest, |used| oldest.max(used + 1));
            if step <= now / 30 + 1 && 30 - now % 30 > MARGIN {
                self.used = Some(step);
                return self.at(step);
            }
            std::thread::sleep(Duration::from_secs(1));
        }
    }

    /// A code that is none of those accepted now.
    #[must_use]
    pub fn wrong_code(&self) -> String {
        let near: Vec<String> = (now() / 30 - 2..=now() / 30 + 3).map(|step| self.at(step)).collect();
        (0..).map(|n| format!("{n:06}")).find(|code| !near.contains(code)).expect("a million codes")
    }

    fn at(&self, step: u64) -> String {
        Totp::default().code_at(&self.secret, Step::new(step)).expose().to_owned()
    }
}

fn now() -> u64 {
    SystemClock.now().expect("a clock").as_secs()
}
