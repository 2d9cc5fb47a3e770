"""Words for a server that cannot start because the system gives it no memory or no threads. Imports little."""

from __future__ import annotations

import errno
import sys

MIN_MEGABYTES = 192  # of addresses: below it, extension modules abort the process while they are loaded
_MAPPING = ("failed to map segment", "cannot allocate memory")  # what the loader of extension modules says

MEMORY = (
    "The server has too little memory. Raise the limit of its addresses (`ulimit -v`, LimitAS of systemd) or of its "
    f"container: it needs at least {MIN_MEGABYTES} MB to start."
)
THREADS = (
    "The server cannot start a thread. Raise the number of processes and threads that its user or container may have "
    "(`ulimit -u`, TasksMax of systemd, the pids limit of a container), or give it more memory."
)


def lack_of_memory() -> str | None:
    """Return the sentence for a limit of addresses with which the server cannot even load. None: it can."""
    if sys.platform == "win32":
        return None
    import resource  # not there on Windows

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return MEMORY if 0 <= limit < MIN_MEGABYTES << 20 else None


def lack_behind(error: BaseException) -> str | None:
    """Return the sentence for an error whose cause is that there is no memory or no thread. None: it has another."""
    cause: BaseException | None = error
    while cause is not None:
        if (sentence := _lack(cause)) is not None:
            return sentence
        cause = cause.__cause__ or cause.__context__
    return None


def _lack(error: BaseException) -> str | None:
    text = str(error).lower()
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return MEMORY
    if isinstance(error, ImportError | OSError) and any(words in text for words in _MAPPING):
        return MEMORY
    if isinstance(error, RuntimeError) and "can't start new thread" in text:
        return THREADS
    return None
