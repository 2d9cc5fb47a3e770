"""Finds and kills the descendants of a process by /proc. On systems other than Linux none is found."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

_ROUNDS = 3  # a process may start another one between the listing and the kill


def kill_tree(pid: int) -> None:
    """Kill all descendants of `pid`, also those in other groups and sessions, but not `pid` itself."""
    for _ in range(_ROUNDS):
        found = _descendants(pid)
        for each in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(each, signal.SIGKILL)
        if not found:
            return


def reap() -> None:
    """Collect the exit status of every child that has ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    waiting = [pid]
    while waiting:
        for child in _children(waiting.pop()):
            found.append(child)
            waiting.append(child)
    return found


def _children(pid: int) -> list[int]:
    children: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                children += map(int, (task / "children").read_text("utf-8").split())
    return children
