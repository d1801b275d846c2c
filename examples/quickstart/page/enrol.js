// Binding an authenticator app, and the recovery codes that come with the first.

import { Offline, Problem, call, send } from "./api.js";
import { $, busy, copy, countdown, h, invalid, show } from "./dom.js";
import { pauses } from "./pause.js";
import { clock, explain, tries } from "./words.js";

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

const parts = ["enrol-name", "enrol-steps", "enrol-over"];

function showPart(name) {
  for (const part of parts) $(part).hidden = part !== name;
}

function tell(form, text, isWrong = Boolean(text)) {
  form.querySelector(".problem").textContent = text;
  invalid(form.querySelector("input"), isWrong);
}

/** Whether it is for the form to say: everything but the end of the session or of the sign-in. */
const isOurs = (error) => error instanceof Offline || (error instanceof Problem && error.status !== 401);

/**
 * Sets up an authenticator app. With `bearer`, the token of a sign-in that asks for one; otherwise
 * in the session. `name` is what it is called unless the person says otherwise. `done` gets what the
 * confirmation gave, or null when the person gave up.
 */
export function enrol({ bearer, why, name, done, failed }) {
  const request = bearer ? (...given) => send(...given, bearer) : call;
  const leave = () => {
    clearEnrolment();
    done(null);
  };

  // The name comes first: it stands in the list from the beginning, and nothing is renamed.
  const begin = async () => {
    const label = $("enrol-label").value.trim() || name;
    const started = await request("POST", "/mfa/authenticators", { type: "totp", label });
    steps(started, { request, leave: bearer ? leave : dropped(started, leave), done, failed });
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
  $("enrol-why").textContent = why;
  $("enrol-label").value = name;
  showPart("enrol-name");
  show("enrol");
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
  return `That code does not match this key. Check that the app shows the entry you just added, and that the phone sets its clock by itself. ${tries(error.body)}`;
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
