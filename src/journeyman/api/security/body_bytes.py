"""Bounds the large bodies and WebSocket messages of one principal that are on their way into the journal."""

from __future__ import annotations

from collections import Counter

from journeyman.errors import ResourceError

SMALL_BYTES = 64 << 10  # a body up to this size is not counted: the number of connections bounds those
MOST_BYTES = 128 << 20


class BodyBytes:
    """The bytes of large bodies by principal: of those that arrive, and of those that are not stored yet.

    A single body may be larger than the limit: it is taken while nothing else of its principal is on its way.
    """

    def __init__(self, limit: int = MOST_BYTES) -> None:
        self._limit = limit
        self._held: Counter[str] = Counter()

    def hold(self, principal: str, count: int) -> None:
        """Count bytes of a body. Raises ResourceError (`too_many_bytes`) if the principal sends too many at a time."""
        held = self._held[principal]
        if held and held + count > self._limit:
            text = "You are sending too many bytes at a time. Wait until some of your requests are answered."
            raise ResourceError(text, code="too_many_bytes", retry_after=1)
        self._held[principal] = held + count

    def free(self, principal: str, count: int) -> None:
        """Count bytes of a body no more."""
        self._held[principal] -= count
        if not self._held[principal]:
            del self._held[principal]
