// The account: what is bound, who is signed in, what happened.

import { signalAccepted } from "/mfa/mfa.js";

import { call, sessionsEnded } from "./api.js";
import { $, ask, h, invalid, refill, say, show } from "./dom.js";
import { added, enrol, showCodes } from "./enrol.js";
import { aboutKey, hasKeys, kinds } from "./keys.js";
import { bindWhy, showWhy } from "./why.js";
import { event as told, explain, level, methods, proved, rule, when } from "./words.js";

/** Runs `work` for a button; what goes wrong is said. */
let run;
let status;

const SHOWN = 8;

export async function openAccount() {
  if (!(await reload())) return;
  // What was removed elsewhere is offered by this browser no more.
  signalAccepted(status);
  slip(null);
  $("transfer").querySelector(".done").textContent = "";
  $("try-answer").hidden = true;
  show("account");
}

/** Shows how the account is now; whether its session was still there in the end. */
export async function reload() {
  const before = sessionsEnded();
  const [now, sessions, events] = await Promise.all([
    call("GET", "/mfa/status"),
    call("GET", "/mfa/sessions"),
    history(),
  ]);
  // Whoever signed out meanwhile, or signed in anew, is shown nothing of the session before.
  if (sessionsEnded() !== before) return false;
  status = now;
  $("who-name").textContent = status.subject;
  $("who").hidden = false;
  showLevel();
  showApps();
  showRecovery();
  showSessions(sessions.items);
  showEvents(events, SHOWN);
  await showWhy();
  return sessionsEnded() === before;
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
  $("level").textContent = level(status.acr, status.amr);
  const facts = { "You gave": proved(status.amr), "Last proof": when(status.auth_time) };
  $("level-facts").replaceChildren(
    ...Object.entries(facts).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
  );
}

const states = {
  pending: "not confirmed yet",
  disabled: "switched off after too many wrong tries: remove it and add it again",
  suspended: "suspended",
  expired: "expired: remove it and add it again",
};

