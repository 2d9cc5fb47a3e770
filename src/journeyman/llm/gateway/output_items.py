"""The output items of the Responses API: how a message keeps them, and how they are sent back. Pure.

A message has the texts and the calls of its items as any other message has them, and the rest of the items in its
opaque field `output`, in their order: a part of a message item without its text, a function call without what the tool
call says. So nothing is stored twice, and what is redacted in a call is nowhere else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Set
from typing import Any

from journeyman.events.messages import JSON, Message, Owner, TextPart, ToolCall, valid_text
from journeyman.llm.gateway import json_text
from journeyman.llm.gateway.arguments import as_text, complete_arguments
from journeyman.llm.gateway.partial_calls import MAX_CALLS, distinct
from journeyman.llm.gateway.tool_names import known_name
from journeyman.llm.gateway.wire import repaired_arguments, repaired_name

API = "responses"  # the `api` of the owner of output items
OUTPUT = "output"
CALL = "function_call"
TEXT_OF = {"output_text": "text", "text": "text", "refusal": "refusal"}  # types of parts, with the key of their text
_MAX_ID = 64  # characters that OpenAI accepts; ChatGPT and GitHub Copilot give longer ids and refuse them then
_OF_CALL = frozenset(("type", "call_id", "name", "arguments"))
_NEEDED = frozenset(("type", "role", "content", "call_id", "name", "arguments", "text", "refusal"))

Item = dict[str, Any]


def reply_message(items: Iterable[Item], tools: Collection[str], *, ended_well: bool) -> Message:
    """Return the message of a reply with these items. `tools`: the names of the request's tools."""
    texts: list[str] = []
    calls: list[ToolCall] = []
    kept: list[JSON] = []
    dropped = 0
    for item in items:
        if item.get("type") == CALL and len(calls) >= MAX_CALLS:
            dropped += 1
        elif item.get("type") == CALL:
            calls.append(_call(item, tools, ended_well))
            kept.append({"type": CALL})
        else:
            kept.append(_without_texts(item, texts) if item.get("type") == "message" else item)
    return Message(
        role="assistant",
        content=tuple(TextPart(valid_text(text)) for text in texts),
        tool_calls=distinct(calls) if calls else (),
        dropped_calls=dropped,
        extra={OUTPUT: json_text.storable(kept)} if kept else {},
    )


def sent_items(message: Message, refused: Set[str] = frozenset()) -> list[JSON]:
    """Return a reply as items of a request: those that it came with, or else new ones for its text and its calls.

    `refused` are types of items, and names of their fields, that are left out.
    """
    kept = message.extra.get(OUTPUT)
    if not isinstance(kept, list) or not _fits(kept, message):
        return _new_items(message)
    if "reasoning" in refused:
        refused = refused | {"id"}  # OpenAI knows by the id of a call that reasoning came before it, and wants that too
    texts = (part.text for part in message.content if isinstance(part, TextPart))
    calls = iter(message.tool_calls)
    items = (_sent_item(item, texts, calls, refused, spoken=bool(message.content)) for item in kept)
    return [item for item in items if item is not None]


def sent_call_id(call_id: str) -> str:
    """Return the id of a call as a request has it, which is another one if it is too long."""
    return call_id if len(call_id) <= _MAX_ID else f"call_{hashlib.sha256(call_id.encode()).hexdigest()[:48]}"


def item_names(messages: Iterable[Message], owner: Owner) -> frozenset[str]:
    """Return the names by which `sent_items` can leave out parts of the items that this owner gets back."""
    names: set[str] = set()
    for message in messages:
        if message.owner == owner:
            for item in message.extra.get(OUTPUT, ()):
                names.update(_names(item))
            for call in message.tool_calls:
                names.update(call.extra)
    return frozenset(names)


def item_ids(messages: Iterable[Message], owner: Owner) -> frozenset[str]:
    """Return the ids of the items that this owner gets back."""
    owned = [message for message in messages if message.owner == owner]
    items = [item.get("id") for message in owned for item in message.extra.get(OUTPUT, ()) if isinstance(item, dict)]
    calls = [call.extra.get("id") for message in owned for call in message.tool_calls]
    return frozenset(item_id for item_id in (*items, *calls) if isinstance(item_id, str) and item_id)


def item_text(item: Item) -> str:
    """Return the text of a message item."""
    texts: list[str] = []
    _without_texts(item, texts)
    return "".join(texts)


def _call(item: Item, tools: Collection[str], ended_well: bool) -> ToolCall:
    call_id = item.get("call_id") or item.get("id")
    name = item.get("name")
    arguments = complete_arguments(as_text(item.get("arguments")), ended_well=ended_well)
    extra = json_text.storable({key: value for key, value in item.items() if key not in _OF_CALL})
    return ToolCall(
        call_id if isinstance(call_id, str) else "",
        known_name(name if isinstance(name, str) else "", tools),
        arguments,
        extra=extra,
    )


