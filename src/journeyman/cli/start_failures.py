"""Words for a server that cannot start because the system gives it no memory, threads or files. Imports little."""

from __future__ import annotations

import sys

from journeyman.exhaustion import Resource, exhausted_by

MIN_MEGABYTES = 192  # of addresses: below it, extension modules abort the process while they are loaded

MEMORY = (
    "The server has too little memory. Raise the limit of its addresses (`ulimit -v`, LimitAS of systemd) or of its "
    f"container: it needs at least {MIN_MEGABYTES} MB to start."
)
THREADS = (
    "The server cannot start a thread. Raise the number of processes and threads that its user or container may have "
    "(`ulimit -u`, TasksMax of systemd, the pids limit of a container), or give it more memory."
)
FILES = (
    "The server cannot open another file or connection. Raise the number of files that it may have open (`ulimit -n`, "
    "LimitNOFILE of systemd)."
)
_SENTENCES: dict[Resource, str] = {"memory": MEMORY, "threads": THREADS, "files": FILES}


def lack_of_memory() -> str | None:
    """Return the sentence for a limit of addresses with which the server cannot even load. None: it can."""
    if sys.platform == "win32":
        return None
    import resource  # not there on Windows

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return MEMORY if 0 <= limit < MIN_MEGABYTES << 20 else None


def lack_behind(error: BaseException) -> str | None:
    """Return the sentence for an error whose cause is that there is no memory, thread or file. None: it has another."""
    resource = exhausted_by(error)
    return None if resource is None else _SENTENCES[resource]
