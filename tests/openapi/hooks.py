"""What schemathesis sends, made to mean something.

By itself it knows no token, no id and no code, and would be told `401` for ever. Before each call
this asks the service for people nobody has dealt with (`POST /world`), gives the request the token
of the one it is about, and, where a request is well formed, now and then a real id or a right code.
"""

import collections
import json
import os
import urllib.request

import schemathesis

WORLD = os.environ["TOWER_MFA_WORLD"]

# Whose token an operation is sent with, and what its id is one of.
BY_LOGIN = {"GET /challenges/{id}", "POST /challenges/{id}/verify"}
BY_NEWCOMER = {"POST /authenticators", "POST /authenticators/{id}/confirm"}
EXPLAIN = "GET /admin/mfa/explain"
OPEN = {
    "GET /openapi.json",
    "GET /mfa.js",
    "GET /.well-known/jwks.json",
    "GET /.well-known/webauthn",
    "POST /token/refresh",
    "POST /passkeys/start",
    "POST /passkeys/finish",
}
# What is answered with a code or a credential.
WITH_EITHER = {"POST /challenges/{id}/verify", "POST /authenticators/{id}/confirm"}


def world():
    with urllib.request.urlopen(urllib.request.Request(WORLD, method="POST"), timeout=30) as answer:
        return json.load(answer)


times = collections.Counter()


def one_in(n, *what):
    """Every nth time; not by lot, so that every run is the same."""
    times[what] += 1
    return times[what] % n == 0


def real_id(label, people):
    if label in BY_LOGIN:
        return people["challenge"]
    if label == "POST /authenticators/{id}/confirm":
        return people["newcomer"]["authenticator"]
    return people["elsewhere"] if label == "DELETE /sessions/{sid}" else people["authenticator"]


def real_code(label, body, people):
    if label == "POST /authenticators/{id}/confirm":
        return people["newcomer"]["code"]
    return people["recovery_code"] if body.get("type") == "recovery_code" else people["code"]


def without_fractions(value):
    """To JSON Schema 6.0 is an integer; a reader of integers, and RFC 8259 §6, leave that open."""
    if isinstance(value, dict):
        return {name: without_fractions(member) for name, member in value.items()}
    if isinstance(value, list):
        return [without_fractions(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def explained(query, people):
    """Somebody there is, and now and then in a session there is: every subject else is unknown."""
    query["subject"] = people["subject"]
    query.pop("tenant", None)
    if "sid" in query and one_in(2, "sid"):
        query["sid"] = people["elsewhere"]


people = None


@schemathesis.hook
def before_call(context, case, kwargs):
    global people
    label = case.operation.label
    people = people or world()
    if label not in OPEN:
        newcomer, challenge = people["newcomer"]["token"], people["challenge_token"]
        token = challenge if label in BY_LOGIN else newcomer if label in BY_NEWCOMER else people["session"]
        case.headers["Authorization"] = f"Bearer {token}"
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    body = {}
    # Left as it is where there is none: what is set is judged anew, and nothing would be no object.
    if isinstance(case.body, dict):
        body = case.body = without_fractions(case.body)
    # A challenge token is good for its own challenge alone; a session's is told that there is none.
    for name in case.path_parameters or {}:
        if label in BY_LOGIN or not one_in(4, "id", label):
            case.path_parameters[name] = real_id(label, people)
    if label == "POST /passkeys/finish":
        if one_in(2, "passkey"):
            body = case.body = dict(people["passkey"])
    # That an object is no credential of a browser, the document cannot say.
    if "credential" in body:
        is_new = label == "POST /authenticators/{id}/confirm"
        body["credential"] = people["registration"] if is_new else people["passkey"]["credential"]
    if label in WITH_EITHER and "code" in body and one_in(2, "either", label):
        # Both, or a code that is null, is what the document cannot forbid.
        body.pop("credential", None)
        body["code"] = real_code(label, body, people)
        if body.get("type") == "webauthn":
            body["type"] = "totp"
        if body.get("type") == "recovery_code":
            body.pop("authenticator_id", None)
    if isinstance(body.get("code"), str) and one_in(2, "code", label):
        body["code"] = real_code(label, body, people)
    if isinstance(body.get("authenticator_id"), str) and one_in(2, "app", label):
        body["authenticator_id"] = people["authenticator"]
    if isinstance(body.get("refresh_token"), str) and one_in(2, "refresh"):
        body["refresh_token"] = people["refresh"]
    if label == EXPLAIN and "subject" in (case.query or {}) and one_in(2, "subject"):
        explained(case.query, people)


@schemathesis.hook
def after_call(context, case, response):
    """What changed somebody is not tried on them again."""
    global people
    if case.method.upper() != "GET" and response.status_code not in (400, 404, 413, 415):
        people = None
