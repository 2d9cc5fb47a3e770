"""Requests of chat completions: their fields, and what of them becomes the history and the input of a run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from journeyman.api.problems import RequestError
from journeyman.events.messages import FilePart, ImagePart, Message, Part, TextPart

MOST_MESSAGES = 2000
_INSTRUCTIONS = "[Instructions that came with the conversation]\n"
_TOOL_RESULT = "[Result of a tool that the caller ran]\n"


class ChatText(Struct, frozen=True, tag_field="type", tag="text"):
    """Text."""

    text: str


class ChatImageUrl(Struct, frozen=True):
    """Where a picture is: a data URL."""

    url: str


class ChatImage(Struct, frozen=True, tag_field="type", tag="image_url"):
    """A picture."""

    image_url: ChatImageUrl


class ChatFileData(Struct, frozen=True):
    """A file: a stored one by its id, or a data URL."""

    file_id: str | None = None
    file_data: str | None = None
    filename: str | None = None


class ChatFile(Struct, frozen=True, tag_field="type", tag="file"):
    """A file."""

    file: ChatFileData


class ChatRefusal(Struct, frozen=True, tag_field="type", tag="refusal"):
    """What a model said instead of an answer."""

    refusal: str


ChatPart = ChatText | ChatImage | ChatFile | ChatRefusal


class ChatMessage(Struct, frozen=True, kw_only=True):
    """A message of the conversation. Its other fields are ignored."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | Annotated[list[ChatPart], Meta(max_length=1000)] | None = None

    @property
    def text(self) -> str:
        """All text, joined, as a client may send it back: without white space around it."""
        return "".join(_texts(self)).strip()


class StreamOptions(Struct, frozen=True):
    """With `include_usage`, a last chunk says what the run has used."""

    include_usage: bool | None = None


class JsonSchema(Struct, frozen=True):
    """The schema that the answer is to fit."""

    schema: dict[str, Any] | None = None


class ResponseFormat(Struct, frozen=True):
    """The form of the answer. `json_schema` must be the output that the agent declares."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class ChatCompletionRequest(Struct, frozen=True, kw_only=True):
    """A conversation, whose last message is for the agent that `model` names. Unknown fields are ignored."""

    model: Annotated[str, Meta(min_length=1)]
    messages: Annotated[list[ChatMessage], Meta(min_length=1, max_length=MOST_MESSAGES)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None
    response_format: ResponseFormat | None = None
    tools: list[Any] | None = None


class ChatTurn(Struct, frozen=True):
    """What a request says: the hash of what was said before (empty: nothing), that as messages, and the new input."""

    said: str
    seed: tuple[Message, ...]
    input: Message


def turn_of(model: str, messages: Sequence[ChatMessage]) -> ChatTurn:
    """Return what a conversation says. Raises RequestError if its last message is not the user's, or is empty."""
    new = _first_new(messages)
    before, rest = messages[:new], messages[new:]
    if not any(message.role == "user" for message in rest):
        text = "The last message must be of the role `user`: it is what the agent answers."
        raise RequestError(text, status=400, path="body.messages")
    spoken = [message for message in rest if before or message.role == "user"]
    seed = before or [message for message in rest if message.role != "user"]
    content = _joined(spoken)
    message = Message(role="user", content=content)
    if message.is_blank:
        raise RequestError("The last message is empty: send some text.", status=400, path="body.messages")
    return ChatTurn(said_of(model, before) if before else "", _seed(seed), message)


def said_of(model: str, messages: Sequence[ChatMessage], reply: str | None = None) -> str:
    """Return the hash of a conversation with a model, as the client will send it back after this reply."""
    said = [(_role(message), message.text, *_addresses(message)) for message in messages]
    if reply is not None:
        said.append(("assistant", reply.strip()))
    return hashlib.sha256(msgspec.json.encode((model, said))).hexdigest()


def _first_new(messages: Sequence[ChatMessage]) -> int:
    """Return the place behind the last message that is not the caller's own words."""
    places = (place for place, message in enumerate(messages, 1) if message.role in ("assistant", "tool", "function"))
    return max(places, default=0)


def _seed(messages: Sequence[ChatMessage]) -> tuple[Message, ...]:
    """Return what was said before as messages for a new thread. Instructions are data: they are no system prompt."""
    made = (
        Message(role="assistant" if message.role == "assistant" else "user", content=tuple(_parts(message)))
        for message in messages
    )
    return tuple(message for message in made if not message.is_blank)


def _joined(messages: Sequence[ChatMessage]) -> tuple[Part, ...]:
    parts: list[Part] = []
    for message in messages:
        if parts:
            parts.append(TextPart("\n\n"))
        parts += _parts(message)
    return tuple(parts)


def _parts(message: ChatMessage) -> Iterator[Part]:
    role = _role(message)
    if role in ("system", "tool"):
        if message.text:
            yield TextPart((_INSTRUCTIONS if role == "system" else _TOOL_RESULT) + message.text)
    elif isinstance(message.content, str):
        yield TextPart(message.content)
    else:
        yield from map(_part, message.content or ())


def _part(part: ChatPart) -> Part:
    if isinstance(part, ChatText):
        return TextPart(part.text)
    if isinstance(part, ChatRefusal):
        return TextPart(part.refusal)
    if isinstance(part, ChatImage):
        return ImagePart(url=part.image_url.url)
    file = part.file
    return FilePart(url=file.file_data or "", name=file.filename or "", file=file.file_id or "")


def _role(message: ChatMessage) -> str:
    return {"developer": "system", "function": "tool"}.get(message.role, message.role)


def _texts(message: ChatMessage) -> Iterator[str]:
    if isinstance(message.content, str):
        yield message.content
    for part in message.content or () if not isinstance(message.content, str) else ():
        if isinstance(part, ChatText):
            yield part.text
        elif isinstance(part, ChatRefusal):
            yield part.refusal


def _addresses(message: ChatMessage) -> Iterator[str]:
    """Yield what names the pictures and files of a message."""
    for part in message.content or () if not isinstance(message.content, str) else ():
        if isinstance(part, ChatImage):
            yield part.image_url.url
        elif isinstance(part, ChatFile):
            yield part.file.file_id or part.file.file_data or ""
