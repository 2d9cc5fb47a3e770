"""Servers forked from one process that has imported Journeyman already: half of the CPU of a start is saved.

Tests that start servers again and again use them. Those of `tests/e2e` start the command of a user.
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import BinaryIO

from benchmarks.child import Child


class ForkedProcess:
    """A process that another one forked. It is used like a `subprocess.Popen`."""

    def __init__(self, launcher: Launcher, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._launcher = launcher
        self._ended = os.pidfd_open(pid)
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """Return the exit code, the negative number of the signal that killed the process, or None while it runs."""
        return self._reap(0)

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code as soon as the process ends. Raises `subprocess.TimeoutExpired`."""
        code = self._reap(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("journeyman", timeout or 0)
        return code

    def _reap(self, timeout: float | None) -> int | None:
        with self._lock:
            if self.returncode is None and select.select([self._ended], [], [], timeout)[0]:
                self.returncode = os.waitstatus_to_exitcode(self._launcher.request({"reap": self.pid}))
                os.close(self._ended)
            return self.returncode


class Launcher:
    """The process that forks. It ends, and kills what it forked, when this process ends."""

    def __init__(self) -> None:
        self._socket, other = socket.socketpair()
        self._lock = threading.Lock()
        with other:
            argv = [sys.executable, "-m", "tests.harness.preloaded_main", str(other.fileno())]
            subprocess.Popen(argv, stdin=subprocess.DEVNULL, pass_fds=[other.fileno()], start_new_session=True)

    def fork(
        self, argv: Sequence[str], out: BinaryIO, err: BinaryIO, env: Mapping[str, str], cwd: Path
    ) -> ForkedProcess:
        """Run `journeyman` with these arguments in a new process and session."""
        asked = {"argv": list(argv), "env": dict(env), "cwd": str(cwd)}
        return ForkedProcess(self, self.request(asked, (out.fileno(), err.fileno())))

    def request(self, asked: Mapping[str, object], files: Sequence[int] = ()) -> int:
        """Return the launcher's answer to a request."""
        with self._lock:
            socket.send_fds(self._socket, [json.dumps(asked).encode()], files)
            return int(self._socket.recv(32))


@cache
def _launcher() -> Launcher:
    return Launcher()


class PreloadedChild(Child):
    """A forked `journeyman`; `argv` are its arguments."""

    def _spawn(
        self, argv: Sequence[str], out: BinaryIO, err: BinaryIO, env: Mapping[str, str] | None, cwd: Path | None
    ) -> ForkedProcess:
        return _launcher().fork(argv, out, err, os.environ if env is None else env, cwd or Path.cwd())


def can_be_forked(settings: Mapping[str, str]) -> bool:
    """Whether no variable is set that only counts when a Python process is started."""
    return not any(name.startswith(("PYTHON", "MALLOC", "LD_")) for name in settings)
