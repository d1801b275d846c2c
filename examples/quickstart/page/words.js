// What the page says, in words for a tired person.

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

export const methods = { totp: "Authenticator app", recovery_code: "Recovery code", pwd: "Password" };

export function level(acr) {
  if (acr === "aal1") return "With your password alone (level 1).";
  if (acr === "aal2") return "With your password and a second step (level 2).";
  if (acr === "aal3") return "With a key that cannot be phished (level 3).";
  return `At level ${acr}.`;
}

const proofs = { pwd: "password", otp: "one-time code", totp: null, mfa: null, recovery: "recovery code" };

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

export const event = (kind) => events[kind] ?? kind.replaceAll("_", " ");

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

/** An error of the server, as a sentence that says what to do next. */
export function explain(error) {
  if (error.name === "Offline") return "The server cannot be reached. Check your connection and try again.";
  const { code, detail, retry_after: wait } = error.body ?? {};
  switch (code) {
    case "invalid_request":
      return rules[error.body.field] ?? detail;
    case "invalid_code":
      return "That code is not right.";
    case "throttled":
      return `Too many wrong tries: this one was not looked at. Wait ${duration(wait ?? 30)}.`;
    case "authenticator_disabled":
      return "This way in was switched off after too many wrong codes. Use another way, or ask an administrator.";
    case "challenge_gone":
      return "That took too long, or was answered already.";
    case "no_eligible_authenticator":
      if (error.body.allowed?.includes("totp")) {
        return "This asks for a second step, and you have none yet. Add an authenticator app first.";
      }
      return "This asks for a key that cannot be phished, and you have none. Such keys cannot be set up here yet.";
    case "insufficient_user_authentication":
      if (error.body.bind) return "What you approved was used or changed meanwhile. Look at what happened lately before you try again.";
      return "This asks for a stronger proof than you can give.";
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
