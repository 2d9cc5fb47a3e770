"""Settings of Python's garbage collector for a process that only serves: never for an embedded application."""

from __future__ import annotations

import gc
from collections.abc import Callable

# A run allocates thousands of objects, and counting references frees nearly all of them. With the defaults the
# collector looks at them every 700 allocations, and every now and then at every object of the process, which takes
# 14 % of the CPU time and stops all runs for 50 ms. Cycles are few: these thresholds find them soon enough.
_THRESHOLDS = (50_000, 20, 100)


def collect_seldom() -> None:
    """Let the collector run less often, from the start of the process on: importing creates no cycles to speak of."""
    gc.set_threshold(*_THRESHOLDS)


class FrozenObjects:
    """The objects that are exempt from collection: what was alive when the server was ready, or at its last reload.

    Code and definitions stay until a reload, and to look at all of them takes 50 ms. `last_reload` returns another
    object after each reload.
    """

    def __init__(self, last_reload: Callable[[], object]) -> None:
        self._last_reload = last_reload
        self._seen = last_reload()
        _freeze()

    def renew_after_reload(self) -> None:
        """Collect what a reload replaced, and exempt what it loaded, if there was one since the last call."""
        if (last := self._last_reload()) is not self._seen:
            self._seen = last
            _freeze()


def _freeze() -> None:
    gc.unfreeze()
    gc.collect()
    gc.freeze()
