"""Makes the page of what works with which SDK from the results in a folder; fails if an operation failed."""

import json
import pathlib
import sys

folder = pathlib.Path(sys.argv[1])
SDKS = {
    "python": ("PyPI `chatkitty-server-side-sdk`", "1.0.0"),
    "chatkitty-platform-sdk": ("npm `chatkitty-platform-sdk`", "2.4.0"),
    "chatkitty": ("npm `chatkitty`", "2.106.8"),
}
document = json.loads((folder / "openapi.json").read_text())
operations = [
    (operation["operationId"], method.upper(), path)
    for path, item in document["paths"].items()
    for method, operation in item.items()
    if "operationId" in operation
]

RANK = ["failed", "broken", "passed"]
results, failures = {}, []
for sdk in SDKS:
    found = results[sdk] = {}
    for line in (folder / sdk).read_text().splitlines():
        entry = json.loads(line)
        operation, result = entry["operation"], entry["result"]
        if result == "absent":
            continue
        if result == "failed":
            failures.append(f"{sdk}: {operation}: {entry['detail']}")
        if operation not in found or RANK.index(result) < RANK.index(found[operation]["result"]):
            found[operation] = entry

print("# The vendor's SDKs against this server\n")
print(
    "What `.ci/sdks` found: each published SDK, unmodified, calls every operation it has. The Python SDK checks the types,\n"
    "the required properties and the enums of every answer; what the Node SDKs receive is checked by the script. This page\n"
    "is written by `.ci/sdks --write`.\n"
)
for sdk, (name, version) in SDKS.items():
    count = sum(entry["result"] == "passed" for entry in results[sdk].values())
    print(f"- {name} {version}: {count} operations passed, {len(results[sdk]) - count} are broken in the SDK itself.")
print()
print("| operation | " + " | ".join(f"{name} {version}" for name, version in SDKS.values()) + " |")
print("|---|" + "---|" * len(SDKS))
notes = []
for operation, method, path in operations:
    if not any(operation in results[sdk] for sdk in SDKS):
        continue
    cells = []
    for sdk in SDKS:
        entry = results[sdk].get(operation)
        if entry is None:
            cells.append("not in the SDK")
        elif entry["result"] == "passed":
            cells.append("passed")
        else:
            if entry["detail"] not in notes:
                notes.append(entry["detail"])
            cells.append(f"{entry['result']} ({notes.index(entry['detail']) + 1})")
    print(f"| `{operation}` | " + " | ".join(cells) + " |")
if notes:
    print()
    for number, note in enumerate(notes, 1):
        print(f"{number}. {note[0].upper()}{note[1:]}.")
if failures:
    sys.exit("\n".join(["these operations failed:", *failures]))
