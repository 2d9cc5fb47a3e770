"""Undoes what a call did to its worker process, as far as that is possible; else it was the process's last call."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time

from journeyman.tools.process.process_tree import kill_tree, reap

_REST = 0.005  # seconds, in which a thread that has nothing to do uses no CPU
_BUSY = 0.002  # seconds of CPU within them


class ProcessBaseline:
    """What a process was like before any call. `alone`: only its own processes are in its namespace."""

    def __init__(self, alone: bool) -> None:
        self._alone = alone
        self._folder = os.getcwd()  # noqa: PTH109 - a text for chdir
        self._environment = dict(os.environ)
        self._blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        self._threads = threading.active_count()

    def restored(self) -> bool:
        """Whether another call may use the process. What the call started is killed."""
        try:
            sys.stdout.flush()
            sys.stderr.flush()
            os.fstat(1)
            os.fstat(2)
            os.chdir(self._folder)
            if os.environ != self._environment:
                os.environ.clear()
                os.environ.update(self._environment)
            signal.pthread_sigmask(signal.SIG_SETMASK, self._blocked)
            signal.setitimer(signal.ITIMER_REAL, 0)
        except (OSError, ValueError, AttributeError):
            return False
        self._end_processes()
        return not self._threads_are_busy()

    def _end_processes(self) -> None:
        if self._alone:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)  # everything in the namespace but its first process and this one
        else:
            kill_tree(os.getpid())
        reap()

    def _threads_are_busy(self) -> bool:
        """A thread that waits is left alone: a pool, say. One that runs would eat the time of every later call."""
        if threading.active_count() <= self._threads:
            return False
        begun = time.process_time()
        time.sleep(_REST)
        return time.process_time() - begun > _BUSY
