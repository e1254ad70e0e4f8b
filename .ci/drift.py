"""Compares recorded traffic with the document: `drift.py TOOLS DOCUMENT FOLDER`.

Redocly's drift check is made for the traffic of well-behaved clients. Here the client is a fuzzer, so what it sent is
not held against the document: neither methods that a path does not have, nor missing tokens, nor parameters that it
made up. Whatever was answered is.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

tools, document, folder = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
ORIGIN = "http://127.0.0.1:8080"
"""The server that the document names; the one that answered had a port of its own."""


def is_of_the_document(exchange: dict) -> bool:
    """Leaves out the probes for methods that a path does not have."""
    return exchange["response"]["status"] != 405 and exchange["request"]["method"] != "OPTIONS"


total = 0
for path in folder.glob("*.har"):
    har = json.loads(path.read_text())
    entries = [exchange for exchange in har["log"]["entries"] if is_of_the_document(exchange)]
    for exchange in entries:
        url = urlsplit(exchange["request"]["url"])
        exchange["request"]["url"] = ORIGIN + url._replace(scheme="", netloc="").geturl()
    har["log"]["entries"] = entries
    total += len(entries)
    path.write_text(json.dumps(har))

report, coverage = folder / "drift.json", folder / "coverage.json"
subprocess.run(
    [
        tools / "node_modules/.bin/redocly", "drift", folder, "--api", document, "--traffic-format", "har",
        "--ignore-headers", "x-schemathesis-*", "--format", "json", "--output", report,
        "--coverage", "--coverage-output", coverage,
    ],
    env=os.environ | {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"},
    stderr=subprocess.PIPE,
)  # It also fails over the fuzzer's own requests, so its report decides and not its exit code.

problems = [problem for problem in json.loads(report.read_text())["problems"] if problem["target"] == "response"]
for problem in problems:
    print(f"{problem['method']} {problem['path']} {problem['status']}: {problem['message']}")
covered = json.loads(coverage.read_text())
operations = covered["totals"]["operations"]
missed = operations["total"] - operations["covered"]
if covered["meta"]["exchanges"]["matched"] != total:
    sys.exit(f"drift: {total - covered['meta']['exchanges']['matched']} exchanges match no operation of the document")
if problems or missed:
    sys.exit(f"drift: {len(problems)} answers differ from the document, {missed} operations were never called")
print(f"drift: {total} exchanges, no difference, all {operations['total']} operations called")
