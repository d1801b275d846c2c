// The account: what is bound, who is signed in, what happened.

import { call } from "./api.js";
import { $, ask, h, invalid, refill, say, show } from "./dom.js";
import { enrol, showCodes } from "./enrol.js";
import { bindWhy, showWhy } from "./why.js";
import { event as told, explain, level, methods, proved, rule, when } from "./words.js";

/** Runs `work` for a button; what goes wrong is said. */
let run;
let status;

const SHOWN = 8;

export async function openAccount() {
  await reload();
  slip(null);
  $("transfer").querySelector(".done").textContent = "";
  $("try-answer").hidden = true;
  show("account");
}

/** Shows how the account is now. */
export async function reload() {
  const [now, sessions, events] = await Promise.all([
    call("GET", "/mfa/status"),
    call("GET", "/mfa/sessions"),
    history(),
  ]);
  status = now;
  $("who-name").textContent = status.subject;
  $("who").hidden = false;
  showLevel();
  showApps();
  showRecovery();
  showSessions(sessions.items);
  showEvents(events, SHOWN);
  await showWhy();
}

/** All events; the list begins with the oldest, the page with the newest. */
async function history() {
  const all = [];
  let after = "";
  do {
    const page = await call("GET", `/mfa/events?limit=200${after}`);
    all.push(...page.items);
    after = page.next && page.items.length ? `&after=${encodeURIComponent(page.next)}` : "";
  } while (after);
  return all.filter(isNews).reverse();
}

/** A wrong code at set-up is two events, of the binding and of the code: the first says it all. */
function isNews(one, at, all) {
  const before = all[at - 1];
  const isTold = before?.kind === "binding_refused" && before.authenticator_id === one.authenticator_id;
  return one.kind !== "answer_refused" || !isTold || before.at !== one.at;
}

function showLevel() {
  $("level").textContent = level(status.acr);
  const facts = { "You gave": proved(status.amr), "Last proof": when(status.auth_time) };
  $("level-facts").replaceChildren(
    ...Object.entries(facts).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
  );
}

const states = {
  pending: "not confirmed yet",
  disabled: "switched off after too many wrong codes: remove it and add it again",
  suspended: "suspended",
  expired: "expired: remove it and add it again",
};

function showApps() {
  const bound = status.authenticators.filter((one) => one.status !== "pending");
  const item = (one) => {
    const used = one.last_used_at ? `used ${when(one.last_used_at)}` : "never used";
    const name = one.label || methods[one.type];
    const about = [methods[one.type] ?? one.type, `added ${when(one.created_at)}`, used, states[one.status]];
    return h(
      "li",
      {},
      h("span", {}, h("strong", {}, name), h("br"), h("span", { class: "muted" }, about.filter(Boolean).join(" · "))),
      h(
        "span",
        { class: "row" },
        button("Rename", `Rename ${name}`, `rename ${one.id}`, () => rename(one, name)),
        button("Remove", `Remove ${name}`, `remove ${one.id}`, () => remove(one, name, bound.length === 1)),
      ),
    );
  };
  const none = h("li", { class: "notice" }, "Your password alone protects this account. Add an authenticator app.");
  refill($("apps"), $("apps-title"), bound.length ? bound.map(item) : [none]);
  showLost(bound.length);
  $("add-app").className = bound.length ? "quiet" : "";
  $("add-app").textContent = bound.length ? "Add another authenticator app" : "Add an authenticator app";
}

/** What to do about a lost phone, for whoever came in by a recovery code. */
function showLost(count) {
  const hasApp = status.amr.includes("otp");
  $("lost").hidden = !status.amr.includes("recovery") || count < (hasApp ? 2 : 1);
  $("lost-add").hidden = hasApp;
  $("lost-text").textContent = hasApp
    ? "You have more than one app now. If one of them is on a phone you lost, remove it, so that whoever finds the phone cannot use it."
    : "You signed in with a recovery code. If your phone is lost, add an app on a new phone first, then remove the lost one here. If you only don’t have it with you, there is nothing to do.";
}

/** `key` is the same for the same button when its list is filled anew. */
function button(text, label, key, work) {
  const onclick = (event) => run(event.target, work);
  return h("button", { type: "button", class: "quiet", "aria-label": label, "data-key": key, onclick }, text);
}

async function rename(one, name) {
  const label = await ask({ title: "Rename", text: "", yes: "Save", input: name });
  if (!label || label === name) return;
  await call("PATCH", `/mfa/authenticators/${encodeURIComponent(one.id)}`, { label });
  await reload();
  say(`It is called “${label}” now.`, "good");
}

async function remove(one, name, last) {
  const text = last
    ? "It is your only one. Your recovery codes go with it, and your password alone will protect this account."
    : "Its codes will not work any more. You stay signed in here, and are signed out everywhere else.";
  if (!(await ask({ title: `Remove “${name}”?`, text, yes: "Remove", danger: true }))) return;
  await call("DELETE", `/mfa/authenticators/${encodeURIComponent(one.id)}`);
  await reload();
  say(`“${name}” is removed. Delete the entry in the app, too.`, "good");
}

function showRecovery() {
  const { remaining, total, created_at: made } = status.recovery_codes;
  const low = total > 0 && remaining <= 3;
  $("recovery").className = low ? "notice bad" : "";
  $("recovery").textContent = total
    ? `${remaining} of ${total} left, made ${when(made)}.${low ? " Make new ones before you run out." : ""}`
    : "You get them with your first authenticator app. They let you in when you lose your phone.";
  $("new-codes").hidden = status.enrolment !== "complete";
}

