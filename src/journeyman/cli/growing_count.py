"""A number on a terminal that grows in place while a command works."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

PERIOD = 0.1  # seconds between two numbers on the terminal


class GrowingCount:
    """Shows how far a command has come, on one line of a terminal. Elsewhere it shows nothing.

    `what` follows the number. With `is_shown` false, nothing is shown on a terminal either.
    """

    def __init__(
        self, out: TextIO, what: str, *, is_shown: bool = True, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._out = out
        self._what = what
        self._is_shown = is_shown and out.isatty()
        self._clock = clock
        self._shown_at: float | None = None
        self._number = 0

    def show(self, number: int) -> None:
        """Show this number, unless another one was shown just now."""
        self._number = number
        now = self._clock()
        if self._is_shown and (self._shown_at is None or now - self._shown_at >= PERIOD):
            self._shown_at = now
            self._write("")

    def end(self) -> None:
        """Show the last number and begin a new line, if a number was shown."""
        if self._shown_at is not None:
            self._write("\n")

    def _write(self, end: str) -> None:
        print(f"\r{self._number:,} {self._what}", end=end, file=self._out, flush=True)
