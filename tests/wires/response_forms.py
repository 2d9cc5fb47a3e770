"""The replies of shapes of the Responses API, as bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from journeyman.llm.fake.responses_wire import response_events

Reply = dict[str, Any]
_OF_TRANSPORT = ("headers", "type", "gzip", "cut")


def is_response(reply: Reply) -> bool:
    """Return whether the reply of a shape is one of the Responses API."""
    return "output" in reply or "events" in reply


def is_of_reply(item: Reply) -> bool:
    """Return whether an item of a request came from a reply."""
    return item.get("type") != "function_call_output" and item.get("role") not in ("user", "system")


def response_body(reply: Reply, streamed: bool) -> tuple[bytes, str]:
    """Return the body and its content type. A response with its `output` is streamed as OpenAI does it."""
    if "events" in reply:
        return _stream(reply["events"]), "text/event-stream"
    fields = {key: value for key, value in reply.items() if key not in _OF_TRANSPORT}
    whole = {"object": "response", "model": "m", "error": None, "incomplete_details": None, "usage": None, **fields}
    if streamed:
        return _stream(response_events(whole, ())), "text/event-stream"
    return json.dumps(whole).encode(), "application/json"


def _stream(events: Iterable[Reply | str]) -> bytes:
    return "".join(map(_event, events)).encode()


def _event(event: Reply | str) -> str:
    return event if isinstance(event, str) else f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
