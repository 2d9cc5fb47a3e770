"""Names the process that has locked a journal, and says what to do about it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

_PROCESSES = Path("/proc")
_PROGRAM = "journeyman"


def owner_sentence(lock: os.stat_result, pid: str, url: str) -> str:
    """Return who has locked the lock file with this status, and the remedy, to follow "the journal is in use by".

    `pid` and `url` are what the file says. The process may have ended, and one that it started may hold the lock.
    """
    owner = _owner(lock, pid)
    if owner == str(os.getpid()):
        return "this process already: close it there first, or choose another file"
    command = " ".join(command_of(owner))
    what = ", ".join(filter(None, (command and f"`{command}`", url)))
    who = f"process {owner or 'unknown'}" + (f" ({what})" if what else "")
    if url or command == f"{_PROGRAM} serve":
        return f"{who}: stop that server, talk to it over HTTP, or choose another file"
    return f"{who}: wait until it ends, end it, or choose another file"


def _owner(lock: os.stat_result, pid: str) -> str:
    """Return the id of the process that has the lock file open: the one that the file names, if it is among them."""
    holders = list(_holders(lock))
    return pid if pid in holders or not holders else holders[0]


def _holders(lock: os.stat_result) -> Iterator[str]:
    """Yield the ids of the processes that have the lock file open, as far as this user may see them.

    This process has it open itself while it asks, so it counts only if it has it open twice.
    """
    for process in _PROCESSES.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            opened = sum(_is_same(path, lock) for path in process.joinpath("fd").iterdir())
            if opened > (process.name == str(os.getpid())):
                yield process.name


def _is_same(path: Path, lock: os.stat_result) -> bool:
    try:
        return os.path.samestat(path.stat(), lock)
    except OSError:
        return False


def command_of(pid: str) -> tuple[str, ...]:
    """Return the command of a process in short: `journeyman serve`, or the program. Empty if it is not known.

    Arguments are left out, since they may hold secrets.
    """
    if not pid.isdigit():
        return ()
    try:
        arguments = (_PROCESSES / pid / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except (OSError, ValueError):
        return ()
    return _short(arguments)


def _short(arguments: Sequence[str]) -> tuple[str, ...]:
    names = [Path(argument).name for argument in arguments if argument]
    if _PROGRAM in names[:4]:
        place = names.index(_PROGRAM)
        return (_PROGRAM, *(name for name in names[place + 1 : place + 2] if not name.startswith("-")))
    return tuple(names[:1])
