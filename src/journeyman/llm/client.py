"""The port to a language model. One call in, one reply out; text deltas by callback while it comes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from journeyman.events.messages import JSON, Message, Usage


class ToolDefinition(msgspec.Struct, frozen=True):
    """A tool as the model sees it. `parameters` is a JSON Schema of type object."""

    name: str
    description: str
    parameters: dict[str, JSON]


class ModelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a model call depends on."""

    model: str
    messages: tuple[Message, ...]  # system prompt first
    tools: tuple[ToolDefinition, ...] = ()
    tool_choice: str | None = None  # auto | none | required | a tool's name
    temperature: float | None = None
    max_tokens: int | None = None
    response_schema: dict[str, JSON] | None = None  # JSON Schema of a typed answer
    extra: dict[str, JSON] = {}  # passed on to the gateway as they are
    fallbacks: tuple[str, ...] = ()  # models to ask, in order, while the breaker of those before is open
    timeout_seconds: float | None = None  # silence before the first byte and between bytes; None: the settings'


class ModelReply(msgspec.Struct, frozen=True, kw_only=True):
    """A complete reply. Tool calls have distinct, non-empty ids; texts are valid Unicode without NUL."""

    message: Message
    model: str  # the name that the service gave; "offline", "script:…", "replay:…" for the built-in ones
    usage: Usage = Usage()
    finish_reason: str = "stop"  # stop | tool_calls | length | content_filter
    attempts: int = 1  # tries it took, the first included


class TextDelta(msgspec.Struct, frozen=True):
    """A piece of text as it arrives. A retry within one call starts over: `attempt` rises, text starts at nothing."""

    text: str
    attempt: int = 1


class ModelClient(Protocol):
    """Calls a model. Cancel-safe: cancelling the task closes the connection and leaves nothing behind."""

    async def call(self, request: ModelRequest, on_delta: Callable[[TextDelta], None] | None = None) -> ModelReply:
        """Ask once. With `on_delta` the reply is streamed and the callback gets each piece of text.

        Raises ServiceError (and its kinds) when no complete, well-formed reply could be had.
        The callback must not block; it is called on the event loop.
        """
        ...

    async def aclose(self) -> None:
        """Release connections; idempotent."""
        ...