async function newCodes() {
  const text = "The codes you have now stop working.";
  if (!(await ask({ title: "Make new recovery codes?", text, yes: "Make new codes" }))) return;
  const { recovery_codes: codes } = await call("POST", "/mfa/recovery-codes", {});
  say("");
  showCodes(codes, status.subject, () => run($("new-codes"), openAccount));
}

/** A name that none of the apps has. */
function freeName() {
  const taken = status.authenticators.map((one) => one.label);
  for (let n = 1; ; n++) {
    const name = n === 1 ? methods.totp : `${methods.totp} ${n}`;
    if (!taken.includes(name)) return name;
  }
}

function addApp() {
  const first = status.enrolment !== "complete";
  const why = first
    ? "From then on, signing in asks for your password and for a code that only your phone can make."
    : "Either app can then be used to sign in.";
  enrol({
    why,
    name: freeName(),
    done: (bound) => run($("add-app"), () => bindingDone(bound)),
    failed: (error) => run($("add-app"), () => Promise.reject(error)),
  });
}

async function bindingDone(bound) {
  if (!bound) return openAccount();
  say("The app is set up. You were signed out everywhere else.", "good");
  if (bound.recovery_codes) showCodes(bound.recovery_codes, status.subject, () => run($("add-app"), openAccount));
  else await openAccount();
}

function showSessions(sessions) {
  const item = (one) => {
    const title = one.current ? "This browser" : (one.address ?? "Another place");
    const about = [one.current && one.address, `signed in ${when(one.created_at)}`, `seen ${when(one.last_seen)}`];
    about.push(proved(one.amr));
    return h(
      "li",
      {},
      h("span", {}, h("strong", {}, title), h("br"), h("span", { class: "muted" }, about.filter(Boolean).join(" · "))),
      one.current
        ? null
        : button("Sign out", `Sign out ${title}, seen ${when(one.last_seen)}`, `end ${one.sid}`, () => endSession(one)),
    );
  };
  sessions.sort((a, b) => b.current - a.current || b.last_seen - a.last_seen);
  refill($("sessions"), $("sessions-title"), sessions.map(item));
  $("end-others").hidden = sessions.length < 2;
}

async function endSession(one) {
  await call("DELETE", `/mfa/sessions/${encodeURIComponent(one.sid)}`);
  await reload();
  say("That session is ended.", "good");
}

async function endOthers() {
  await call("DELETE", "/mfa/sessions");
  await reload();
  // Its button is hidden now.
  $("sessions-title").focus();
  say("You are signed out everywhere else.", "good");
}

function showEvents(events, count) {
  const item = (one) => {
    const about = [methods[one.type], one.until && `until ${when(one.until)}`, one.address];
    const more = about.filter(Boolean).join(" · ");
    const time = h("time", { class: "muted", datetime: new Date(one.at * 1000).toISOString() }, when(one.at));
    return h("li", {}, h("span", {}, told(one.kind), more ? h("span", { class: "muted" }, ` · ${more}`) : null), time);
  };
  $("events").replaceChildren(...events.slice(0, count).map(item));
  $("more-events").hidden = events.length <= count;
  $("more-events").onclick = () => {
    showEvents(events, count + 20);
    // Reading goes on with the first that was not there before.
    const next = $("events").children[count];
    next.tabIndex = -1;
    next.focus();
  };
}

/** Says what is wrong with a field of the transfer; with null, that nothing is. */
function slip(field, said = "") {
  $("transfer-problem").textContent = said;
  for (const one of $("transfer").querySelectorAll("input")) invalid(one, one === field);
  field?.focus();
}

async function transfer(form) {
  const done = form.querySelector(".done");
  done.textContent = "";
  slip(null);
  const fields = { to: $("transfer-to"), amount: $("transfer-amount") };
  for (const [name, field] of Object.entries(fields)) {
    field.value = field.value.trim();
    // Before the call: a code would be asked for, and used up, for nothing.
    if (!field.validity.valid) return slip(field, rule(name));
  }
  const body = { to: fields.to.value, amount: Number(fields.amount.value) };
  try {
    const sent = await call("POST", "/transfer", body);
    done.textContent = `Sent ${sent.amount} € to ${sent.to}.`;
  } catch (error) {
    if (error.name === "Cancelled") done.textContent = "Not sent.";
    else if (error.name === "Offline") slip(null, "It is not known whether this was sent. Look at what happened lately before you try again.");
    else if (error.name === "SignedOut") throw error;
    else slip(fields[error.body?.field] ?? null, explain(error));
    return;
  }
  // The step-up has given this browser a new session. Whether that can be shown or not, it was sent.
  await reload();
}

async function tryRoute(path) {
  const answer = $("try-answer");
  answer.hidden = false;
  try {
    answer.textContent = `GET ${path}\n\n${JSON.stringify(await call("GET", path), null, 2)}`;
  } catch (error) {
    if (error.name === "SignedOut") throw error;
    const said = error.name === "Cancelled" ? "Not asked again." : explain(error);
    answer.textContent = `GET ${path}\n\n${said}${error.code ? `\n\n${error.status} ${error.code}` : ""}`;
  }
}

/** Binds the account's buttons, once; `runner` says what goes wrong. */
export function bindAccount(runner) {
  run = runner;
  bindWhy(runner);
  const click = (id, work) => $(id).addEventListener("click", () => run($(id), work));
  click("add-app", async () => addApp());
  click("lost-add", async () => addApp());
  click("new-codes", newCodes);
  click("end-others", endOthers);
  $("transfer").addEventListener("submit", (event) => {
    event.preventDefault();
    run(event.submitter ?? $("transfer").querySelector("button"), () => transfer($("transfer")));
  });
  for (const button of $("try").querySelectorAll("button")) {
    button.addEventListener("click", () => run(button, () => tryRoute(button.dataset.path)));
  }
}