def _without_texts(item: Item, texts: list[str]) -> Item:
    """Return a message item without its texts, which are added to `texts`. An empty text stays in its place."""
    content = item.get("content")
    if isinstance(content, str) and content:
        texts.append(content)
        return {key: value for key, value in item.items() if key != "content"}
    if not isinstance(content, list):
        return item
    return {**item, "content": [_without_text(part, texts) for part in content]}


def _without_text(part: JSON, texts: list[str]) -> JSON:
    key = _text_key(part)
    if key is None or not isinstance(text := part.get(key), str) or not text:
        return part
    texts.append(text)
    return {name: value for name, value in part.items() if name != key}


def _text_key(part: JSON) -> str | None:
    """Return the key of a part's text. Returns None if the part is of another kind."""
    kind = part.get("type") if isinstance(part, dict) else None
    return TEXT_OF.get(kind) if isinstance(kind, str) else None


def _fits(kept: list[JSON], message: Message) -> bool:
    """Return whether the items have places for the message's texts and calls. An edited message is another one."""
    if not all(isinstance(item, dict) for item in kept):
        return False
    places = sum(map(_places, kept))
    calls = sum(item.get("type") == CALL for item in kept)
    return len(message.content) in (0, places) and len(message.tool_calls) == calls


def _places(item: Item) -> int:
    """Return how many texts were taken out of an item."""
    if item.get("type") != "message":
        return 0
    content = item.get("content")
    if "content" not in item:
        return 1
    if not isinstance(content, list):
        return 0
    return sum((key := _text_key(part)) is not None and key not in part for part in content)


def _sent_item(
    item: Item, texts: Iterator[str], calls: Iterator[ToolCall], refused: Set[str], *, spoken: bool
) -> JSON | None:
    """Return an item as it came, without what is refused. None: nothing is left of it that can be sent."""
    kind = item.get("type")
    if kind == CALL:
        call = next(calls)
        return {**_sendable(call.extra, refused), **_call_item(call)}
    if kind == "message":
        if _places(item) and not spoken:  # its text is only white space, which is not sent
            return None
        return _with_texts(item, texts, refused)
    if kind in refused or (kind == "reasoning" and not _says_something(item)):
        return None
    return _sendable(item, refused)


def _says_something(reasoning: Item) -> bool:
    """Return whether a server that stores nothing can read this: one with an id alone refers to what is not stored."""
    return bool(reasoning.get("encrypted_content") or reasoning.get("content") or reasoning.get("summary"))


def _with_texts(item: Item, texts: Iterator[str], refused: Set[str]) -> JSON | None:
    """Return a message item with its texts. None: it has no text."""
    if "content" not in item:
        return {**_sendable(item, refused), "content": next(texts)}
    if not isinstance(item["content"], list):
        return _sendable(item, refused) if item["content"] else None
    parts = [_with_text(part, texts, refused) for part in item["content"]]
    parts = [part for part in parts if (key := _text_key(part)) is None or part.get(key)]
    return {**_sendable(item, refused), "content": parts} if parts else None


def _with_text(part: JSON, texts: Iterator[str], refused: Set[str]) -> JSON:
    key = _text_key(part)
    if key is not None and key not in part:
        part = {**part, key: next(texts)}
    return _without(part, refused) if isinstance(part, dict) else part


def _new_items(message: Message) -> list[JSON]:
    items: list[JSON] = []
    if text := message.text:
        items.append({"type": "message", "role": "assistant", "content": text})
    items.extend(_call_item(call) for call in message.tool_calls)
    return items


def _call_item(call: ToolCall) -> Item:
    return {
        "type": CALL,
        "call_id": sent_call_id(call.id),
        "name": repaired_name(call.name),
        "arguments": repaired_arguments(call.arguments),
    }


def _sendable(item: Item, refused: Set[str]) -> Item:
    """Return the fields of an item that are sent. Its id is not needed, so one that is too long is left out."""
    item_id = item.get("id")
    return _without(item, refused | {"id"} if isinstance(item_id, str) and len(item_id) > _MAX_ID else refused)


def _without(fields: Item, names: Set[str]) -> Item:
    return {key: value for key, value in fields.items() if key not in names} if names else fields


def _names(item: JSON) -> Iterator[str]:
    if not isinstance(item, dict):
        return
    kind = item.get("type")
    if isinstance(kind, str) and kind not in ("message", CALL):
        yield kind
    yield from item.keys() - _NEEDED
    content = item.get("content")
    for part in content if kind == "message" and isinstance(content, list) else ():
        yield from part.keys() - _NEEDED if isinstance(part, dict) else ()
