"""Says when the process has no free descriptor: the event loop then closes new connections without a word."""

from __future__ import annotations

import logging
import os
import resource
from collections.abc import Callable

from journeyman.exhaustion import exhausted_by

log = logging.getLogger(__name__)


def _open_one() -> int:
    return os.open(os.devnull, os.O_RDONLY)


def most_connections(wanted: int, soft: int | None = None) -> int:
    """Return how many connections may be open: as many as wanted, or three quarters of the files that may be.

    `soft` replaces the limit of this process, for tests.
    """
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0] if soft is None else soft
    return wanted if soft == resource.RLIM_INFINITY else max(1, min(wanted, soft * 3 // 4))


class DescriptorWatch:
    """Looks whether another file can be opened, and logs when that ends and begins again."""

    def __init__(self, open_one: Callable[[], int] = _open_one) -> None:
        self._open_one = open_one
        self._exhausted = False

    def look(self) -> None:
        """Open a file and close it again."""
        try:
            os.close(self._open_one())
        except OSError as exc:
            if exhausted_by(exc) == "files" and not self._exhausted:
                self._exhausted = True
                log.error(
                    "the server cannot open another file: new connections are closed; raise `ulimit -n` (LimitNOFILE)"
                )
        else:
            if self._exhausted:
                log.warning("the server can open files again")
            self._exhausted = False
