"""Encodes requests as JSON of the Responses API. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from journeyman.events.messages import JSON, FilePart, ImagePart, Message, Owner, Part, TextPart
from journeyman.llm.client import ModelRequest, ToolDefinition
from journeyman.llm.gateway.call_ids import with_sent_ids
from journeyman.llm.gateway.output_items import API, sent_call_id, sent_items
from journeyman.llm.gateway.sent_messages import sent_messages
from journeyman.llm.gateway.wire import sent_content
from journeyman.llm.gateway.wire_choices import USUAL, WireChoices

REASONING = "reasoning.encrypted_content"
_CHAT_NAMES = {  # of what `extra` sets for chat completions: where the Responses API has it
    "reasoning_effort": ("reasoning", "effort"),
    "verbosity": ("text", "verbosity"),
    "max_tokens": ("max_output_tokens", None),
    "max_completion_tokens": ("max_output_tokens", None),
    "response_format": ("text", "format"),
}
_OTHER_NAMES = {"text": "response_format", "max_output_tokens": "max_tokens"}  # by which parameters are left out too
_encoder = msgspec.json.Encoder()


def encode_responses_request(
    request: ModelRequest, *, stream: bool, choices: WireChoices = USUAL, gateway: str = ""
) -> bytes:
    """Return the body of a request to the gateway of this name.

    Nothing is stored at the server, so the request holds the whole conversation, with the items of all replies as they
    came. Fields that are not set are left out. `extra` never overrides a field that the request sets, but null in it
    removes one; what it sets for chat completions goes where this API has it.
    """
    extra = _extra(request)
    removed = choices.dropped | {key for key, value in request.extra.items() if value is None}
    own = {
        key: value
        for key, value in _parameters(request, stream).items()
        if key not in removed and _OTHER_NAMES.get(key) not in removed
    }
    if isinstance(text := extra.get("text"), dict) and "text" in own:
        own["text"] = {**text, **own["text"]}
    if isinstance(include := extra.get("include"), list) and "include" in own:
        own["include"] = [*own["include"], *(each for each in include if each not in own["include"])]
    if "store" in extra:
        own.pop("store", None)
    return _encoder.encode({**extra, "model": request.model, "input": _input(request, choices, gateway), **own})


def _extra(request: ModelRequest) -> dict[str, JSON]:
    """Return what `extra` sets, with the names of the Responses API."""
    extra = {key: value for key, value in request.extra.items() if value is not None}
    for key, (name, field) in _CHAT_NAMES.items():
        if key not in extra:
            continue
        value = extra.pop(key)
        if field is None:
            extra.setdefault(name, value)
        elif isinstance(known := extra.get(name, {}), dict):
            extra[name] = {field: _format(value) if field == "format" else value, **known}
    if isinstance(options := extra.get("stream_options"), dict):  # usage is always sent, and may not be asked for
        extra["stream_options"] = {key: value for key, value in options.items() if key != "include_usage"}
    return {key: value for key, value in extra.items() if key != "stream_options" or value}


def _format(response_format: JSON) -> JSON:
    """Return a `response_format` of chat completions as a `text.format`."""
    if not isinstance(response_format, dict) or not isinstance(schema := response_format.get("json_schema"), dict):
        return response_format
    return {**{key: value for key, value in response_format.items() if key != "json_schema"}, **schema}


def _parameters(request: ModelRequest, stream: bool) -> dict[str, JSON]:
    """Return the fields that the request sets, all but the model and the input."""
    body: dict[str, JSON] = {"store": False, "include": [REASONING]}
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
        if request.tool_choice is not None:
            body["tool_choice"] = _tool_choice(request.tool_choice)
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.max_tokens is not None:
        body["max_output_tokens"] = request.max_tokens
    if request.response_schema is not None and request.response_mode == "json":
        body["text"] = {"format": {"type": "json_object"}}
    elif request.response_schema is not None and request.response_mode == "schema":
        body["text"] = {"format": {"type": "json_schema", "name": "answer", "schema": request.response_schema}}
    if stream:
        body["stream"] = True
    return body


def _tool(tool: ToolDefinition) -> JSON:
    """Encode a tool. Unlike at chat completions, functions are strict unless the request says otherwise."""
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", **function, "strict": False}


def _tool_choice(choice: str) -> JSON:
    return choice if choice in ("auto", "none", "required") else {"type": "function", "name": choice}


def _input(request: ModelRequest, choices: WireChoices, gateway: str) -> list[JSON]:
    owner = Owner(request.model, gateway, API)
    messages = sent_messages(with_sent_ids(request.messages, owner), owner, choices.without_opaque)
    return [item for message in messages for item in _items(message, choices)]


def _items(message: Message, choices: WireChoices) -> Iterator[JSON]:
    if message.role == "assistant":
        yield from sent_items(message, choices.without_opaque)
    elif message.role == "tool":
        output = sent_content(message.content, _part)
        yield {"type": "function_call_output", "call_id": sent_call_id(message.tool_call_id or ""), "output": output}
    else:
        yield {"role": message.role, "content": sent_content(message.content, _part)}


def _part(part: Part) -> JSON:
    match part:
        case TextPart():
            return {"type": "input_text", "text": part.text}
        case ImagePart():
            return {"type": "input_image", "image_url": part.url, "detail": "auto"}
        case FilePart():
            file = {"type": "input_file", _file_key(part.url): part.url}
            return {**file, "filename": part.name} if part.name else file


def _file_key(url: str) -> str:
    if url.startswith("data:"):
        return "file_data"
    return "file_url" if url.startswith(("http://", "https://")) else "file_id"
