"""Chat completions JSON on the client's side: encodes requests and decodes replies."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from journeyman.events.messages import (
    JSON,
    FilePart,
    ImagePart,
    Message,
    Part,
    TextPart,
    ToolCall,
    Usage,
    valid_text,
)
from journeyman.llm.client import ModelReply, ModelRequest, ToolDefinition
from journeyman.llm.gateway import json_text
from journeyman.llm.gateway.errors import bad_gateway_reply, reported_error

MAX_REPLY_BYTES = 32 << 20
COST_HEADER = "x-litellm-response-cost"

_KNOWN_FIELDS = frozenset(("role", "content", "tool_calls", "refusal", "function_call"))
_FINISH_REASONS = frozenset(("stop", "tool_calls", "length", "content_filter"))
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_encoder = msgspec.json.Encoder()
_arguments = msgspec.json.Decoder(dict[str, msgspec.Raw])


# --- requests


def encode_request(request: ModelRequest, *, stream: bool) -> bytes:
    """Return the body of a request. Fields that are not set are left out; `extra` never overrides another field."""
    body: dict[str, JSON] = {**request.extra, "model": request.model, "messages": _messages(request.messages)}
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
        if request.tool_choice is not None:
            body["tool_choice"] = _tool_choice(request.tool_choice)
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.max_tokens is not None:
        body["max_tokens"] = request.max_tokens
    if request.response_schema is not None:
        schema = {"name": "answer", "schema": request.response_schema}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    if stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    return _encoder.encode(body)


def _tool(tool: ToolDefinition) -> JSON:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _tool_choice(choice: str) -> JSON:
    if choice in ("auto", "none", "required"):
        return choice
    return {"type": "function", "function": {"name": choice}}


def _messages(messages: Iterable[Message]) -> list[JSON]:
    return [_message(message) for message in messages if message.content or not message.partial]


def _message(message: Message) -> JSON:
    if message.role == "assistant":
        if message.partial:  # it was stopped: its calls never ran, and its signatures do not fit the rest
            return {"role": "assistant", "content": message.text}
        body = {**message.extra, "role": "assistant"}
        if message.tool_calls:
            body["tool_calls"] = [_call(call) for call in message.tool_calls]
        # all servers accept null beside tool calls; some refuse a message without `content`
        body["content"] = _content(message.content) if message.content or not message.tool_calls else None
        return body
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.tool_call_id, "content": _content(message.content)}
    return {"role": message.role, "content": _content(message.content)}


def _content(parts: tuple[Part, ...]) -> JSON:
    if len(parts) == 1 and isinstance(parts[0], TextPart):
        return parts[0].text
    if all(isinstance(part, TextPart) for part in parts):
        return "".join(part.text for part in parts if isinstance(part, TextPart))
    return [_part(part) for part in parts]


def _part(part: Part) -> JSON:
    match part:
        case TextPart():
            return {"type": "text", "text": part.text}
        case ImagePart():
            return {"type": "image_url", "image_url": {"url": part.url}}
        case FilePart():
            file = {"file_data" if part.url.startswith("data:") else "file_id": part.url}
            return {"type": "file", "file": {**file, "filename": part.name} if part.name else file}


def _call(call: ToolCall) -> JSON:
    """Encode a tool call, with its name and arguments repaired.

    Gateways refuse a whole conversation for one invalid name, or for arguments that are not JSON.
    """
    name = call.name if _NAME.fullmatch(call.name) else re.sub(r"[^A-Za-z0-9_-]+", "_", call.name) or "unnamed"
    arguments = call.arguments
    try:
        _arguments.decode(arguments)
    except (ValueError, RecursionError):
        arguments = _encoder.encode({"not_json": arguments}).decode() if arguments.strip() else "{}"
    return {"id": call.id, "type": "function", "function": {"name": name, "arguments": arguments}}


# --- replies


class _Choice(msgspec.Struct):
    message: dict[str, JSON] | None = None
    finish_reason: JSON = None


class _Completion(msgspec.Struct):
    choices: list[_Choice] | None = None
    model: JSON = None
    usage: JSON = None
    error: JSON = None


_decoder = msgspec.json.Decoder(_Completion)


def decode_reply(body: bytes, headers: Mapping[str, str], *, model: str, attempts: int = 1) -> ModelReply:
    """Return the reply in a complete body. `model` is used if the gateway names none.

    Raises:
        ServiceError: The body is not a chat completion, or reports an error.
    """
    try:
        completion = json_text.read_json_text(body, _decoder)
    except ValueError as exc:
        raise bad_gateway_reply(f"it is not a chat completion ({exc})") from exc
    if completion.error and not completion.choices:
        raise reported_error(completion.error)
    if not completion.choices or completion.choices[0].message is None:
        raise bad_gateway_reply("it has no choices")
    choice = completion.choices[0]
    assert choice.message is not None
    return model_reply(
        text=content_text(choice.message.get("content")) + content_text(choice.message.get("refusal")),
        calls=_calls(choice.message.get("tool_calls")),
        extra=unknown_fields(choice.message),
        finish_reason=choice.finish_reason,
        model=completion.model or model,
        usage=usage_of(completion.usage, headers),
        attempts=attempts,
    )


def model_reply(
    *,
    text: str,
    calls: list[ToolCall],
    extra: dict[str, JSON],
    finish_reason: JSON,
    model: JSON,
    usage: Usage,
    attempts: int,
) -> ModelReply:
    """Return a reply that can be stored: valid text, distinct call ids, a finish reason that agrees with the calls."""
    reason = finish_reason if isinstance(finish_reason, str) and finish_reason in _FINISH_REASONS else "stop"
    if calls and reason == "stop":
        reason = "tool_calls"
    elif not calls and reason == "tool_calls":
        reason = "stop"
    text = valid_text(text)
    message = Message(
        role="assistant",
        content=(TextPart(text),) if text else (),
        tool_calls=distinct(calls) if calls else (),
        extra=json_text.storable(extra) if extra else {},
    )
    return ModelReply(
        message=message, model=valid_text(str(model)), usage=usage, finish_reason=reason, attempts=attempts
    )


def content_text(content: JSON) -> str:
    """Return the text of a message's `content`, which is a string, null or a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(_part_text(part) for part in content)
    return ""


