"""Killing a process at its n-th system call, by strace, without a hook in the code."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from benchmarks.child import Child, ChildFailed

SYSCALLS = ("pwrite64", "fdatasync", "write", "sendto")
_CALL = re.compile(r"^(\d+) +(?:[\d.]+ +)?(\w+)\(")


def required() -> None:
    """Skip without strace; under CI that is a failure: a sweep that does not run proves nothing."""
    if shutil.which("strace"):
        return
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail("strace is missing, and the kill sweep needs it: apt-get install strace", pytrace=False)
    pytest.skip("strace is not installed: apt-get install strace")


def killing(syscall: str, number: int) -> list[str]:
    """Arguments of strace: SIGKILL when a thread enters its n-th such call (strace counts by thread)."""
    return ["-e", f"trace={syscall}", "-e", f"inject={syscall}:signal=SIGKILL:when={number}"]


class Tracer:
    """Holds every thread of a process, attached when `attach` returns.

    Threads are named one by one: `-f` would follow the worker processes too, and their death is another fault.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0
        self.child: Child | None = None
        self.log = folder / "strace.log"

    async def attach(self, pid: int, arguments: Sequence[str]) -> None:
        self.count += 1
        self.log = self.folder / f"strace-{self.count}.log"
        threads = sorted(int(task.name) for task in Path(f"/proc/{pid}/task").iterdir())
        held = [word for thread in threads for word in ("-p", str(thread))]
        argv = ["strace", "-o", str(self.log), *arguments, *held]
        self.child = Child(f"strace-{self.count}", argv, self.folder)
        end = time.monotonic() + 10
        while not all(_held(self.child.pid, pid, thread) for thread in threads):
            if not self.child.alive or time.monotonic() > end:
                raise ChildFailed(f"strace did not attach to {pid} and its threads {threads}\n{self.child.tail()}")
            await asyncio.sleep(0.005)

    async def detach(self) -> None:
        """Let the process go on without it."""
        if self.child is not None:
            if self.child.alive:
                self.child.signal(signal.SIGINT)
            await asyncio.to_thread(self.child.wait, 10)

    async def close(self) -> None:
        if self.child is not None:
            await asyncio.to_thread(self.child.kill_group)


def _held(tracer: int, pid: int, thread: int) -> bool:
    """Whether that thread is traced, by the kernel's word."""
    try:
        return f"TracerPid:\t{tracer}\n" in Path(f"/proc/{pid}/task/{thread}/status").read_text()
    except OSError:
        return True  # it ended meanwhile


def busiest(log: Path, syscalls: Sequence[str] = SYSCALLS) -> dict[str, int]:
    """How often each call happened in the thread where it happened most."""
    counts: dict[str, Counter[int]] = {syscall: Counter() for syscall in syscalls}
    for line in log.read_text(errors="replace").splitlines():
        found = _CALL.match(line)
        if found and found.group(2) in counts:
            counts[found.group(2)][int(found.group(1))] += 1
    return {syscall: max(threads.values(), default=0) for syscall, threads in counts.items()}


def spread(counts: Mapping[str, int], total: int) -> list[tuple[str, int]]:
    """`total` points (or as many as there are): shared by the calls that happen, evenly over the count of each."""
    shares = dict.fromkeys((name for name, count in counts.items() if count), 0)
    left = min(total, sum(counts.values()))
    while left:
        for name in shares:
            if left and shares[name] < counts[name]:
                shares[name] += 1
                left -= 1
    return [(name, 1 + (place * counts[name]) // share) for name, share in shares.items() for place in range(share)]
