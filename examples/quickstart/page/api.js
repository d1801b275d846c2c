// Calls to the server. The session's tokens are in cookies that this page cannot read; the answers
// only say for how long they are good.

import { MfaError, stepUp } from "/mfa/mfa.js";

/** No answer came. */
export class Offline extends MfaError {
  constructor() {
    super("unavailable");
    this.name = "Offline";
  }
}

/** The session is over and cannot be renewed. */
export class SignedOut extends MfaError {
  constructor() {
    super("signed_out");
    this.name = "SignedOut";
  }
}

/** The person did not want to go on. */
export const cancelled = () => new MfaError("cancelled");

/** Whether the server said no, in a problem document (RFC 9457). */
export const isProblem = (error) => error instanceof MfaError && error.status !== undefined;

const TIMEOUT_MS = 20_000;

/** Sends one request as it is. */
async function plain(input, init) {
  const request = new Request(input, init);
  try {
    const response = await fetch(request, {
      credentials: "same-origin",
      cache: "no-store",
      redirect: "error",
      signal: AbortSignal.any([request.signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    // Read here, so that the time is over when the text stops to come.
    return new Response(response.status === 204 ? null : await response.blob(), response);
  } catch (error) {
    throw request.signal.aborted ? error : new Offline();
  }
}

/** What an answer holds; a refusal is thrown. */
async function read(response) {
  const { ok, status } = response;
  const text = await response.text();
  let data = {};
  try {
    data = text ? JSON.parse(text) : {};
  } catch {
    const problem = { detail: `The server gave an answer this page does not understand (${status}).` };
    throw new MfaError(undefined, { status, problem });
  }
  if (!ok) throw new MfaError(data.code, { status, problem: data });
  if (data.status === "complete") remember(data);
  return data;
}

function asked(method, body, bearer) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (bearer) headers.Authorization = `Bearer ${bearer}`;
  return { method, headers, body: body === undefined ? undefined : JSON.stringify(body) };
}

/** Sends one request. `bearer` is the token of a pending sign-in, never of a session. */
export const send = async (method, path, body, bearer) => read(await plain(path, asked(method, body, bearer)));

/** What the session lacked when it was last refused. */
let lacked;

/** Sends a request of the session; when its token is over it is renewed. */
async function sendRenewed(input, init) {
  const request = new Request(input, init);
  const isOver = async (response) => {
    if (response.status !== 401) return false;
    const problem = await response.clone().json().catch(() => ({}));
    if (problem.code !== "insufficient_user_authentication") return true;
    lacked = problem;
    return false;
  };
  const first = await plain(request.clone());
  if (!(await isOver(first))) return first;
  await renew();
  const second = await plain(request);
  if (await isOver(second)) throw new SignedOut();
  return second;
}

/** How the module for passkeys sends what belongs to a pending sign-in, and to the session. */
export const atSignIn = { fetch: plain, setToken: (answer) => remember(answer) };
export const inSession = { ...atSignIn, fetch: sendRenewed };

let askForProof = async () => {
  throw cancelled();
};

/** Says who asks for more proof when the server wants it. */
export const onStepUp = (handler) => (askForProof = handler);

/** Sends a request of the session; when more proof is wanted the person is asked for it, and then it goes again. */
export const proving = stepUp(sendRenewed, { ...inSession, ask: (...given) => askForProof(...given) });

/** Sends a request of the session, and gives what its answer holds: nothing typed is lost. */
export async function call(method, path, body) {
  for (let round = 1; ; round++) {
    try {
      return await read(await proving(path, asked(method, body)));
    } catch (error) {
      // A second time is possible: what was fresh may have grown old, or a second kind of proof be wanted. A third
      // is not; nor is a second where an approval is used up: the request may have run, and its answer been lost.
      // That nothing bound can do it is said of the challenge, which says no more of what it was for.
      if (error.code === "no_eligible_authenticator") error.lacked = lacked;
      const isMore = error.code === "insufficient_user_authentication" && !error.problem.bind;
      if (!isMore || round === 2) throw error;
    }
  }
}

// When the token ends, shared by the tabs of this browser. It is no secret.
const ENDS = "mfa-token-ends";
const MARGIN = 60;
let timer;
let lastActive = Date.now();
let renewing;
let ended = 0;

for (const kind of ["pointerdown", "keydown"]) {
  addEventListener(kind, () => (lastActive = Date.now()), { passive: true, capture: true });
}

function remember({ expires_in: seconds }) {
  localStorage.setItem(ENDS, String(Date.now() + seconds * 1000));
  schedule();
}

/** Forgets the session here; the cookies are the server's to clear. */
export function forget() {
  ended++;
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
      if (!isProblem(problem) || problem.status >= 500 || problem.status === 429) throw problem;
      forget();
      throw new SignedOut();
    } finally {
      renewing = undefined;
    }
  })();
  return renewing;
}

/** How many sessions have ended on this page: what was asked for in one is not shown after it. */
export const sessionsEnded = () => ended;

/** Whether this browser may have a session at all. */
export const mayHaveSession = () => localStorage.getItem(ENDS) !== null;
