// The start of the page: who is here, and signing in.

import { authenticate, autofill, verify } from "/mfa/mfa.js";

import { bindAccount, openAccount, reload } from "./account.js";
import { SignedOut, atSignIn, call, forget, mayHaveSession, onStepUp, renew, schedule, send } from "./api.js";
import { answerForm, stepUp } from "./answer.js";
import { $, ask, busy, isShown, say, show } from "./dom.js";
import { choose, clearCodes, clearEnrolment, showCodes, unsavedCodes } from "./enrol.js";
import { hasKeys } from "./keys.js";
import { pauses } from "./pause.js";
import { duration, explain, usedRecovery } from "./words.js";

let away = () => {};

const problem = $("sign-in").querySelector(".problem");
// Another user name is not held up by the pause of the first.
const pause = pauses($("sign-in").querySelector("button"), {
  key: () => $("username").value.trim(),
  over: () => {
    if (!isShown("sign-in")) return;
    say("");
    problem.textContent = "You can try again now.";
  },
});

const passkeyProblem = $("passkey-problem");
const passkeyPause = pauses($("passkey"), { over: () => (passkeyProblem.textContent = "You can try again now.") });

/** Back to the first form, with a word on why. */
function toSignIn(text = "", kind = "bad") {
  away();
  clearEnrolment();
  clearCodes();
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  $("who").hidden = true;
  $("password").value = "";
  problem.textContent = passkeyProblem.textContent = "";
  pause.press();
  show("sign-in");
  if ($("username").value) $("password").focus();
  say(text, kind);
  offerPasskeys();
}

let offer = new AbortController();

/** Offers passkeys where the user name is typed, until another way to sign in is taken. */
async function offerPasskeys() {
  offer.abort();
  const mine = (offer = new AbortController());
  $("passkey-place").hidden = !hasKeys;
  if (!hasKeys) return;
  try {
    const outcome = await autofill({ ...atSignIn, signal: mine.signal });
    if (outcome) await goOn(outcome, "", "passkey");
  } catch (error) {
    // Nobody has asked for anything yet, unless a passkey was chosen.
    if (mine.signal.aborted || !isShown("sign-in")) return;
    if (error.code === "forbidden" || error.code === "not_found") $("passkey-place").hidden = true;
    else if (error.code === "invalid_code" || error.code === "challenge_gone") passkeyRefused(error);
  }
}

function passkeyRefused(error) {
  const texts = {
    cancelled: "Nothing was confirmed. Try again, or sign in with your password.",
    challenge_gone: "That took too long. Try again.",
    invalid_code: "That passkey is not known here: it may have been removed. Use another one, or sign in with your password.",
    unsupported: "This browser cannot use passkeys at this address. Sign in with your password.",
  };
  passkeyProblem.textContent = texts[error.code] ?? explain(error);
  passkeyPause.lockBy(error);
  offerPasskeys();
}

async function passkeySignIn() {
  say("");
  offer.abort();
  problem.textContent = passkeyProblem.textContent = "";
  try {
    await goOn(await authenticate(atSignIn), "", "passkey");
  } catch (error) {
    passkeyRefused(error);
    $("passkey").focus();
  }
}

function failed(error) {
  if (error.code === "cancelled") return;
  if (error instanceof SignedOut) return toSignIn("Your session is over. Sign in again.");
  say(explain(error), "bad");
}

function run(button, work) {
  say("");
  return busy(button, () => work().catch(failed));
}

async function signIn() {
  say("");
  offer.abort();
  const username = $("username").value.trim();
  problem.textContent = passkeyProblem.textContent = "";
  try {
    const outcome = await send("POST", "/login", { username, password: $("password").value });
    $("password").value = "";
    await goOn(outcome, username);
  } catch (error) {
    problem.textContent = explain(error);
    pause.lockBy(error);
    $("password").focus();
    $("password").select();
    offerPasskeys();
  }
}

