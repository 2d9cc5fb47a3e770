"""What the fake gateway shall answer, written into the user's message: the same after any number of restarts.

A plan is JSON: `{"marker": …, "steps": […]}`. The model's n-th reply of a run is step n. A step is

- a text: the answer;
- a list of `[tool, arguments]`: parallel tool calls;
- a mapping with `text` (`repeat` times) and, streamed, `chunks`, `interval`, `hold_after` (wait for
  `Gateway.release` after so many);
- a mapping with `fault` (see gateway.py), `times` (how often it strikes) and `then` (the step after that);
- a mapping with `reply`: the message as it is, for replies that a good model would not give.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

Step = str | list[list[Any]] | dict[str, Any]


def reply_script(marker: str, *steps: Step) -> str:
    """The user's message that carries this plan."""
    return json.dumps({"marker": marker, "steps": list(steps)})


def next_reply(messages: Sequence[dict[str, Any]]) -> tuple[str, int, Step]:
    """Marker, number of the step (from 1) and the step that answers these messages."""
    last = max(i for i, message in enumerate(messages) if message["role"] == "user" and not _of_results(message))
    number = 1 + sum(message["role"] == "assistant" for message in messages[last + 1 :])
    text = messages[last]["content"]
    if not isinstance(text, str):
        text = "".join(part.get("text", "") for part in text)
    if not text.startswith("{"):
        return text, number, f"You said: {text}"
    content = json.loads(text)
    steps = content["steps"]
    return content["marker"], number, steps[number - 1] if number <= len(steps) else "The plan is at its end."


def _of_results(message: dict[str, Any]) -> bool:
    """Whether the message holds the pictures of tool results, and nothing that a user said."""
    content = message["content"]
    return not isinstance(content, str) and content[0].get("text", "").startswith("[From the result of")


def violations(messages: Sequence[dict[str, Any]]) -> list[str]:
    """What a strict provider would refuse in this history."""
    found: list[str] = []
    open_ids: list[str] = []
    previous = ""
    for place, message in enumerate(messages):
        role = message["role"]
        if role == "tool":
            if message.get("tool_call_id") not in open_ids:
                found.append(
                    f"message {place}: a tool result for {message.get('tool_call_id')!r}, not asked just before"
                )
            else:
                open_ids.remove(message["tool_call_id"])
        elif open_ids:
            found.append(f"message {place}: calls {open_ids} have no result")
            open_ids = []
        if role == "assistant":
            ids = [call["id"] for call in message.get("tool_calls") or ()]
            if len(set(ids)) != len(ids):
                found.append(f"message {place}: two calls with one id: {ids}")
            if not ids and not message.get("content"):
                found.append(f"message {place}: an assistant message that says and asks nothing")
            if previous == "assistant":
                found.append(f"message {place}: the assistant twice in a row")
            open_ids = list(ids)
        if role == "system" and place:
            found.append(f"message {place}: a system message that is not the first")
        previous = role
    if open_ids:
        found.append(f"the end: calls {open_ids} have no result")
    conversation = [message["role"] for message in messages if message["role"] != "system"]
    if conversation and conversation[0] != "user":
        found.append(f"the conversation begins with {conversation[0]}")
    if conversation and conversation[-1] == "assistant":
        found.append("the conversation ends with the assistant")
    return found
