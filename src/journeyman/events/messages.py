"""Messages of a conversation, independent of any provider. Their content is always a list of parts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

Role = Literal["system", "user", "assistant", "tool"]
JSON = Any  # null, bool, int, float, str, list or dict of the same; never NaN or infinite


class TextPart(msgspec.Struct, frozen=True, tag_field="type", tag="text"):
    """Text."""

    text: str


class ImagePart(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="image"):
    """A picture: a stored `file` by its id, or a URL (http, https or data)."""

    url: str = ""
    file: str = ""


class FilePart(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="file"):
    """A stored `file` by its id, or a URL (http, https or data), with the name shown to the model."""

    url: str = ""
    name: str = ""
    file: str = ""


Part = TextPart | ImagePart | FilePart


class Owner(msgspec.Struct, frozen=True, omit_defaults=True):
    """The model that opaque fields came from and alone get back: its name as asked, and the name of its gateway.

    An empty `gateway` is the gateway of the settings. The fields of one API have no meaning at another: an empty `api`
    is chat completions, `responses` the Responses API.
    """

    model: str
    gateway: str = ""
    api: str = ""


class ToolCall(msgspec.Struct, frozen=True, omit_defaults=True):
    """A call that a model asked for. `arguments` is the model's text, which may not be valid JSON.

    `extra` keeps the provider's other fields of the call. Those of its `function` object are under the key `function`.
    """

    id: str
    name: str
    arguments: str
    hidden: tuple[str, ...] = ()  # names of the arguments that are redacted for people
    extra: dict[str, JSON] = {}


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message.

    `extra` keeps opaque provider fields (reasoning, signatures), which are sent back unchanged. Its `content` is the
    content of a reply as it came, if that is not only text. The fields, those of the tool calls, and call ids that not
    every server takes belong to `owner`; a message without them has none.
    """

    role: Role
    content: tuple[Part, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None  # role tool: which call this answers
    name: str | None = None  # role tool: the tool's name
    partial: bool = False  # the text of a reply that was stopped
    pinned: bool = False  # every model call on the thread sees it, however full the window is
    extra: dict[str, JSON] = {}
    owner: Owner | None = None
    dropped_calls: int = 0  # role assistant: calls of the reply that were dropped, since no limit allowed them
    clock: int | None = None  # role user: when it was sent, in microseconds; the model reads it. None: it does not

    @property
    def text(self) -> str:
        """All text parts, joined."""
        return "".join(part.text for part in self.content if isinstance(part, TextPart))

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing but white space in it, which some servers refuse like no text at all."""
        return all(isinstance(part, TextPart) and (not part.text or part.text.isspace()) for part in self.content)

    @property
    def is_opaque(self) -> bool:
        """Whether it has any opaque fields."""
        if self.extra:
            return True
        for call in self.tool_calls:  # noqa: SIM110 - a generator costs more, and every request asks this
            if call.extra:
                return True
        return False


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Tokens and dollars of one model call, or a sum of several. `cost_usd` is None if the price is unknown."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: float | None = None

    @property
    def uncached_tokens(self) -> int:
        """Input tokens that no prompt cache had. 0 if a gateway reports more cached tokens than input tokens."""
        return max(0, self.input_tokens - self.cached_tokens)

    def __add__(self, other: Usage) -> Usage:
        known = [cost for cost in (self.cost_usd, other.cost_usd) if cost is not None]
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cached_tokens + other.cached_tokens,
            sum(known) if known else None,
        )


def with_most_calls(message: Message, most: int) -> Message:
    """Return the message with its first `most` calls, and with the number of those that were dropped."""
    dropped = len(message.tool_calls) - most
    if dropped <= 0:
        return message
    kept = message.tool_calls[:most]
    return msgspec.structs.replace(message, tool_calls=kept, dropped_calls=message.dropped_calls + dropped)


def with_time_shown(message: Message) -> Message:
    """Return the message as a model reads it: with the time at its end, if it has a `clock`."""
    if message.clock is None:
        return message
    sent = datetime.fromtimestamp(message.clock // 1_000_000, UTC)
    note = TextPart(f"\n\n[Sent on {sent:%Y-%m-%d, %H:%M} UTC]")
    return msgspec.structs.replace(message, content=(*message.content, note), clock=None)


def user(text: str) -> Message:
    """Return a message of the user."""
    return Message(role="user", content=(TextPart(text),))


def system(text: str) -> Message:
    """Return a system message."""
    return Message(role="system", content=(TextPart(text),))


def assistant(text: str, *tool_calls: ToolCall) -> Message:
    """Return a message of the model."""
    return Message(role="assistant", content=(TextPart(text),) if text else (), tool_calls=tool_calls)


def tool_result(call_id: str, name: str, text: str, files: tuple[ImagePart | FilePart, ...] = ()) -> Message:
    """Return the result of a tool call as a message, with the pictures and files that belong to it."""
    return Message(role="tool", content=(TextPart(text), *files), tool_call_id=call_id, name=name)


def valid_text(text: str) -> str:
    """Make text of models and tools fit to store: lone surrogates become U+FFFD, NUL is removed."""
    if not text.isascii():  # which is known without looking at the text
        try:
            text.encode()
        except UnicodeEncodeError:
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\x00", "") if "\x00" in text else text
