// Binding an authenticator app, a passkey or a security key, and the recovery codes that come with the first.

import { register } from "/mfa/mfa.js";

import { Offline, atSignIn, call, inSession, isProblem, proving, send } from "./api.js";
import { $, busy, copy, countdown, h, invalid, show } from "./dom.js";
import { hasKeys, kinds } from "./keys.js";
import { pauses } from "./pause.js";
import { clock, explain, tries } from "./words.js";

/** What the page says of each kind. */
const words = {
  ...kinds,
  totp: {
    name: "Authenticator app",
    title: "Set up an authenticator app",
    label: "Name of this app",
    like: "like “My phone”; you can change it later",
    about: "An app on your phone that shows a new code every half minute.",
    added: "The app is set up. You were signed out everywhere else.",
  },
};

let stop = () => {};

/** Takes the secret off the page. */
export function clearEnrolment() {
  stop();
  $("qr").removeAttribute("src");
  $("open-app").removeAttribute("href");
  $("secret").textContent = $("enrol-time").textContent = "";
  $("enrol").reset();
  for (const form of [$("enrol"), $("enrol-name")]) tell(form, "");
}

const parts = ["enrol-choice", "enrol-name", "enrol-steps", "enrol-over"];

function showPart(name) {
  for (const part of parts) $(part).hidden = part !== name;
}

function tell(form, text, isWrong = Boolean(text)) {
  form.querySelector(".problem").textContent = text;
  invalid(form.querySelector("input"), isWrong);
}

/** Whether it is for the form to say: everything but the end of the session or of the sign-in. */
const isOurs = (error) => error instanceof Offline || (isProblem(error) && error.status !== 401);

/**
 * Lets somebody choose what to set up, among the kinds that are `allowed`. The rest is as for `enrol`.
 */
export function choose({ allowed, done, ...given }) {
  const offered = [...(hasKeys && allowed.includes("webauthn") ? ["passkey", "security_key"] : []), "totp"];
  const open = offered.filter((kind) => kind !== "totp" || allowed.includes("totp"));
  const go = (kind) => enrol({ ...given, kind, name: words[kind].name, done });
  if (open.length < 2) return go(open[0] ?? "totp");
  const choice = (kind) => {
    const { name, about } = words[kind];
    const button = { type: "button", class: "quiet", "aria-label": `Set up: ${name}`, onclick: () => go(kind) };
    const text = h("span", {}, h("strong", {}, name), h("br"), h("span", { class: "muted" }, about));
    return h("li", {}, text, h("button", button, "Set up"));
  };
  clearEnrolment();
  $("enrol-title").textContent = "Set up a second step";
  $("enrol-why").textContent = given.why;
  $("enrol-kinds").replaceChildren(...open.map(choice));
  $("enrol-none").onclick = () => done(null);
  showPart("enrol-choice");
  show("enrol");
}

/**
 * Sets up an authenticator app (`kind` is `totp`), a `passkey` or a `security_key`. With `bearer`, the token of a
 * sign-in that asks for one; otherwise in the session. `name` is what it is called unless the person says otherwise.
 * `done` gets what the confirmation gave, or null when the person gave up.
 */
export function enrol({ kind = "totp", bearer, why, name, done, failed }) {
  const request = bearer ? (...given) => send(...given, bearer) : call;
  const leave = () => {
    clearEnrolment();
    done(null);
  };

  // The name comes first: it stands in the list from the beginning, and nothing is renamed.
  const begin = async () => {
    const label = $("enrol-label").value.trim() || name;
    tell($("enrol-name"), "");
    if (kind !== "totp") return bindKey(label);
    const started = await request("POST", "/mfa/authenticators", { type: "totp", label });
    steps(started, { request, leave: bearer ? leave : dropped(started, leave), done, failed });
  };
  const bindKey = async (label) => {
    const how = bearer ? { ...atSignIn, getToken: () => bearer } : { ...inSession, fetch: proving };
    try {
      const bound = await register({ ...how, kind, label });
      clearEnrolment();
      done(bound);
    } catch (error) {
      if (!["cancelled", "exists", "unsupported", "invalid_code", "not_found"].includes(error.code)) throw error;
      tell($("enrol-name"), keyRefused(error, kind), false);
    }
  };
  const refused = (error) => {
    if (!isOurs(error)) return failed(error);
    tell($("enrol-name"), explain(error));
    $("enrol-label").focus();
  };
  $("enrol-name").onsubmit = (event) => {
    event.preventDefault();
    busy($("enrol-name").querySelector("[type=submit]"), () => begin().catch(refused));
  };
  $("enrol-again").onclick = () => busy($("enrol-again"), () => begin().catch(failed));
  // What is over is not dropped: there is nothing left of it.
  $("enrol-back").onclick = $("enrol-leave").onclick = leave;

  clearEnrolment();
  const { title, label, like, todo = "" } = words[kind];
  $("enrol-title").textContent = title;
  $("enrol-why").textContent = why;
  $("enrol-label-of").textContent = label;
  $("enrol-like").textContent = `(${like})`;
  $("enrol-label").value = name;
  $("enrol-todo").textContent = todo;
  showPart("enrol-name");
  show("enrol");
}

