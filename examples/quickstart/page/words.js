// What the page says, in words for a tired person.

import { hasKeys } from "./keys.js";

export function duration(seconds) {
  if (seconds < 100) return `${seconds} second${seconds === 1 ? "" : "s"}`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 100 ? `${minutes} minutes` : `${Math.ceil(minutes / 60)} hours`;
}

/** How old something may be, or how long it is good. */
export function limit(seconds) {
  if (seconds % 60) return duration(seconds);
  return seconds === 60 ? "1 minute" : duration(seconds);
}

export function clock(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

const date = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });

export function when(at) {
  const ago = Math.round(Date.now() / 1000 - at);
  if (ago < 60) return "just now";
  if (ago < 3600) return `${Math.floor(ago / 60)} min ago`;
  return date.format(new Date(at * 1000));
}

export const methods = {
  totp: "Authenticator app",
  recovery_code: "Recovery code",
  pwd: "Password",
  webauthn: "Passkey or security key",
};

export function level(acr, amr) {
  const hasPassword = amr.includes("pwd");
  if (acr === "aal1") return hasPassword ? "With your password alone (level 1)." : "With a key alone (level 1).";
  if (acr === "aal2") return `With ${hasPassword ? "your password and a second step" : "a passkey"} (level 2).`;
  if (acr === "aal3") return "With a hardware key that nobody can phish or copy (level 3).";
  return `At level ${acr}.`;
}

const proofs = {
  pwd: "password",
  otp: "one-time code",
  recovery: "recovery code",
  hwk: "hardware key",
  swk: "synced passkey",
  pop: "passkey or security key",
  ...Object.fromEntries(["totp", "mfa", "user", "fido", "webauthn"].map((known) => [known, null])),
};

/** `amr` in words; values that say nothing new to a person are left out. */
export function proved(amr) {
  return amr.map((value) => (value in proofs ? proofs[value] : value)).filter(Boolean).join(", ");
}

const events = {
  signed_in: "You signed in",
  login_challenged: "The right password was given, and a second step asked for",
  enrolment_required: "The right password was given, and an authenticator asked for",
  login_blocked: "A sign-in was blocked",
  answer_accepted: "A code was accepted",
  answer_refused: "A wrong code was given",
  otp_replayed: "A code was given a second time, and refused",
  stepped_up: "You confirmed that it is you",
  approval_spent: "What you approved was let through, once",
  locked: "Too many wrong codes: a pause",
  hard_limit_near: "Many wrong codes in a row",
  signature_counter_regressed: "A key may have been copied: it was refused",
  backup_eligibility_changed: "A key changed whether it can be copied",
  backup_lost: "A passkey is not backed up any more: add another one",
  authenticator_disabled: "An authenticator was switched off after too many wrong codes",
  binding_started: "Setting up an authenticator began",
  binding_refused: "A wrong code while setting up an authenticator",
  authenticator_bound: "An authenticator was added",
  authenticator_renamed: "An authenticator was renamed",
  authenticator_removed: "An authenticator was removed",
  authenticator_expiring: "An authenticator expires soon",
  mfa_disabled: "All authenticators were removed",
  recovery_codes_issued: "New recovery codes were made",
  recovery_code_used: "A recovery code was used",
  recovery_codes_low: "Few recovery codes are left",
  session_ended: "A session ended",
  refresh_replayed: "An old session key was used: the session was ended",
  reset: "An administrator reset your second step",
  unlocked: "An administrator unlocked your account",
  suspended: "An administrator suspended your account",
  sessions_ended: "An administrator ended your sessions",
};

/** Of a key, where an app has a code. */
const keyEvents = {
  answer_accepted: "A key was accepted",
  answer_refused: "A key was refused",
  binding_refused: "A key was refused while setting it up",
};

export const event = ({ kind, type }) =>
  (type === "webauthn" && keyEvents[kind]) || (events[kind] ?? kind.replaceAll("_", " "));

/** How often one may still be wrong, or how long the pause is that a wrong code began. */
export function tries({ attempts_remaining: n = 0, retry_after: wait }) {
  if (wait) return `That was one too many: there is a pause of ${duration(wait)}.`;
  if (n === 0) return "";
  return `${n === 1 ? "One more try" : `${n} more tries`} before a pause.`;
}

export const usedRecovery = (left) =>
  left === undefined ? "" : `You used a recovery code; ${left} ${left === 1 ? "is" : "are"} left.`;

const rules = {
  label: "A name has at most 64 characters, and none that are hidden or turn the text around.",
  to: "Say who gets the money, in at most 64 characters.",
  amount: "The amount is a whole number of euros, from 1 to 1000000.",
};

/** What is asked of a field, for whoever filled it otherwise. */
export const rule = (field) => rules[field];

/** What is asked for beyond what anything that is bound can give. */
function short({ required: { acr, phr } = {} }, allowed) {
  const any = hasKeys ? "a passkey, a security key or an authenticator app" : "an authenticator app";
  if (allowed?.includes("totp")) return `This asks for a second step, and you have none yet. Add ${any} first.`;
  if (acr === "aal3" || acr === "phrh") {
    return "This needs a hardware security key that this service trusts; a synced passkey can be copied between devices and does not qualify.";
  }
  if (phr) {
    return hasKeys
      ? "This needs a passkey or a security key, for a code can be given to a false site. Add one first."
      : "This needs a passkey or a security key, and this browser has none here.";
  }
  return "This asks for a stronger proof than you can give.";
}

/** An error of the server, as a sentence that says what to do next. */
export function explain(error) {
  if (error.name === "Offline") return "The server cannot be reached. Check your connection and try again.";
  const { detail, field, bind, retry_after: wait } = error.problem ?? {};
  switch (error.code) {
    case "cancelled":
      return "Nothing was confirmed. Try again, or use another way.";
    case "exists":
      return "This device or key is added to your account already. Use another one.";
    case "unsupported":
      return "This browser or this key cannot do that here. Use another way.";
    case "invalid_request":
      return rules[field] ?? detail;
    case "invalid_code":
      return "That code is not right.";
    case "throttled":
      return `Too many wrong tries: this one was not looked at. Wait ${duration(wait ?? 30)}.`;
    case "authenticator_disabled":
      return "This way in was switched off after too many wrong codes. Use another way, or ask an administrator.";
    case "challenge_gone":
      return "That took too long, or was answered already.";
    case "no_eligible_authenticator":
      return short(error.lacked ?? {}, error.problem.allowed);
    case "insufficient_user_authentication":
      if (bind) return "What you approved was used or changed meanwhile. Look at what happened lately before you try again.";
      return short(error.problem);
    case "insufficient_scope":
      return "Your account does not have the role for this.";
    case "unavailable":
      return "The server cannot answer just now, and nothing was changed. Try again in a moment.";
    case "not_found":
      return "It is no longer there.";
    default:
      return detail ?? "Something went wrong on the server. Try again in a moment.";
  }
}
