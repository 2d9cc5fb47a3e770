"""Encodes requests as chat completions JSON."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from journeyman.events.messages import (
    JSON,
    FilePart,
    ImagePart,
    Message,
    Owner,
    Part,
    TextPart,
    ToolCall,
)
from journeyman.llm.client import ModelRequest, ToolDefinition
from journeyman.llm.gateway.arguments import is_nothing
from journeyman.llm.gateway.call_ids import with_sent_ids
from journeyman.llm.gateway.sent_messages import sent_messages
from journeyman.llm.gateway.wire_choices import USUAL, WireChoices

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_encoder = msgspec.json.Encoder()
_arguments = msgspec.json.Decoder(dict[str, msgspec.Raw])


def encode_request(request: ModelRequest, *, stream: bool, choices: WireChoices = USUAL, gateway: str = "") -> bytes:
    """Return the body of a request to the gateway of this name.

    Fields that are not set are left out. `extra` never overrides another field, but null in it removes one.
    """
    extra, own = request.extra, _parameters(request, stream, choices)
    if extra or choices.dropped:
        extra = {key: value for key, value in extra.items() if value is not None}
        left_out = choices.dropped | (request.extra.keys() - extra.keys())
        own = {key: value for key, value in own.items() if key not in left_out}
    owner = Owner(request.model, gateway)
    messages = sent_messages(with_sent_ids(request.messages, owner), owner, choices.without_opaque)
    return _encoder.encode(
        {**extra, "model": request.model, "messages": [_message(message, choices) for message in messages], **own}
    )


def _parameters(request: ModelRequest, stream: bool, choices: WireChoices) -> dict[str, JSON]:
    """Return the fields that the request sets, all but the model and the messages."""
    body: dict[str, JSON] = {}
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
        if request.tool_choice is not None:
            body["tool_choice"] = _tool_choice(request.tool_choice)
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.max_tokens is not None:
        body["max_completion_tokens" if choices.max_completion_tokens else "max_tokens"] = request.max_tokens
    mode = request.response_mode
    if request.response_schema is not None and (mode == "json" or (mode == "schema" and choices.json_object)):
        body["response_format"] = {"type": "json_object"}
    elif request.response_schema is not None and mode == "schema":
        schema = {"name": "answer", "schema": request.response_schema}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    if stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    return body


def _tool(tool: ToolDefinition) -> JSON:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _tool_choice(choice: str) -> JSON:
    if choice in ("auto", "none", "required"):
        return choice
    return {"type": "function", "function": {"name": choice}}


def _message(message: Message, choices: WireChoices) -> JSON:
    if message.role == "assistant":
        body = {**message.extra, "role": "assistant"}
        if message.tool_calls:
            body["tool_calls"] = [_call(call) for call in message.tool_calls]
        # most servers accept null beside tool calls; some refuse a message without `content`
        if "content" not in body:
            empty = "" if choices.empty_content else None
            body["content"] = sent_content(message.content, _part) if message.content else empty
        return body
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.tool_call_id, "content": sent_content(message.content, _part)}
    return {"role": message.role, "content": sent_content(message.content, _part)}


def sent_content(parts: tuple[Part, ...], encode: Callable[[Part], JSON]) -> JSON:
    """Return content as a text if it is only text, and else as a list of its parts, each encoded by `encode`."""
    if len(parts) == 1 and isinstance(parts[0], TextPart):
        return parts[0].text
    if all(isinstance(part, TextPart) for part in parts):
        return "".join(part.text for part in parts if isinstance(part, TextPart))
    return [encode(part) for part in parts]


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
    function = {"name": repaired_name(call.name), "arguments": repaired_arguments(call.arguments)}
    if not call.extra:
        return {"id": call.id, "type": "function", "function": function}
    function = {**call.extra.get("function", {}), **function}
    return {**call.extra, "id": call.id, "type": "function", "function": function}


def repaired_name(name: str) -> str:
    """Return the name of a call, with other characters in the place of those that gateways refuse."""
    return name if _NAME.fullmatch(name) else re.sub(r"[^A-Za-z0-9_-]+", "_", name)[:64] or "unnamed"


def repaired_arguments(arguments: str) -> str:
    """Return the arguments of a call as a JSON object, which they are unless the model wrote something else."""
    try:
        _arguments.decode(arguments)
    except (ValueError, RecursionError):
        return _encoder.encode({"not_json": arguments}).decode() if not is_nothing(arguments) else "{}"
    return arguments
