"""Bounds the bytes of large replies that are being read from one gateway. A reply for which there is no room waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from journeyman.clock import Clock, Timer

LARGE_BYTES = 256 << 10  # smaller replies are not counted, and never wait
DEFAULT_LIMIT = 64 << 20
_LOOK_SECONDS = 0.02  # how often waiting replies look whether the journal has written what it had to


def nothing_unwritten() -> float:
    """Return 0: the default of the bytes that the journal has still to write."""
    return 0


class ReplyBytes:
    """The bytes of the large replies that are being read, until each is decoded.

    The reply that has been counted longest always goes on, so that some reply does whatever the limit is: at most
    `limit` bytes and the rest of one reply are held. The others go on in the order in which they were first counted, so
    that none waits for one that came after it.

    A reply that was read is held by its events until they are written. So `unwritten`, the bytes that the journal has
    still to write, are counted too, and while they alone fill the limit no reply goes on. The journal writes them
    whatever the replies do.
    """

    __slots__ = ("_clock", "_limit", "_replies", "_timer", "_unwritten", "_waiting", "held")

    def __init__(
        self, clock: Clock, limit: int = DEFAULT_LIMIT, unwritten: Callable[[], float] = nothing_unwritten
    ) -> None:
        self.held = 0
        self._unwritten = unwritten
        self._timer: Timer | None = None
        self._clock = clock
        self._limit = limit
        self._replies: dict[CountedReply, None] = {}  # the oldest first
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """The number of replies that wait for room."""
        return self._waiting

    def add(self, reply: CountedReply, size: int) -> bool:
        """Count a reply with `size` bytes in all. Returns False if there is no room for it: then nothing changed."""
        self._replies.setdefault(reply)
        reply.is_counted = True
        if not self._has_room(reply, size):
            return False
        self.held += size - reply.size
        reply.size = size
        return True

    async def wait(self, reply: CountedReply, size: int) -> float:
        """Wait until the reply is counted with `size` bytes in all. Returns the seconds that it waited."""
        began = self._clock.monotonic()
        reply.turn, reply.wanted = asyncio.get_running_loop().create_future(), size
        self._waiting += 1
        self._look_later()
        try:
            await reply.turn
        finally:
            self._waiting -= 1
            reply.turn = None
        return self._clock.monotonic() - began

    def remove(self, reply: CountedReply) -> None:
        """Release a reply that was decoded, or whose call has ended."""
        self._replies.pop(reply, None)
        self.held -= reply.size
        reply.size, reply.is_counted = 0, False
        if self._waiting:
            self._wake()

    def _has_room(self, reply: CountedReply, size: int) -> bool:
        unwritten = self._unwritten()
        if next(iter(self._replies)) is reply:
            return unwritten <= self._limit
        room = self._limit - unwritten - self.held + reply.size
        return size <= room and not (self._waiting and self._is_behind(reply))

    def _is_behind(self, reply: CountedReply) -> bool:
        """Return whether an older reply waits."""
        older = next(each for each in self._replies if each is reply or each.is_waiting)
        return older is not reply

    def _look_later(self) -> None:
        """Look again soon, as long as a reply waits: the journal does not say when it has written."""
        if self._timer is None:
            self._timer = self._clock.call_later(_LOOK_SECONDS, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._waiting:
            self._wake()
            self._look_later()

    def _wake(self) -> None:
        """Count the waiting replies for which there is room now, the oldest first."""
        for reply in self._replies:
            turn = reply.turn
            if turn is None or turn.done():
                continue
            if not self.add(reply, reply.wanted):
                return
            turn.set_result(None)


class CountedReply:
    """One reply while it is read. It is counted once it is large."""

    __slots__ = ("_all", "is_counted", "size", "turn", "wanted")

    def __init__(self, of: ReplyBytes) -> None:
        self._all = of
        self.is_counted = False
        self.size = 0  # bytes that are counted
        self.turn: asyncio.Future[None] | None = None  # None: it does not wait
        self.wanted = 0

    @property
    def is_waiting(self) -> bool:
        """Whether it waits for room."""
        return self.turn is not None and not self.turn.done()

    def grow(self, size: int) -> bool:
        """Count the reply with `size` bytes in all. Returns False if there is no room: then await `wait`."""
        return size <= LARGE_BYTES or self._all.add(self, size)

    async def wait(self, size: int) -> float:
        """Wait until there is room for `size` bytes in all, and count them. Returns the seconds that it waited."""
        return await self._all.wait(self, size)

    def release(self) -> None:
        """Stop counting the reply."""
        if self.is_counted:
            self._all.remove(self)
