"""Following a stream: catch up from the journal, then wait by a ring that each commit rings. Nothing is buffered."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Protocol

from journeyman.events.codec import Entry


class StreamSubscription:
    """One reader's place by one stream (the `Ring` of the port). Belongs to the loop's thread."""

    def __init__(self, rings: Subscriptions, stream: str) -> None:
        self._rings = rings
        self._stream = stream
        self._head = 0
        self._rung = False
        self._waiter: asyncio.Future[None] | None = None

    @property
    def head(self) -> int:
        return self._head

    async def wait(self) -> None:
        while not self._rung:
            if self._waiter is None or self._waiter.done():
                self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        self._rung = False

    def close(self) -> None:
        self._rings.leave(self._stream, self)

    def ring(self, head: int = 0) -> None:
        self._head = max(self._head, head)
        self._rung = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Subscriptions:
    """All places, by stream. A stream without readers costs nothing."""

    def __init__(self) -> None:
        self._places: dict[str, list[StreamSubscription]] = {}

    def take(self, stream: str) -> StreamSubscription:
        place = StreamSubscription(self, stream)
        self._places.setdefault(stream, []).append(place)
        return place

    def leave(self, stream: str, place: StreamSubscription) -> None:
        places = self._places.get(stream, [])
        if place in places:
            places.remove(place)
        if not places:
            self._places.pop(stream, None)

    def wake(self, stream: str) -> None:
        for place in self._places.get(stream, ()):
            place.ring()

    def committed(self, entries: Iterable[Entry]) -> None:
        """Wake the readers of every stream that grew."""
        if not self._places:
            return
        for entry in entries:
            for place in self._places.get(entry.stream, ()):
                place.ring(entry.seq)


class Subscription(Protocol):
    """A reader's place by a stream: it is woken when something happened there. Nothing is buffered for it."""

    @property
    def head(self) -> int:
        """The highest committed seq that this process has seen of the stream since the ring was taken; 0: none."""
        ...

    async def wait(self) -> None:
        """Return at the next commit or `ring` on the stream, at once if one came since the last return."""
        ...

    def close(self) -> None: ...
