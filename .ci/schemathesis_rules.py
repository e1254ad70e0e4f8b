"""What Schemathesis must know of this API that no schema can say."""

import json
from itertools import count

import schemathesis
from schemathesis.generation.meta import TestPhase

RULE = "the request breaks a rule of this API"
"""The message of a 400 that came from a rule and not from the document's own constraints."""

JDOE = {"username": "jdoe"}
ASMITH = {"username": "asmith"}
FILE = {"url": "https://files.example.com/a.pdf", "name": "a.pdf", "contentType": "application/pdf", "size": 1}
EXAMPLES = ("jdoe", "daily-discussion", "lobby", "moderators")
"""Names that the examples of the document use, so that most bodies made from them have one."""
KEPT = {"deleteUser": 2, "deleteChannel": 2, "deleteMessage": 3}
"""The highest ID of what `with-server` creates for others to find; one more is there to be deleted."""

serial = count()


@schemathesis.serializer("application/json+merge-patch")
def merge_patch(context, value) -> bytes:
    """A merge patch is JSON, which its media type does not tell."""
    return json.dumps(value).encode()


@schemathesis.hook
def before_call(context, case, kwargs) -> None:
    """Lets most valid requests keep the rules as well, so that they reach more than the refusal of a rule."""
    if not case.meta:
        return
    operation = context.operation.definition.raw["operationId"]
    if not case.meta.generation.mode.is_positive:
        # Some invalid data is ignored, such as an unknown query parameter. It must not end the run's own application.
        if operation == "deleteApplication" and case.path_parameters.get("application_id") == "me":
            case.path_parameters["application_id"] = "0"
        return
    # The coverage phase meets every limit of the document exactly, so what it made is left as far as it can be.
    random = case.meta.phase.name in (TestPhase.FUZZING, TestPhase.STATEFUL)
    if case.media_type == "multipart/form-data" and isinstance(case.body, dict):
        # Such a name cannot stand in the header of a part, and Schemathesis would send it so.
        for name in [name for name in case.body if not (name and name.isascii() and name.isprintable())]:
            del case.body[name]
    match operation:
        case "deleteUser" | "deleteChannel" | "deleteMessage":
            if case.path_parameters["id"] in range(1, KEPT[operation] + 1):
                case.path_parameters["id"] = KEPT[operation] + 1
        case "listMessages" | "listChannelMessages":
            keep_cursor_rules(case.query)
        case "createUser" | "createChannel":
            keep_creation_rules(case.body, random)
        case "sendChannelMessage":
            keep_message_rules(case.body, random)
        case "addChannelMember" | "addChannelModerator" | "sendChannelInvite" if random:
            keep_roster_rules(case, operation)


def keep_cursor_rules(query: dict) -> None:
    """`relation` needs its cursor."""
    needed = {"NEXT": "next", "PREVIOUS": "start"}.get(query.get("relation"))
    if needed:
        query.setdefault(needed, 5)


def keep_creation_rules(body: dict, random: bool) -> None:
    """Names are unique, and users that are named exist."""
    name = body.get("name")
    if name in EXAMPLES or name and random and len(name) <= 240:
        body["name"] = f"{name} {next(serial)}"
    if random and "creator" in body:
        body["creator"] = JDOE
    if random and "members" in body:
        body["members"] = [ASMITH]
        if body["type"] == "DIRECT":
            body["creator"] = JDOE


def keep_roster_rules(case, operation: str) -> None:
    """There is such a user, who is a member before being a moderator."""
    case.path_parameters["id"] = 2
    match operation:
        case "sendChannelInvite":
            case.body["user"] = {"username": "leaver"}
        case _:
            case.body = ASMITH


def keep_message_rules(body: dict, random: bool) -> None:
    """A message is either a file or a text under one of its two names, and its user exists."""
    if "file" in body or body.get("type") == "FILE":
        body["type"] = "FILE"
        body.setdefault("file", FILE)
        body.pop("body", None)
        body.pop("name", None)
    elif "name" in body:
        body.pop("body", None)
    else:
        body.setdefault("body", "Hello, everyone!")
    if random and "user" in body:
        body["user"] = JDOE


@schemathesis.hook
def filter_failure(context, failure, case, response) -> bool:
    """Accepts that data which suits its schema is refused, if a rule beyond the schema refuses it.

    A name may be taken, a user may not exist, `relation=NEXT` needs `next`: such a 400 names its fault under `RULE`. A
    400 of the checks that are generated from the document stays a failure, since the data suits the document.
    """
    operation = context.operation.definition.raw["operationId"]
    if failure.title == "Schema-violating request accepted" and operation.startswith("import"):
        # An import is taken as it arrives; its job tells which items do not suit their schema.
        return response.status_code != 202
    if failure.title == "Schema-violating request accepted" and case.media_type == "multipart/form-data":
        # Parts that the document does not name are ignored, and a wrong one may be lost where Schemathesis writes it.
        return False
    if failure.title != "Schema-valid request rejected" or response.status_code != 400:
        return True
    answer = response.json()
    if case.media_type == "multipart/form-data" and "RFC 7578" in answer.get("message", ""):
        # Schemathesis writes any name and file name into the header of a part, and the server reads only what fits there.
        return False
    by_rule = answer.get("message") == RULE and answer.get("errors")
    is_grant = operation == "createAccessToken"
    return not (by_rule or is_grant and answer["error"] == "invalid_scope")


@schemathesis.check
class EveryOperationSucceeds:
    """Each operation that was tested must have served at least one request, or the run has shown nothing about it."""

    def __init__(self):
        self.tested = set()
        self.served = set()

    def after_response(self, ctx, response, case):
        label = case.operation.label
        self.tested.add(label)
        if response.status_code < 300:
            self.served.add(label)

    def after_run(self, ctx):
        never = sorted(self.tested - self.served)
        if never:
            raise AssertionError(f"never answered with success: {', '.join(never)}; give them data in with-server")