/** What the password or the passkey, the `first` step, led to. */
async function goOn(outcome, username, first = "password") {
  switch (outcome.status) {
    case "complete":
      return openAccount();
    case "challenge":
      $("answer-why").textContent = `Your ${first} is right. Now show that it is really you.`;
      return secondStep(outcome);
    case "enrolment_required":
      return enrolFirst(outcome, username);
    default: {
      const wait = outcome.retry_after;
      const text = wait
        ? `Too many wrong codes were given for this account. Wait ${duration(wait)} and sign in again.`
        : "No way to prove that it is you is left on this account. Ask an administrator to reset it.";
      toSignIn(text);
      if (wait) pause.lock(wait);
    }
  }
}

function secondStep(outcome, signedIn = openAccount) {
  away();
  away = answerForm($("answer-place"), {
    methods: outcome.methods,
    expiresIn: outcome.expires_in,
    answer: async (given, signal) => {
      const verdict = await verify(outcome, given, { ...atSignIn, signal });
      if (verdict.status === "enrolment_required") {
        away();
        return enrolFirst(verdict, "", "This account needs a second authenticator. Add it now to sign in.");
      }
      if (verdict.status !== "complete") return secondStep({ ...outcome, ...verdict }, signedIn);
      away();
      await signedIn();
      const used = usedRecovery(verdict.recovery_codes_remaining);
      say(used && `${used} What to do about a lost phone stands under “Authenticators”.`);
    },
    back: { text: "Back", work: () => toSignIn() },
    gone: () => toSignIn("That took too long. Begin again."),
    failed: (error) => toSignIn(error.status === 401 ? "That took too long. Begin again." : explain(error)),
  });
  show("answer");
}

function enrolFirst(outcome, username, why = "This account needs a second step. Set it up now to sign in.") {
  const signedIn = () => openAccount().catch(failed);
  choose({
    allowed: outcome.allowed,
    bearer: outcome.enrolment_token,
    why,
    done: async (bound) => {
      if (!bound) return toSignIn();
      if (!bound.recovery_codes) return signedIn();
      // Whoever came by a passkey has typed no name.
      const who = username || (await call("GET", "/mfa/status").catch(() => ({}))).subject;
      showCodes(bound.recovery_codes, who ?? "", signedIn);
    },
    failed: (error) => {
      if (error.status === 401) toSignIn("That took too long. Begin again.");
      else failed(error);
    },
  });
}

async function signOut() {
  const unsaved = {
    title: "Sign out without the codes?",
    text: "You have not said that you saved them, and they are shown only now. Without them, a lost phone locks you out.",
    yes: "Sign out",
    danger: true,
  };
  if (unsavedCodes() && !(await ask(unsaved))) return;
  try {
    await send("POST", "/mfa/logout", {});
  } catch (error) {
    if (error.status !== 401) throw error;
    // The token is over, but perhaps not the session: it must not be left behind.
    await renew().then(() => send("POST", "/mfa/logout", {})).catch(() => {});
  }
  forget();
  $("username").value = "";
  toSignIn("You are signed out.", "good");
}

function bind() {
  onStepUp(stepUp);
  bindAccount(run);
  $("sign-in").addEventListener("submit", (event) => {
    event.preventDefault();
    busy($("sign-in").querySelector("button"), signIn);
  });
  $("username").addEventListener("input", pause.press);
  $("passkey").addEventListener("click", () => busy($("passkey"), passkeySignIn));
  $("sign-out").addEventListener("click", () => run($("sign-out"), signOut));
  // Another tab has signed out, or somebody else in.
  addEventListener("storage", () => {
    if (!isShown("account")) return;
    if (mayHaveSession()) reload().catch(failed);
    else toSignIn("You signed out in another tab.", "");
  });
}

async function start() {
  bind();
  if (!mayHaveSession()) return toSignIn();
  schedule();
  try {
    await openAccount();
  } catch (error) {
    if (error instanceof SignedOut) toSignIn();
    else toSignIn(explain(error));
  }
}

start();
