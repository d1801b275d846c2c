// Why somebody is refused, for administrators: GET /admin/mfa/explain.

import { call, send } from "./api.js";
import { $, invalid } from "./dom.js";
import { explain } from "./words.js";

/** Shows the form to whoever has the role; what may be asked is for the server to say. */
export async function showWhy() {
  // Where the policy hides /profile, it is not known who is an administrator.
  const { roles = [] } = await send("GET", "/profile").catch(() => ({}));
  $("why").hidden = !roles.includes("admin");
  say();
}

function say({ answer = "", problem = "", field = null } = {}) {
  $("why-answer").textContent = answer;
  $("why-problem").textContent = problem;
  for (const one of $("why-form").querySelectorAll("input")) invalid(one, one === field);
  field?.focus();
}

async function ask() {
  say();
  const [method, path, ...more] = $("why-request").value.trim().split(/\s+/);
  const subject = $("why-subject").value.trim();
  if (!path?.startsWith("/") || more.length) {
    return say({ problem: "Write a method and an address, like GET /vault.", field: $("why-request") });
  }
  const asked = new URLSearchParams({ method: method.toUpperCase(), path, ...(subject && { subject }) });
  try {
    const { sentence } = await call("GET", `/admin/mfa/explain?${asked}`);
    say({ answer: sentence });
  } catch (error) {
    if (error.name === "SignedOut") throw error;
    if (error.code === "cancelled") return say({ problem: "Not asked." });
    if (error.code === "not_found") return say({ problem: "Nobody of that name has an account here yet.", field: $("why-subject") });
    say({ problem: explain(error) });
  }
}

/** Binds the form, once; `run` says what goes wrong. */
export function bindWhy(run) {
  $("why-form").addEventListener("submit", (event) => {
    event.preventDefault();
    run(event.submitter ?? $("why-form").querySelector("button"), ask);
  });
}
