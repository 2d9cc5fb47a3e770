"""A model client that repeats recorded replies in their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from journeyman.errors import ServiceError
from journeyman.llm.client import ModelReply, ModelRequest, TextDelta


class ReplayModel:
    """A model client that answers call n with reply n, and raises ServiceError `replay_exhausted` after the last."""

    def __init__(self, replies: Sequence[ModelReply]) -> None:
        self._replies = tuple(replies)
        self._next = 0

    async def call(self, request: ModelRequest, on_delta: Callable[[TextDelta], None] | None = None) -> ModelReply:
        if self._next >= len(self._replies):
            raise ServiceError(
                f"the record has {len(self._replies)} replies and was asked for one more: the run took another course",
                code="replay_exhausted",
            )
        reply = self._replies[self._next]
        self._next += 1
        if on_delta is not None and reply.message.text:
            on_delta(TextDelta(reply.message.text))
        return reply

    async def aclose(self) -> None:
        return None
