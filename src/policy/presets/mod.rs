//! Policies that hold themselves to a text, and one that follows a habit.
//!
//! A preset gives a [`PolicyBuilder`] that remembers its [`Profile`]: settings of your own go on top, and
//! [`build`](PolicyBuilder::build) refuses one that breaks the profile, with the rule's id.
//!
//! ```
//! use tower_mfa::assurance::{Aal, Requirement};
//! use tower_mfa::policy::{SessionLimits, presets};
//!
//! let bank = presets::pci_dss_4().action("refund", Requirement::aal2().within(60));
//! assert!(bank.clone().build().is_ok());
//!
//! let lazy = bank.session(Aal::Two, SessionLimits::overall(86_400).idle(3_600)).build().unwrap_err();
//! assert_eq!(lazy.field(), "session");
//! assert!(lazy.rule().ends_with("PCI-8.2.8"), "{lazy}");
//! ```
//!
//! What a preset sets and what it holds to is in its documentation, and
//! [`Profile::rules`](Profile::rules) lists it for a program. What is true of every policy, whatever the
//! preset, is in `docs/CONFORMANCE.md`.

mod profile;

pub(super) use profile::check;
pub use profile::{Profile, ProfileRule};

use super::{LockSchedule, Login, Policy, PolicyBuilder, SentCodes, SessionLimits, Telephone, WebAuthnPolicy};
use crate::assurance::Aal;
use crate::otp::Window;
use crate::recovery_code::Format;

const MINUTE: u32 = 60;
const HOUR: u32 = 60 * MINUTE;
const DAY: u32 = 24 * HOUR;
const YEAR: u32 = 365 * DAY;

/// Returns the preset of this name, for a policy that is written in a file; `None` for a name there is not.
///
/// ```
/// use tower_mfa::policy::presets;
///
/// let named = presets::named("owasp_asvs_l2").unwrap().build().unwrap();
/// assert_eq!(named.profile().unwrap().name(), "owasp_asvs_l2");
/// assert!(presets::named("owasp_asvs_l4").is_none());
/// ```
#[must_use]
pub fn named(name: &str) -> Option<PolicyBuilder> {
    Some(match name {
        "nist_aal2" => nist_aal2(),
        "nist_aal3" => nist_aal3(),
        "pci_dss_4" => pci_dss_4(),
        "owasp_asvs_l1" => owasp_asvs_l1(),
        "owasp_asvs_l2" => owasp_asvs_l2(),
        "owasp_asvs_l3" => owasp_asvs_l3(),
        "hosted" => hosted(),
        _ => return None,
    })
}

/// NIST SP 800-63B-4 at AAL2.
///
/// | it sets | held to |
/// |---|---|
/// | a second factor at every login | `N63B-2.2.1-a` |
/// | sessions at AAL2: 24 hours, and 1 hour without activity | `N63B-2.2.3-a` |
/// | 24 hours from the login, too: a code given again is one factor, and begins no new day | `N63B-2.2.3-a` |
/// | recovery codes of 75 bits | `N63B-4.2.1.1-a`: at least 64 |
/// | a new recovery code for each that is used | `N63B-4.2.1.1-d` |
/// | no code by e-mail | `N63B-3.1.3.1-a` |
/// | codes by telephone beside another kind | `N63B-3.2.9-a` |
/// | registered values in `amr`, no others | `X14` |
/// | no bypass of the second factor | `N63B-2.2.1-a` |
/// | security keys expire after two years | – |
///
/// The phishing-resistant way that everybody is to be offered (`N63B-2.2.2-b`) is a passkey: set up a
/// relying party (`MfaBuilder::webauthn`).
pub fn nist_aal2() -> PolicyBuilder {
    Policy::builder()
        .profile(Profile::NistAal2)
        .login(Login::Required)
        .session(Aal::One, SessionLimits::overall(DAY).idle(HOUR))
        .session(Aal::Two, SessionLimits::overall(DAY).idle(HOUR))
        .replace_used_recovery_codes(true)
        .registered_amr_only(true)
        .webauthn(WebAuthnPolicy::default().security_key_valid_for(2 * YEAR))
}

/// NIST SP 800-63B-4 at AAL3: all of [`nist_aal2`], and
///
/// | it sets | held to |
/// |---|---|
/// | sessions at AAL3: 12 hours, and 15 minutes without activity | `N63B-2.3.3-a` |
/// | 12 hours from the login, too: a key touched again does not stand for both factors | `N63B-2.3.3-a` |
/// | – | `N63B-2.3.1-a`: every action asks for AAL3 |
/// | – | `N63B-2.3.2-a`: and for phishing resistance |
///
/// Login itself asks for AAL2: what must be AAL3 are the routes and the actions. It is reached by keys that
/// cannot be copied and that are trusted, by their models ([`WebAuthnPolicy::trust_aaguids`]) or by the roots
/// of the relying party. Trust neither, and such a route refuses everybody.
pub fn nist_aal3() -> PolicyBuilder {
    nist_aal2()
        .profile(Profile::NistAal3)
        .session(Aal::One, SessionLimits::overall(12 * HOUR).idle(HOUR))
        .session(Aal::Three, SessionLimits::overall(12 * HOUR).idle(15 * MINUTE))
}

