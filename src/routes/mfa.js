// Passkeys and security keys for pages, with tower-mfa. README.md says how.
const Keys = globalThis.PublicKeyCredential;

// `code`: "cancelled", "exists", "unsupported", "unavailable", or that of the server's `problem`.
export class MfaError extends Error {
	constructor(code, facts) {
		super(facts?.problem?.detail ?? code, facts);
		Object.assign(this, { name: "MfaError", code }, facts);
	}
}

const codes = { AbortError: "cancelled", NotAllowedError: "cancelled", InvalidStateError: "exists" };
const failed = (code) => (cause) => {
	throw cause instanceof MfaError ? cause : new MfaError(codes[cause.name] ?? code, { cause });
};

const copy = (json, names, read) => JSON.parse(JSON.stringify(json, names), read);
const decode = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt());
const encode = (data) =>
	btoa(String.fromCharCode(...new Uint8Array(data))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");

const parse = ({ rp, ...json }) => ({
	...copy(json, null, (name, value) => (name === "id" || name === "challenge" ? decode(value) : value)),
	rp,
});

function toJSON(credential) {
	try {
		return credential.toJSON();
	} catch {} // An older browser, or a slip of a password manager.
	const { id, type, response: from } = credential;
	const response = { transports: from.getTransports?.() };
	for (const name in from) if (from[name]?.byteLength) response[name] = encode(from[name]);
	return { id, rawId: id, type, response, clientExtensionResults: {} };
}

async function run(verb, json, { signal, mediation }) {
	try {
		const publicKey = Keys[`parse${verb === "get" ? "Request" : "Creation"}OptionsFromJSON`]?.(json) ?? parse(json);
		return toJSON(await navigator.credentials[verb]({ publicKey, signal, mediation }));
	} catch (error) {
		failed("unsupported")(error);
	}
}

async function send(request, { fetch = globalThis.fetch, getToken }, token) {
	token ??= await getToken?.();
	if (token) request.headers.set("Authorization", `Bearer ${token}`);
	return fetch(request);
}

async function post(path, json, { base = "/mfa", signal, setToken, ...options }, token) {
	const body = new Blob([JSON.stringify(json)], { type: "application/json" });
	const [{ ok, status }, problem] = await send(new Request(base + path, { method: "POST", body, signal }), options, token)
		.then(async (response) => [response, await response.json()])
		.catch(failed("unavailable"));
	if (!ok) throw new MfaError(problem.code, { status, problem });
	if (problem.status === "complete") await setToken?.(problem);
	return problem;
}

// Binds a "passkey" or a "security_key".
export async function register({ kind = "passkey", label, ...options } = {}) {
	const { id, public_key } = await post("/authenticators", { type: "webauthn", kind, label }, options);
	const credential = await run("create", public_key, options);
	return post(`/authenticators/${id}/confirm`, { credential }, options);
}

// Signs in.
export async function authenticate({ username, ...options } = {}) {
	const { challenge_id, challenge_token, public_key, expires_in } = await post("/passkeys/start", { username }, options);
	let { signal, mediation } = options;
	if (mediation) signal = AbortSignal.any([AbortSignal.timeout(expires_in * 900), signal].filter(Boolean));
	const credential = await run("get", public_key, { signal, mediation });
	return post("/passkeys/finish", { challenge_id, challenge_token, credential }, options).catch((error) => {
		// What begins a pause is a known key.
		if (error.status === 422 && !username && !error.problem.retry_after) {
			Keys.signalUnknownCredential?.({ rpId: public_key.rpId, credentialId: credential.id }).catch(() => {});
		}
		throw error;
	});
}

// Offers passkeys where a user name is typed, until `signal` is aborted.
export async function autofill(options) {
	if (!AbortSignal.any || !(await Keys?.isConditionalMediationAvailable?.())) return;
	return authenticate({ ...options, mediation: "conditional" }).catch((error) => {
		// Its challenge is about to expire.
		if (error.cause?.name === "TimeoutError") return autofill(options);
		throw error;
	});
}

const keyOf = ({ methods }) => Keys && methods.find(({ type }) => type === "webauthn");

// Answers a challenge: with `answer`, else with a passkey or a security key.
export async function verify(challenge, answer, options = {}) {
	answer ??= { type: "webauthn", credential: await run("get", keyOf(challenge)?.public_key, options) };
	return post(`/challenges/${challenge.challenge_id}/verify`, answer, options, challenge.challenge_token);
}

// A `fetch` that proves more where that is asked for, and repeats the request once.
export function stepUp(fetch, options) {
	const own = { base: "/mfa", ...options, fetch };
	const { origin = new URL(own.base, location).origin, ask, answer } = own;
	let turn; // One question at a time.

	async function prove(problem, request) {
		const { action, bind, required, step_up_uri } = problem;
		const to = { ...own, base: new URL(step_up_uri, request.url).href.replace(/\/challenges$/, "") };
		const wanted = action
			? { action, bind: bind && copy(await request.json(), bind) }
			: copy(required, ["acr", "max_age", "kinds"]);
		let next = await post("/challenges", wanted, to);
		while (next.status !== "complete") {
			const given = await (ask ?? (keyOf(next) ? null : answer))?.(next, wanted, problem);
			next = given?.status ? given : await verify(next, given, to);
		}
	}

	return async (input, init) => {
		const request = new Request(input, init);
		if (new URL(request.url).origin !== origin) return fetch(request);
		const response = await send(request.clone(), own);
		if (response.status !== 401 || response.redirected) return response;
		const problem = await response.clone().json().catch(() => ({}));
		if (problem.code !== "insufficient_user_authentication") return response;
		await (turn = Promise.allSettled([turn]).then(() => prove(problem, request.clone())));
		return send(request, own);
	};
}

export const signalAccepted = ({ accepted_credentials: of }) =>
	of && Keys?.signalAllAcceptedCredentials?.(of).catch(() => {});
