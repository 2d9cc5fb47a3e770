"""Measures the lag of the event loop: by how much a timer that fires twice a second is late."""

from __future__ import annotations

from collections.abc import Callable

from journeyman.clock import Clock, Timer

INTERVAL_SECONDS = 0.5


class LoopLag:
    """Passes the seconds of each delay to `observe`, from `start` to `stop`."""

    def __init__(self, clock: Clock, observe: Callable[[float], None]) -> None:
        self._clock = clock
        self._observe = observe
        self._due = 0.0
        self._timer: Timer | None = None

    def start(self) -> None:
        """Start measuring."""
        self._due = self._clock.monotonic() + INTERVAL_SECONDS
        self._timer = self._clock.call_later(INTERVAL_SECONDS, self._measure)

    def stop(self) -> None:
        """Stop measuring. Does nothing before `start`."""
        if self._timer is not None:
            self._timer.cancel()

    def _measure(self) -> None:
        self._observe(max(0.0, self._clock.monotonic() - self._due))
        self.start()