/// PCI DSS 4.0.1, requirement 8.
///
/// | it sets | held to |
/// |---|---|
/// | a second factor at every login | `PCI-8.4.2` |
/// | ten failures, of whatever kind, lock the user for 30 minutes | `PCI-8.3.4`: at most ten, at least 30 minutes, the account as a whole, and no failure forgotten within a day |
/// | every session ends after 15 minutes without activity | `PCI-8.2.8` |
/// | a bypass by grant alone, for 24 hours at most | `PCI-8.5.1-b`: dated, with a reason, approved by a second person |
///
/// What this gives up: whoever knows a password and no more can lock its owner out for half an hour, again
/// and again (OWASP ASVS 5 §6.1.1 wants that nobody can). A session at AAL2 has no budget of its own
/// here, since its failures are the user's, too; while the lock lasts its tokens are good, and no code
/// is looked at in it. The failures of passwords are counted by the host.
pub fn pci_dss_4() -> PolicyBuilder {
    let idle = |overall| SessionLimits::overall(overall).idle(15 * MINUTE);
    Policy::builder()
        .profile(Profile::PciDss4)
        .login(Login::Required)
        // Until a success: the standard knows no time after which a failure did not happen.
        .lock(LockSchedule::new(10, u32::MAX, &[30 * MINUTE]).account_wide())
        .session(Aal::One, idle(DAY))
        .session(Aal::Two, idle(DAY))
        .session(Aal::Three, idle(12 * HOUR))
        .bypass_at_most(DAY)
}

/// OWASP ASVS 5.0 at level 1.
///
/// | it sets | held to |
/// |---|---|
/// | a second factor where one is bound | – |
/// | locks for each authenticator | `ASVS-6.1.1`: nobody can lock out another by guessing |
pub fn owasp_asvs_l1() -> PolicyBuilder {
    Policy::builder().profile(Profile::OwaspAsvsL1)
}

/// OWASP ASVS 5.0 at level 2: all of [`owasp_asvs_l1`], and
///
/// | it sets | held to |
/// |---|---|
/// | a second factor at every login | `ASVS-6.3.3` |
/// | a TOTP code counts in its own 30 seconds | `ASVS-6.5.5` |
/// | codes by telephone beside another kind | `ASVS-6.6.1` |
/// | sessions: 24 hours, and 1 hour without activity | `ASVS-7.3.1`: an end by inactivity at every level |
/// | MFA is changed by whoever has proved enough before, not by a code that comes along | `ASVS-7.5.1` |
/// | no bypass of the second factor | `ASVS-6.3.4` |
///
/// The strict window costs: a clock that stands half a minute off, or a slow hand, is a wrong code.
pub fn owasp_asvs_l2() -> PolicyBuilder {
    owasp_asvs_l1()
        .profile(Profile::OwaspAsvsL2)
        .login(Login::Required)
        .totp_window(Window::STRICT)
        .session(Aal::One, SessionLimits::overall(DAY).idle(HOUR))
        .session(Aal::Two, SessionLimits::overall(DAY).idle(HOUR))
}

/// OWASP ASVS 5.0 at level 3: all of [`owasp_asvs_l2`], and
///
/// | it sets | held to |
/// |---|---|
/// | no code by e-mail | `ASVS-6.3.6` |
/// | no code by telephone | `ASVS-6.6.1` |
/// | – | `ASVS-6.3.3`: every action asks for phishing-resistant hardware |
///
/// As with [`nist_aal3`], that hardware is what policy trusts.
pub fn owasp_asvs_l3() -> PolicyBuilder {
    owasp_asvs_l2().profile(Profile::OwaspAsvsL3).sent_codes(SentCodes::default().telephone(Telephone::Refused))
}

/// The habits of the common hosted providers: a point to begin from when one of them is replaced. It is
/// held to nothing.
///
/// | it sets | what that gives up |
/// |---|---|
/// | a second factor where one is bound | an account without one is worth its password (`ASVS-6.3.3`) |
/// | codes by e-mail and telephone count, with nothing beside them | whoever has the mailbox or the number has the factor (`N63B-3.1.3.1-a`, `N63B-3.2.9-a`) |
/// | ten recovery codes `N-XXXXX-XXXXX` | 50 random bits where NIST wants 64 (`N63B-4.2.1.1-a`); whoever steals the hashes searches them against the slow hash |
/// | MFA is switched off by a code that comes with the request | the pause for thought (`ASVS-7.5.1`) |
///
/// Theirs are often 5+5 symbols and nothing else. Here the `N` before them says which of the ten it is, so
/// that an attempt is compared with one hash and not with ten; it is no secret and is not counted as one.
pub fn hosted() -> PolicyBuilder {
    Policy::builder()
        .login(Login::IfEnrolled)
        .sent_codes(SentCodes::default().email(true).telephone(Telephone::Alone))
        .recovery_format(Format::DANGER_FIVE_AND_FIVE)
        .disable_by_code(true)
}
