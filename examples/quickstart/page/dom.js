// Small helpers. Nothing here writes HTML: text from the server stays text.

export const $ = (id) => document.getElementById(id);

/** Makes an element: `h("li", { class: "x" }, "text", child)`. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

const views = ["sign-in", "answer", "enrol", "codes", "account"];

/** Shows one view and brings the keyboard to it. */
export function show(name) {
  $("loading").hidden = true;
  for (const view of views) $(`view-${view}`).hidden = view !== name;
  const title = $(`view-${name}`).querySelector("h1");
  document.title = `${title.textContent} · tower-mfa quickstart`;
  window.scrollTo(0, 0);
  // Where there is something to read first, the keyboard begins at the title.
  if (["sign-in", "answer"].includes(name)) focusFirst($(`view-${name}`));
  else title.focus({ preventScroll: true });
}

/** Brings the keyboard to the first field or, where there is none, to what sends the form. */
export function focusFirst(place) {
  const fields = [...place.querySelectorAll("input, [type=submit]")];
  fields.find((field) => field.checkVisibility())?.focus({ preventScroll: true });
}

export const isShown = (name) => !$(`view-${name}`).hidden;

/** Says something at the top of the page; `kind` is "good", "bad" or nothing. */
export function say(text, kind = "") {
  $("message").replaceChildren(...(text ? [h("p", { class: `notice ${kind}` }, text)] : []));
}

/** Marks a field that must be filled otherwise. */
export function invalid(field, is) {
  if (is) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}

/**
 * Fills a list anew. The keyboard stays where it was in it, on the button of the same `data-key`; where
 * that is gone, it goes to the list's title.
 */
export function refill(list, title, items) {
  const had = list.contains(document.activeElement) && document.activeElement;
  list.replaceChildren(...items);
  if (!had) return;
  const same = [...list.querySelectorAll("[data-key]")].find((one) => one.dataset.key === had.dataset.key);
  (same ?? title).focus();
}

/** Runs `work` while the button waits, so that nothing is sent twice. */
export async function busy(button, work) {
  if (button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  try {
    return await work();
  } finally {
    button.removeAttribute("aria-busy");
  }
}

/** Counts down to `seconds` from now; returns how to stop it. */
export function countdown(seconds, tick, over) {
  const end = Date.now() + seconds * 1000;
  const step = () => {
    const left = Math.ceil((end - Date.now()) / 1000);
    if (left > 0) return tick(left);
    clearInterval(timer);
    over();
  };
  const timer = setInterval(step, 1000);
  step();
  return () => clearInterval(timer);
}

/** Asks before something is done. Resolves to the text, to true, or to null. */
export function ask({ title, text, yes, input, danger = false }) {
  const dialog = $("ask");
  $("ask-title").textContent = title;
  $("ask-text").textContent = text;
  $("ask-text").hidden = !text;
  $("ask-yes").textContent = yes;
  $("ask-yes").className = danger ? "danger" : "";
  $("ask-field").hidden = input === undefined;
  $("ask-input").required = input !== undefined;
  $("ask-input").value = input ?? "";
  dialog.returnValue = "";
  dialog.showModal();
  if (input !== undefined) $("ask-input").select();
  return new Promise((resolve) => {
    const closed = () => {
      if (dialog.returnValue !== "yes") return resolve(null);
      resolve(input === undefined ? true : $("ask-input").value.trim());
    };
    dialog.addEventListener("close", closed, { once: true });
  });
}

/** Copies text, and says on the button whether it worked. */
export async function copy(button, text) {
  const before = button.dataset.says ?? (button.dataset.says = button.textContent);
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not allowed: select and copy by hand";
  }
  setTimeout(() => (button.textContent = before), 3000);
}