def _part_text(part: JSON) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict) or part.get("type") not in (None, "text", "output_text", "refusal"):
        return ""
    text = part.get("text") or part.get("refusal")
    return text if isinstance(text, str) else ""


def unknown_fields(message: dict[str, JSON]) -> dict[str, JSON]:
    """Return the fields that a provider expects back unchanged, without empty ones, which some gateways refuse."""
    return {
        key: value
        for key, value in message.items()
        if key not in _KNOWN_FIELDS and value not in (None, "", [], {}, False)
    }


def _calls(calls: JSON) -> list[ToolCall]:
    if not calls:
        return []
    if not isinstance(calls, list) or not all(isinstance(call, dict) for call in calls):
        raise bad_gateway_reply("its tool_calls are not a list of calls")
    return [call_of(call.get("id"), call.get("function")) for call in calls]


def call_of(call_id: JSON, function: JSON) -> ToolCall:
    """Return the tool call, or the fragment of one, in a reply.

    Raises:
        ServiceError: It names no function.
    """
    if not isinstance(function, dict):
        raise bad_gateway_reply("a tool call names no function")
    arguments = function.get("arguments")
    if not isinstance(arguments, str):  # some servers send the object itself
        arguments = "" if arguments is None else _encoder.encode(json_text.storable(arguments)).decode()
    name = function.get("name")
    return ToolCall(
        id=call_id if isinstance(call_id, str) else "",
        name=name if isinstance(name, str) else "",
        arguments=arguments,
    )


def distinct(calls: list[ToolCall]) -> tuple[ToolCall, ...]:
    """Return the calls with valid texts and distinct, non-empty ids, which depend only on the calls.

    A call without arguments gets an empty object.
    """
    used: set[str] = set()
    repaired: list[ToolCall] = []
    for number, call in enumerate(calls, 1):
        wanted = valid_text(call.id) or f"call_{number}"
        call_id, copies = wanted, 1
        while call_id in used:
            copies += 1
            call_id = f"{wanted}_{copies}"  # some providers accept only letters, digits, _ and -
        used.add(call_id)
        repaired.append(ToolCall(call_id, valid_text(call.name), valid_text(call.arguments) or "{}"))
    return tuple(repaired)


def usage_of(usage: JSON, headers: Mapping[str, str]) -> Usage:
    """Return the tokens and the cost that the gateway reported. Missing tokens are 0; a missing cost is None."""
    fields: dict[str, Any] = usage if isinstance(usage, dict) else {}
    details = fields.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else fields.get("prompt_cache_hit_tokens")
    return Usage(
        json_text.count(fields.get("prompt_tokens", fields.get("input_tokens"))),
        json_text.count(fields.get("completion_tokens", fields.get("output_tokens"))),
        json_text.count(cached),
        _dollars(headers.get(COST_HEADER) or fields.get("cost")),
    )


def _dollars(value: JSON) -> float | None:
    try:
        cost = float(value)
    except (TypeError, ValueError):
        return None
    return cost if math.isfinite(cost) and cost >= 0 else None
