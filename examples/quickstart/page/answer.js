// Answering a challenge: after the password, and when a request needs more proof.

import { verify } from "/mfa/mfa.js";

import { cancelled, inSession, isProblem, send } from "./api.js";
import { $, busy, countdown, focusFirst, invalid } from "./dom.js";
import { offersKey } from "./keys.js";
import { pauses } from "./pause.js";
import { clock, explain, limit, tries } from "./words.js";

const kinds = {
  webauthn: {
    button: "Use your passkey or security key",
    hint: "Your browser asks for your fingerprint, face or PIN, or to touch the key.",
    other: "Use my passkey or security key",
    wrong: "That key was not accepted. Use one that you added to this account, or another way.",
    malformed: "That key was not accepted. Use one that you added to this account, or another way.",
  },
  totp: {
    button: "Continue",
    label: "Code from your authenticator app",
    other: "Use a code from my authenticator app",
    inputmode: "numeric",
    autocomplete: "one-time-code",
    wrong: "That code is not right. Each code works once: if you have used this one, wait for the next.",
    malformed: "The code in the app has 6 to 8 digits.",
  },
  recovery_code: {
    button: "Continue",
    label: "Recovery code",
    other: "Use one of my recovery codes",
    inputmode: "text",
    autocomplete: "off",
    wrong: "That code is not right, or it was used before.",
    malformed: "A recovery code has four groups of four letters and digits, like 3K7Q-8M2X-PD5T-W9RA.",
  },
};

/** The ways to answer that there are, the easiest first; a key comes last where this browser has none. */
function waysOf(methods) {
  const offered = Object.keys(kinds).filter((kind) => methods.some((method) => method.type === kind));
  return offersKey(methods) ? offered : offered.sort((a, b) => (a === "webauthn") - (b === "webauthn"));
}

let forms = 0;

/**
 * Fills `place` with a form that asks for a code, or for a key. `answer` gets what was given, or nothing and a signal
 * that ends it for a key; `back` gives up, `gone` is called when the challenge is over, and what else goes wrong
 * for good goes to `failed`. Returns how to take the form away.
 */
export function answerForm(place, { methods, expiresIn, answer, back, gone, failed }) {
  const form = $("answer-form").content.firstElementChild.cloneNode(true);
  const part = (name) => form.querySelector(`[data-part=${name}]`);
  const [input, problem, button] = ["input", ".problem", "[type=submit]"].map((s) => form.querySelector(s));
  const offered = waysOf(methods);
  let kind = offered[0];
  // A dialog of the browser that is open ends with the way it belongs to.
  let dialog = new AbortController();
  // Each way of answering has a pause of its own: whoever is locked out of one may use another.
  const pause = pauses(button, {
    key: () => kind,
    over: () => tell("You can try again now.", false),
    says: () => kinds[kind].button,
  });

  input.id = part("label").htmlFor = `answer-${++forms}`;
  problem.id = `${input.id}-problem`;
  input.setAttribute("aria-describedby", problem.id);
  button.setAttribute("aria-describedby", problem.id);

  function use(next) {
    dialog.abort();
    kind = next;
    const { label, hint = "", inputmode, autocomplete } = kinds[kind];
    const left = methods.find((method) => method.type === kind).remaining;
    part("code").hidden = !label;
    input.required = Boolean(label);
    part("label").textContent = left === undefined ? label : `${label} (${left} left)`;
    part("hint").textContent = hint;
    input.inputMode = inputmode ?? "";
    input.autocomplete = autocomplete ?? "off";
    input.value = "";
    part("others").replaceChildren(...offered.filter((one) => one !== kind).map(otherWay));
    tell("");
    pause.press();
  }

  function otherWay(other) {
    const one = part("other-way").content.firstElementChild.cloneNode(true);
    const link = one.querySelector("button");
    link.textContent = kinds[other].other;
    link.addEventListener("click", () => {
      use(other);
      focusFirst(form);
    });
    return one;
  }

  function tell(text, isWrong = Boolean(text)) {
    problem.textContent = text;
    invalid(input, isWrong);
  }

  function said(error) {
    if (error.code === "invalid_request") return kinds[kind].malformed;
    if (error.code === "cancelled" && offered.length === 1) return "Nothing was confirmed. Try again.";
    if (error.code !== "invalid_code") return explain(error);
    return `${kinds[kind].wrong} ${tries(error.problem)}`;
  }

  function refused(error) {
    if (error.code === "challenge_gone" || error.code === "not_found") return gone();
    if (error.status === 401 || error.name === "SignedOut") return failed(error);
    if (!isProblem(error) && error.name !== "Offline" && error.name !== "MfaError") return failed(error);
    tell(said(error));
    pause.lockBy(error);
    focusFirst(form);
    input.select();
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (button.disabled) return;
    tell("");
    if (kind !== "webauthn") {
      const given = { type: kind, code: input.value.replace(/\s/g, "") };
      return busy(button, () => answer(given).catch(refused));
    }
    const { signal } = (dialog = new AbortController());
    busy(button, () => answer(undefined, signal).catch((error) => signal.aborted || refused(error)));
  });

  part("back").textContent = back.text;
  part("back").addEventListener("click", back.work);

  use(kind);
  place.replaceChildren(form);
  const stop = countdown(expiresIn, (left) => (part("time").textContent = `Time left: ${clock(left)}`), gone);
  return () => {
    stop();
    pause.stop();
    dialog.abort();
    form.remove();
  };
}

const reasons = {
  transfer_funds: ({ to, amount }, { max_age: age }) =>
    `Send ${amount} € to ${to}? Your approval is good once${age ? `, for ${limit(age)}` : ""}. Each payment takes a proof of its own.`,
};

function reason({ action, missing = [], required = {} }, bind = {}) {
  if (reasons[action]) return reasons[action](bind, required);
  if (missing.includes("freshness")) return `This asks for a proof that is at most ${limit(required.max_age)} old.`;
  if (required.acr === "aal3" || required.acr === "phrh") return "This asks for a hardware key that nobody can phish or copy.";
  if (required.phr) return "This asks for a key that cannot be phished.";
  return "This asks for a second step.";
}

/**
 * Asks for the proof that `problem` says is missing, and gives what the server made of it. What is approved is what is
 * shown: both are of `wanted`.
 */
export async function stepUp(challenge, wanted, problem) {
  const dialog = $("step-up");
  $("step-up-why").textContent = reason(problem, wanted.bind);
  dialog.showModal();
  let away = () => {};
  try {
    return await new Promise((resolve, reject) => {
      const ask = (opened) => {
        away();
        away = answerForm($("step-up-place"), {
          methods: opened.methods,
          expiresIn: opened.expires_in,
          answer: async (given, signal) => {
            const verdict = await verify(opened, given, { ...inSession, signal });
            if (verdict.status === "complete") return resolve(verdict);
            ask({ ...opened, ...verdict });
          },
          back: { text: "Cancel", work: () => dialog.close() },
          gone: async () => {
            try {
              const anew = await send("POST", "/mfa/challenges", wanted);
              if (anew.status === "complete") return resolve(anew);
              $("step-up-why").textContent = `That took too long. ${reason(problem, wanted.bind)}`;
              ask(anew);
            } catch (error) {
              reject(error);
            }
          },
          failed: reject,
        });
        focusFirst($("step-up-place"));
      };
      dialog.addEventListener("close", () => reject(cancelled()), { once: true });
      ask(challenge);
    });
  } finally {
    away();
    dialog.close();
  }
}
