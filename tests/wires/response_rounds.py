"""Writes the replies of a server of the Responses API to the rounds of the matrix, as items of its output."""

from __future__ import annotations

import json
from typing import Any

from tests.wires.player import Form, Shape
from tests.wires.server_replies import PIECES, USAGE, Round, Server, call_values, filled, reply_values

_USAGE = {
    "input_tokens": USAGE["prompt_tokens"],
    "input_tokens_details": USAGE["prompt_tokens_details"],
    "output_tokens": USAGE["completion_tokens"],
    "output_tokens_details": {"reasoning_tokens": 3},
    "total_tokens": USAGE["total_tokens"],
}


def items(server: Server, round_: Round, *, cut: bool = False) -> list[dict[str, Any]]:
    """Return the items of a round's output; `cut`: its last call is not complete."""
    templates, values = server["items"], reply_values(server, round_)
    made = [filled(templates["thought"], values)]
    if values["text"]:
        made.append(filled(templates["text" if round_.calls else "answer"], values))
    made += [filled(templates["call"], values | each) for each in call_values(round_)]
    if cut:
        made[-1]["status"] = "incomplete"
    return made


def response(server: Server, round_: Round, *, cut: bool = False) -> Shape:
    """Return the reply of a round for the player."""
    reason = {"reason": "max_output_tokens"} if cut else None
    ended = {"status": "incomplete" if cut else "completed", "incomplete_details": reason}
    return {"output": items(server, round_, cut=cut), **ended, "usage": _USAGE, "pieces": PIECES}


def failed_response(server: Server, form: Form) -> Shape:
    """Return the error in a stream after its first event, or the error of a plain request."""
    if form == "plain":
        return dict(server["error"]["plain"])
    begun = {"type": "response.created", "response": {"object": "response", "status": "in_progress", "output": []}}
    return {"events": [begun, *server["error"]["streamed"]], "pieces": PIECES}


def returned_items(server: Server, round_: Round) -> list[dict[str, Any]]:
    """Return the items of a reply as a request must send them back, with the results of its calls."""
    return items(server, round_)


def result_item(call_id: str, text: str) -> dict[str, Any]:
    """Return the item of a call's result."""
    return {"type": "function_call_output", "call_id": call_id, "output": text}


def is_typed(request: dict[str, Any]) -> bool:
    """Return whether a request asks for the answer's schema by `text.format`."""
    return bool(request.get("text", {}).get("format", {}).get("type") == "json_schema")


def first_words(request: dict[str, Any]) -> str:
    """Return the first item of a request as JSON."""
    return json.dumps(request["input"][0])
