"""JSON of the Responses API on the server's side: decodes requests and encodes replies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from journeyman.errors import ServiceError, ValidationError
from journeyman.events.messages import JSON, FilePart, ImagePart, Message, Part, TextPart, ToolCall
from journeyman.llm.client import ModelReply, ModelRequest, ToolDefinition
from journeyman.llm.fake.wire import ROLES, ChatRequest
from journeyman.llm.gateway.output_items import sent_items
from journeyman.llm.gateway.partial_text import content_text

Item = dict[str, Any]
_REASONING = "reasoning.encrypted_content"
_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


class ResponsesRequest(ChatRequest, frozen=True):
    """A model request, and how its reply is to be sent. `reasons`: it begins with a reasoning item."""

    reasons: bool = False


class _Tool(msgspec.Struct):
    type: str
    name: str = ""
    description: str | None = None
    parameters: dict[str, JSON] | None = None


class _Body(msgspec.Struct):
    input: str | list[Item]
    model: str = "offline"
    instructions: str | None = None
    tools: list[_Tool] | None = None
    tool_choice: JSON = None
    temperature: float | None = None
    max_output_tokens: int | None = None
    text: dict[str, JSON] | None = None
    reasoning: dict[str, JSON] | None = None
    include: list[str] | None = None
    store: bool | None = None
    stream: bool | None = None


_BEGUN: dict[str, Item] = {  # what differs in an item that has begun
    "message": {"content": [], "status": "in_progress"},
    "function_call": {"arguments": "", "status": "in_progress"},
}
_decoder = msgspec.json.Decoder(_Body)


def decode_responses_request(body: bytes) -> ResponsesRequest:
    """Decode a request body.

    Raises:
        ValidationError: The body is invalid; the message says where.
        ServiceError: It refers to an item that is not stored.
    """
    try:
        sent = _decoder.decode(body)
    except (ValueError, RecursionError) as exc:
        raise ValidationError(f"the body is not a request of the Responses API: {exc}") from exc
    items: list[Item] = [{"role": "system", "content": sent.instructions}] if sent.instructions else []
    items += [{"role": "user", "content": sent.input}] if isinstance(sent.input, str) else sent.input
    if not items:
        raise ValidationError("input must not be empty")
    choice = sent.tool_choice.get("name") if isinstance(sent.tool_choice, dict) else sent.tool_choice
    request = ModelRequest(
        model=sent.model,
        messages=tuple(_messages(items)),
        tools=tuple(_definition(tool) for tool in sent.tools or () if tool.type == "function"),
        tool_choice=choice if isinstance(choice, str) else None,
        temperature=sent.temperature,
        max_tokens=sent.max_output_tokens,
        response_schema=_schema(sent.text or {}),
    )
    effort = (sent.reasoning or {}).get("effort")
    reasons = effort not in (None, "none") and (sent.store is not False or _REASONING in (sent.include or ()))
    return ResponsesRequest(request, bool(sent.stream), True, reasons)


def _messages(items: Iterable[Item]) -> list[Message]:
    """Convert the items. Those of one reply become one message, and a tool's result gets the name of its call."""
    messages: list[Message] = []
    names: dict[str, str] = {}
    replying = False  # the last message is a reply that may go on
    for item in items:
        message = _message(item, names)
        if message is None:
            continue
        if message.role == "assistant" and replying:
            message = _joined(messages.pop(), message)
        messages.append(message)
        replying = message.role == "assistant"
    return messages


def _joined(first: Message, second: Message) -> Message:
    return Message(
        role="assistant",
        content=first.content + second.content,
        tool_calls=first.tool_calls + second.tool_calls,
    )


def _message(item: Item, names: dict[str, str]) -> Message | None:
    """Convert an item. None: it is of a type that says nothing to the model here."""
    kind = item.get("type", "message")
    if kind == "function_call":
        call = ToolCall(str(item.get("call_id")), str(item.get("name")), str(item.get("arguments")))
        names[call.id] = call.name
        return Message(role="assistant", tool_calls=(call,))
    if kind == "function_call_output":
        call_id = str(item.get("call_id"))
        if call_id not in names:
            raise ValidationError(f"No tool call found for function call output with call_id {call_id}.")
        content = tuple(_parts(item.get("output")))
        return Message(role="tool", content=content, tool_call_id=call_id, name=names[call_id])
    if kind == "reasoning" and not item.get("encrypted_content"):
        message = f"Item with id '{item.get('id')}' not found. Items are not persisted when `store` is set to false."
        raise ServiceError(message, code="not_found", status=404)
    role = ROLES.get(str(item.get("role"))) if kind == "message" else None
    if kind == "message" and role is None:
        raise ValidationError(f"a message has the unknown role {item.get('role')!r}; use one of {', '.join(ROLES)}")
    return None if role is None else Message(role=role, content=tuple(_parts(item.get("content"))))


