"""The protocol of a language model client: a request in, a reply out, with the text by callback while it arrives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from journeyman.events.messages import Message, Usage
from journeyman.events.model_request import ModelRequest, ToolDefinition

CONTEXT_LENGTH = "gateway_context_length"  # the code of a failure: the request is too long for its model

__all__ = ["CONTEXT_LENGTH", "ModelClient", "ModelReply", "ModelRequest", "TextDelta", "ToolDefinition", "is_built_in"]


def is_built_in(model: str) -> bool:
    """Return whether the model is a built-in one: `offline`, `script:FILE` or `replay:RUN`. They see no pictures."""
    return model == "offline" or model.startswith(("script:", "replay:"))


class ModelReply(msgspec.Struct, frozen=True, kw_only=True):
    """A complete reply. Tool calls have distinct, non-empty ids; texts are valid Unicode without NUL."""

    message: Message
    model: str  # the name that the service reported; "offline", "script:…" or "replay:…" for a built-in model
    usage: Usage = Usage()
    finish_reason: str = "stop"  # stop | tool_calls | length | content_filter
    attempts: int = 1  # including the first
    gateway: str = ""  # the name of the gateway that answered; empty: that of the settings, or none


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
