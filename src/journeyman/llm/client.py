"""The port to a language model. One call in, one reply out; text deltas by callback while it comes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from journeyman.events.messages import Message, Usage
from journeyman.events.model_request import ModelRequest, ToolDefinition

__all__ = ["ModelClient", "ModelReply", "ModelRequest", "TextDelta", "ToolDefinition"]


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
