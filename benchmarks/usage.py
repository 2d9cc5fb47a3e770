"""CPU time and memory of a process tree, from /proc."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICK = os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> Iterator[int]:
    """The process and its living descendants."""
    yield pid
    for task in _tasks(pid):
        try:
            children = (task / "children").read_text("utf-8", "replace").split()
        except OSError:
            continue
        for child in children:
            yield from tree(int(child))


def cpu_ms(pid: int) -> float:
    """CPU time of the tree so far in ms: scheduler nanoseconds of every living thread.

    Threads and children that have ended count by ticks of 10 ms: what `stat` knows beyond the living threads.
    """
    return sum(_process_cpu_ms(each) for each in tree(pid))


def rss_mb(pid: int) -> float:
    """Resident memory of that one process, MB of 10^6 bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text("utf-8", "replace").split()[1]) * _PAGE / 1e6


def _tasks(pid: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return []


def _process_cpu_ms(pid: int) -> float:
    """utime + stime of the process and of its reaped children; refined by schedstat where no thread has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return 0.0
    own = (int(fields[11]) + int(fields[12])) * 1000 / _TICK
    reaped = (int(fields[13]) + int(fields[14])) * 1000 / _TICK
    exact = 0.0
    for task in _tasks(pid):
        try:
            exact += int((task / "schedstat").read_text("utf-8", "replace").split()[0]) / 1e6
        except OSError:
            return own + reaped
    return (exact if abs(exact - own) <= 0.1 * own + 40 else own) + reaped
