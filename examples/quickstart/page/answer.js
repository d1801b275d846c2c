// Answering a challenge: after the password, and when a request needs more proof.

import { Cancelled, Problem, send } from "./api.js";
import { $, busy, countdown, invalid } from "./dom.js";
import { pauses } from "./pause.js";
import { clock, explain, limit, tries } from "./words.js";

const kinds = {
  totp: {
    label: "Code from your authenticator app",
    other: "I have my app: use its code",
    inputmode: "numeric",
    autocomplete: "one-time-code",
    wrong: "That code is not right. Each code works once: if you have used this one, wait for the next.",
    malformed: "The code in the app has 6 to 8 digits.",
  },
  recovery_code: {
    label: "Recovery code",
    other: "I don’t have my phone: use a recovery code",
    inputmode: "text",
    autocomplete: "off",
    wrong: "That code is not right, or it was used before.",
    malformed: "A recovery code has four groups of four letters and digits, like 3K7Q-8M2X-PD5T-W9RA.",
  },
};

let forms = 0;

/**
 * Fills `place` with a form that asks for a code. `verify` sends the answer, `back` gives up, `gone`
 * is called when the challenge is over, and what else goes wrong for good goes to `failed`. Returns
 * how to take the form away.
 */
export function answerForm(place, { methods, expiresIn, verify, back, gone, failed }) {
  const form = $("answer-form").content.firstElementChild.cloneNode(true);
  const part = (name) => form.querySelector(`[data-part=${name}]`);
  const [input, problem, button] = ["input", ".problem", "[type=submit]"].map((s) => form.querySelector(s));
  const offered = Object.keys(kinds).filter((kind) => methods.some((method) => method.type === kind));
  let kind = offered[0];
  // Each way of answering has a pause of its own: whoever is locked out of one may use another.
  const pause = pauses(button, { key: () => kind, over: () => tell("You can try again now.", false) });

  input.id = part("label").htmlFor = `answer-${++forms}`;
  problem.id = `${input.id}-problem`;
  input.setAttribute("aria-describedby", problem.id);

  function use(next) {
    kind = next;
    const { label, inputmode, autocomplete } = kinds[kind];
    const left = methods.find((method) => method.type === kind).remaining;
    part("label").textContent = left === undefined ? label : `${label} (${left} left)`;
    input.inputMode = inputmode;
    input.autocomplete = autocomplete;
    input.value = "";
    const other = offered.find((one) => one !== kind);
    part("other").hidden = !other;
    if (other) part("other").textContent = kinds[other].other;
    tell("");
    pause.press();
  }

  function tell(text, isWrong = Boolean(text)) {
    problem.textContent = text;
    invalid(input, isWrong);
  }

  function said(error) {
    if (error.code === "invalid_request") return kinds[kind].malformed;
    if (error.code !== "invalid_code") return explain(error);
    return `${kinds[kind].wrong} ${tries(error.body)}`;
  }

  function refused(error) {
    if (!(error instanceof Problem)) return error.name === "Offline" ? tell(explain(error)) : failed(error);
    if (error.code === "challenge_gone" || error.code === "not_found") return gone();
    if (error.status === 401) return failed(error);
    tell(said(error));
    pause.lockBy(error);
    input.focus();
    input.select();
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (button.disabled) return;
    const answer = { type: kind, code: input.value.replace(/\s/g, "") };
    busy(button, () => verify(answer).catch(refused));
  });
  part("other").addEventListener("click", () => {
    use(offered.find((one) => one !== kind));
    input.focus();
  });

  part("back").textContent = back.text;
  part("back").addEventListener("click", back.work);

  use(kind);
  place.replaceChildren(form);
  const stop = countdown(expiresIn, (left) => (part("time").textContent = `Time left: ${clock(left)}`), gone);
  return () => {
    stop();
    pause.stop();
    form.remove();
  };
}

const reasons = {
  transfer_funds: ({ to, amount }, { max_age: age }) =>
    `Send ${amount} € to ${to}? Your approval is good once${age ? `, for ${limit(age)}` : ""}. Each payment takes a new code. If you have just used the one your app shows, wait for the next.`,
};

function reason({ action, missing = [], required = {} }, bind = {}) {
  if (reasons[action]) return reasons[action](bind, required);
  if (missing.includes("freshness")) return `This asks for a proof that is at most ${limit(required.max_age)} old.`;
  return "This asks for a second step.";
}

/** What is approved: an action, and those members of the request that it is bound to. */
const approval = ({ action, bind }, request) =>
  bind ? { action, bind: Object.fromEntries(bind.map((name) => [name, request[name]])) } : { action };

/**
 * Asks for the proof that `problem` says is missing for `request`; resolves when the session has it.
 * What is approved is what is shown: the same members are read for both.
 */
export async function stepUp(problem, request) {
  const { action, required = {} } = problem.body;
  const { acr, max_age, kinds } = required;
  const wanted = action ? approval(problem.body, request) : { acr, max_age, kinds };
  let opened = await send("POST", "/mfa/challenges", wanted);
  // A code given a moment ago is fresh enough: nobody is asked again.
  if (opened.status === "complete") return;

  const dialog = $("step-up");
  $("step-up-why").textContent = reason(problem.body, wanted.bind);
  dialog.showModal();
  let away = () => {};
  try {
    await new Promise((resolve, reject) => {
      const ask = () => {
        away();
        away = answerForm($("step-up-place"), {
          methods: opened.methods,
          expiresIn: opened.expires_in,
          verify: async (answer) => {
            const path = `/mfa/challenges/${encodeURIComponent(opened.challenge_id)}/verify`;
            const verdict = await send("POST", path, answer);
            if (verdict.status === "complete") return resolve();
            opened = verdict;
            ask();
          },
          back: { text: "Cancel", work: () => dialog.close() },
          gone: async () => {
            try {
              opened = await send("POST", "/mfa/challenges", wanted);
              if (opened.status === "complete") return resolve();
              $("step-up-why").textContent = `That took too long. ${reason(problem.body, wanted.bind)}`;
              ask();
            } catch (error) {
              reject(error);
            }
          },
          failed: reject,
        });
        $("step-up-place").querySelector("input").focus();
      };
      dialog.addEventListener("close", () => reject(new Cancelled()), { once: true });
      ask();
    });
  } finally {
    away();
    dialog.close();
  }
}
