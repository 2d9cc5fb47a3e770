"""The lane of new requests before the writer: owners take turns, and none has more than its share of the places."""

from __future__ import annotations

import threading
from collections import Counter, deque
from typing import Generic, Protocol, TypeVar

import msgspec

from journeyman.errors import ResourceError


class AcceptPlaces(msgspec.Struct, frozen=True):
    """How many new requests may wait to be written: of all owners, and of one."""

    limit: int = 2048
    share: int = 1024


class OwnedWork(Protocol):
    """Work of one owner. `weight`: the number of events that it writes."""

    @property
    def owner(self) -> str: ...

    @property
    def weight(self) -> int: ...


W = TypeVar("W", bound=OwnedWork)


class AcceptLane(Generic[W]):
    """New requests by owner. The loop's thread puts them in and settles them, the writer's thread takes them out.

    A request has its place until it is settled: those that are being written count too.
    """

    def __init__(self, places: AcceptPlaces) -> None:
        self._places = places
        self._lock = threading.Lock()  # a turn is several steps, and the two threads take them at the same time
        self._waiting: dict[str, deque[W]] = {}  # in the order of their turns
        self._placed = 0
        self._placed_of: Counter[str] = Counter()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def refusal(self, owner: str) -> ResourceError | None:
        """Return why a request of this owner has no place now. None: it has one."""
        if self._placed >= self._places.limit:
            return ResourceError("Too much is waiting to be written. Try again in a second.", retry_after=1)
        if self._placed_of[owner] >= self._places.share:
            text = "Too many of your requests are waiting to be written. Try again in a second."
            return ResourceError(text, retry_after=1)
        return None

    def put(self, work: W) -> None:
        """Give a request a place, behind those of its owner."""
        self._placed += 1
        self._placed_of[work.owner] += 1
        with self._lock:
            self._waiting.setdefault(work.owner, deque()).append(work)

    def take(self, room: int | None) -> W | None:
        """Take out the first request of the next owner, and end that owner's turn.

        Returns None if nothing waits, or if it writes more than `room` events; a `room` of None is without a limit.
        """
        with self._lock:
            owner = next(iter(self._waiting), None)
            if owner is None or (room is not None and self._waiting[owner][0].weight > room):
                return None
            own = self._waiting.pop(owner)
            work = own.popleft()
            if own:
                self._waiting[owner] = own
            return work

    def settle(self, work: W) -> None:
        """Free the place of a request that was written, or failed."""
        self._placed -= 1
        self._placed_of[work.owner] -= 1
        if not self._placed_of[work.owner]:
            del self._placed_of[work.owner]
