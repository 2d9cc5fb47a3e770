"""The protocol of a language model client: a request in, a reply out, with the text by callback while it arrives."""

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
    model: str  # the name that the service reported; "offline", "script:…" or "replay:…" for a built-in model
    usage: Usage = Usage()
    finish_reason: str = "stop"  # stop | tool_calls | length | content_filter
    attempts: int = 1  # including the first


class TextDelta(msgspec.Struct, frozen=True):
    """A piece of text as it arrives. When a call is retried, `attempt` grows and the text starts again from empty."""

    text: str
    attempt: int = 1


class ModelClient(Protocol):
    """A client of a language model. It is cancel-safe: cancelling the task closes the connection."""

    async def call(self, request: ModelRequest, on_delta: Callable[[TextDelta], None] | None = None) -> ModelReply:
        """Send a request and return the reply.

        With `on_delta` the reply is streamed, and the callback gets each piece of text. It is called on the event loop
        and must not block.

        Raises:
            ServiceError: There was no complete, valid reply.
        """
        ...

    async def aclose(self) -> None:
        """Close all connections. Closing twice does nothing."""
        ...
