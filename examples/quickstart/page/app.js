// The start of the page: who is here, and signing in.

import { bindAccount, openAccount, reload } from "./account.js";
import { Cancelled, SignedOut, forget, mayHaveSession, onStepUp, renew, schedule, send } from "./api.js";
import { answerForm, stepUp } from "./answer.js";
import { $, ask, busy, isShown, say, show } from "./dom.js";
import { clearCodes, clearEnrolment, enrol, showCodes, unsavedCodes } from "./enrol.js";
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

/** Back to the first form, with a word on why. */
function toSignIn(text = "", kind = "bad") {
  away();
  clearEnrolment();
  clearCodes();
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  $("who").hidden = true;
  $("password").value = "";
  problem.textContent = "";
  pause.press();
  show("sign-in");
  if ($("username").value) $("password").focus();
  say(text, kind);
}

function failed(error) {
  if (error instanceof Cancelled) return;
  if (error instanceof SignedOut) return toSignIn("Your session is over. Sign in again.");
  say(explain(error), "bad");
}

function run(button, work) {
  say("");
  return busy(button, () => work().catch(failed));
}

async function signIn() {
  say("");
  const username = $("username").value.trim();
  problem.textContent = "";
  try {
    const outcome = await send("POST", "/login", { username, password: $("password").value });
    $("password").value = "";
    await goOn(outcome, username);
  } catch (error) {
    problem.textContent = explain(error);
    pause.lockBy(error);
    $("password").focus();
    $("password").select();
  }
}

/** What the password led to. */
async function goOn(outcome, username) {
  switch (outcome.status) {
    case "complete":
      return openAccount();
    case "challenge":
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
    verify: async (answer) => {
      const path = `/mfa/challenges/${encodeURIComponent(outcome.challenge_id)}/verify`;
      const verdict = await send("POST", path, answer, outcome.challenge_token);
      if (verdict.status === "enrolment_required") {
        away();
        return enrolFirst(verdict, "", "This account needs a second authenticator app. Add it now to sign in.");
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
  enrol({
    bearer: outcome.enrolment_token,
    why,
    name: "Authenticator app",
    done: (bound) => {
      if (!bound) return toSignIn();
      if (bound.recovery_codes) showCodes(bound.recovery_codes, username, signedIn);
      else signedIn();
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
