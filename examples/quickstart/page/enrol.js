// Binding an authenticator app, and the recovery codes that come with the first.

import { Offline, Problem, call, send } from "./api.js";
import { $, busy, copy, countdown, h, show } from "./dom.js";
import { clock, explain, tries } from "./words.js";

let stop = () => {};

/** Takes the secret off the page. */
export function clearEnrolment() {
  stop();
  $("qr").removeAttribute("src");
  $("open-app").removeAttribute("href");
  $("secret").textContent = "";
  $("enrol").reset();
}

/**
 * Sets up an authenticator app. With `bearer`, the token of a sign-in that asks for one; otherwise
 * in the session. `done` gets what the confirmation gave, or null when the person gave up.
 */
export async function enrol({ bearer, why, done, failed }) {
  const request = bearer ? (...parts) => send(...parts, bearer) : call;
  const started = await request("POST", "/mfa/authenticators", { type: "totp", label: "Authenticator app" });
  const problem = $("enrol").querySelector(".problem");
  const path = `/mfa/authenticators/${encodeURIComponent(started.id)}`;

  const confirm = async () => {
    const code = $("enrol-code").value.replace(/\s/g, "");
    const label = $("enrol-label").value.trim();
    const bound = await request("POST", `${path}/confirm`, { code });
    // It is bound; that its name could not be set is no reason to say otherwise.
    if (label) await call("PATCH", path, { label }).catch(() => {});
    clearEnrolment();
    done(bound);
  };
  const refused = (error) => {
    if (!(error instanceof Problem || error instanceof Offline) || error.status === 401) return failed(error);
    if (error.status === 404 || error.status === 410) return over();
    problem.textContent =
      error.code === "invalid_code"
        ? `That code does not match this key. Check that the app shows the entry you just added, and that the phone sets its clock by itself. ${tries(error.body.attempts_remaining ?? 0)}`
        : error.code === "invalid_request"
          ? "The code in the app has 6 to 8 digits."
          : explain(error);
    $("enrol-code").select();
  };

  fill(started);
  $("enrol-why").textContent = why;
  problem.textContent = "";
  $("enrol").onsubmit = (event) => {
    event.preventDefault();
    busy($("enrol").querySelector("[type=submit]"), () => confirm().catch(refused));
  };
  $("copy-secret").onclick = () => copy($("copy-secret"), started.secret);
  $("enrol-cancel").onclick = async () => {
    clearEnrolment();
    // What is pending is dropped at once, and would expire by itself.
    if (!bearer) await call("DELETE", path).catch(() => {});
    done(null);
  };
  $("enrol-again").onclick = () => enrol({ bearer, why, done, failed }).catch(failed);
  const time = (left) => ($("enrol-time").textContent = `Time left to confirm: ${clock(left)}`);
  stop = countdown(started.expires_in, time, over);
  show("enrol");
}

function fill(started) {
  clearEnrolment();
  // A picture cannot run scripts, whatever stands in it.
  $("qr").src = `data:image/svg+xml,${encodeURIComponent(started.qr_svg)}`;
  $("secret").textContent = started.secret.match(/.{1,4}/g).join(" ");
  $("open-app").href = started.otpauth_uri;
  $("enrol-steps").hidden = false;
  $("enrol-over").hidden = true;
}

function over() {
  clearEnrolment();
  $("enrol-time").textContent = "";
  $("enrol-steps").hidden = true;
  $("enrol-over").hidden = false;
  $("enrol-again").focus();
}

const unsaved = (event) => event.preventDefault();

/** Takes the codes off the page. */
export function clearCodes() {
  removeEventListener("beforeunload", unsaved);
  $("codes").replaceChildren();
}

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
