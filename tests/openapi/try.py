"""Holds a running service against its own OpenAPI document.

    python3 try.py PROGRAM FOLDER [EXAMPLES]

starts the program, validates the document it serves (openapi-spec-validator), and lets schemathesis
try every operation with what the document allows and with what it forbids, EXAMPLES times each at
most in the phase that is drawn by lot. What it notes goes to FOLDER. The run fails, too, when an
operation was never answered with a success: then it was not tried, whatever else was.

The last line is that of a Rust test, an operation counting as one, so that the sum of all tests has
them.
"""

import collections
import json
import os
import pathlib
import subprocess
import sys
import urllib.request

from openapi_spec_validator import validate

HERE = pathlib.Path(__file__).resolve().parent
METHODS = ("get", "post", "patch", "put", "delete")
# The reader of the document has read it, and does not ask for it again.
READ_ALREADY = "GET /openapi.json"


def operations(document):
    items = document["paths"].items()
    return {f"{method.upper()} {path}" for path, item in items for method in item if method in METHODS}


def successes(report):
    """How often each operation was answered with a success, by what schemathesis has noted."""
    found = collections.Counter()
    for line in report.read_text().splitlines():
        recorder = json.loads(line).get("ScenarioFinished", {}).get("recorder", {})
        for interaction in recorder.get("interactions", {}).values():
            response = interaction.get("response") or {}
            found[recorder["label"]] += 200 <= response.get("status_code", 0) < 300
    return found


def tried(origin, folder, examples):
    """Runs schemathesis; returns its exit code."""
    command = [
        str(pathlib.Path(sys.executable).with_name("st")),
        *("--config-file", str(HERE / "schemathesis.toml")),
        *("run", f"{origin}/mfa/openapi.json"),
        *("--max-examples", examples),
        *("--workers", "1"),
        *("--report", "ndjson", "--report-ndjson-path", str(folder / "report.ndjson")),
        "--continue-on-failure",
        "--no-color",
    ]
    hooks = {"SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"}
    environment = os.environ | hooks | {"TOWER_MFA_WORLD": f"{origin}/world"}
    return subprocess.run(command, env=environment, cwd=folder, timeout=600).returncode


def main(program, folder, examples):
    folder.mkdir(parents=True, exist_ok=True)
    service = subprocess.Popen([program], stdout=subprocess.PIPE, text=True)
    try:
        origin = service.stdout.readline().strip()
        assert origin.startswith("http://127.0.0.1:"), f"the service does not say where it is: {origin!r}"
        with urllib.request.urlopen(f"{origin}/mfa/openapi.json", timeout=30) as answer:
            document = json.load(answer)
        validate(document)
        status = tried(origin, folder, examples)
        assert service.poll() is None, "the service has ended"
    finally:
        service.kill()
        service.wait()
    wanted = operations(document) - {READ_ALREADY}
    seen = successes(folder / "report.ndjson")
    never = sorted(operation for operation in wanted if not seen[operation])
    if never:
        print(f"never answered with a success: {never}")
    return len(wanted), max(len(never), int(status != 0))


if __name__ == "__main__":
    count, failed = main(sys.argv[1], pathlib.Path(sys.argv[2]).resolve(), *(sys.argv[3:] or ["40"]))
    verdict = "FAILED" if failed else "ok"
    print(f"test result: {verdict}. {count - failed} passed; {failed} failed; 0 ignored")
    sys.exit(1 if failed else 0)
