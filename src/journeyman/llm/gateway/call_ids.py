"""Makes the ids of tool calls in a request such that its server accepts them: each once, in a plain form. Pure.

An id stays as its model made it, since some models keep a signature in it. Only an id that was used before, or that
another model made and that is not plain, is replaced, in the call and in its result.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Sequence

import msgspec

from journeyman.events.messages import Message, Owner, ToolCall

MAX_LENGTH = 40  # OpenAI refuses longer ones
_PLAIN = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_LENGTH}}}")
_OTHER = re.compile(r"[^A-Za-z0-9_-]+")

_replace = msgspec.structs.replace


def is_plain(call_id: str) -> bool:
    """Return whether every server takes this id."""
    return _PLAIN.fullmatch(call_id) is not None


def with_sent_ids(messages: Sequence[Message], owner: Owner) -> Sequence[Message]:
    """Return the messages with the ids that are sent to `owner`. The same messages if none has to be replaced."""
    used: set[str] = set()
    changed: dict[int, Message] = {}
    results: dict[str | None, deque[str]] = {}
    for index, message in enumerate(messages):
        if message.tool_calls:
            results = defaultdict(deque)
            ids = [_sent_id(call.id, message, owner, used) for call in message.tool_calls]
            for call, sent in zip(message.tool_calls, ids, strict=True):
                results[call.id].append(sent)
            if any(call.id != sent for call, sent in zip(message.tool_calls, ids, strict=True)):
                changed[index] = _replace(message, tool_calls=tuple(map(_with_id, message.tool_calls, ids)))
        elif message.role == "tool" and (sent_ids := results.get(message.tool_call_id)):
            sent = sent_ids.popleft() if len(sent_ids) > 1 else sent_ids[0]
            if sent != message.tool_call_id:
                changed[index] = _replace(message, tool_call_id=sent)
    return [changed.get(index, message) for index, message in enumerate(messages)] if changed else messages


def _with_id(call: ToolCall, call_id: str) -> ToolCall:
    return call if call.id == call_id else _replace(call, id=call_id)


def _sent_id(call_id: str, message: Message, owner: Owner, used: set[str]) -> str:
    """Return the id under which a call is sent, and add it to those that are used.

    A reply without an owner was stored before owners were; it is not known which model made its ids, so they stay.
    """
    is_own = message.owner is None or message.owner == owner
    wanted = call_id if call_id and (is_own or is_plain(call_id)) else _OTHER.sub("_", call_id)[:MAX_LENGTH] or "call"
    sent, copies = wanted, 1
    while sent in used:
        copies += 1
        suffix = f"_{copies}"
        sent = _OTHER.sub("_", wanted)[: MAX_LENGTH - len(suffix)] + suffix
    used.add(sent)
    return sent
