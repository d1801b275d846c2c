/** What did not work. */
export class MfaError extends Error {
  name: "MfaError";
  /**
   * `cancelled`: the dialog was closed, ran out of time or was aborted. `exists`: this authenticator is bound already.
   * `unsupported`: the browser, or the authenticator at hand, cannot do it. `unavailable`: no answer came, or none that
   * can be read. Anything else is the `code` of the server's problem: `invalid_code`, `throttled`, …
   */
  code: string;
  /** The status of the answer, where there was one. */
  status?: number;
  /** What the server said (RFC 9457). */
  problem?: Problem;
}

export interface Problem {
  code: string;
  detail?: string;
  retry_after?: number;
  allowed?: string[];
  missing?: string[];
  required?: Requirement;
  action?: string;
  bind?: string[];
  step_up_uri?: string;
  [member: string]: unknown;
}

export interface Requirement {
  acr: string;
  max_age?: number;
  phr?: boolean;
  kinds?: string[];
}

/** An answer with `status: "complete"`; the tokens are in it unless they are in cookies. */
export interface Complete {
  status: "complete";
  access_token?: string;
  refresh_token?: string;
  expires_in: number;
  acr: string;
  amr: string[];
  auth_time: number;
  [member: string]: unknown;
}

export interface Challenge {
  status?: "challenge";
  challenge_id: string;
  challenge_token?: string;
  expires_in: number;
  methods: { type: string; [member: string]: unknown }[];
}

export interface EnrolmentRequired {
  status: "enrolment_required";
  enrolment_token: string;
  expires_in: number;
  allowed: string[];
}

export interface Options {
  /** Where the routes are: a path, or an address elsewhere. `/mfa` if nothing is said. */
  base?: string;
  /** What sends the requests, in place of the browser's `fetch`; it gets a `Request`. */
  fetch?: (request: Request) => Promise<Response>;
  /** The token to send as `Authorization: Bearer`, for hosts without cookies. */
  getToken?: () => string | undefined | Promise<string | undefined>;
  /** Hears of each answer that is `complete`. */
  setToken?: (answer: Complete) => void | Promise<void>;
  /** Ends what is running, with an error `cancelled`. */
  signal?: AbortSignal;
}

export function register(
  options?: Options & { kind?: "passkey" | "security_key"; label?: string },
): Promise<Complete & { authenticator: Record<string, unknown>; recovery_codes?: string[] }>;

export function authenticate(
  options?: Options & { username?: string; mediation?: "conditional" },
): Promise<Complete | Challenge | EnrolmentRequired>;

/** `undefined` where the browser has no autofill of passkeys. */
export function autofill(options?: Options): Promise<Complete | Challenge | EnrolmentRequired | undefined>;

/** An answer that no passkey gives, as the body of `verify`. */
export interface Answer {
  type: string;
  code?: string;
  authenticator_id?: string;
}

export function verify(
  challenge: Challenge,
  answer?: Answer,
  options?: Options,
): Promise<Complete | Challenge | EnrolmentRequired>;

/** What a challenge is opened with: an action and what it is bound to, or a requirement. */
export type Wanted = { action: string; bind?: Record<string, string | number> } | Partial<Requirement>;

export interface StepUpOptions extends Omit<Options, "fetch" | "signal"> {
  /** The one origin whose answers are acted on and that gets the token; that of `base` if nothing is said. */
  origin?: string;
  /** Answers a challenge that no passkey or key can answer. */
  answer?: (challenge: Challenge, wanted: Wanted, problem: Problem) => Promise<Answer | undefined>;
  /** Asked before every challenge: nothing for a passkey or key, an answer, or what `verify` gave. */
  ask?: (challenge: Challenge, wanted: Wanted, problem: Problem) => Promise<Answer | Complete | Challenge | undefined>;
}

export function stepUp(
  fetch: (request: Request) => Promise<Response>,
  options?: StepUpOptions,
): (input: RequestInfo | URL, init?: RequestInit) => Promise<Response>;

/** What `GET /mfa/status` says of the keys that are left. */
export interface AcceptedCredentials {
  rpId: string;
  userId: string;
  allAcceptedCredentialIds: string[];
}

/** Takes a status. `undefined` where the browser cannot hear of it, or no key was ever asked for. */
export function signalAccepted(status: { accepted_credentials?: AcceptedCredentials }): Promise<void> | undefined;
