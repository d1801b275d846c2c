// What the module does with a server and a browser that are played here. Each export is one test.

let loads = 0;
/** The module as a browser with what is there now loads it. */
const load = () => import(`/mfa.js?${++loads}`);

function equal(is, wanted, about = "") {
  const [a, b] = [JSON.stringify(is), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${about} is ${a}, not ${b}`);
}

async function refusal(promise) {
  const error = await promise.then(
    (value) => {
      throw new Error(`went through: ${JSON.stringify(value)}`);
    },
    (error) => error,
  );
  equal(error.name, "MfaError", error.stack);
  return error;
}

const text = (buffer) => String.fromCharCode(...new Uint8Array(buffer));
const buffer = (text) => Uint8Array.from(text, (c) => c.charCodeAt()).buffer;

/** Plays the server: `answers` are what it says in turn, an object or [status, object]. */
function server(...answers) {
  const heard = [];
  globalThis.fetch = async (request, init) => {
    const asked = new Request(request, init);
    const { method, url, headers } = asked;
    const body = await asked.text();
    if (asked.signal.aborted) throw asked.signal.reason;
    heard.push({
      call: `${method} ${url.replace(location.origin, "")}`,
      ...(headers.get("authorization") && { token: headers.get("authorization") }),
      ...(body && { type: headers.get("content-type"), json: JSON.parse(body) }),
    });
    const next = answers.length > 1 ? answers.shift() : answers[0];
    const [status, answer] = Array.isArray(next) ? next : [200, next];
    if (answer instanceof Error) throw answer;
    const kind = status < 400 ? "application/json" : "application/problem+json";
    return new Response(typeof answer === "string" ? answer : JSON.stringify(answer), { status, headers: { "content-type": kind } });
  };
  return heard;
}

const calls = (heard) => heard.map(({ call }) => call);

/** Plays the authenticator: what it is asked is noted, and it gives `what`, or refuses with it. */
function authenticator(what) {
  const asked = [];
  const give = (verb) => async (options) => {
    asked.push({ verb, ...options });
    if (typeof what === "function") return what(options);
    if (what instanceof Error || what instanceof DOMException) throw what;
    return what;
  };
  navigator.credentials.create = give("create");
  navigator.credentials.get = give("get");
  return asked;
}

/** A credential that can say what it is. */
const made = { id: "a2V5", toJSON: () => ({ id: "a2V5", rawId: "a2V5", type: "public-key", response: { made: true } }) };

const creation = {
  rp: { id: "localhost", name: "A bank" },
  user: { id: "dXNlcg", name: "alice", displayName: "" },
  challenge: "-_-_",
  pubKeyCredParams: [{ type: "public-key", alg: -7 }],
  excludeCredentials: [{ type: "public-key", id: "b2xk", transports: ["usb"] }],
  authenticatorSelection: { residentKey: "required" },
  timeout: 300000,
};

const request = {
  rpId: "localhost",
  challenge: "Y2hhbGxlbmdl",
  allowCredentials: [{ type: "public-key", id: "a2V5", transports: ["internal"] }],
  userVerification: "required",
};

const passkeys = { challenge_id: "c", challenge_token: "t", public_key: request, expires_in: 300 };
const complete = { status: "complete", access_token: "new", expires_in: 900 };
const withKey = { challenge_id: "c", expires_in: 300, methods: [{ type: "totp" }, { type: "webauthn", public_key: request }] };
const withoutKey = { challenge_id: "c", expires_in: 300, methods: [{ type: "totp" }] };
const confirmed = { authenticator: { id: "x" }, recovery_codes: ["1"], ...complete };

export async function a_key_is_asked_for_made_and_confirmed() {
  const { register } = await load();
  const heard = server([201, { id: "x", public_key: creation, expires_in: 600 }], confirmed);
  const asked = authenticator(made);
  equal(await register({ kind: "security_key", label: "Blue" }), confirmed);
  equal(heard, [
    { call: "POST /mfa/authenticators", type: "application/json", json: { type: "webauthn", kind: "security_key", label: "Blue" } },
    { call: "POST /mfa/authenticators/x/confirm", type: "application/json", json: { credential: made.toJSON() } },
  ]);
  const { publicKey } = asked[0];
  equal([asked.length, asked[0].verb, text(publicKey.challenge)], [1, "create", "\xfb\xff\xbf"]);
  equal([text(publicKey.user.id), text(publicKey.excludeCredentials[0].id)], ["user", "old"]);
  equal([publicKey.rp.id, publicKey.excludeCredentials[0].transports], ["localhost", ["usb"]]);
}

export async function what_is_not_said_is_a_passkey_below_mfa() {
  const { register } = await load();
  const started = [201, { id: "x", public_key: creation }];
  const heard = server(started, confirmed, started, confirmed);
  authenticator(made);
  await register();
  equal(heard[0].json, { type: "webauthn", kind: "passkey" });
  await register({ base: "/auth/mfa" });
  equal(heard[2].call, "POST /auth/mfa/authenticators");
}

/** Browsers before 2025 have none of the three. */
function growOld() {
  delete PublicKeyCredential.parseCreationOptionsFromJSON;
  delete PublicKeyCredential.parseRequestOptionsFromJSON;
  delete PublicKeyCredential.prototype.toJSON;
}

export async function an_older_browser_makes_a_key() {
  growOld();
  const { register } = await load();
  const heard = server([201, { id: "x", public_key: creation }], confirmed);
  const response = {
    clientDataJSON: buffer("{}"),
    attestationObject: buffer("\xfb\xff\xbe\x00"),
    getTransports: () => ["usb", "nfc"],
    getAuthenticatorData: () => buffer("data"),
  };
  const asked = authenticator({ id: "a2V5", rawId: buffer("key"), type: "public-key", response });
  await register({ kind: "passkey" });
  const { publicKey } = asked[0];
  equal(text(publicKey.challenge) + text(publicKey.user.id) + text(publicKey.excludeCredentials[0].id), "\xfb\xff\xbfuserold");
  equal([publicKey.rp, publicKey.pubKeyCredParams, publicKey.timeout], [creation.rp, creation.pubKeyCredParams, creation.timeout]);
  equal([publicKey.user.name, publicKey.user.displayName], ["alice", ""]);
  equal(heard[1].json.credential, {
    id: "a2V5",
    rawId: "a2V5",
    type: "public-key",
    response: { transports: ["usb", "nfc"], clientDataJSON: "e30", attestationObject: "-_--AA" },
    clientExtensionResults: {},
  });
}

export async function an_older_browser_signs_in() {
  growOld();
  const { authenticate } = await load();
  const heard = server(passkeys, complete);
  const response = { clientDataJSON: buffer("{}"), authenticatorData: buffer("a"), signature: buffer("s"), userHandle: null };
  const asked = authenticator({ id: "a2V5", rawId: buffer("key"), type: "public-key", response });
  equal(await authenticate(), complete);
  equal([asked[0].verb, text(asked[0].publicKey.challenge)], ["get", "challenge"]);
  equal(text(asked[0].publicKey.allowCredentials[0].id), "key");
  equal(heard[1].json.credential.response, { clientDataJSON: "e30", authenticatorData: "YQ", signature: "cw" });
}

export async function a_password_manager_whose_to_json_throws_is_read_by_hand() {
  const { authenticate } = await load();
  const heard = server(passkeys, complete);
  const response = { clientDataJSON: buffer("{}"), authenticatorData: buffer("a"), signature: buffer("s"), userHandle: buffer("me") };
  const credential = { id: "a2V5", type: "public-key", response };
  authenticator(Object.setPrototypeOf(credential, Object.create(PublicKeyCredential.prototype, { id: {}, type: {}, response: {} })));
  Object.defineProperties(credential, { id: { value: "a2V5" }, type: { value: "public-key" }, response: { value: response } });
  await authenticate();
  equal(heard[1].json.credential.response.userHandle, "bWU");
  equal(heard[1].json.credential.rawId, "a2V5");
}

export async function a_passkey_signs_in_with_a_name_and_without() {
  const { authenticate } = await load();
  const heard = server(passkeys, complete, passkeys, complete);
  const asked = authenticator(made);
  equal(await authenticate({ username: "alice" }), complete);
  equal(heard, [
    { call: "POST /mfa/passkeys/start", type: "application/json", json: { username: "alice" } },
    {
      call: "POST /mfa/passkeys/finish",
      type: "application/json",
      json: { challenge_id: "c", challenge_token: "t", credential: made.toJSON() },
    },
  ]);
  equal([asked[0].mediation === undefined, asked[0].publicKey.userVerification], [true, "required"]);
  await authenticate();
  equal(heard[2].json, {});
}

export async function every_error_has_a_code() {
  const { authenticate, register, MfaError } = await load();
  server(passkeys);
  const get = async (name) => {
    authenticator(new DOMException("no", name));
    return (await refusal(authenticate())).code;
  };
  equal(await get("NotAllowedError"), "cancelled");
  equal(await get("AbortError"), "cancelled");
  equal(await get("SecurityError"), "unsupported");
  server([201, { id: "x", public_key: creation }]);
  authenticator(new DOMException("no", "InvalidStateError"));
  const twice = await refusal(register());
  equal([twice.code, twice.cause.name, twice instanceof MfaError, twice instanceof Error], ["exists", "InvalidStateError", true, true]);

  server([429, { code: "throttled", detail: "Too many wrong tries.", retry_after: 30 }]);
  const slow = await refusal(authenticate());
  equal([slow.code, slow.status, slow.message, slow.problem.retry_after], ["throttled", 429, "Too many wrong tries.", 30]);
  server([502, "<h1>Bad gateway</h1>"]);
  equal((await refusal(authenticate())).code, "unavailable");
  server([200, new TypeError("Failed to fetch")]);
  const lost = await refusal(authenticate());
  equal([lost.code, lost.status, lost.cause.name], ["unavailable", undefined, "TypeError"]);
}

export async function a_browser_without_passkeys_says_so() {
  delete globalThis.PublicKeyCredential;
  const { authenticate, register, autofill, signalAccepted, verify } = await load();
  server({ ...passkeys, id: "x" });
  equal((await refusal(authenticate())).code, "unsupported");
  equal((await refusal(register())).code, "unsupported");
  equal((await refusal(verify(withKey))).code, "unsupported");
  const heard = server(passkeys);
  equal([await autofill(), await signalAccepted({ accepted_credentials: {} }), heard], [undefined, undefined, []]);
}

export async function only_an_unknown_key_is_told_to_the_browser() {
  const { authenticate } = await load();
  const told = [];
  PublicKeyCredential.signalUnknownCredential = async (of) => {
    told.push(of);
    throw new TypeError("that is not to be heard");
  };
  authenticator(made);
  const wrong = (more) => server(passkeys, [422, { code: "invalid_code", ...more }]);
  wrong();
  equal((await refusal(authenticate({ username: "alice" }))).code, "invalid_code");
  wrong({ retry_after: 30 });
  await refusal(authenticate());
  server(passkeys, [410, { code: "challenge_gone" }]);
  await refusal(authenticate());
  equal(told, []);
  wrong();
  equal((await refusal(authenticate())).code, "invalid_code");
  equal(told, [{ rpId: "localhost", credentialId: "a2V5" }]);
  delete PublicKeyCredential.signalUnknownCredential;
  wrong();
  equal((await refusal(authenticate())).code, "invalid_code");
}

export async function the_good_keys_are_told_to_the_browser() {
  const { signalAccepted } = await load();
  const told = [];
  PublicKeyCredential.signalAllAcceptedCredentials = async (of) => {
    told.push(of);
    throw new TypeError("that is not to be heard");
  };
  await signalAccepted({ subject: "alice" });
  equal(told, []);
  const accepted_credentials = { rpId: "localhost", userId: "dXNlcg", allAcceptedCredentialIds: ["a2V5"] };
  await signalAccepted({ subject: "alice", accepted_credentials });
  equal(told, [accepted_credentials]);
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** An authenticator that waits for somebody, as the autofill does. */
const waits = ({ signal }) =>
  new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason));
  });

export async function the_autofill_waits_until_it_is_ended() {
  PublicKeyCredential.isConditionalMediationAvailable = async () => true;
  const { autofill } = await load();
  server(passkeys);
  const asked = authenticator(waits);
  const end = new AbortController();
  const offer = refusal(autofill({ signal: end.signal }));
  await pause(100);
  equal([asked.length, asked[0].mediation], [1, "conditional"]);
  end.abort();
  equal((await offer).code, "cancelled");
  // It may be ended before it has begun.
  equal((await refusal(autofill({ signal: end.signal }))).code, "cancelled");
  equal(asked.length, 1);
}

export async function the_autofill_goes_on_with_a_new_challenge_before_the_old_one_expires() {
  PublicKeyCredential.isConditionalMediationAvailable = async () => true;
  const { autofill } = await load();
  const old = { ...passkeys, expires_in: 1 };
  const heard = server(old, { ...old, challenge_id: "d", expires_in: 300 }, complete);
  let asked = 0;
  authenticator((options) => (++asked < 2 ? waits(options) : made));
  const before = performance.now();
  equal(await autofill(), complete);
  const took = performance.now() - before;
  equal([took > 800, took < 1000], [true, true], `${took} ms`);
  equal(calls(heard), ["POST /mfa/passkeys/start", "POST /mfa/passkeys/start", "POST /mfa/passkeys/finish"]);
  equal(heard[2].json.challenge_id, "d");
}

export async function a_real_browser_tells_a_challenge_that_is_late_from_an_offer_that_is_ended() {
  delete navigator.credentials.get;
  const { autofill } = await load();
  const heard = server({ ...passkeys, expires_in: 0.5 }, { ...passkeys, expires_in: 300 });
  const end = new AbortController();
  const offer = refusal(autofill({ signal: end.signal }));
  await pause(900);
  equal(calls(heard), ["POST /mfa/passkeys/start", "POST /mfa/passkeys/start"]);
  end.abort();
  equal((await offer).code, "cancelled");
  equal(heard.length, 2);
}

export async function without_autofill_in_the_browser_nothing_is_asked() {
  PublicKeyCredential.isConditionalMediationAvailable = async () => false;
  const { autofill } = await load();
  const heard = server(passkeys);
  equal([await autofill(), heard], [undefined, []]);
}

export async function a_challenge_is_answered_by_a_key_or_by_a_code() {
  const { verify } = await load();
  const heard = server(complete);
  authenticator(made);
  equal(await verify({ ...withKey, challenge_token: "login" }), complete);
  equal(heard[0], {
    call: "POST /mfa/challenges/c/verify",
    token: "Bearer login",
    type: "application/json",
    json: { type: "webauthn", credential: made.toJSON() },
  });
  await verify(withoutKey, { type: "totp", code: "123456" }, { getToken: () => "session" });
  equal([heard[1].token, heard[1].json], ["Bearer session", { type: "totp", code: "123456" }]);
}

const more = { code: "insufficient_user_authentication", step_up_uri: "/mfa/challenges", missing: ["level"] };
const vault = [401, { ...more, required: { acr: "phr", max_age: 300, phr: true, kinds: ["webauthn"] } }];
const transfer = [401, { ...more, required: { acr: "aal2" }, action: "transfer_funds", bind: ["to", "amount"] }];

export async function a_key_lifts_the_session_and_the_request_goes_again() {
  const { stepUp } = await load();
  const heard = server(vault, [201, withKey], complete, { open: true });
  authenticator(made);
  const response = await stepUp(fetch)("/vault", { headers: { "X-Mine": "1" } });
  equal(await response.json(), { open: true });
  equal(calls(heard), ["GET /vault", "POST /mfa/challenges", "POST /mfa/challenges/c/verify", "GET /vault"]);
  equal(heard[1].json, { acr: "phr", max_age: 300, kinds: ["webauthn"] });
  equal(heard[2].json, { type: "webauthn", credential: made.toJSON() });
}

export async function what_is_fresh_enough_is_not_asked_for_again() {
  const { stepUp } = await load();
  const heard = server(vault, complete, { open: true });
  const asked = authenticator(made);
  equal(await (await stepUp(fetch)("/vault")).json(), { open: true });
  equal([calls(heard), asked], [["GET /vault", "POST /mfa/challenges", "GET /vault"], []]);
}

export async function what_is_approved_is_what_the_body_says_and_the_same_body_goes_again() {
  const { stepUp } = await load();
  const heard = server(transfer, [201, withKey], complete, { status: "sent" });
  authenticator(made);
  const body = JSON.stringify({ note: "rent", amount: 25, to: "bob", deep: { to: "eve" } });
  await stepUp(fetch)(new Request("/transfer", { method: "POST", headers: { "Content-Type": "application/json" }, body }));
  equal(heard[1].json, { action: "transfer_funds", bind: { to: "bob", amount: 25 } });
  equal([heard[3].json, heard[3].type], [heard[0].json, "application/json"]);
  equal(calls(heard).filter((call) => call === "POST /transfer").length, 2);
}

export async function an_action_that_is_bound_to_nothing_is_asked_for_alone() {
  const { stepUp } = await load();
  const { bind, ...unbound } = transfer[1];
  const heard = server([401, unbound], complete, {});
  await stepUp(fetch)("/transfer", { method: "POST" });
  equal(heard[1].json, { action: "transfer_funds" });
}

export async function a_request_goes_again_once_and_its_second_refusal_is_the_answer() {
  const { stepUp } = await load();
  const heard = server(vault, complete, vault);
  const response = await stepUp(fetch)("/vault");
  equal([response.status, (await response.json()).code, heard.length], [401, "insufficient_user_authentication", 3]);
}

export async function other_answers_pass_as_they_are() {
  const { stepUp } = await load();
  for (const answer of [[401, { code: "invalid_token" }], [401, "who are you?"], [403, more], [200, { fine: true }]]) {
    const heard = server(answer);
    const response = await stepUp(fetch)("/vault");
    equal([response.status, heard.length], [answer[0], 1]);
    equal(await response.text(), typeof answer[1] === "string" ? answer[1] : JSON.stringify(answer[1]));
  }
}

export async function the_host_answers_where_no_key_can() {
  const { stepUp } = await load();
  const heard = server(vault, [201, withoutKey], complete, {});
  const given = [];
  const answer = async (...all) => (given.push(all), { type: "totp", code: "123456" });
  await stepUp(fetch, { answer })("/vault");
  equal(heard[2].json, { type: "totp", code: "123456" });
  equal(given, [[withoutKey, heard[1].json, vault[1]]]);
  // Where a key can, the host is not asked.
  server(vault, [201, withKey], complete, {});
  authenticator(made);
  await stepUp(fetch, { answer })("/vault");
  equal(given.length, 1);
  server(vault, [201, withoutKey]);
  equal((await refusal(stepUp(fetch)("/vault"))).code, "unsupported");
}

export async function a_host_that_wants_to_ask_first_sees_what_is_approved() {
  const { stepUp, verify } = await load();
  const body = JSON.stringify({ to: "bob", amount: 25 });
  const send = { method: "POST", headers: { "Content-Type": "application/json" }, body };
  authenticator(made);
  let heard = server(transfer, [201, withKey], complete, {});
  let seen;
  await stepUp(fetch, { ask: async (...all) => void (seen = all) })("/transfer", send);
  equal(seen, [withKey, { action: "transfer_funds", bind: { to: "bob", amount: 25 } }, transfer[1]]);
  equal(heard[2].json.type, "webauthn");

  // It may send the answer itself, for a second question too.
  heard = server(transfer, [201, withKey], { status: "challenge", ...withoutKey }, complete, {});
  const ask = (challenge) => verify(challenge, { type: "totp", code: "1" });
  await stepUp(fetch, { ask })("/transfer", send);
  equal(heard.length, 5);

  heard = server(transfer, [201, withKey]);
  const { MfaError } = await load();
  const declined = await refusal(stepUp(fetch, { ask: async () => { throw new MfaError("cancelled"); } })("/transfer", send));
  equal([declined.code, heard.length], ["cancelled", 2]);
}

export async function a_dialog_that_is_cancelled_sends_nothing() {
  const { stepUp } = await load();
  const heard = server(vault, [201, withKey]);
  authenticator(new DOMException("no", "NotAllowedError"));
  equal([(await refusal(stepUp(fetch)("/vault"))).code, heard.length], ["cancelled", 2]);
  server(vault, [409, { code: "no_eligible_authenticator", allowed: ["webauthn"] }]);
  equal((await refusal(stepUp(fetch)("/vault"))).problem.allowed, ["webauthn"]);
}

export async function one_question_is_asked_at_a_time() {
  const { stepUp } = await load();
  let open = 0;
  let most = 0;
  authenticator(async () => {
    most = Math.max(most, ++open);
    await pause(50);
    open--;
    throw new DOMException("no", "NotAllowedError");
  });
  globalThis.fetch = async (asked) => {
    const isOpen = asked.url.endsWith("/mfa/challenges");
    return Response.json(isOpen ? withKey : vault[1], { status: isOpen ? 201 : 401 });
  };
  const more = stepUp(fetch);
  const all = await Promise.allSettled([more("/a"), more("/b"), more("/c")]);
  equal([most, all.map(({ reason }) => reason.code)], [1, ["cancelled", "cancelled", "cancelled"]]);
}

export async function a_host_without_cookies_keeps_its_token_itself() {
  const { authenticate, stepUp } = await load();
  const host = { getToken: async () => host.token, setToken: ({ access_token }) => (host.token = access_token) };
  authenticator(made);
  const login = server(passkeys, { ...complete, access_token: "first" });
  await authenticate(host);
  equal([login[0].token, host.token], [undefined, "first"]);
  const heard = server(vault, [201, withKey], { ...complete, access_token: "second" }, {});
  await stepUp(fetch, host)("/vault");
  equal(heard.map(({ token }) => token), ["Bearer first", "Bearer first", "Bearer first", "Bearer second"]);
  equal(host.token, "second");
}

export async function another_origin_gets_neither_token_nor_proof() {
  const { stepUp } = await load();
  const host = { getToken: () => "secret" };
  const heard = server([401, { ...more, step_up_uri: `${location.origin}/mfa/challenges`, required: {} }]);
  equal((await stepUp(fetch, host)("https://elsewhere.example/vault")).status, 401);
  equal(heard, [{ call: "GET https://elsewhere.example/vault" }]);
}

export async function an_api_elsewhere_is_named_by_its_base() {
  const { stepUp } = await load();
  const heard = server(vault, [201, withKey], complete, {});
  authenticator(made);
  await stepUp(fetch, { base: "https://api.example/mfa", getToken: () => "t" })("https://api.example/vault");
  equal(calls(heard)[1], "POST https://api.example/mfa/challenges");
  equal(heard.every(({ token }) => token === "Bearer t"), true);
}
