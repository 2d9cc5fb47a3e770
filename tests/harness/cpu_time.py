"""CPU time where a test means speed: of this thread alone, and again where a collection of garbage fell into it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
TRIES = 3


def within(seconds: float, call: Callable[[], T]) -> T:
    """What the call returns, which took at most so much CPU in one of three tries."""
    taken = []
    for _ in range(TRIES):
        begun = time.thread_time()
        result = call()
        taken.append(time.thread_time() - begun)
        if taken[-1] < seconds:
            return result
    raise AssertionError(f"CPU seconds: {taken}, not one under {seconds}")
