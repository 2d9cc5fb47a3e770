"""A model client that repeats recorded replies in their order."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence

from journeyman.errors import ServiceError
from journeyman.llm.client import ModelReply, ModelRequest, TextDelta


class ReplayModel:
    """A model client that answers call n with reply n, or with the reply whose number is the request's turn.

    It raises ServiceError `replay_exhausted` after the last.
    """

    def __init__(self, replies: Sequence[ModelReply]) -> None:
        self._replies = tuple(replies)
        self._next = 1

    async def call(self, request: ModelRequest, on_delta: Callable[[TextDelta], None] | None = None) -> ModelReply:
        number = self._next if request.turn is None else request.turn
        if not 1 <= number <= len(self._replies):
            raise ServiceError(
                f"the record has {len(self._replies)} replies and was asked for one more: the run took another course",
                code="replay_exhausted",
            )
        reply = self._replies[number - 1]
        self._next += request.turn is None
        if on_delta is not None and reply.message.text:
            on_delta(TextDelta(reply.message.text))
        return reply

    def next_turn(self, request: ModelRequest, used: Container[int]) -> int:
        """Return the number of the first reply that is not in `used`; 0 if there is none."""
        return next((number for number in range(1, len(self._replies) + 1) if number not in used), 0)

    async def aclose(self) -> None:
        return None
