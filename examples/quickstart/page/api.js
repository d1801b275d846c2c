// Calls to the server. The session's tokens are in cookies that this page cannot read; the answers
// only say for how long they are good.

/** The server said no, in a problem document (RFC 9457). */
export class Problem extends Error {
  name = "Problem";
  constructor(status, body) {
    super(body.detail ?? body.title ?? `status ${status}`);
    this.status = status;
    this.body = body;
    this.code = body.code;
  }
}

/** No answer came. */
export class Offline extends Error {
  name = "Offline";
}

/** The session is over and cannot be renewed. */
export class SignedOut extends Error {
  name = "SignedOut";
}

/** The person did not want to go on. */
export class Cancelled extends Error {
  name = "Cancelled";
}

const TIMEOUT_MS = 20_000;

/** Sends one request. `bearer` is the token of a pending sign-in, never of a session. */
export async function send(method, path, body, bearer) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (bearer) headers.Authorization = `Bearer ${bearer}`;
  let status, ok, text;
  try {
    const response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    ({ status, ok } = response);
    text = await response.text();
  } catch {
    throw new Offline();
  }
  let data = {};
  try {
    data = text ? JSON.parse(text) : {};
  } catch {
    data = { detail: `The server gave an answer this page does not understand (${status}).` };
    ok = false;
  }
  if (!ok) throw new Problem(status, data);
  if (data.status === "complete") remember(data.expires_in);
  return data;
}

let prove = async (problem) => {
  throw problem;
};

/** Says who asks for more proof when the server wants it. */
export const onStepUp = (handler) => (prove = handler);

/**
 * Sends a request of the session. When its token is over it is renewed, when more proof is wanted
 * the person is asked for it, and then the same request is sent again: nothing typed is lost.
 */
export async function call(method, path, body) {
  let renewed = false;
  let proved = 0;
  for (;;) {
    try {
      return await send(method, path, body);
    } catch (problem) {
      if (!(problem instanceof Problem) || problem.status !== 401) throw problem;
      if (problem.code === "insufficient_user_authentication") {
        // A second time is possible: what was fresh may have grown old. A third is not; nor is a second
        // where an approval is used up: the request may have run, and its answer been lost.
        if (++proved > (problem.body.bind ? 1 : 2)) throw problem;
        await prove(problem, body);
      } else if (renewed) {
        throw new SignedOut();
      } else {
        renewed = true;
        await renew();
      }
    }
  }
}

// When the token ends, shared by the tabs of this browser. It is no secret.
const ENDS = "mfa-token-ends";
const MARGIN = 60;
let timer;
let lastActive = Date.now();
let renewing;

for (const kind of ["pointerdown", "keydown"]) {
  addEventListener(kind, () => (lastActive = Date.now()), { passive: true, capture: true });
}

function remember(seconds) {
  localStorage.setItem(ENDS, String(Date.now() + seconds * 1000));
  schedule();
}

/** Forgets the session here; the cookies are the server's to clear. */
export function forget() {
  localStorage.removeItem(ENDS);
  clearTimeout(timer);
}

/** Renews the token a minute before its end. */
export function schedule() {
  clearTimeout(timer);
  const since = Date.now();
  const left = Number(localStorage.getItem(ENDS) ?? 0) - since;
  if (!(left > 0)) return;
  const renewal = () => {
    // Nobody has touched the page all the while: let the session grow idle, as it should. Whoever
    // comes back has it renewed with the first call.
    if (lastActive > since) renew().catch(() => {});
  };
  timer = setTimeout(renewal, left - Math.min(MARGIN * 1000, left / 2));
}

/** Renews the session's token by its other cookie; several calls at once share one renewal. */
export function renew() {
  renewing ??= (async () => {
    try {
      return await send("POST", "/mfa/token/refresh", {});
    } catch (problem) {
      if (!(problem instanceof Problem) || problem.status >= 500 || problem.status === 429) throw problem;
      forget();
      throw new SignedOut();
    } finally {
      renewing = undefined;
    }
  })();
  return renewing;
}

/** Whether this browser may have a session at all. */
export const mayHaveSession = () => localStorage.getItem(ENDS) !== null;
