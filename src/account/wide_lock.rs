//! One count of failures for the whole account, where policy wants that (PCI DSS 4.0.1, 8.3.4).

use super::Account;
use super::event::{About, EventKind};
use super::refusal::Refusal;
use super::turn::Turn;

impl Account {
    /// Returns the seconds to wait, while the account as a whole is locked.
    pub(super) fn wide_lock(&self, turn: &Turn<'_>) -> Option<u32> {
        self.throttle.locked_for(turn.now).filter(|_| turn.policy.lock.account_wide)
    }

    /// Charges one failure to the account, and says how many are left until it is locked.
    pub(super) fn charge_account(&mut self, turn: &mut Turn<'_>) -> Result<u32, Refusal> {
        let charged = self.throttle.fail(turn.now, &turn.policy.lock);
        if charged.locked_until.is_some() {
            let about = About { until: charged.locked_until, detail: Some("account".into()), ..About::default() };
            turn.record(EventKind::Locked, about)?;
        }
        Ok(charged.remaining)
    }
}
