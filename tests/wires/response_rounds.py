"""How a server of the Responses API writes the rounds of the matrix, and how a request must send them back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.wires.player import Form, Shape
from tests.wires.rounds import PIECES, RESULTS, USAGE, Round, Server, call_values, filled, reply_values

_USAGE = {
    "input_tokens": USAGE["prompt_tokens"],
    "input_tokens_details": USAGE["prompt_tokens_details"],
    "output_tokens": USAGE["completion_tokens"],
    "output_tokens_details": {"reasoning_tokens": 3},
    "total_tokens": USAGE["total_tokens"],
}


def reply(server: Server, round_: Round, form: Form, *, cut: bool = False) -> Shape:
    """Return a reply for the player; `cut`: it ended within its last call. Both forms are made of the same items."""
    reason = {"reason": "max_output_tokens"} if cut else None
    ended = {"status": "incomplete" if cut else "completed", "incomplete_details": reason}
    items = _items(server, round_)
    if cut:
        items[-1]["status"] = "incomplete"
    return {"output": items, **ended, "usage": _USAGE, "pieces": PIECES}


def failure(server: Server, form: Form) -> Shape:
    """Return the error in a stream after its first event, or the error of a plain request."""
    if form == "plain":
        return dict(server["error"]["plain"])
    begun = {"type": "response.created", "response": {"object": "response", "status": "in_progress", "output": []}}
    return {"events": [begun, *server["error"]["streamed"]], "pieces": PIECES}


def _items(server: Server, round_: Round) -> list[dict[str, Any]]:
    templates, values = server["items"], reply_values(server, round_)
    items = [filled(templates["thought"], values)]
    if values["text"]:
        items.append(filled(templates["text" if round_.calls else "answer"], values))
    return items + [filled(templates["call"], values | each) for each in call_values(round_)]


def conversation(server: Server, round_: Round, form: Form) -> list[dict[str, Any]]:
    """Return the items of a reply and the results of its calls as every later request must hold them."""
    items = _items(server, round_)
    calls = [item for item in items if item["type"] == "function_call"]
    results = [(call["call_id"], RESULTS.get(call["name"], "")) for call in calls]
    return [*items, *({"type": "function_call_output", "call_id": id_, "output": text} for id_, text in results)]


def sent_back(request: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the items of replies and the results that a request holds; none for a request to chat completions."""
    return [item for item in request.get("input", ()) if item.get("role") not in ("user", "system")]


def without_calls(said: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the items of a conversation without calls and results."""
    return [item for item in said if not item["type"].startswith("function_call")]


def typed_by(request: dict[str, Any]) -> str:
    """Return how the schema of the answer reached the model: as `text.format`, or in the prompt."""
    if "text" in request:
        return "schema" if request["text"]["format"]["type"] == "json_schema" else "json"
    return "prompt" if "answer" in json.dumps(request["input"][0]) else "none"


def opaque_fields(server: Server, round_: Round) -> Iterator[str]:
    """Yield what of a reply chat completions do not have, for people."""
    yield "all items of the output"
