"""How late the event loop is: a timer twice a second, and by how much it missed its time."""

from __future__ import annotations

from collections.abc import Callable

from journeyman.clock import Clock, Timer

EVERY_SECONDS = 0.5


class LoopLag:
    """Tells `observe` the seconds of each delay, from `start` to `stop`."""

    def __init__(self, clock: Clock, observe: Callable[[float], None]) -> None:
        self._clock = clock
        self._observe = observe
        self._due = 0.0
        self._timer: Timer | None = None

    def start(self) -> None:
        self._due = self._clock.monotonic() + EVERY_SECONDS
        self._timer = self._clock.call_later(EVERY_SECONDS, self._look)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        self._observe(max(0.0, self._clock.monotonic() - self._due))
        self.start()
