"""What the OpenAPI document cannot say of a request that is meant to be right, told to schemathesis.

Cases that are meant to be wrong go out as they were made.
"""

from __future__ import annotations

import itertools
import os
import uuid
from typing import Any

import schemathesis

LARGEST_INTEGER = 2**53
OWN_KEYS = os.environ["JOURNEYMAN_OWN_KEYS"].split()  # ids of the keys that ask
TOOLS = {"calculator": {"expression": "6 * 7"}, "get_username": {}}
_cursors: dict[str, str] = {}  # operation -> the last cursor that its list gave
_approvals: list[dict[str, Any]] = []  # open ones, the oldest first
_turns = itertools.count()


@schemathesis.hook
def before_call(context: Any, case: Any, arguments: Any) -> None:
    if (case.path_parameters or {}).get("key_id") in OWN_KEYS:
        case.path_parameters["key_id"] = "another"  # the branch that this run sits on
    if case.meta is not None and case.meta.generation.mode.is_negative:
        return
    if case.headers and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = uuid.uuid4().hex  # one that was used with another body is refused
    if case.query and case.query.get("cursor") is not None:
        _give_cursor(case)
    if isinstance(case.body, dict | list):
        case.body = _exact(case.body)
        _give_words(case.body)
        _give_body(case)


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    if response.status_code not in (200, 202) or "json" not in response.headers.get("content-type", [""])[0]:
        return
    answer = response.json()
    if isinstance(answer, dict):
        if answer.get("next_cursor"):
            _cursors[case.operation.label] = answer["next_cursor"]
        if len(_approvals) < 100:
            _approvals.extend(answer.get("approvals", ()))


def _give_words(body: Any) -> None:
    """A message has a word in one of its parts: no schema says which."""
    parts = body.get("user_input") if isinstance(body, dict) else None
    if isinstance(parts, list) and not any(str(part.get("text", "")).strip() for part in parts):
        parts[0] = {**parts[0], "text": "hi"} if parts[0].get("type") == "text" else parts[0]


def _give_cursor(case: Any) -> None:
    """A cursor is what this list gave: no pattern says which these are."""
    given = _cursors.get(case.operation.label)
    if given is None:
        del case.query["cursor"]
    else:
        case.query["cursor"] = given


def _give_body(case: Any) -> None:
    """Every second call is of a tool that there is, every second answer to an approval that is open.

    Which arguments a tool takes is in its own schema (400 where they do not fit), not in the document.
    """
    turn = next(_turns)
    if case.operation.label == "POST /execute_tool":
        tool = list(TOOLS)[turn // 2 % 2] if turn % 2 else case.body.get("tool_name")
        if tool in TOOLS:
            case.body = {"tool_name": tool, "arguments": TOOLS[tool]}
    if case.operation.label == "POST /runs/{run_id}/resume" and turn % 2 and _approvals:
        approval = _approvals.pop(0)
        case.path_parameters["run_id"] = approval["run_id"]
        case.body = {"answers": [{"approval": approval["approval"], "decision": approval["decisions"][turn // 2 % 2]}]}


def _exact(value: Any) -> Any:
    """Integers beyond 2^53 are refused anywhere in a body (its description says so), in free objects too."""
    if isinstance(value, dict):
        return {key: _exact(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_exact(each) for each in value]
    if isinstance(value, int) and not -LARGEST_INTEGER <= value <= LARGEST_INTEGER:
        return str(value)
    return value