def _parts(content: JSON) -> Iterator[Part]:
    for part in content if isinstance(content, list) else [content]:
        fields = part if isinstance(part, dict) else {}
        if text := content_text([{**fields, "type": "text"} if fields.get("type") == "input_text" else part]):
            yield TextPart(text)
        elif fields.get("type") == "input_image":
            yield ImagePart(str(fields.get("image_url") or ""))
        elif fields.get("type") == "input_file":
            url = fields.get("file_data") or fields.get("file_url") or fields.get("file_id")
            yield FilePart(str(url or ""), str(fields.get("filename") or ""))


def _definition(tool: _Tool) -> ToolDefinition:
    return ToolDefinition(tool.name, tool.description or "", tool.parameters or {"type": "object"})


def _schema(text: dict[str, Any]) -> dict[str, JSON] | None:
    described = text.get("format")
    schema = described.get("schema") if isinstance(described, dict) else None
    return schema if isinstance(schema, dict) else None


# --- replies


def response(reply: ModelReply, request: ResponsesRequest, number: int, created: int) -> Item:
    """Return the body of a reply that is not streamed; `created` is in seconds since the epoch."""
    reason = _INCOMPLETE.get(reply.finish_reason)
    return {
        **_head(request, number, created),
        "status": "incomplete" if reason else "completed",
        "incomplete_details": {"reason": reason} if reason else None,
        "output": list(_output(reply, request, number)),
        "usage": _usage(reply, request),
    }


def response_events(whole: Item, pieces: Iterable[str]) -> Iterator[Item]:
    """Return the events of a streamed response. The text of its first message is split into `pieces`."""
    begun = {**whole, "status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
    events: list[Item] = [{"type": f"response.{kind}", "response": begun} for kind in ("created", "in_progress")]
    left = tuple(pieces)
    for index, item in enumerate(whole["output"]):
        is_message = item["type"] == "message"
        events += ({**event, "output_index": index} for event in _item_events(item, left if is_message else ()))
        left = () if is_message else left
    events.append({"type": f"response.{whole['status']}", "response": whole})
    for number, event in enumerate(events):
        yield {**event, "sequence_number": number}


def _head(request: ResponsesRequest, number: int, created: int) -> Item:
    asked = request.request
    return {
        "id": f"resp_{number}",
        "object": "response",
        "created_at": created,
        "model": asked.model,
        "error": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "temperature": asked.temperature,
        "tool_choice": asked.tool_choice or "auto",
        "tools": [],
        "top_p": None,
        "max_output_tokens": asked.max_tokens,
    }


def _output(reply: ModelReply, request: ResponsesRequest, number: int) -> Iterator[Item]:
    """Return the items of a reply. Those that a recorded reply came with are sent as they are."""
    if request.reasons:
        yield {"type": "reasoning", "id": f"rs_{number}", "summary": [], "encrypted_content": f"sealed-{number}"}
    for place, item in enumerate(sent_items(reply.message)):
        if item["type"] == "message" and isinstance(item["content"], str):
            content = [{"type": "output_text", "text": item["content"], "annotations": []}]
            yield {**item, "id": f"msg_{number}_{place}", "status": "completed", "content": content}
        elif item["type"] == "function_call":
            yield {"id": f"fc_{number}_{place}", "status": "completed", **item}
        else:
            yield item


def _item_events(item: Item, pieces: tuple[str, ...]) -> Iterator[Item]:
    yield {"type": "response.output_item.added", "item": {**item, **_BEGUN.get(item["type"], {})}}
    if item["type"] == "message":
        for number, part in enumerate(item["content"]):
            yield from _part_events(part, pieces, {"item_id": item["id"], "content_index": number})
    elif item["type"] == "function_call":
        kind, arguments = "response.function_call_arguments", item["arguments"]
        for piece in (arguments[: len(arguments) // 2], arguments[len(arguments) // 2 :]):
            yield {"type": f"{kind}.delta", "item_id": item["id"], "delta": piece}
        yield {"type": f"{kind}.done", "item_id": item["id"], "name": item["name"], "arguments": arguments}
    yield {"type": "response.output_item.done", "item": item}


def _part_events(part: Item, pieces: tuple[str, ...], place: Item) -> Iterator[Item]:
    kind, key = ("refusal", "refusal") if part["type"] == "refusal" else ("output_text", "text")
    rest: Item = {"logprobs": []} if kind == "output_text" else {}
    yield {"type": "response.content_part.added", **place, "part": {**part, key: ""}}
    for piece in pieces if "".join(pieces) == part[key] else (part[key],):
        yield {"type": f"response.{kind}.delta", **place, "delta": piece, **rest}
    yield {"type": f"response.{kind}.done", **place, key: part[key], **rest}
    yield {"type": "response.content_part.done", **place, "part": part}


def _usage(reply: ModelReply, request: ResponsesRequest) -> Item:
    usage = reply.usage
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.output_tokens // 2 if request.reasons else 0},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