function showApps() {
  const bound = status.authenticators.filter((one) => one.status !== "pending");
  const item = (one) => {
    const used = one.last_used_at ? `used ${when(one.last_used_at)}` : "never used";
    const what = one.type === "webauthn" ? aboutKey(one) : [methods[one.type] ?? one.type];
    const name = one.label || what[0];
    const about = [...what, `added ${when(one.created_at)}`, used, states[one.status]];
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
  const what = hasKeys ? "a passkey, a security key or an authenticator app" : "an authenticator app";
  const none = h("li", { class: "notice" }, `Your password alone protects this account. Add ${what}.`);
  refill($("apps"), $("apps-title"), bound.length ? bound.map(item) : [none]);
  showLost(bound.length);
  // What is best is offered first, and most plainly to whoever has nothing yet.
  const first = bound.length ? null : hasKeys ? "add-passkey" : "add-app";
  for (const id of ["add-passkey", "add-security-key", "add-app"]) $(id).className = id === first ? "" : "quiet";
  $("add-passkey").hidden = $("add-security-key").hidden = !hasKeys;
  const another = bound.some((one) => one.type === "totp");
  $("add-app").textContent = another ? "Add another authenticator app" : "Add an authenticator app";
}

/** What to do about a lost phone, for whoever came in by a recovery code. */
function showLost(count) {
  const hasNew = status.amr.includes("otp") || status.amr.includes("webauthn");
  $("lost").hidden = !status.amr.includes("recovery") || count < (hasNew ? 2 : 1);
  $("lost-add").hidden = hasNew;
  $("lost-text").textContent = hasNew
    ? "You have more than one way to sign in now. If one of them is on a phone you lost, or is a key you lost, remove it, so that whoever finds it cannot use it."
    : "You signed in with a recovery code. If your phone or key is lost, add an app on a new phone first, then remove the lost one here. If you only don’t have it with you, there is nothing to do.";
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
    : `${one.type === "totp" ? "Its codes" : "It"} will not work any more. You stay signed in here, and are signed out everywhere else.`;
  if (!(await ask({ title: `Remove “${name}”?`, text, yes: "Remove", danger: true }))) return;
  await call("DELETE", `/mfa/authenticators/${encodeURIComponent(one.id)}`);
  await reload();
  signalAccepted(status);
  const left = one.type === "webauthn" ? (kinds[one.kind] ?? kinds.security_key).removed : "Delete the entry in the app, too.";
  say(`“${name}” is removed. ${left}`, "good");
}

function showRecovery() {
  const { remaining, total, created_at: made } = status.recovery_codes;
  const low = total > 0 && remaining <= 3;
  $("recovery").className = low ? "notice bad" : "";
  $("recovery").textContent = total
    ? `${remaining} of ${total} left, made ${when(made)}.${low ? " Make new ones before you run out." : ""}`
    : "You get them with the first authenticator you add. They let you in when you lose it.";
  $("new-codes").hidden = status.enrolment !== "complete";
}

async function newCodes() {
  const text = "The codes you have now stop working.";
  if (!(await ask({ title: "Make new recovery codes?", text, yes: "Make new codes" }))) return;
  const { recovery_codes: codes } = await call("POST", "/mfa/recovery-codes", {});
  say("");
  showCodes(codes, status.subject, () => run($("new-codes"), openAccount));
}

/** A name that none of the authenticators has. */
function freeName(kind) {
  const taken = status.authenticators.map((one) => one.label);
  const plain = kind === "totp" ? methods.totp : kinds[kind].name;
  for (let n = 1; ; n++) {
    const name = n === 1 ? plain : `${plain} ${n}`;
    if (!taken.includes(name)) return name;
  }
}

const why = {
  totp: (isFirst) =>
    isFirst
      ? "From then on, signing in asks for your password and for a code that only your phone can make."
      : "Its codes can then be used to sign in, too.",
  passkey: () => kinds.passkey.about,
  security_key: () => kinds.security_key.about,
};

function add(kind, button) {
  enrol({
    kind,
    why: why[kind](status.enrolment !== "complete"),
    name: freeName(kind),
    done: (bound) => run(button, () => bindingDone(bound, kind)),
    failed: (error) => run(button, () => Promise.reject(error)),
  });
}

async function bindingDone(bound, kind) {
  if (!bound) return openAccount();
  say(added(kind), "good");
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
    return h("li", {}, h("span", {}, told(one), more ? h("span", { class: "muted" }, ` · ${more}`) : null), time);
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
    if (error.code === "cancelled") done.textContent = "Not sent.";
    else if (error.name === "Offline") slip(null, "It is not known whether this was sent. Look at what happened lately before you try again.");
    else if (error.name === "SignedOut") throw error;
    else slip(fields[error.problem?.field] ?? null, explain(error));
    return;
  }
  // The step-up has given this browser a new session. Whether that can be shown or not, it was sent.
  await reload();
}

async function tryRoute(path) {
  const answer = $("try-answer");
  answer.hidden = false;
  answer.textContent = `GET ${path}\n\n…`;
  try {
    answer.textContent = `GET ${path}\n\n${JSON.stringify(await call("GET", path), null, 2)}`;
  } catch (error) {
    if (error.name === "SignedOut") throw error;
    const said = error.code === "cancelled" ? "Not asked again." : explain(error);
    answer.textContent = `GET ${path}\n\n${said}${error.status && error.code ? `\n\n${error.status} ${error.code}` : ""}`;
  }
}

/** Binds the account's buttons, once; `runner` says what goes wrong. */
export function bindAccount(runner) {
  run = runner;
  bindWhy(runner);
  const click = (id, work) => $(id).addEventListener("click", () => run($(id), work));
  click("add-passkey", async () => add("passkey", $("add-passkey")));
  click("add-security-key", async () => add("security_key", $("add-security-key")));
  click("add-app", async () => add("totp", $("add-app")));
  click("lost-add", async () => add("totp", $("add-app")));
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