/** What to say when a kind was added. */
export const added = (kind) => words[kind].added;

function keyRefused({ code }, kind) {
  switch (code) {
    case "cancelled":
      return "Nothing was added. Try again, or use another way.";
    case "exists":
      return `This ${kind === "passkey" ? "device" : "key"} is added to your account already. Use another one.`;
    case "unsupported":
      return `This browser, or the ${kind === "passkey" ? "device" : "key"} you used, cannot do that. Use another one.`;
    default:
      return "That did not work, or took too long. Nothing was added. Try again.";
  }
}

const pathOf = (started) => `/mfa/authenticators/${encodeURIComponent(started.id)}`;

/** What is pending is dropped at once; it would expire by itself. */
const dropped = (started, leave) => () =>
  call("DELETE", pathOf(started))
    .catch(() => {})
    .then(leave);

/** Shows the key and asks for its first code. */
function steps(started, { request, leave, done, failed }) {
  const button = $("enrol").querySelector("[type=submit]");
  const confirm = async () => {
    const code = $("enrol-code").value.replace(/\s/g, "");
    const bound = await request("POST", `${pathOf(started)}/confirm`, { code });
    clearEnrolment();
    done(bound);
  };

  clearEnrolment();
  const pause = pauses(button, { over: () => tell($("enrol"), "You can try again now.", false) });
  const refused = (error) => {
    if (!isOurs(error)) return failed(error);
    if (error.status === 404) return over("This setup was replaced or has ended, perhaps in another tab.");
    tell($("enrol"), said(error));
    pause.lockBy(error);
    $("enrol-code").focus();
    $("enrol-code").select();
  };
  fill(started);
  $("enrol").onsubmit = (event) => {
    event.preventDefault();
    busy(button, () => confirm().catch(refused));
  };
  $("copy-secret").onclick = () => copy($("copy-secret"), started.secret);
  $("enrol-cancel").onclick = leave;
  const time = (left) => ($("enrol-time").textContent = `Time left to confirm: ${clock(left)}`);
  const end = countdown(started.expires_in, time, () => over("The time to confirm is over."));
  stop = () => {
    end();
    pause.stop();
  };
  showPart("enrol-steps");
  $("enrol-add").focus();
}

function said(error) {
  if (error.code === "invalid_request") return "The code in the app has 6 to 8 digits.";
  if (error.code !== "invalid_code") return explain(error);
  return `That code does not match this key. Check that the app shows the entry you just added, and that the phone sets its clock by itself. ${tries(error.problem)}`;
}

function fill(started) {
  // A picture cannot run scripts, whatever stands in it.
  $("qr").src = `data:image/svg+xml,${encodeURIComponent(started.qr_svg)}`;
  $("secret").textContent = started.secret.match(/.{1,4}/g).join(" ");
  $("open-app").href = started.otpauth_uri;
}

function over(why) {
  clearEnrolment();
  showPart("enrol-over");
  $("enrol-ended").textContent = `${why} Its key is void: if your app has the new entry already, remove it there.`;
  $("enrol-again").focus();
}

const unsaved = (event) => event.preventDefault();

/** Takes the codes off the page. */
export function clearCodes() {
  removeEventListener("beforeunload", unsaved);
  $("codes").replaceChildren();
}

/** Whether recovery codes are shown of which nobody has said yet that they are saved. */
export const unsavedCodes = () => $("codes").childElementCount > 0 && !$("codes-saved").checked;

/** Shows recovery codes, once, and goes on when they are saved. */
export function showCodes(codes, who, done) {
  const text = `Recovery codes of ${who} at ${location.host}\nEach works once.\n\n${codes.join("\n")}\n`;
  $("codes").replaceChildren(...codes.map((code) => h("li", {}, code)));
  $("codes-who").textContent = who;
  $("codes-where").textContent = location.host;
  $("codes-when").textContent = new Date().toLocaleDateString("en-GB", { dateStyle: "long" });
  $("codes-saved").checked = false;
  $("codes-print").onclick = () => print();
  $("codes-copy").onclick = () => copy($("codes-copy"), text);
  $("codes-download").onclick = () => download(`recovery-codes-${who}.txt`, text);
  addEventListener("beforeunload", unsaved);
  $("codes-form").onsubmit = (event) => {
    event.preventDefault();
    clearCodes();
    done();
  };
  show("codes");
}

function download(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
