"""Chat completions JSON on the server's side: decodes requests and encodes replies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from journeyman.errors import ValidationError
from journeyman.events.messages import JSON, FilePart, ImagePart, Message, Part, Role, TextPart, ToolCall
from journeyman.llm.client import ModelReply, ModelRequest, ToolDefinition
from journeyman.llm.gateway.partial_text import content_text

ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}


class ChatRequest(msgspec.Struct, frozen=True):
    """A model request, and how its reply is to be sent."""

    request: ModelRequest
    stream: bool
    include_usage: bool


class _Function(msgspec.Struct):
    name: str
    description: str | None = None
    parameters: dict[str, JSON] | None = None
    arguments: str = ""


class _Tool(msgspec.Struct):
    function: _Function
    id: str = ""


class _Message(msgspec.Struct):
    role: str
    content: JSON = None
    tool_calls: list[_Tool] | None = None
    tool_call_id: str | None = None
    name: str | None = None


class _Body(msgspec.Struct):
    messages: list[_Message]
    model: str = "offline"
    tools: list[_Tool] | None = None
    tool_choice: JSON = None
    temperature: float | None = None
    max_tokens: int | None = None
    response_format: dict[str, JSON] | None = None
    stream: bool | None = None
    stream_options: dict[str, JSON] | None = None


_decoder = msgspec.json.Decoder(_Body)


def decode_request(body: bytes) -> ChatRequest:
    """Decode a request body.

    Raises:
        ValidationError: The body is invalid; the message says where.
    """
    try:
        chat_body = _decoder.decode(body)
    except (ValueError, RecursionError) as exc:
        raise ValidationError(f"the body is not a chat completion request: {exc}") from exc
    if not chat_body.messages:
        raise ValidationError("messages must not be empty")
    request = ModelRequest(
        model=chat_body.model,
        messages=tuple(_messages(chat_body.messages)),
        tools=tuple(_definition(tool.function) for tool in chat_body.tools or ()),
        tool_choice=_choice(chat_body.tool_choice),
        temperature=chat_body.temperature,
        max_tokens=chat_body.max_tokens,
        response_schema=_schema(chat_body.response_format or {}),
    )
    return ChatRequest(request, bool(chat_body.stream), bool((chat_body.stream_options or {}).get("include_usage")))


def _messages(messages: Iterable[_Message]) -> Iterator[Message]:
    """Convert the messages; a tool's result gets the name of its call."""
    names: dict[str | None, str] = {}
    for message in messages:
        names.update((call.id, call.function.name) for call in message.tool_calls or ())
        yield _message(message, message.name or names.get(message.tool_call_id))


def _message(message: _Message, name: str | None) -> Message:
    role = ROLES.get(message.role)
    if role is None:
        raise ValidationError(f"a message has the unknown role {message.role!r}; use one of {', '.join(ROLES)}")
    return Message(
        role=role,
        content=tuple(_parts(message.content)),
        tool_calls=tuple(
            ToolCall(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or ()
        ),
        tool_call_id=message.tool_call_id,
        name=name if role == "tool" else None,
    )


def _parts(content: JSON) -> Iterator[Part]:
    for part in content if isinstance(content, list) else [content]:
        if text := content_text([part]):
            yield TextPart(text)
        elif isinstance(part, dict) and isinstance(image := part.get("image_url"), dict):
            yield ImagePart(str(image.get("url", "")))
        elif isinstance(part, dict) and isinstance(file := part.get("file"), dict):
            yield FilePart(str(file.get("file_data") or file.get("file_id") or ""), str(file.get("filename") or ""))


def _definition(function: _Function) -> ToolDefinition:
    return ToolDefinition(function.name, function.description or "", function.parameters or {"type": "object"})


def _choice(choice: JSON) -> str | None:
    if isinstance(choice, dict):
        function = choice.get("function")
        choice = function.get("name") if isinstance(function, dict) else None
    return choice if isinstance(choice, str) else None


def _schema(response_format: dict[str, Any]) -> dict[str, JSON] | None:
    described = response_format.get("json_schema")
    schema = described.get("schema") if isinstance(described, dict) else None
    return schema if isinstance(schema, dict) else None


# --- replies


def completion(reply: ModelReply, model: str, number: int, created: int) -> JSON:
    """Return the body of a reply that is not streamed; `created` is in seconds since the epoch."""
    message: dict[str, JSON] = {"content": reply.message.text or None, **_opaque(reply), "role": "assistant"}
    if reply.message.tool_calls:
        message["tool_calls"] = [_call(call) for call in reply.message.tool_calls]
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": reply.finish_reason}],
        "usage": _usage(reply),
    }


def chunks(
    reply: ModelReply, pieces: Iterable[str], model: str, number: int, created: int, *, include_usage: bool
) -> Iterator[JSON]:
    """Return the chunks of a streamed reply whose text is split into `pieces`."""
    head = {"id": f"chatcmpl-{number}", "object": "chat.completion.chunk", "created": created, "model": model}

    def chunk(delta: JSON, finish_reason: str | None = None) -> JSON:
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}

    extra = _opaque(reply)
    yield chunk({"role": "assistant", "content": "", **extra})
    for piece in () if "content" in extra else pieces:
        yield chunk({"content": piece})
    for index, call in enumerate(reply.message.tool_calls):
        yield chunk({"tool_calls": [{"index": index, **_call(call)}]})
    yield chunk({}, reply.finish_reason)
    if include_usage:
        yield {**head, "choices": [], "usage": _usage(reply)}


def _opaque(reply: ModelReply) -> dict[str, JSON]:
    """Return the opaque fields of a reply, unless they are of the other API."""
    owner = reply.message.owner
    return {} if owner is not None and owner.api else reply.message.extra


def _call(call: ToolCall) -> dict[str, JSON]:
    function = {**call.extra.get("function", {}), "name": call.name, "arguments": call.arguments}
    return {**call.extra, "id": call.id, "type": "function", "function": function}


def _usage(reply: ModelReply) -> JSON:
    usage = reply.usage
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


def failure(message: str, kind: str, code: str) -> JSON:
    """Return the body of an error."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}
